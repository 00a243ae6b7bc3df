"""Columns of the user's sheet in report.tsv, and slides that are there under two names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mrxs_tiles import load
from mrxs_tiles.__main__ import main
from mrxs_tiles.config.config import read_config
from mrxs_tiles.files import manifest
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.summary import summary
from mrxs_tiles.report.verify import verify
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from packing import members
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
    report(results, Reported(carried=carried))
    rows = table(results / "report.tsv")
    assert list(rows[0]) == [*manifest.REPORT, "patient", "note"]
    assert [(row["patient"], row["note"]) for row in rows] == [("007", "x\\ty\\\\"), ("NA", "")]
    assert [row["status"] for row in read_report(results)] == ["ok", "ok"]
    slides = load(results).slides
    assert list(slides["patient"]) == ["007", "NA"]
    assert slides["note"][0] == "x\ty\\"
    assert slides["note"].isna().tolist() == [False, True]
    assert "patient" not in (results / "a/slide.json").read_text()


def test_one_patient_in_two_spellings(tmp_path: Path) -> None:
    """A cell that differs from others' in spelling alone is asked about, and stays."""
    slide = write(tmp_path / "a.mrxs", TINY)
    results = tmp_path / "results"
    cut_as(slide.path, results, "a", "b", "c")
    patients = {"a": "P2", "b": "p2", "c": "P2"}
    report(results, Reported(carried={name: {"patient": one} for name, one in patients.items()}))
    rows = {row["slide"]: row for row in table(results / "report.tsv")}
    assert {name: row["patient"] for name, row in rows.items()} == patients
    said = 'the sheet\'s "patient" differs from that of a only in spelling (case, '
    said += "blanks, dashes, Unicode form, 7 and 7.0): is one meant?"
    assert [name for name, row in rows.items() if said in row["warnings"]] == ["b"]
    assert any(said in line for line in summary(results, list(rows.values())))
    assert verify(results).is_whole
    report(results, Reported(carried={"a": {"patient": "P2"}, "b": {"patient": "P22"}}))
    assert "only in spelling" not in (results / "report.tsv").read_text("utf-8")


def test_carried_columns_are_kept(tmp_path: Path) -> None:
    """Who has no sheet keeps the columns that are there; a run that carries none has none."""
    slide = write(tmp_path / "a.mrxs", TINY)
    results = tmp_path / "results"
    cut_as(slide.path, results, "a", "b")
    report(results, Reported(carried={"b": {"patient": "x\ty\\"}, "a": {"patient": "007"}}))
    before = (results / "report.tsv").read_bytes()
    report(results)
    assert (results / "report.tsv").read_bytes() == before
    cut_as(slide.path, results, "c")
    report(results)
    rows = table(results / "report.tsv")
    assert [row["patient"] for row in rows] == ["007", "x\\ty\\\\", ""]
    report(results, Reported(carried={}))
    assert list(table(results / "report.tsv")[0]) == list(manifest.REPORT)


def test_tiles_and_datasets_carry_them(tmp_path: Path) -> None:
    """In load's tiles on request, in Parquet and its dataset last; a missing text is null."""
    slide = write(tmp_path / "a.mrxs", TINY)
    results = tmp_path / "results"
    cut_as(slide.path, results, "a", "b", "c")
    carried = {"a": {"patient": "P1", "note": ""}, "b": {"patient": "P2", "note": "x\ty"}}
    for name in ("a", "b"):
        export(name, results, ["parquet"], carried[name])
    report(results, Reported(carried=carried))
    run = load(results)
    assert not any(name.startswith("sheet_") for name in run.tiles)
    tiles = run.tiles_of(["b", "a"], ["sheet_patient", "sheet_note", "col"])
    assert list(tiles) == ["slide", "col", "sheet_patient", "sheet_note"]
    said = {name: part.drop(columns="col").values.tolist() for name, part in tiles.groupby("slide")}
    assert set(map(tuple, said["b"])) == {("b", "P2", "x\ty")}
    assert tiles["sheet_note"].isna().equals(tiles["slide"] == "a")
    with pytest.raises(ValueError, match='no column "sheet_grade"'):
        run.tiles_of(None, ["sheet_grade"])
    assert pq.read_schema(results / "a/tiles.parquet").names[-2:] == ["sheet_patient", "sheet_note"]
    exported = run.dataset()  # "c" without an export
    assert exported.schema.names == ["slide", *manifest.TILES, "sheet_patient", "sheet_note"]
    found = exported.to_table().select(["slide", "sheet_patient", "sheet_note"]).to_pylist()
    assert {tuple(row.values()) for row in found} == {
        ("a", "P1", None), ("b", "P2", "x\ty"), ("c", None, None),
    }  # fmt: skip


def test_a_dataset_holds_what_the_sheet_says_now(tmp_path: Path) -> None:
    """An export of before a correction, or with columns that are not asked for, is passed by."""
    slide = write(tmp_path / "a.mrxs", TINY)
    results = tmp_path / "results"
    cut_as(slide.path, results, "a")
    export("a", results, ["parquet"], {"patient": "P1"})
    for carried, cells in (
        ({"a": {"patient": "P1"}}, {("P1",)}),
        ({"a": {"patient": "P2"}}, {("P2",)}),
        ({"a": {"patient": "P2", "split": "val"}}, {("P2", "val")}),
        ({}, {()}),
    ):
        report(results, Reported(carried=carried))
        found = load(results).dataset().to_table()
        names = [name for name in found.schema.names if name.startswith("sheet_")]
        assert {tuple(row.values()) for row in found.select(names).to_pylist()} <= cells
        assert len(names) == len(next(iter(cells)))
        assert found.num_rows == len(load(results).tiles)


def command(*words: str | Path) -> int:
    return main([str(word) for word in words])


@pytest.mark.long
def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`report` takes the columns of a sheet everywhere; the steps after it carry them on."""
    for name in ("a", "b"):
        write(tmp_path / f"{name}.mrxs", TINY)
    results = ("--results", tmp_path / "results")
    cutting = (*results, "--tile-size=200", "--packing=tar", "--exports=parquet")
    for name in ("a", "b"):
        for step in ("inspect", "tile"):
            assert command(step, tmp_path / f"{name}.mrxs", *cutting) == 0
    tables = {path: path.read_bytes() for path in (tmp_path / "results").rglob("tiles.tsv")}
    sheet = tmp_path / "s.csv"
    for patient in ("P1", "P2"):
        sheet.write_text(f"path,Patient,pacth\na.mrxs,{patient},x\n")
        capsys.readouterr()
        assert command("report", *results, "--slides", sheet, "--carry", "Patient") == 0
        said = capsys.readouterr().out
        assert '"pacth" (did you mean path?)' in said
        assert "not in the sheet, so without Patient: b" in said
        assert carried_by(tmp_path / "results") == {"a": patient, "b": None}
    assert command("report", *results) == 0
    assert command("tile", tmp_path / "a.mrxs", *cutting) == 0
    assert carried_by(tmp_path / "results") == {"a": "P2", "b": None}
    assert tables == {path: path.read_bytes() for path in (tmp_path / "results").rglob("tiles.tsv")}
    assert command("report", *results, "--carry", "none") == 0
    assert b"sheet" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.tar"))
    assert not any("sheet" in name for name in load(tmp_path / "results").dataset().schema.names)


@pytest.mark.parametrize("harm", ["lost", "another header"])
def test_not_known_is_not_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    """Where the report that knew the columns is gone, what lies there keeps them, which is said."""
    write(tmp_path / "a.mrxs", TINY)
    results = ("--results", tmp_path / "results")
    cutting = (*results, "--tile-size=200", "--packing=tar", "--exports=parquet")
    sheet = tmp_path / "s.csv"
    sheet.write_text("path,Patient\na.mrxs,P1\n")
    for step in ("inspect", "tile"):
        assert command(step, tmp_path / "a.mrxs", *cutting) == 0
    carry = ("report", *results, "--slides", sheet, "--carry", "Patient")
    assert command(*carry) == 0
    table_file = tmp_path / "results/report.tsv"
    if harm == "lost":
        table_file.unlink()
    else:
        text = table_file.read_text("utf-8")
        table_file.write_text(text.replace("slide\tpath", "path\tslide", 1), "utf-8")
    held = files_that_carry(tmp_path / "results")
    for _ in range(2):  # the second finds the report of the first, which knows no column
        capsys.readouterr()
        assert command("report", *results) == 0
        assert "--slides SHEET --carry Patient" in capsys.readouterr().out
        assert files_that_carry(tmp_path / "results") == held
        assert verify(tmp_path / "results").is_whole
    assert command("tile", tmp_path / "a.mrxs", *cutting) == 0
    assert files_that_carry(tmp_path / "results") == held
    assert command(*carry) == 0
    assert carried_by(tmp_path / "results") == {"a": "P1"}
    assert "--carry" not in table_file.read_text("utf-8")


def files_that_carry(results: Path) -> dict[Path, bytes]:
    """Shards and Parquet files."""
    kinds = (".tar", ".parquet")
    return {path: path.read_bytes() for path in results.rglob("*") if path.suffix in kinds}


def carried_by(results: Path) -> dict[str, str | None]:
    """The patient of each slide, everywhere the same."""
    run = load(results)
    found = dict(zip(run.slides["slide"], run.slides["Patient"], strict=True))
    found = {name: cell if isinstance(cell, str) else None for name, cell in found.items()}
    for name, cell in found.items():
        (shard,) = (results / name / "tiles").iterdir()
        rows = [json.loads(text) for key, text in members(shard).items() if key.endswith("json")]
        assert [row["sheet"] for row in rows] == [{"Patient": cell}] * len(rows)
        table = pq.read_table(results / name / "tiles.parquet")
        assert set(table["sheet_Patient"].to_pylist()) == {cell}
    return found


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--carry", "patient"), "no sheet is named: add --slides SHEET"),
        (("--slides", "s.csv"), "name them, such as --carry patient"),
        (("--slides", ".", "--carry", "patient"), "which is no sheet"),
        (("--slides", "s.csv", "--carry", "label"), "rename it in the sheet"),
        (("--slides", "s.csv", "--carry", "grade"), 'which Sheet "s.csv" does not have'),
    ],
)
def test_command_line_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    told: str,
) -> None:
    """A sheet without columns, columns without a sheet, names of ours: said, and nothing done."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.mrxs", TINY)
    (tmp_path / "s.csv").write_text("path,patient,label\na.mrxs,P1,x\n")
    assert command("report", "--results", "results", *words) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "results/report.tsv").exists()


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
