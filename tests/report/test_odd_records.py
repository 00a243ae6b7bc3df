"""Records that are JSON, and say other things than ours: no other slide hangs on them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import running
from mrxs_tiles.__main__ import main
from mrxs_tiles.config.config import read_config
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.verify import verify
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.heatmap import heatmap
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.steps.viewer import viewer
from mrxs_tiles.viewer import page
from running import TINY, tree

ODD: dict[str, tuple[str, Any]] = {
    "a count of nothing": ("tiles.json", {"counts": {"tiles": None}}),
    "no counts": ("tiles.json", {"counts": {}}),
    "counts in a list": ("tiles.json", {"counts": []}),
    "earlier in a list": ("tiles.json", {"earlier": []}),
    "earlier and its counts": ("tiles.json", {"earlier": {"status": "ok", "counts": None}}),
    "no status": ("tiles.json", {"status": None}),
    "tables in a list": ("tiles.json", {"tables": []}),
    "a warning of numbers": ("tiles.json", {"warnings": [1]}),
    "a status alone": ("slide.json", None),
    "a grid in a list": ("slide.json", {"grid": [1]}),
    "no path": ("slide.json", {"path": None}),
    "a text for a size": ("slide.json", {"width": "wide"}),
    "a text for an area": ("slide.json", {"tissue_mm2": "wide"}),
    "a number for a reader": ("slide.json", {"reader": 1.5}),
    "a list for a digest": ("slide.json", {"quickhash": []}),
    "a maker in a list": ("slide.json", {"made_by": []}),
}

BESIDE = ("exports.json", "viewer.json", "heatmap.json")
# keys, with "made_by" of one file in exports.json, and what stands there
ODD_BESIDE: dict[str, tuple[tuple[str, ...], Any]] = {
    "a number for makers": (("made_by",), 1.5),
    "a text for makers": (("made_by",), "me"),
    "a list for makers": (("made_by",), [1]),
    "a list for a maker": (("maker",), []),
    "a list for libraries": (("maker", "libraries"), [1]),
    "a list for a version": (("maker", "libraries", "numpy"), []),
    "a list for its number": (("maker", "number"), []),
    "tables in a list": (("tables",), []),
    "a sum of nothing": (("tables", "clam.h5"), None),
    "an error in a list": (("error",), []),
    "no slide": (("slide",), None),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two slides."""
    folder = tmp_path_factory.mktemp("odd")
    slide = running.write(folder / "a.mrxs", TINY)
    settings = read_config({"tile_size": 200}).settings
    for name in ("a", "b"):
        inspect(name, slide.path, folder / "results", settings)
        tile(name, slide.path, folder / "results", settings, 1)
    return folder / "results"


@pytest.mark.parametrize("odd", ODD)
def test_odd_record(
    made: Path, tmp_path: Path, odd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verify and report name the record, with that slide alone; repair has it done again."""
    results = tmp_path / "results"
    shutil.copytree(made, results)
    name, values = ODD[odd]
    file = results / "a" / name
    record = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({"status": "ok"} if values is None else record | values), "utf-8")
    place = ("--results", str(results))
    assert main(["report", *place]) == 1
    rows = {row["slide"]: row for row in read_report(results)}
    assert rows["b"]["status"] == "ok"
    assert rows["a"]["status"] == "failed"
    assert name in rows["a"]["error"]
    capsys.readouterr()
    assert main(["verify", *place, "--repair"]) == 1
    said = capsys.readouterr().out
    assert f"a: 1 changed: {name}" in said
    assert "a: cut again by the next run" in said
    assert "b: " not in said
    settings = read_config({"tile_size": 200}).settings
    inspect("a", made.parent / "a.mrxs", results, settings)
    tile("a", made.parent / "a.mrxs", results, settings, 1)
    assert main(["report", *place]) == 0
    assert main(["verify", *place]) == 0
    assert tree(results / "a").keys() == tree(made / "a").keys()


@pytest.mark.long
@pytest.mark.parametrize("name", BESIDE)
def test_odd_record_beside(
    made: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record of files beside the tiles that is not ours is a warning, and no step fails of it."""
    monkeypatch.setattr(page, "openseadragon", lambda: {"openseadragon.min.js": b"a script"})
    results = tmp_path / "results"
    shutil.copytree(made, results)
    slide = made.parent / "a.mrxs"
    settings = read_config({"tile_size": 200, "deepzoom": True}).settings
    scores = tmp_path / "scores.tsv"
    scores.write_text("slide\tcol\trow\tscore\na\t0\t0\t0.5\n")

    def all_beside() -> None:
        viewer("a", slide, results, settings, 1)
        export("a", results, ["clam"])
        heatmap(scores, results)

    all_beside()
    file = results / "a" / name
    text = file.read_text("utf-8")
    for odd, (keys, value) in ODD_BESIDE.items():
        record = at = json.loads(text)
        maker = ("made_by", "clam.h5") if name == "exports.json" else ("made_by",)
        keys = (*maker, *keys[1:]) if keys[0] == "maker" else keys
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value
        file.write_text(json.dumps(record), "utf-8")
        report(results)
        rows = {row["slide"]: row for row in read_report(results)}
        assert f"a/{name} is not ours" in rows["a"]["warnings"], odd
        assert (rows["a"]["status"], rows["b"]["status"]) == ("ok", "ok"), odd
        assert "is not ours" not in rows["b"]["warnings"], odd
        assert [found.slide for found in verify(results).harmed] == ["a"], odd
    for content in ("[]", "no JSON", '"a"', ""):
        file.write_text(content, "utf-8")
        report(results)
        assert f"a/{name} is no JSON" in read_report(results)[0]["warnings"], content
    for content in (json.dumps({"tables": []}), json.dumps({"made_by": [], "slide": "a"})):
        file.write_text(content, "utf-8")
        all_beside()
        report(results)
        assert name not in read_report(results)[0]["warnings"]


@pytest.mark.parametrize("value", [None, 5, [], {}])
def test_odd_run_record(made: Path, tmp_path: Path, value: object) -> None:
    """What an edited `run.json` says of a sheet or of slides' places is left out, and no more."""
    results = tmp_path / "results"
    shutil.copytree(made, results)
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("path\n")
    report(results, Reported(sheet=sheet))
    path = results / "run.json"
    before = json.loads(path.read_text("utf-8"))
    record = json.loads(path.read_text("utf-8"))
    record["slides"][0]["path"] = value
    path.write_text(json.dumps(record), "utf-8")
    report(results)
    assert json.loads(path.read_text("utf-8")) == before
    path.write_text(json.dumps(record | {"sheet": value}), "utf-8")
    report(results)
    sheet_now = json.loads(path.read_text("utf-8"))["sheet"]
    assert sheet_now == (None if not isinstance(value, dict) else value)


def test_a_folder_that_was_renamed_or_copied(made: Path, tmp_path: Path) -> None:
    """Its results count under no name twice, and the report says whose they are."""
    results = tmp_path / "results"
    shutil.copytree(made, results)
    shutil.copytree(results / "a", results / "a backup")
    report(results)
    rows = {row["slide"]: row for row in read_report(results)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a": "ok",
        "a backup": "failed",
        "b": "ok",
    }
    assert 'The folder "a backup" holds the results of the slide "a"' in rows["a backup"]["error"]
    shutil.rmtree(results / "a")
    (results / "a backup").rename(results / "a")
    report(results)
    assert [row["status"] for row in read_report(results)] == ["ok", "ok"]
