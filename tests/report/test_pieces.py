"""What was made of a slide is taken from one report to the next, and never when it is doubtful."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import cohort_files
from in_process import cut
from mrxs_tiles.files.manifest import TILES
from mrxs_tiles.names import LOGS, slide_id
from mrxs_tiles.report import pieces
from mrxs_tiles.report.pictures import FOLDER, map_name
from mrxs_tiles.report.pieces import PIECES
from mrxs_tiles.report.report import report
from running import SPEC, tree, write

SLIDES = ("A", "B", "C")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one small slide."""
    folder = tmp_path_factory.mktemp("source")
    slide = write(folder / "S.mrxs", SPEC).path
    return cut(slide, folder / "results", tile_size=64, min_tissue=0.4).folder


@pytest.fixture
def results(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three slides with a report; their files count as old though they were just written."""
    monkeypatch.setattr(pieces, "GRAIN_NS", -(10**12))
    results = cohort_files.unfinished(source, tmp_path / "r", SLIDES)
    report(results)
    return results


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slides of which something is made, as that happens."""
    found: list[str] = []
    real = pieces.look_at_tiles
    monkeypatch.setattr(
        pieces, "look_at_tiles", lambda folder: found.append(folder.name) or real(folder)
    )
    return found


def of_report(results: Path) -> dict[str, bytes]:
    """All files of the report."""
    names = ("report.tsv", "report.html", "run.json", "ro-crate", FOLDER)
    return {name: text for name, text in tree(results).items() if name.startswith(names)}


def from_nothing(results: Path) -> dict[str, bytes]:
    """The same, made where there was no report."""
    for name in of_report(results):
        (results / name).unlink()
    shutil.rmtree(results / LOGS)
    report(results)
    return of_report(results)


@pytest.mark.long
def test_taken_as_it_is(results: Path, made: list[str]) -> None:
    """Nothing is made of slides that are as they were, and the report is that made from nothing."""
    pictures = {path: path.stat().st_mtime_ns for path in (results / FOLDER).iterdir()}
    report(results)
    assert made == []
    assert {path: path.stat().st_mtime_ns for path in (results / FOLDER).iterdir()} == pictures
    now = of_report(results)
    assert from_nothing(results) == now
    assert sorted(made) == [*SLIDES, "Y"]


def edit_record(results: Path) -> None:
    """Another run's record: of a disk far away all other stamps may be old."""
    path = results / "B" / "tiles.json"
    record = json.loads(path.read_text("utf-8"))
    record["tables"]["tiles.tsv"] = "00000000"
    path.write_text(json.dumps(record), "utf-8")


def drop_tile(results: Path) -> None:
    """A tile is dropped by hand."""
    path = results / "B" / "tiles.tsv"
    path.write_bytes(path.read_bytes().replace(b"\t1\t\t", b"\t0\tpen\t", 1))


def turn(name: str) -> Callable[[Path], None]:
    """A picture of as many bytes, or nearly, with other content."""

    def do(results: Path) -> None:
        path = results / name
        with Image.open(path) as picture:
            turned = picture.transpose(Image.Transpose.ROTATE_180)
        turned.save(path)

    return do


def edit_sample(results: Path) -> None:
    """The tiles that are shown are others, of the same size."""
    kept, file = TILES.index("kept"), TILES.index("file")
    rows = [line.split("\t") for line in (results / "B/tiles.tsv").read_text().splitlines()]
    for row in rows:
        if row[kept] == "1":
            path = results / "B" / row[file]
            path.write_bytes(path.read_bytes()[:-9] + b"no tile\xff\xd9")


def remove(name: str) -> Callable[[Path], None]:
    """A file that is gone."""
    return lambda results: (results / name).unlink()


CHANGES = {
    "a tile is dropped": drop_tile,
    "the record": edit_record,
    "the thumbnail": turn("B/thumbnail.jpg"),
    "the map": turn("B/tiles.png"),
    "the map is gone": remove("B/tiles.png"),
    "the tiles that are shown": edit_sample,
    "a picture of the report is gone": remove(f"{FOLDER}/{map_name('B')}"),
    "a picture of the report was changed": turn(f"{FOLDER}/{slide_id('B')}-slide.jpg"),
}


@pytest.mark.long
@pytest.mark.parametrize("change", CHANGES)
def test_made_again(results: Path, made: list[str], change: str) -> None:
    """What was made of a slide is made again where anything of it changed, and of it alone."""
    CHANGES[change](results)
    report(results)
    # of a record that alone is another one all was read again, and was right
    assert made == ([] if change == "the record" else ["B"])
    now = of_report(results)
    report(results)
    assert of_report(results) == now
    assert from_nothing(results) == now


@pytest.mark.long
@pytest.mark.parametrize(
    "content", [None, b"", b"\xff", b"{}\n", b"0\n{}\n", b"0\n{}\n\n"], ids=repr
)
def test_harmed(results: Path, made: list[str], content: bytes | None) -> None:
    """What is kept is believed to the byte or not at all."""
    path = results / LOGS / PIECES
    text = path.read_bytes()
    if content is None:
        path.write_bytes(text.replace(b'"kept"', b'"Kept"', 1))
    else:
        path.write_bytes(content)
    now = of_report(results)
    report(results)
    assert made == []  # what lies among the pictures was read, and is right
    assert of_report(results) == now
    assert path.read_bytes() != content
    assert of_report(results) == from_nothing(results)


def test_just_written(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written just before the report may change unseen: nothing of it is kept."""
    monkeypatch.setattr(pieces, "GRAIN_NS", 10**15)
    (results / LOGS / PIECES).unlink()
    report(results)
    assert not (results / LOGS / PIECES).exists()


@pytest.mark.long
def test_no_place_for_it(results: Path) -> None:
    """Where it cannot be kept the report is made all the same."""
    shutil.rmtree(results / LOGS)
    (results / LOGS).write_bytes(b"no folder")
    now = of_report(results)
    report(results)
    assert of_report(results) == now
