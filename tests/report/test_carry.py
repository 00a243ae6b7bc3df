"""Columns of the user's sheet in report.tsv, and slides that are there under two names."""

from __future__ import annotations

import shutil
from pathlib import Path

from mrxs_tiles import load
from mrxs_tiles.config.config import read_config
from mrxs_tiles.files import manifest
from mrxs_tiles.report.report import read_report, report, summary
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import TINY, copy_slide, table, write


def cut_as(path: Path, results: Path, *names: str) -> None:
    """Cut one slide under some names."""
    settings = read_config({"tile_size": 200}).settings
    for name in names:
        inspect(name, path, results, settings)
        tile(name, path, results, settings, 1)


def test_carried_columns(tmp_path: Path) -> None:
    """They stand last, in their order, as text; what reads the report is not disturbed."""
    slide = write(tmp_path / "a.mrxs", TINY)
    results = tmp_path / "results"
    cut_as(slide.path, results, "a", "b")
    carried = {"a": {"patient": "007", "note": "x\ty\\"}, "b": {"patient": "NA", "note": ""}}
    report(results, carried=carried)
    rows = table(results / "report.tsv")
    assert list(rows[0]) == [*manifest.REPORT, "patient", "note"]
    assert [(row["patient"], row["note"]) for row in rows] == [("007", "x\\ty\\\\"), ("NA", "")]
    assert [row["status"] for row in read_report(results)] == ["ok", "ok"]
    slides = load(results).slides
    assert list(slides["patient"]) == ["007", "NA"]
    assert list(slides["note"]) == ["x\ty\\", ""]
    assert "patient" not in (results / "a/slide.json").read_text()


def test_carried_columns_are_kept(tmp_path: Path) -> None:
    """Who has no sheet keeps the columns that are there; a run that carries none has none."""
    slide = write(tmp_path / "a.mrxs", TINY)
    results = tmp_path / "results"
    cut_as(slide.path, results, "a", "b")
    report(results, carried={"b": {"patient": "x\ty\\"}, "a": {"patient": "007"}})
    before = (results / "report.tsv").read_bytes()
    report(results)
    assert (results / "report.tsv").read_bytes() == before
    cut_as(slide.path, results, "c")
    report(results)
    rows = table(results / "report.tsv")
    assert [row["patient"] for row in rows] == ["007", "x\\ty\\\\", ""]
    report(results, carried={})
    assert list(table(results / "report.tsv")[0]) == list(manifest.REPORT)


def test_one_slide_under_two_names(tmp_path: Path) -> None:
    """A copy of a slide is named; one file that was named twice was meant so."""
    slide = write(tmp_path / "a.mrxs", TINY)
    copy = copy_slide(slide.path, tmp_path / "copy.mrxs")
    results = tmp_path / "results"
    cut_as(slide.path, results, "a", "again")
    report(results)
    assert not any("the same slide" in row["warnings"] for row in read_report(results))
    cut_as(copy, results, "sub/c")
    shutil.rmtree(results / "again")
    report(results)
    rows = read_report(results)
    assert [row["warnings"].split("; ")[-1] for row in rows] == [
        'the same slide, by its quickhash, as "sub/c"', 'the same slide, by its quickhash, as "a"',
    ]  # fmt: skip
    lines = [line for line in summary(results, rows) if "the same slide" in line]
    assert lines == ['  a is the same slide, by its quickhash, as "sub/c"']
