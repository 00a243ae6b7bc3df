"""preview: what it counts is what a run with that threshold then keeps; nothing is cut."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw
from skimage import data

from in_process import NAME, Variant, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.pixels.contact_sheet import contact_sheet
from mrxs_tiles.steps.preview import (
    COLUMNS,
    FOCUS_SHARES,
    PEN_THRESHOLDS,
    SHOWN,
    TISSUE_THRESHOLDS,
    preview,
)
from running import mrxs_tiles

PICTURES = ("min_tissue.png", "min_focus.png", "max_pen.png")


def counts(results: Path) -> dict[str, list[dict[str, float]]]:
    """The rows of `counts.tsv` by key."""
    found: dict[str, list[dict[str, float]]] = {"min_tissue": [], "min_focus": [], "max_pen": []}
    with (results / NAME / "preview" / "counts.tsv").open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        assert tuple(rows.fieldnames or ()) == COLUMNS
        for row in rows:
            found[row.pop("key")].append({name: float(cell) for name, cell in row.items()})
    return found


def look(path: Path, results: Path, **keys: Any) -> dict[str, list[dict[str, float]]]:
    record = preview(NAME, path, results, read_config(keys).settings, threads=2)
    assert record["status"] == "ok"
    return counts(results)


def kept_by_a_run(
    found: Sequence[dict[str, float]], key: str, path: Path, results: Path, **keys: Any
) -> tuple[list[int], dict[str, int]]:
    """How many tiles a run with each threshold keeps, and what one with the middle one counts.

    The others' are counted from the values in its table: they would measure the same again.
    """
    middle = len(found) // 2
    keys |= {key: found[middle]["threshold"], "format": "none"}
    made = cut(path, results, **keys)
    values = [float(row[key[4:]]) for row in made.rows if row[key[4:]]]
    sign = 1 if key == "min_focus" else -1
    kept = [sum(sign * value >= sign * row["threshold"] for value in values) for row in found]
    assert kept[middle] == made.tiled["counts"]["kept"] < len(values)
    return kept, made.tiled["counts"]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of one level, real tissue under a broad green stroke, all in whole tiles of 320."""
    tissue = Image.fromarray(data.immunohistochemistry())
    page = Image.new("RGB", (2560, 1920), (242, 242, 243))
    for x in range(0, 2048, 512):
        page.paste(tissue, (x, 640))
    ImageDraw.Draw(page).line((200, 1700, 2400, 300), fill=(40, 140, 70), width=150)
    pixels = np.array(page)
    pixels[::320, ::320] -= 1  # so that no tile is blank
    path = tmp_path_factory.mktemp("marked") / "marked.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256))
    return path


@pytest.mark.long
def test_tissue_is_counted_exactly(variant: Variant, tmp_path: Path) -> None:
    """Each threshold keeps as many scanned tiles as a run finds with so much tissue."""
    slide = variant("jpeg_plain").path
    rows = cut(slide, tmp_path / "cut", tile_size=100).rows
    found = look(slide, tmp_path, tile_size=100, min_tissue=0.4)["min_tissue"]
    assert [row["threshold"] for row in found] == sorted([*TISSUE_THRESHOLDS, 0.4])
    scanned = [float(row["tissue"]) for row in rows if row["reason"] != "unscanned"]
    for row in found:
        assert row["kept"] == sum(value >= row["threshold"] for value in scanned)
        assert row["tiles"] == row["measured"] == len(scanned)
    assert len({row["kept"] for row in found}) > 3


@pytest.mark.slow
def test_focus_is_what_tile_measures(aperio: Path, tmp_path: Path) -> None:
    """Where all tiles are measured, each threshold keeps exactly what a run with it keeps."""
    found = look(aperio, tmp_path, tile_size=256, min_focus=100)["min_focus"]
    assert {row["measured"] for row in found} == {108}
    assert 100 in [row["threshold"] for row in found]
    kept, _ = kept_by_a_run(found, "min_focus", aperio, tmp_path / "cut", tile_size=256)
    assert [row["kept"] for row in found] == kept
    dropped = [1 - row["kept"] / row["tiles"] for row in found if row["threshold"] != 100]
    assert dropped == pytest.approx(FOCUS_SHARES, abs=0.02)


@pytest.mark.slow
def test_focus_of_a_sample(aperio: Path, tmp_path: Path) -> None:
    """Of many tiles some are measured, and the count is close to what a run keeps."""
    keys: dict[str, Any] = {"tile_size": 64, "min_tissue": 0.3}
    found = look(aperio, tmp_path, **keys)["min_focus"]
    kept, counted = kept_by_a_run(found, "min_focus", aperio, tmp_path / "cut", **keys)
    left = counted["tiles"] - counted["tissue"]
    assert {(row["measured"], row["tiles"]) for row in found} == {(128, left)}
    assert left > 128
    shares = [row["kept"] / left for row in found]
    assert shares == pytest.approx([count / left for count in kept], abs=0.1)


@pytest.mark.slow
def test_pen_is_counted(marked: Path, tmp_path: Path) -> None:
    """The marked tiles are those that a run drops; another background is no pen."""
    found = look(marked, tmp_path, tile_size=320, max_pen=0.3)["max_pen"]
    assert [row["threshold"] for row in found] == sorted([*PEN_THRESHOLDS, 0.3])
    kept, counted = kept_by_a_run(found, "max_pen", marked, tmp_path / "cut", tile_size=320)
    assert [row["kept"] for row in found] == kept
    assert {row["tiles"] for row in found} == {48}
    assert max(kept) < 48
    assert counted["pen"] == 48 - counted["kept"]


def test_maps_are_spread_over_the_thresholds(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few maps alone, of thresholds at equal steps among those that tell something."""
    shown: dict[str, list[str]] = {}

    def noted(title: str, pictures: Sequence[tuple[Image.Image, str]]) -> bytes:
        shown[title.partition(":")[0]] = [below for _, below in pictures]
        return contact_sheet(title, pictures)

    monkeypatch.setattr("mrxs_tiles.steps.preview.contact_sheet", noted)
    found = look(variant("jpeg_plain").path, tmp_path, tile_size=100)["min_tissue"]
    telling = [row for row in found if row["kept"] not in (0, row["tiles"])]
    assert len(telling) > SHOWN
    picked = telling[:: -(-len(telling) // SHOWN)]
    assert 1 < len(picked) <= SHOWN
    assert [text.partition(":")[0] for text in shown["min_tissue"]] == [
        f"min_tissue {row['threshold']:g}" for row in picked
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jpeg_plain", "nothing_scanned", "anisotropic"])
def test_pictures_and_nothing_else(variant: Variant, tmp_path: Path, name: str) -> None:
    """Three pictures and a table, also of a slide without tissue; no tile, no record."""
    look(variant(name).path, tmp_path, tile_size=300, downsample=2)
    written = sorted(path.relative_to(tmp_path / NAME) for path in tmp_path.rglob("*.*"))
    assert written == sorted(Path("preview") / name for name in ("counts.tsv", *PICTURES))
    for picture in PICTURES:
        with Image.open(tmp_path / NAME / "preview" / picture) as page:
            assert page.format == "PNG"
            assert page.width > 100


def test_damaged_tiles_are_left_out(variant: Variant, tmp_path: Path) -> None:
    """A slide with a missing data file is previewed as far as it can be read."""
    written = variant("jpeg")
    slide = tmp_path / "a.mrxs"
    slide.write_bytes(b"")
    (tmp_path / "a").mkdir()
    first = written.images[0]
    for file in written.folder.iterdir():
        if file.name != f"Data{first.file_number:04}.dat":
            shutil.copy(file, tmp_path / "a" / file.name)
    found = look(slide, tmp_path / "results", tile_size=100)
    assert 0 < found["min_focus"][0]["measured"] < found["min_focus"][0]["tiles"]


@pytest.mark.slow
def test_command(aperio: Path, tmp_path: Path) -> None:
    """The command prints a line for each threshold, and says where the pictures are."""
    ran = mrxs_tiles("preview", aperio, "--results", tmp_path, "--tile-size", "256")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "min_tissue 0: 108 of 108 tiles kept"
    assert lines[-1] == f"preview: {tmp_path / aperio.stem / 'preview'}"
    assert len(lines) == 1 + len(TISSUE_THRESHOLDS) + len(FOCUS_SHARES) + len(PEN_THRESHOLDS)


@pytest.mark.slow
@pytest.mark.parametrize(("bad", "code"), [("report", 1), ("ignore", 0)])
def test_slide_that_cannot_be_opened(tmp_path: Path, bad: str, code: int) -> None:
    """One sentence on stderr, and no picture of an earlier preview stays."""
    results = tmp_path / "results"
    old = results / "a" / "preview" / "min_focus.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    missing = tmp_path / "a.mrxs"
    ran = mrxs_tiles("preview", missing, "--results", results, "--on-bad-slide", bad)
    sentence = "a (failed): a.mrxs does not exist. Check the path, or copy the slide there."
    assert (ran.code, sentence in ran.text) == (code, True)
    assert not old.exists()


def test_sheet_of_no_picture() -> None:
    """A page without pictures is a page with its title."""
    assert contact_sheet("nothing", []).startswith(b"\x89PNG")
