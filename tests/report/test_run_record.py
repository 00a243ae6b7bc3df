"""`run.json` and the RO-Crate: what made the results, and nothing of who, where and when."""

from __future__ import annotations

import json
import platform
import shutil
import time
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from in_process import NAME, Cut, cut
from mrxs_tiles.__main__ import main
from mrxs_tiles.config.config import cutting_keys, read_config
from mrxs_tiles.report.report import report
from mrxs_tiles.report.slides_of_report import Reported
from running import record, tree

KEYS = {"tile_size": 1000, "quality": 60}
FILES = ("run.json", "ro-crate-metadata.json")


def reported(results: Path, sheet: Path | None = None) -> dict[str, bytes]:
    """Make the report; returns the two files."""
    config = cutting_keys(read_config(KEYS))
    carried = {NAME: {"patient": "Jane Roe"}}
    report(results, Reported(carried=carried, sheet=sheet), config)
    return {name: (results / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def found(aperio: Path, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """The real slide, cut: who makes a report of it copies it."""
    return cut(aperio, tmp_path_factory.mktemp("found"), **KEYS)


@pytest.fixture
def results(found: Cut, tmp_path: Path) -> Path:
    """A copy of its results, of which there is no report."""
    shutil.copytree(found.folder, tmp_path / "results" / NAME)
    return tmp_path / "results"


@pytest.mark.long
def test_equal_bytes(aperio: Path, results: Path, tmp_path: Path) -> None:
    """Two runs at different times, into different folders, give equal bytes."""
    one = reported(results)
    assert json.loads(one["run.json"])["slides"][0]["path"] == aperio.name
    time.sleep(1.1)  # the crate's library would write the second
    cut(aperio, tmp_path / "two" / "elsewhere", **KEYS)
    assert reported(tmp_path / "two" / "elsewhere") == one


@pytest.mark.long
def test_what_made_them(aperio: Path, tmp_path: Path) -> None:
    """Which slide with which keys, by which numbers; a slide that failed with none."""
    results = tmp_path / "results"
    slide = tmp_path / "slides" / "S.svs"
    slide.parent.mkdir()
    shutil.copy(aperio, slide)
    found = cut(slide, results, **KEYS)
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("path\nslides/S.svs\n", "utf-8")
    reported(results, sheet)
    run = record(results / "run.json")
    assert run["config"]["quality"] == 60
    assert run["settings"] == [found.tiled["settings"]]
    assert run["sheet"]["name"] == "sheet.tsv"
    assert len(run["sheet"]["sha256"]) == 64
    told = run["slides"][0]
    assert (told["slide"], told["path"], told["status"]) == (NAME, "slides/S.svs", "ok")
    assert told["quickhash"] == found.inspected["quickhash"]
    assert told["tile"] == found.tiled["made_by"]["number"]
    # who knows no sheet keeps what was known
    later = json.loads(reported(results)["run.json"])
    assert (later["sheet"], later["slides"]) == (run["sheet"], run["slides"])


@pytest.mark.long
def test_config_is_the_runs(results: Path) -> None:
    """`report` alone knows no key: those of the run stay, but for one that is typed."""
    before = json.loads(reported(results)["run.json"])["config"]
    page = (results / "report.html").read_bytes()
    assert main(["report", "--results", str(results)]) == 0
    assert record(results / "run.json")["config"] == before
    assert (results / "report.html").read_bytes() == page
    report(results)
    assert record(results / "run.json")["config"] == before
    assert main(["report", "--results", str(results), "--quality", "70"]) == 0
    assert record(results / "run.json")["config"] == before | {"quality": 70}
    (results / "run.json").write_text("[]", "utf-8")
    assert main(["report", "--results", str(results)]) == 0
    assert record(results / "run.json")["config"]["quality"] == read_config({}).settings.quality


@pytest.mark.long
def test_nothing_of_who_and_where(aperio: Path, tmp_path: Path) -> None:
    """No host, user, absolute path or carried cell; of a region's file its name and digest."""
    drawn = tmp_path / "a region.geojson"
    square = [[[0, 0], [2000, 0], [2000, 2000], [0, 2000], [0, 0]]]
    drawn.write_text(json.dumps({"type": "Polygon", "coordinates": square}), "utf-8")
    cut(aperio, tmp_path / "results", **KEYS, region=str(drawn))
    reported(tmp_path / "results")
    run = record(tmp_path / "results" / "run.json")
    assert run["settings"][0]["region"] == drawn.name
    assert len(run["slides"][0]["region"]) == 64
    for name in (*FILES, f"{NAME}/tiles.json"):
        text = (tmp_path / "results" / name).read_text("utf-8")
        for secret in (str(tmp_path), str(aperio.parent), "Jane Roe", platform.node()):
            assert secret not in text, name
        assert str(Path.home()) not in text


@pytest.mark.long
def test_crate(results: Path) -> None:
    """The library that reads crates finds the run, its keys and the files."""
    reported(results)
    before = tree(results)
    crate = ROCrate(results)
    assert crate.mainEntity["version"] == record(results / "run.json")["version"]
    assert {part.id for part in crate.root_dataset["hasPart"]} == {
        *("report.tsv", "report.html", "run.json", "report_files/", f"{NAME}/")
    }
    action = crate.root_dataset["mentions"]
    assert action["instrument"] is crate.mainEntity
    keys = {given["name"]: given["value"] for given in action["object"]}
    assert keys["quality"] == "60"
    assert tree(results) == before
