"""What lies beside `report.html`, and what the page never holds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import running
from mrxs_tiles.files.manifest import REASONS
from mrxs_tiles.pixels.reasons import LOOKS
from mrxs_tiles.report.pictures import FOLDER, map_name, slide_id
from mrxs_tiles.report.report import report
from page_cohort import CONFIG, EVIL
from running import REPO, tree


@pytest.mark.long
def test_nothing_of_this_machine(page_results: Path) -> None:
    """Of paths the page holds the slides' own alone, and no path of the config."""
    text = (page_results / "report.html").read_text("utf-8")
    assert str(page_results.parent) not in text
    assert "/home/me" not in text
    assert "a region.geojson" in text
    assert text.count("/slides/B.mrxs") == 2  # in its row, and in what is searched
    assert "255, 0, 0" in text
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d|https?://", text)


@pytest.mark.slow
def test_same_bytes(page_results: Path) -> None:
    """A second report, and one in a fresh place, have the same bytes."""
    before = {name: text for name, text in tree(page_results).items() if name.startswith("report")}
    report(page_results, config=CONFIG)
    again = {name: text for name, text in tree(page_results).items() if name.startswith("report")}
    assert again == before
    shutil.rmtree(page_results / FOLDER)
    report(page_results, config=CONFIG)
    assert {n: t for n, t in tree(page_results).items() if n.startswith("report")} == before


@pytest.mark.long
def test_pictures_of_slides_that_are_gone(page_results: Path) -> None:
    """Pictures of a slide that is gone, and of a killed run, go; other files stay."""
    out = page_results / FOLDER
    files = running.names(out)
    ids = [slide_id(name) for name in ("B", "a10", EVIL, "a9", "Z", "Y")]
    assert {name.split("-")[0] for name in files} == set(ids)
    (out / f".{map_name('B')}.partial").write_bytes(b"half")
    (out / "notes.txt").write_text("mine")
    shutil.rmtree(page_results / "B")
    report(page_results, config=CONFIG)
    left = [name for name in files if not name.startswith(slide_id("B"))]
    assert running.names(out) == sorted([*left, "notes.txt"])


@pytest.mark.long
def test_small_pictures(page_results: Path) -> None:
    """No picture is larger than it is shown."""
    for path in (page_results / FOLDER).iterdir():
        with Image.open(path) as picture:
            if path.name.endswith("-tiles.jpg"):
                assert picture.height == 160
            else:
                assert max(picture.size) <= 420


@pytest.mark.slow
def test_edited_tiles_are_shown_anew(page_results: Path) -> None:
    """The sample tiles are made again when tiles changed, and only then."""
    strip = next((page_results / FOLDER).glob(f"{slide_id('B')}-*-tiles.jpg"))
    then = strip.stat().st_mtime_ns
    report(page_results, config=CONFIG)
    assert strip.stat().st_mtime_ns == then
    table = page_results / "B" / "tiles.tsv"
    text = table.read_bytes()
    table.unlink()  # it is a link
    table.write_bytes(text.replace(b"\t1\t\t", b"\t0\tpen\t", 1))
    report(page_results, config=CONFIG)
    assert not strip.exists()
    assert len(list((page_results / FOLDER).glob(f"{slide_id('B')}-*-tiles.jpg"))) == 1


def test_words_are_the_docs() -> None:
    """The table of reasons in docs/output.md has the same words as the page and the maps."""
    text = (REPO / "docs" / "output.md").read_text("utf-8").replace("`", "")
    for reason in REASONS:
        look = LOOKS[reason]
        assert f"| {reason} | {look.label} | {look.sentence} |" in text


def test_maps_are_whole(page_results: Path) -> None:
    """A slide's map on the page is that of `tiles.png`, all of it, without the legend below."""
    with Image.open(page_results / "B" / "thumbnail.jpg") as thumbnail:
        width, height = thumbnail.size
    painted = Image.open(page_results / "B" / "tiles.png").convert("RGB")
    with Image.open(page_results / FOLDER / map_name("B")) as picture:
        shown = np.asarray(picture.convert("RGB"), float)

    def far(*box: int) -> float:
        part = painted.crop(box).resize(shown.shape[1::-1], Image.Resampling.LANCZOS)
        return float(np.abs(np.asarray(part, float) - shown).mean())

    parts = [(1, 0, width, height), (0, 1, width, height)]
    parts += [(0, 0, width - 1, height), (0, 0, width, height - 1), (0, 0, width, height + 1)]
    assert far(0, 0, width, height) < min(far(*part) for part in parts)
