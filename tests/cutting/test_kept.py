"""Results of an earlier run stay where there is nothing to put in their place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import in_process
import running
from in_process import NAME, Cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import begun, kept, publishing
from mrxs_tiles.mirax.stamp import take_stamp
from mrxs_tiles.names import Slide
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.summary import summary
from mrxs_tiles.steps.away import away
from running import SPEC, tree
from write_mirax import WrittenSlide

KEYS: dict[str, Any] = {"tile_size": 100}


@pytest.fixture
def slide(tmp_path: Path) -> WrittenSlide:
    """A slide of many tiles at 100 px."""
    return running.write(tmp_path / "A.mrxs", SPEC)


def cut(slide: WrittenSlide, results: Path, **keys: Any) -> Cut:
    return in_process.cut(slide.path, results, **KEYS | keys)


def all_but_the_record(cut: Cut) -> dict[str, bytes]:
    found = tree(cut.folder)
    found.pop("tiles.json")
    return found


def gone(slide: WrittenSlide) -> None:
    slide.folder.rename(slide.folder.with_name("away"))


def no_file(slide: WrittenSlide) -> None:
    (slide.folder / "Data0001.dat").unlink()


def no_index(slide: WrittenSlide) -> None:
    (slide.folder / "Index.dat").write_bytes(b"")


def zeros(slide: WrittenSlide) -> None:
    """An image that the index cannot know to be corrupt."""
    image = slide.images[5]
    with slide.data_path(image).open("r+b") as stream:
        stream.seek(image.offset)
        stream.write(bytes(image.length))


HARM: dict[Callable[[WrittenSlide], None], str] = {
    gone: "Not there now; results of an earlier run kept: The folder 'A' is missing",
    no_index: "Not there now; results of an earlier run kept: A.mrxs cannot be opened",
    no_file: "Damaged now; results of an earlier run kept until",
    zeros: "Damaged now; results of an earlier run kept until",
}


@pytest.mark.long
@pytest.mark.parametrize(
    "harm",
    [
        # OpenSlide is tried in a process of its own
        pytest.param(harm, id=harm.__name__, marks=[pytest.mark.slow] if harm is no_index else [])
        for harm in HARM
    ],
)
def test_kept(slide: WrittenSlide, tmp_path: Path, harm: Callable[[WrittenSlide], None]) -> None:
    """What was cut stays to the byte, with its row and today's fault, however often it is tried."""
    results = tmp_path / "results"
    first = cut(slide, results)
    before = all_but_the_record(first)
    report(results)
    row = read_report(results)[0]
    harm(slide)
    for _ in range(2):
        again = cut(slide, results)
        assert again.tiled["status"] == "kept"
        assert again.tiled["error"].startswith(HARM[harm])
        assert again.tiled["counts"] == first.tiled["counts"]
        assert all_but_the_record(again) == before
        report(results)
        now = read_report(results)[0]
        assert now == row | {"status": "kept", "error": again.tiled["error"]}
    assert "1 slide: 0 ok, 1 bad" in summary(results, [now])


@pytest.mark.long
@pytest.mark.parametrize("harm", [no_file, zeros], ids=lambda harm: harm.__name__)
def test_asked_again(
    slide: WrittenSlide, tmp_path: Path, harm: Callable[[WrittenSlide], None]
) -> None:
    """Asked for, what is left of it is cut; not asked, other keys or a mended slide do that too."""
    results = tmp_path / "results"
    cut(slide, results)
    copy = running.copy_slide(slide.path, tmp_path / "copy" / "A.mrxs")
    harm(slide)
    assert cut(slide, results).tiled["status"] == "kept"
    kept.ask_again(results / NAME)
    damaged = cut(slide, results)
    assert damaged.tiled["status"] == "damaged"
    expected = all_but_the_record(cut(slide, tmp_path / "fresh"))
    assert all_but_the_record(damaged) == expected
    shutil.rmtree(slide.folder)
    shutil.copytree(copy.with_suffix(""), slide.folder)
    assert cut(slide, results).tiled["status"] == "ok"
    harm(slide)
    assert cut(slide, results, quality=50).tiled["status"] == "damaged"


def test_other_keys(slide: WrittenSlide, tmp_path: Path) -> None:
    """Tiles of other keys are no answer to what was asked, and none is removed for it."""
    results = tmp_path / "results"
    first = cut(slide, results)
    before = all_but_the_record(first)
    gone(slide)
    for _ in range(2):
        again = cut(slide, results, format="png")
        assert again.tiled["status"] == "failed"
        assert again.tiled["error"].startswith(kept.OTHER_KEYS)
        assert all_but_the_record(again) == before
    assert cut(slide, results).tiled["status"] == "kept"
    slide.folder.with_name("away").rename(slide.folder)
    whole = cut(slide, results)
    assert (whole.tiled, all_but_the_record(whole)) == (first.tiled, before)


def test_inspected_but_not_cut(slide: WrittenSlide, tmp_path: Path) -> None:
    """A run that ends between the steps, with other keys, loses nothing: the next one puts back."""
    results = tmp_path / "results"
    first = cut(slide, results)
    before = tree(first.folder)
    in_process.look(slide.path, results, tile_size=64)
    report(results)
    row = read_report(results)[0]
    assert (row["status"], row["tile_size"]) == ("kept", "100")
    assert row["error"].startswith("Not cut again yet; results of an earlier run kept")
    gone(slide)
    cut(slide, results)
    assert all_but_the_record(first) == {
        name: content for name, content in before.items() if name != "tiles.json"
    }
    slide.folder.with_name("away").rename(slide.folder)
    cut(slide, results)
    assert tree(first.folder) == before


def test_killed_while_publishing(
    slide: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables that Snakemake puts back beside other tiles are believed by nobody."""
    results = tmp_path / "results"
    first = cut(slide, results)
    tables = {name: (first.folder / name).read_bytes() for name in ("tiles.json", "tiles.tsv")}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mrxs_tiles.steps.tile.publishing.finish", killed)
        with pytest.raises(KeyboardInterrupt):
            cut(slide, results, format="png")
    for name, content in tables.items():
        (first.folder / name).write_bytes(content)
    assert kept.earlier(first.folder) is None
    begun.tidy(first.folder)
    assert not (first.folder / "tiles.json").exists()
    assert cut(slide, results).tiled == first.tiled
    assert not (first.folder / publishing.PUBLISHING).exists()


def test_away(slide: WrittenSlide, tmp_path: Path) -> None:
    """The workflow leaves out what cannot be opened, if tiles of it are there."""
    results = tmp_path / "results"
    settings = read_config(KEYS).settings
    slides = [Slide(NAME, slide.path, settings), Slide("new", tmp_path / "new.mrxs", settings)]
    cut(slide, results)
    assert away(slides, results).names == set()
    gone(slide)
    found = away(slides, results)
    assert [told[0] for told in found.kept] == [NAME]
    assert found.kept[0][2].startswith(HARM[gone])
    other = [Slide(NAME, slide.path, read_config({"tile_size": 64}).settings)]
    assert [told[0] for told in away(other, results).refused] == [NAME]
    report(results, Reported([], away=found.kept))
    assert read_report(results)[0]["status"] == "kept"


def test_new_slides_are_not_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of slides that were never cut no run asks why they cannot be opened."""
    monkeypatch.setattr("mrxs_tiles.steps.away.why_away", lambda _: pytest.fail("asked"))
    settings = read_config(KEYS).settings
    new = [Slide(f"{number}", tmp_path / f"{number}.mrxs", settings) for number in range(3)]
    assert not away(new, tmp_path / "results").names


def test_inspected_by_hand_alone(slide: WrittenSlide, tmp_path: Path) -> None:
    """A slide that `inspect` alone did not find is bad in the report, until it is found again."""
    results = tmp_path / "results"
    first = cut(slide, results)
    before = tree(results)
    gone(slide)
    for _ in range(2):
        assert in_process.look(slide.path, results, **KEYS)["status"] == "kept"
        report(results)
        (row,) = read_report(results)
        assert (row["status"], row["kept"]) == ("kept", str(first.tiled["counts"]["kept"]))
        assert row["error"].startswith(HARM[gone])
    slide.folder.with_name("away").rename(slide.folder)
    assert in_process.look(slide.path, results, **KEYS)["status"] == "ok"
    now = tree(results)
    assert {name: now[name] for name in before} == before
    report(results)
    assert read_report(results)[0]["status"] == "ok"


def test_stamp(slide: WrittenSlide, tmp_path: Path) -> None:
    """Where a slide lies and what lies beside its files changes nothing; another file does."""
    stamp = take_stamp(slide.path).digest
    moved = tmp_path / "elsewhere" / "B.mrxs"
    moved.parent.mkdir()
    shutil.copytree(slide.folder, moved.with_suffix(""))
    shutil.copy2(slide.path, moved)
    (tmp_path / "link").symlink_to(moved.parent)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._Data0000.dat", "notes.txt"):
        (moved.with_suffix("") / name).write_text("litter")
    (moved.with_suffix("") / "@eaDir").mkdir()
    (moved.with_suffix("") / "Slidedat.ini").touch()
    assert take_stamp(moved).digest == take_stamp(tmp_path / "link" / "B.mrxs").digest == stamp
    seen = {stamp}
    data = moved.with_suffix("") / "Data0001.dat"
    index = moved.with_suffix("") / "Index.dat"
    ini = moved.with_suffix("") / "Slidedat.ini"
    for change in (
        data.touch,
        lambda: os.truncate(data, 100),
        data.unlink,
        lambda: same_size(index),
        lambda: same_size(ini),
    ):
        change()
        now = take_stamp(moved).digest
        assert now not in seen
        seen.add(now)


def same_size(path: Path) -> None:
    """Other bytes under the same size and time."""
    times = path.stat()
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
