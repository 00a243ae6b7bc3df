"""Whether `verify` finds each kind of harm, and nothing where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import mrxs_tiles
from harms import FAILED, HARMLESS, HARMS, LOOSE, PACKED, SHARD, VIEWED, Harm, add, flip, lose
from in_process import Variant
from mrxs_tiles.__main__ import main
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.checksums import crc32_of
from mrxs_tiles.report.repair import repair
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.verify import lines, verify
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.heatmap import heatmap
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.steps.viewer import viewer
from mrxs_tiles.viewer import page
from running import table, tree

SHEET = {"stain": "H&E"}
CARRIED = dict.fromkeys((LOOSE, PACKED, VIEWED, FAILED), SHEET)


def cut(name: str, path: Path, results: Path, **keys: object) -> None:
    settings = read_config(keys).settings
    inspect(name, path, results, settings)
    tile(name, path, results, settings, 1)
    if settings.deepzoom:
        viewer(name, path, results, settings, 1)


@pytest.fixture(scope="module")
def made(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of four slides: loose files, shards, a viewer, a failed one; and `another` run."""
    folder = tmp_path_factory.mktemp("verified")
    slide, results = variant("jpeg_plain").path, folder / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "openseadragon", lambda: {"openseadragon.min.js": b"a script"})
        cut(LOOSE, slide, results, tile_size=300)
        cut(PACKED, slide, results, tile_size=200, packing="tar")
        cut(VIEWED, slide, results, tile_size=1000, deepzoom=True)
    cut(FAILED, folder / "bad.mrxs", results)
    cut(LOOSE, slide, folder / "another", tile_size=300, quality=50)
    export(LOOSE, results, ("clam", "qupath", "parquet"))
    scores = folder / "scores.csv"
    scores.write_text(f"slide,col,row,score\n{LOOSE},1,1,0.5\n{LOOSE},1,2,0.7\n")
    heatmap(scores, results)
    report(results, Reported(carried=CARRIED))
    with mrxs_tiles.load(results) as run:
        kept = int(run.tiles_of(LOOSE)["kept"].sum())
        run.write_features(LOOSE, np.zeros((kept, 3), np.float32))
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """A copy of these results, elsewhere."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "results"


def drop_status(results: Path) -> None:
    """A report of which everything is whole but what it says."""
    text = (results / "report.tsv").read_text("utf-8")
    report(results, Reported(carried=CARRIED))
    record = json.loads((results / "run.json").read_text("utf-8"))
    (results / "report.tsv").write_text(text.replace("\tok\t", "\tdamaged\t", 1), "utf-8")
    record["tables"]["report.tsv"] = crc32_of(results / "report.tsv")
    manifest.write_record(results / "run.json", manifest.sealed(record, "run.json"))


def said(results: Path) -> str:
    return "\n".join(lines(results, verify(results)))


def test_whole(results: Path) -> None:
    """A copy of whole results is whole; so is one whose slides were moved, or begun to be seen."""
    found = verify(results)
    assert found.is_whole, said(results)
    assert "4 slides, " in said(results)
    assert "all are there, whole and themselves" in said(results)
    inspected = json.loads((results / LOOSE / "slide.json").read_text("utf-8"))
    report(results, Reported(dict.fromkeys(CARRIED, "/elsewhere/a.mrxs"), carried=CARRIED))
    assert json.loads((results / LOOSE / "slide.json").read_text("utf-8")) != inspected
    assert verify(results).is_whole, said(results)


def test_corrected_sheet(results: Path) -> None:
    """A cell that was corrected, and went into the shards, is no harm."""
    report(results, Reported(carried=CARRIED | {PACKED: {"stain": "IHC"}}))
    assert verify(results).is_whole, said(results)


@pytest.mark.parametrize(("harm", "expected"), HARMS.values(), ids=HARMS)
def test_harm(results: Path, harm: Harm, expected: tuple[str, ...]) -> None:
    """Each kind of harm is told, with its slide and file, and nothing is changed by looking."""
    harm(results)
    before = tree(results)
    found = verify(results)
    text = "\n".join(lines(results, found))
    assert found.is_whole == (not expected), text
    for part in expected:
        assert part in text, text
    assert text.count("\n") <= 2, text
    assert tree(results) == before


def test_enough_kinds() -> None:
    """There are some more kinds of harm than forty."""
    assert len(HARMS.keys() - HARMLESS) >= 40


def test_other_files(results: Path) -> None:
    """What the user has put there is told in one line, and no harm."""
    for name in ("notes.txt", f"{LOOSE}/notes.txt", "mine/x/y.csv", f"{LOOSE}/mine/z.csv"):
        add(name)(results)
    assert verify(results).is_whole
    assert "4 other files not ours: a/mine/, a/notes.txt, mine/x/y.csv, notes.txt" in said(results)


FOREIGN = (
    *(f"{LOOSE}/tiles/.DS_Store", f"{LOOSE}/tiles/Thumbs.db", f"{LOOSE}/tiles/._3_4.jpg"),
    *(f"{LOOSE}/tiles/3_4.jpg.tmp", f"{LOOSE}/tiles/x/0_0.jpg", f"{FAILED}/tiles/desktop.ini"),
    *(f"{PACKED}/{SHARD}.idx", f"{PACKED}/{SHARD.removesuffix('tar')}idx"),
    *(f"{VIEWED}/viewer_files/.DS_Store", f"{VIEWED}/viewer_files/0/.DS_Store"),
)


def test_files_of_others_beside_tiles(results: Path) -> None:
    """What a file manager or a data loader leaves beside the tiles is no harm, and stays."""
    for name in FOREIGN:
        add(name)(results)
    assert verify(results).is_whole, said(results)
    assert f"{len(FOREIGN)} other files not ours: a/tiles/.DS_Store, " in said(results)


@pytest.mark.long
def test_repair_what_is_too_many(results: Path) -> None:
    """A file too many goes, and no slide is cut again for it; files of others stay."""
    whole = tree(results)
    many = {
        *(f"{LOOSE}/tiles/99_0.jpg", f"{PACKED}/tiles/sub_x2F_b-000009.tar"),
        *(f"{LOOSE}/.tiles.partial/0_0.jpg", f"{VIEWED}/viewer_files/0/9_0.jpg"),
    }
    for name in (*many, *FOREIGN):
        add(name)(results)
    told = repair(results, verify(results).harmed)
    assert told == [
        "a: 2 superfluous files removed: tiles/99_0.jpg, .tiles.partial/",
        "c: 1 superfluous file removed: viewer_files/0/9_0.jpg",
        "sub/b: 1 superfluous file removed: tiles/sub_x2F_b-000009.tar",
    ]
    assert tree(results).keys() - whole.keys() == {*FOREIGN}
    assert all(tree(results)[name] == whole[name] for name in whole if not name.endswith("/"))
    assert verify(results).is_whole, said(results)


def test_old_results(results: Path) -> None:
    """Of results from before there were sums it is said, and presence and size are looked at."""
    folder = results / LOOSE
    rows = table(folder / "tiles.tsv")
    text = "\n".join("\t".join([*row][:-1]) for row in rows[:1])
    text += "".join("\n" + "\t".join([*row.values()][:-1]) for row in rows) + "\n"
    (folder / "tiles.tsv").write_text(text, "utf-8")
    for name in ("tiles.json", "slide.json"):
        record = json.loads((folder / name).read_text("utf-8"))
        del record["tables"]
        (folder / name).write_text(json.dumps(record), "utf-8")
    for name in (f"{LOOSE}/exports.json", "run.json", "ro-crate-metadata.json"):
        (results / name).unlink()
    assert verify(results).is_whole, said(results)
    assert "1 slide cut before all files had a checksum" in said(results)
    flip(f"{LOOSE}/tiles/3_4.jpg")(results)
    assert verify(results).is_whole
    (folder / "tiles" / "3_4.jpg").write_bytes(b"")
    (folder / "tiles" / "3_5.jpg").unlink()
    assert "a: 1 missing: tiles/3_5.jpg; 1 changed: tiles/3_4.jpg" in said(results)


def away(name: str, results: Path) -> None:
    """Report a slide whose disk is away, as the workflow does."""
    slides = {one: "a.mrxs" for one in CARRIED if one != name}
    why = "Not there now; results of an earlier run kept"
    report(results, Reported(slides, carried=CARRIED, away=[(name, "x/a.mrxs", why)]))


@pytest.mark.long
def test_a_slide_that_is_away(results: Path) -> None:
    """A run in which a slide's disk was away, or could not be read at all, leaves it whole."""
    away(LOOSE, results)
    row = next(row for row in read_report(results) if row["slide"] == LOOSE)
    assert row["status"] == "kept"
    assert verify(results).is_whole, said(results)
    # the step itself found it gone
    tile(LOOSE, results / "gone.mrxs", results, read_config({"tile_size": 300}).settings, 1)
    assert json.loads((results / LOOSE / "tiles.json").read_text("utf-8"))["status"] == "kept"
    for now in (lambda: report(results, Reported(carried=CARRIED)), lambda: away(LOOSE, results)):
        now()
        assert verify(results).is_whole, said(results)
    others = [name for name in CARRIED if name != LOOSE]
    refused = [(LOOSE, "x/a.mrxs", "it is not there")]
    report(results, Reported(others, refused, carried=CARRIED))
    row = next(row for row in read_report(results) if row["slide"] == LOOSE)
    assert row["status"] == "failed"
    assert verify(results).is_whole, said(results)


@pytest.mark.long
def test_repair(results: Path, made: Path, variant: Variant) -> None:
    """What is repaired is cut again and whole then; of others nothing was touched."""
    flip(f"{LOOSE}/tiles/3_4.jpg")(results)
    flip(f"{PACKED}/tiles.json")(results)
    add(f"{LOOSE}/notes.txt")(results)
    before = tree(results)
    told = repair(results, verify(results).harmed)
    assert told == ["a: cut again by the next run", "sub/b: cut again by the next run"]
    now = tree(results)
    lost = {name for name in before if name not in now}
    assert {name.rpartition("/")[2] for name in lost} <= {"tiles.json", "coordinates.tsv"} | {
        "slide.json"
    }
    assert {name.partition("/")[0] for name in lost} == {"a", "sub"}
    slide = variant("jpeg_plain").path
    cut(LOOSE, slide, results, tile_size=300)
    cut(PACKED, slide, results, tile_size=200, packing="tar")
    report(results, Reported(carried=CARRIED))
    assert verify(results).is_whole, said(results)
    assert tree(results)["a/tiles/3_4.jpg"] == tree(made)["results/a/tiles/3_4.jpg"]
    assert tree(results)["a/notes.txt"] == b"x"


def test_repair_exports(results: Path) -> None:
    """A harmed file for other programs is exported again, and no tile is cut for it."""
    flip(f"{LOOSE}/clam.h5")(results)
    before = tree(results)
    assert repair(results, verify(results).harmed) == ["a: exported again by the next run"]
    assert before.keys() - tree(results).keys() == {"a/clam.h5"}
    export(LOOSE, results, ("clam",))
    assert verify(results).is_whole, said(results)


def test_repair_viewer(results: Path, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A harmed viewer is made again, and no tile is cut for it; a heat map stays the user's."""
    flip(f"{VIEWED}/viewer_files/0/0_0.jpg")(results)
    flip(f"{LOOSE}/heatmap-score.png")(results)
    before = tree(results)
    told = repair(results, verify(results).harmed)
    assert told[0] == "a: heatmap-score.png is to be written again by what wrote it"
    assert told[1].startswith("c: its viewer is gone: the next run with deepzoom")
    lost = before.keys() - tree(results).keys()
    assert {name.split("/")[1] for name in lost} == {
        *("viewer.html", "viewer.dzi", "viewer.json", "viewer_files")
    }
    monkeypatch.setattr(page, "openseadragon", lambda: {"openseadragon.min.js": b"a script"})
    settings = read_config({"tile_size": 1000}).settings
    viewer(VIEWED, variant("jpeg_plain").path, results, settings, 1)
    assert verify(results).harmed[0].slide == LOOSE
    assert len(verify(results).harmed) == 1


@pytest.mark.parametrize(
    "harm",
    [
        *(flip("report.html"), flip("report.tsv"), flip("run.json")),
        *(lose("run.json"), add("report_files/0123456789abcdef-map.jpg"), drop_status),
    ],
)
def test_repair_report(results: Path, capsys: pytest.CaptureFixture[str], harm: Harm) -> None:
    """A harmed report is put aside, whoever makes it anew; no slide is touched."""
    before = (results / "report.tsv").read_bytes()
    harm(results)
    harmed = (results / "report.tsv").read_bytes()
    place = ("--results", str(results))
    assert main(["verify", *place, "--repair"]) == 1
    told = capsys.readouterr().out
    assert "the report: made anew by the next run, or now by mrxs-tiles report" in told
    assert "cut again" not in told
    assert not (results / "report.html").exists()  # Snakemake misses it
    assert ("--carry COLUMN" in told) == (not (results / "report.tsv").exists())
    if not (results / "report.tsv").exists():
        assert (results / "report.tsv.harmed").read_bytes() == harmed
    report(results, Reported(carried=CARRIED))
    assert (results / "report.tsv").read_bytes() == before
    assert verify(results).is_whole, said(results)
    assert main(["verify", *place, "--repair"]) == 0
    assert (results / "report.html").exists()


def test_command(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says the same lines; 0: whole, 1: not, or nothing is there."""
    assert main(["verify", "--results", str(results)]) == 0
    assert "whole and themselves" in capsys.readouterr().out
    flip(f"{LOOSE}/tiles/3_4.jpg")(results)
    assert main(["verify", "--results", str(results)]) == 1
    assert "a: 1 changed: tiles/3_4.jpg" in capsys.readouterr().out
    with pytest.raises(ResultsError, match="holds no slide's results"):
        verify(results / "nothing")
