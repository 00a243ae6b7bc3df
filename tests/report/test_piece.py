"""The job of a slide makes what the page shows of it: the report takes it, or makes the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import cohort_files
from in_process import cut
from mrxs_tiles.__main__ import main
from mrxs_tiles.files.manifest import TILES, sealed, write_record
from mrxs_tiles.names import LOGS, slide_id
from mrxs_tiles.report import piece, pieces
from mrxs_tiles.report.pictures import FOLDER, map_name
from mrxs_tiles.report.piece import make_early
from mrxs_tiles.report.report import report
from mrxs_tiles.report.sample_tiles import look_at_tiles
from mrxs_tiles.report.verify import verify
from running import SPEC, tree, write

SLIDES = ("A", "B")


@pytest.fixture(scope="module", params=["folder", "tar"])
def source(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The results of one small slide, as loose tiles and as shards."""
    keys = {"tile_size": 64, "min_tissue": 0.4, "min_focus": 0.01, "packing": request.param}
    folder = tmp_path_factory.mktemp("source")
    return cut(write(folder / "S.mrxs", SPEC).path, folder / "results", **keys).folder


@pytest.fixture
def results(source: Path, tmp_path: Path) -> Path:
    """Slides of which no report was made, each with files of its own; one failed."""
    return cohort_files.unfinished(source, tmp_path / "r", SLIDES)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slides of which the report itself makes something, as that happens."""
    found: list[str] = []
    real = pieces.look_at_tiles
    monkeypatch.setattr(
        pieces, "look_at_tiles", lambda folder: found.append(folder.name) or real(folder)
    )
    return found


def early(results: Path) -> None:
    """What the slides' jobs do at their end."""
    for name in (*SLIDES, "Y"):
        make_early(results, json.loads((results / name / "tiles.json").read_text("utf-8")))


def from_nothing(results: Path) -> dict[str, bytes]:
    """All files after a report that makes everything itself."""
    shutil.rmtree(results / FOLDER)
    shutil.rmtree(results / LOGS, ignore_errors=True)
    report(results)
    return reported(results)


def reported(results: Path) -> dict[str, bytes]:
    """All files but those that hold times."""
    return {name: text for name, text in tree(results).items() if not name.startswith(LOGS)}


def test_taken(results: Path, made: list[str]) -> None:
    """A report of slides whose jobs have made all makes nothing, and is that of a report alone."""
    early(results)
    pictures = {path.name: path.stat().st_mtime_ns for path in (results / FOLDER).iterdir()}
    assert len(pictures) == 3 * len(SLIDES) + 1
    report(results)
    assert made == []
    now = {path.name: path.stat().st_mtime_ns for path in (results / FOLDER).iterdir()}
    assert now == pictures
    found = reported(results)
    assert from_nothing(results) == found
    assert sorted(made) == [*SLIDES, "Y"]


def test_still_a_picture(results: Path) -> None:
    """The map with its note is a JPEG as before, to any reader."""
    early(results)
    with Image.open(results / FOLDER / map_name("A")) as picture:
        picture.load()
        assert picture.format == "JPEG"
        assert b'"of":' in picture.info["comment"]


def drop_tile(results: Path) -> None:
    """A tile is dropped by hand."""
    path = results / "B" / "tiles.tsv"
    path.write_bytes(path.read_bytes().replace(b"\t1\t\t", b"\t0\tpen\t", 1))


def rewrite_tiles(results: Path) -> None:
    """Other tiles of the same size are put in the place of those that are shown."""
    for path in (results / "B" / "tiles").iterdir():
        path.write_bytes(path.read_bytes()[:-9] + b"no tile\xff\xd9")


def other_size(results: Path) -> None:
    """The slide's own width is another."""
    path = results / "B" / "slide.json"
    record = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(record | {"width": record["width"] + 300}), "utf-8")


def turn(name: str) -> Callable[[Path], None]:
    """Another picture, written by a program that keeps a JPEG's comment."""

    def do(results: Path) -> None:
        path = results / name
        with Image.open(path) as picture:
            turned = picture.transpose(Image.Transpose.ROTATE_180)
            turned.save(path, comment=picture.info.get("comment", b""))

    return do


def flip(text: bytes) -> Callable[[Path], None]:
    """A byte of the note changes."""

    def do(results: Path) -> None:
        path = results / FOLDER / map_name("B")
        content = path.read_bytes()
        assert text in content
        path.write_bytes(content.replace(text, text.swapcase(), 1))

    return do


CHANGES = {
    "a tile is dropped": drop_tile,
    "the slide's size": other_size,
    "the thumbnail": turn("B/thumbnail.jpg"),
    "the map": turn("B/tiles.png"),
    "the map is gone": lambda results: (results / "B/tiles.png").unlink(),
    "the tiles that are shown": rewrite_tiles,
    "the report's map is gone": lambda results: (results / FOLDER / map_name("B")).unlink(),
    "the report's map": turn(f"{FOLDER}/{map_name('B')}"),
    "the note": flip(b'"tissue"'),
    "the note's seal": flip(b'"of"'),
    "the report's thumbnail": turn(f"{FOLDER}/{slide_id('B')}-slide.jpg"),
}


@pytest.mark.parametrize(
    ("source", "change"),
    [
        *(("folder", change) for change in CHANGES),
        ("tar", "the tiles that are shown"),
        *(
            pytest.param("tar", change, marks=pytest.mark.torture)
            for change in CHANGES
            if change != "the tiles that are shown"
        ),
    ],
    indirect=["source"],
    scope="module",
)
def test_made_again(results: Path, made: list[str], change: str) -> None:
    """What is not what would be made now is made by the report, and of that slide alone."""
    early(results)
    CHANGES[change](results)
    report(results)
    assert made == ["B"]
    now = reported(results)
    assert from_nothing(results) == now


def test_by_another_version(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What jobs of another version have made is made again."""
    monkeypatch.setattr(piece, "made_by", lambda step: {"step": step, "number": 0})
    early(results)
    monkeypatch.undo()
    early_bytes = (results / FOLDER / map_name("A")).read_bytes()
    report(results)
    assert (results / FOLDER / map_name("A")).read_bytes() != early_bytes
    now = reported(results)
    assert from_nothing(results) == now


def test_cut_again_later(results: Path) -> None:
    """Pictures of a slide that was cut after the report are not called harm by `verify`."""
    early(results)
    report(results)
    assert verify(results).look.is_whole
    record = json.loads((results / "B" / "tiles.json").read_text("utf-8"))
    record = sealed(record | {"warnings": ["cut again"]}, "tiles.json")
    write_record(results / "B" / "tiles.json", record)
    drop_tile(results)
    make_early(results, record)
    cohort_files.failed(results, "Z", "It cannot be opened.")  # a slide that came later
    make_early(results, json.loads((results / "Z" / "tiles.json").read_text("utf-8")))
    look = verify(results).look
    assert (look.changed, look.missing, look.superfluous) == ([], [], [])


def test_no_place(results: Path) -> None:
    """A job whose pictures cannot be written ends well: the slide is done."""
    (results / FOLDER).write_bytes(b"no folder")
    record = {"slide": "A", "tables": {}}
    assert make_early(results, record) is record
    assert make_early(results, {"slide": "none"}) == {"slide": "none"}


def test_command(tmp_path: Path, made: list[str]) -> None:
    """`tile` of the command line makes it, as the workflow's job does."""
    slide = write(tmp_path / "slides" / "S.mrxs", SPEC).path
    words = [str(slide), "--results", str(tmp_path), "--tile-size", "128"]
    for step in ("inspect", "tile"):
        assert main([step, *words]) == 0
    assert (tmp_path / FOLDER / map_name("S")).is_file()
    assert main(["report", "--results", str(tmp_path)]) == 0
    assert made == []


def test_picked(results: Path) -> None:
    """Medians, and the tiles that are shown, are those that pandas finds."""
    table = pd.read_csv(results / "A" / "tiles.tsv", sep="\t", keep_default_na=False, na_values="")
    kept = table[table["kept"] == 1]
    found = look_at_tiles(results / "A")
    assert found.tissue == kept["tissue"].median()
    assert found.focus == kept["focus"].median()
    ends = [
        rows.sort_values([measure, "col", "row"], na_position="first").iloc[[0, -1]]
        for rows, measure in ((kept, "focus"), (table[table["reason"] == "tissue"], "tissue"))
    ]
    shown = {(one.col, one.row) for one in found.samples}
    for rows in ends:
        assert {*zip(rows["col"], rows["row"], strict=True)} <= shown


@pytest.mark.parametrize("column", ["col", "tissue", "kept", "width"])
def test_odd_table(results: Path, column: str) -> None:
    """A table with a cell of another kind has nothing to tell, and ends nothing."""
    path = results / "A" / "tiles.tsv"
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    for row in rows[1:]:
        row[TILES.index(column)] = "much"
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n", "utf-8")
    assert look_at_tiles(results / "A").samples == ()
