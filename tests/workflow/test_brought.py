"""What people bring, through the real workflow: odd paths, bins, folders that may not be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import needs
from packing import members
from running import BIN, REPO, TINY, copy_slide, names, run, snakemake, table, write

pytestmark = pytest.mark.slow


def as_user(*command: str | Path) -> list[str | Path]:
    """A command without root's right to read all."""
    if os.geteuid() != 0:
        return list(command)
    needs.require("setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]


def test_a_folder_as_it_is_found(tmp_path: Path) -> None:
    """Typed with a # it is cut as typed, without the bin; what cannot be read ends in an error."""
    study = tmp_path / "study #2"
    first = write(study / "a.mrxs", TINY).path
    copy_slide(first, study / "#recycle/old.mrxs")
    copy_slide(first, study / "private/b.mrxs")
    copy_slide(first, study / "c.mrxs").unlink()
    (tmp_path / "study").mkdir()
    (tmp_path / "config.yml").write_text("server: another program's\n")
    (study / "private").chmod(0)
    typed = ["slides=study #2", "results=007", "tile_size=200"]
    command = as_user(BIN / "snakemake", "-s", REPO / "Snakefile", "--cores", "2")
    trouble = f'The folder "{study}/private" cannot be read (Permission denied)'
    try:
        ran = run(*command, "--config", *typed, cwd=tmp_path)
        assert ran.code != 0
        assert ran.text.count(trouble) == 2, "when it begins, and in the summary"
        assert 'as bins, snapshots or folders of the system: "#recycle"' in ran.err
        assert "Traceback" not in ran.text
        rows = {row["slide"]: row for row in table(tmp_path / "007/report.tsv")}
        assert {name: row["status"] for name, row in rows.items()} == {"a": "ok", "c": "failed"}
        assert "its data folder 'c' does" in rows["c"]["error"]
        again = run(*command, "--config", *typed, "on_bad_slide=ignore", cwd=tmp_path)
        assert again.code == 0
        assert again.text.count(trouble) == 2, "also where there is nothing to do"
        asked = ("survey", f"{study}/**/*.mrxs", "--results", tmp_path / "sv")
        surveyed = run(*as_user(BIN / "mrxs-tiles", *asked), python_path=REPO / "workflow")
        assert surveyed.code == 1
        assert trouble in surveyed.out
        assert "folders that cannot be read: 1, listed above" in surveyed.err
    finally:
        (study / "private").chmod(0o755)
    assert "study" not in names(tmp_path / "007")


def test_a_sheet_that_carries(tmp_path: Path) -> None:
    """A sheet of Excel's is cut; its columns come into the report, and other values cut nothing."""
    write(tmp_path / "slides/a.mrxs", TINY)
    sheet = tmp_path / "Meine Tabelle.csv"
    text = "Path;Tile Size;patient;\r\nslides\\A.mrxs;200,0;P1;\r\n;;;\r\n"
    sheet.write_bytes(text.encode("utf-16"))
    keys = {"slides": sheet, "carry": "[patient]", "packing": "tar", "exports": "[parquet]"}
    assert snakemake(tmp_path / "work", **keys).code == 0
    assert carried_by(tmp_path / "work/results") == "P1"
    sheet.write_bytes(text.replace("P1", "P2").encode("utf-16"))
    again = snakemake(tmp_path / "work", **keys)
    assert sorted(again.jobs) == ["export A", "report"]
    assert carried_by(tmp_path / "work/results") == "P2"


def carried_by(results: Path) -> str:
    """The patient of the one slide, everywhere the same."""
    (row,) = table(results / "report.tsv")
    (shard,) = (results / "A/tiles").iterdir()
    rows = [json.loads(text) for key, text in members(shard).items() if key.endswith("json")]
    assert {one["sheet"]["patient"] for one in rows} == {row["patient"]}
    exported = pq.read_table(results / "A/tiles.parquet")
    assert set(exported["sheet_patient"].to_pylist()) == {row["patient"]}
    assert "patient" not in (results / "A/slide.json").read_text()
    return row["patient"]
