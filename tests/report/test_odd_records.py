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
from mrxs_tiles.report.report import read_report
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
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
    "a maker in a list": ("slide.json", {"made_by": []}),
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
