"""`runtime.tsv`: what a run took, from whatever Snakemake's benchmark files say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.manifest import read_record, write_record
from mrxs_tiles.report.report import report
from mrxs_tiles.report.runtime import RUNTIME, RUNTIME_TSV
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import TINY, Ran, mrxs_tiles, record, snakemake, table, times, tree

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
WHOLE = "12.5\t0:00:12\t100.00\t200.00\t90.00\t95.00\t10.00\t20.00\t98.00\t11.25"
MEASURED = RUNTIME[2:7]
UNKNOWN = dict.fromkeys(MEASURED, "")
KNOWN = {
    "seconds": "12.5",
    "cpu_seconds": "11.25",
    "peak_mb": "104.858",
    "read_mb": "10.4858",
    "written_mb": "20.9715",
}
GOOD, ODD, BAD = "good", "sub dir/two  blanks & $(x)", "bad"
REFUSED = ("braces{x}", r"a\\tb")  # by Snakemake; as the tables write them


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A run on two good slides, one that is none and two that Snakemake cannot carry."""

    def make(folder: Path) -> Ran:
        running.write(folder / "slides" / f"{GOOD}.mrxs", running.LARGE)
        running.write(folder / "slides" / f"{ODD}.mrxs", replace(TINY, seed=1))
        (folder / "slides" / f"{BAD}.mrxs").write_text("no slide")
        (folder / "slides" / "braces{x}.mrxs").write_text("never opened")
        (folder / "slides" / "a\tb.mrxs").write_text("never opened")
        # started as always: a forked job's memory is not that of what Snakemake started
        command = running.snakemake_command(folder, tile_size=64, on_bad_slide="ignore")
        return running.run(*command)

    return running.once(tmp_path_factory, "runtime", make)


def rows_of(results: Path) -> dict[tuple[str, str], dict[str, str]]:
    """The rows by slide and step."""
    return {(row["slide"], row["step"]): row for row in table(results / RUNTIME_TSV)}


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """Results of one tiny slide, `A`, and an empty folder `logs/A` beside them."""
    slide = running.write(tmp_path / "A.mrxs", TINY).path
    settings = read_config({"tile_size": 200}).settings
    inspect("A", slide, tmp_path / "results", settings)
    tile("A", slide, tmp_path / "results", settings, 1)
    (tmp_path / "logs" / "A").mkdir(parents=True)
    return tmp_path


def test_viewer_and_export(cut: Path) -> None:
    """A slide that has a viewer or exports has a row for each of these steps, others have none."""
    results = cut / "results"
    logs = cut / "logs" / "A"
    for step in ("inspect", "tile", "viewer", "export"):
        (logs / f"{step}.benchmark.tsv").write_text(f"{HEADER}\n{WHOLE}\n")
    report(results, benchmarks=cut / "logs")
    assert [*rows_of(results)] == [("A", "inspect"), ("A", "tile")]
    export("A", results, ["clam"])
    write_record(results / "A" / "viewer.json", {"slide": "A", "tables": {}})
    (logs / "export.benchmark.tsv").unlink()
    report(results, benchmarks=cut / "logs")
    rows = rows_of(results)
    assert [step for _, step in rows] == ["inspect", "tile", "viewer", "export"]
    assert {name: rows["A", "viewer"][name] for name in MEASURED} == KNOWN
    assert {name: rows["A", "export"][name] for name in MEASURED} == UNKNOWN
    assert len({(row["pixels"], row["tiles"], row["kept"]) for row in rows.values()}) == 1


# --- a real run ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_rows(ran: tuple[Path, Ran]) -> None:
    """Each slide has its two rows, in the order of the report, whatever became of it."""
    results = ran[0] / "results"
    assert ran[1].code == 0
    slides = [row["slide"] for row in table(results / "report.tsv")]
    assert sorted(slides) == sorted([GOOD, ODD, BAD, *REFUSED])
    rows = table(results / RUNTIME_TSV)
    assert [(row["slide"], row["step"]) for row in rows] == [
        (slide, step) for slide in slides for step in ("inspect", "tile")
    ]
    assert tuple(rows[0]) == RUNTIME


@pytest.mark.slow
def test_what_was_measured(ran: tuple[Path, Ran]) -> None:
    """Times and memory are those of a program; a slide that no job ran for has none."""
    rows = rows_of(ran[0] / "results")
    for (slide, _), row in rows.items():
        if slide in REFUSED:
            assert {name: row[name] for name in MEASURED} == UNKNOWN
            continue
        assert 0 < float(row["seconds"]) < running.PATIENCE
        if row["cpu_seconds"]:
            assert 0 < float(row["cpu_seconds"]) <= 2 * float(row["seconds"]) + 0.5
            assert 5 < float(row["peak_mb"]) < 1000
        else:  # a job that was over before Snakemake looked
            assert row["peak_mb"] == row["read_mb"] == row["written_mb"] == ""
    assert float(rows[GOOD, "tile"]["peak_mb"]) > 50


@pytest.mark.slow
def test_what_there_was_to_do(ran: tuple[Path, Ran]) -> None:
    """Pixels and tiles are what the records and the table of tiles say; unknown: empty."""
    results = ran[0] / "results"
    rows = rows_of(results)
    for slide in (GOOD, ODD):
        looked, tiles = record(results / slide / "slide.json"), table(results / slide / "tiles.tsv")
        for step in ("inspect", "tile"):
            row = rows[slide, step]
            assert int(row["pixels"]) == looked["width"] * looked["height"]
            area = looked["scanned_mm2"] * 1e6 / looked["mpp_x"] / looked["mpp_y"]
            assert int(row["scanned_pixels"]) == min(round(area), int(row["pixels"]))
            assert int(row["tiles"]) == looked["grid"]["tiles"]
            assert int(row["kept"]) == sum(tile["kept"] == "1" for tile in tiles)
    for slide in (BAD, *REFUSED):
        for step in ("inspect", "tile"):
            assert {rows[slide, step][name] for name in RUNTIME[7:]} == {""}


@pytest.mark.slow
def test_the_next_run(tmp_path: Path) -> None:
    """Benchmark files are no input: without them nothing is redone but a missing table."""
    running.write(tmp_path / "slides" / "A.mrxs", TINY)
    results, logs = tmp_path / "results", tmp_path / "results/logs/A"
    assert snakemake(tmp_path, tile_size=200).code == 0
    before, then = rows_of(results), times(results / "A")
    (logs / "tile.benchmark.tsv").unlink()
    ran = snakemake(tmp_path, tile_size=200)
    assert (ran.code, ran.jobs) == (0, [])
    assert rows_of(results) == before
    (results / RUNTIME_TSV).unlink()
    ran = snakemake(tmp_path, tile_size=200)
    assert (ran.code, ran.jobs) == (0, ["report"])
    left = before["A", "tile"] | UNKNOWN
    assert rows_of(results) == before | {("A", "tile"): left}
    assert times(results / "A") == then


# --- benchmark files ----------------------------------------------------------------------------


def test_a_whole_file(cut: Path) -> None:
    """MiB are MB in the table; only the named columns count, wherever they stand."""
    file = cut / "logs" / "A" / "tile.benchmark.tsv"
    file.write_text(f"{HEADER}\n{WHOLE}\n")
    report(cut / "results", benchmarks=cut / "logs")
    row = rows_of(cut / "results")["A", "tile"]
    size = {"pixels": "69850", "scanned_pixels": "69850", "tiles": "4", "kept": "4"}
    assert row == {"slide": "A", "step": "tile"} | KNOWN | size
    backwards = ("\t".join(reversed(line.split("\t"))) for line in (HEADER, WHOLE))
    file.write_text("".join(f"{line}\n" for line in backwards))
    report(cut / "results", benchmarks=cut / "logs")
    assert rows_of(cut / "results")["A", "tile"] == row


def cases() -> Iterator[tuple[str, bytes | None, dict[str, str]]]:
    """A benchmark file's content, and what the table says then."""
    whole = f"{HEADER}\n{WHOLE}\n"
    only_seconds = UNKNOWN | {"seconds": "12.5"}
    yield "missing", None, UNKNOWN
    yield "empty", b"", UNKNOWN
    yield "header alone", f"{HEADER}\n".encode(), UNKNOWN
    yield "cut short", whole[:-2].encode(), UNKNOWN
    yield "fields lost", whole[:-20].encode() + b"\n", UNKNOWN
    yield "no text", b"\xff\xfe\x00\n\x00\n", UNKNOWN
    yield "no table", b"Traceback\n  oh\n", UNKNOWN
    yield (
        "no numbers",
        whole.replace("12.5", "soon").replace("100.00", "nan").encode(),
        (KNOWN | {"seconds": "", "peak_mb": ""}),
    )
    yield (
        "impossible",
        whole.replace("100.00", "-1").replace("10.00", "inf").encode(),
        (KNOWN | {"peak_mb": "", "read_mb": ""}),
    )
    nothing = "\t".join(["12.5", "0:00:12", *["NA"] * 8])
    yield "NA", f"{HEADER}\n{nothing}\n".encode(), only_seconds
    yield (
        "-",
        whole.replace("\t10.00\t20.00", "\t-\t-").encode(),
        (KNOWN | {"read_mb": "", "written_mb": ""}),
    )
    # what Snakemake sees of a job that is over within half a second: a shell
    shell = "\t".join(["12.5", "0:00:12", "1.74", "8.93", *["0.00"] * 6])
    yield "looked once", f"{HEADER}\n{shell}\n".encode(), only_seconds
    yield "twice", f"{HEADER}\n{WHOLE.replace('12.5', '99')}\n{WHOLE}\n".encode(), KNOWN


@pytest.mark.parametrize(("content", "said"), [pytest.param(*c[1:], id=c[0]) for c in cases()])
def test_files_as_they_come(cut: Path, content: bytes | None, said: dict[str, str]) -> None:
    """What a killed job, a full disk or another platform leaves is an empty field, no error."""
    if content is not None:
        (cut / "logs" / "A" / "tile.benchmark.tsv").write_bytes(content)
    report(cut / "results", benchmarks=cut / "logs")
    row = rows_of(cut / "results")["A", "tile"]
    assert {name: row[name] for name in MEASURED} == said
    assert row["tiles"] == "4"


def test_a_folder_in_its_place(cut: Path) -> None:
    """What cannot be read as a file is as if it were not there, also outside."""
    (cut / "logs" / "A" / "tile.benchmark.tsv").mkdir()
    refused = [("../A", "/A.mrxs", "Outside.")]
    report(cut / "results", Reported(["A"], refused), benchmarks=cut / "logs")
    rows = rows_of(cut / "results").values()
    assert len(rows) == 4
    assert {row[name] for row in rows for name in MEASURED} == {""}


def test_a_tab_in_a_name(cut: Path) -> None:
    """A name that only the command line takes is found as it is, and written as all tables do."""
    for folder in ("results", "logs"):
        (cut / folder / "A").rename(cut / folder / "a\tb")
    record = read_record(cut / "results" / "a\tb" / "slide.json")
    write_record(cut / "results" / "a\tb" / "slide.json", record | {"slide": "a\tb"})
    (cut / "logs" / "a\tb" / "tile.benchmark.tsv").write_text(f"{HEADER}\n{WHOLE}\n")
    report(cut / "results", benchmarks=cut / "logs")
    rows = rows_of(cut / "results")
    assert rows.keys() == {("a\\tb", "inspect"), ("a\\tb", "tile")}
    assert rows["a\\tb", "tile"].items() >= KNOWN.items()


def test_a_slide_that_does_not_say_its_scale(cut: Path) -> None:
    """Without a scale the scanned area, and so its px, is not known; the size is."""
    looked = record(cut / "results" / "A" / "slide.json")
    unknown = dict.fromkeys(("mpp_x", "mpp_y", "scanned_mm2", "tissue_mm2"))
    write_record(cut / "results" / "A" / "slide.json", looked | unknown)
    report(cut / "results", benchmarks=cut / "logs")
    row = rows_of(cut / "results")["A", "tile"]
    assert (row["pixels"], row["scanned_pixels"]) == ("69850", "")


# --- nothing else, nothing stale ----------------------------------------------------------------


def test_nothing_else_changes(cut: Path) -> None:
    """With benchmark files there is one file more; the others have the same bytes."""
    report(cut / "results")
    before = tree(cut / "results")
    assert RUNTIME_TSV not in before
    report(cut / "results", benchmarks=cut / "logs")
    after = tree(cut / "results")
    assert after.pop(RUNTIME_TSV)
    assert after == before


def test_none_is_left_stale(cut: Path) -> None:
    """A report without benchmark files removes the table of an earlier one."""
    report(cut / "results", benchmarks=cut / "logs")
    report(cut / "results")
    assert not (cut / "results" / RUNTIME_TSV).exists()


def test_it_cannot_be_written(cut: Path) -> None:
    """A folder in its place is said in a sentence."""
    (cut / "results" / RUNTIME_TSV / "x").mkdir(parents=True)
    with pytest.raises(ResultsError, match=r"runtime\.tsv cannot be written"):
        report(cut / "results", benchmarks=cut / "logs")


@pytest.mark.slow
def test_command_line(cut: Path) -> None:
    """`mrxs-tiles report --benchmarks logs` writes it, relative to where it was started."""
    (cut / "logs" / "A" / "tile.benchmark.tsv").write_text(f"{HEADER}\n{WHOLE}\n")
    ran = mrxs_tiles("report", "--results", "results", "--benchmarks", "logs", cwd=cut)
    assert (ran.code, ran.err) == (0, "")
    assert rows_of(cut / "results")["A", "tile"]["seconds"] == "12.5"
    before = tree(cut / "results")
    ran = mrxs_tiles("report", "--results", "results", "--benchmarks", "log", cwd=cut)
    assert (ran.code, ran.out, ran.err) == (
        1,
        "",
        'mrxs-tiles: --benchmarks is "log", and there is no such folder: name the folder logs '
        "in the results of a run of snakemake.\n",
    )
    assert tree(cut / "results") == before
    shutil.rmtree(cut / "logs")
    assert mrxs_tiles("report", "--results", "results", cwd=cut).code == 0
    assert RUNTIME_TSV not in tree(cut / "results")


PREFIXED = """
module mrxs:
    snakefile: {snakefile!r}
    config: {{"slides": {slides!r}, "results": "results", "tile_size": 200}}
    prefix: "below"

use rule * from mrxs as mrxs_*

rule all:
    default_target: True
    input: "below/results/runtime.tsv"
"""


@pytest.mark.torture
@pytest.mark.slow
def test_below_a_prefix(tmp_path: Path) -> None:
    """As a module the logs lie below its prefix, and are found there."""
    slides = running.write(tmp_path / "slides" / "A.mrxs", TINY).path.parent
    snakefile = str(running.REPO / "Snakefile")
    outer = tmp_path / "outer"
    outer.mkdir()
    text = PREFIXED.format(slides=str(slides), snakefile=snakefile)
    (outer / "Snakefile").write_text(text, "utf-8")
    ran = snakemake(tmp_path / "work", repo=outer)
    assert ran.code == 0, ran.text
    below = tmp_path / "work" / "below"
    file = (below / "results/logs" / "A" / "tile.benchmark.tsv").read_text().splitlines()[1]
    row = rows_of(below / "results")["A", "tile"]
    assert float(row["seconds"]) == float(file.split("\t")[0]) > 0
