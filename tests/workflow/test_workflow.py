"""The workflow from outside: what a run writes, and how it may be started."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

import running
from mrxs_tiles import RELEASED
from mrxs_tiles.report.pictures import map_name
from running import (
    SLIDE_FILES,
    TINY,
    Ran,
    lasting,
    mrxs_tiles,
    record,
    snakemake,
    table,
    tree,
)
from two_slides import BOTH, A, B, again

pytestmark = pytest.mark.slow
LOGS = [
    f"results/logs/{slide}/{step}.{suffix}"
    for slide in (A, B)
    for step in ("inspect", "tile")
    for suffix in ("log", "benchmark.tsv")
]


# --- what is there afterwards -----------------------------------------------------------------


def test_results(first: tuple[Path, Ran]) -> None:
    """Exactly the files of the contract are there, and the tables say which."""
    work, ran = first[0] / "work", first[1]
    assert ran.code == 0
    assert ran.jobs == sorted(
        ["report", *(f"{s} {n}" for s in ("inspect", "tile") for n in (A, B))]
    )
    found = {"runtime.tsv", *lasting(work / "results")}
    pictures = {name for name in found if name.startswith("report_files/")}
    assert len(pictures) == 3 * 2
    # made by the slides' jobs, not by the report, which begins with its table
    made = [(work / "results" / name).stat().st_mtime_ns for name in pictures]
    assert max(made) < (work / "results" / "report.tsv").stat().st_mtime_ns
    expected = {"report.tsv", "runtime.tsv", "report.html"} | pictures
    expected |= {"run.json", "ro-crate-metadata.json"}
    for slide in (A, B):
        kept = [row["file"] for row in table(work / "results" / slide / "tiles.tsv") if row["file"]]
        assert len(kept) == 15
        expected |= {f"{slide}/{file}" for file in (*SLIDE_FILES, *kept)}
    assert found == expected


def test_tiles_are_the_little_scripts(first: tuple[Path, Ran]) -> None:
    """Each tile has the bytes that Deep Zoom and Pillow give, and no other is there."""
    folder, _ = first
    for slide in (A, B):
        expected = {}
        with OpenSlide(folder / "slides" / f"{slide}.mrxs") as handle:
            zoom = DeepZoomGenerator(handle, 200, 0, False)
            level = zoom.level_count - 1
            for col in range(zoom.level_tiles[level][0]):
                for row in range(zoom.level_tiles[level][1]):
                    tile, out = zoom.get_tile(level, (col, row)), io.BytesIO()
                    low, high = tile.convert("L").getextrema()
                    if low != high:
                        tile.save(out, "JPEG")
                        expected[f"{col}_{row}.jpg"] = out.getvalue()
        assert tree(folder / "work" / "results" / slide / "tiles") == expected


def test_last_words(first: tuple[Path, Ran]) -> None:
    """A run ends with the counts and the report's place."""
    assert (
        "\n2 slides: 2 ok, 0 bad\n"
        "32 tiles: 30 kept, 2 never scanned\n"
        "report: results/report.tsv\n"
        "page: results/report.html\n"
    ) in first[1].err


def test_logs_and_benchmarks(first: tuple[Path, Ran]) -> None:
    """Each job leaves its log and its times, with the results."""
    work = first[0] / "work"
    assert [
        file for file in [*LOGS, "results/logs/report.log"] if not (work / file).is_file()
    ] == []
    tile_log = (work / "results" / "logs" / A / "tile.log").read_text("utf-8")
    assert re.search(r"^\d\d:\d\d:\d\d A: 15 of 16 tiles kept$", tile_log, re.MULTILINE)
    inspect_log = (work / "results" / "logs" / A / "inspect.log").read_text("utf-8")
    assert re.search(
        r"^\d\d:\d\d:\d\d A: 16 of 16 tiles can hold pixels$", inspect_log, re.MULTILINE
    )


def test_nothing_of_here_and_now(first: tuple[Path, Ran]) -> None:
    """But for `path`, no result holds a path of this machine, its name, a date or a time."""
    folder, _ = first
    texts = {
        name: content
        for name, content in lasting(folder / "work" / "results").items()
        if not name.endswith((".jpg", ".png"))
    }
    for slide in (A, B):
        path = str(folder / "slides" / f"{slide}.mrxs")
        assert record(folder / "work" / "results" / slide / "slide.json")["path"] == path
        # the page has it in the slide's row and in what its search goes by
        for name, times in (("report.tsv", 1), ("report.html", 2), (f"{slide}/slide.json", 1)):
            assert texts[name].count(path.encode()) == times
            texts[name] = texts[name].replace(path.encode(), b"")
    pictures = [*(folder / "work" / "results").rglob("*.[jp][pn]g")]
    assert {picture.suffix for picture in pictures} == {".jpg", ".png"}
    for picture in pictures:
        with Image.open(picture) as image:
            image.load()  # a PNG may have texts behind its pixels
            if picture.name.endswith("-map.jpg"):
                texts[picture.name] = image.info.pop("comment")
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    here = os.uname().nodename.encode()
    for name, content in texts.items():
        assert os.fsencode(folder.parent) not in content, name
        assert not re.search(rb"\b" + re.escape(here) + rb"\b", content), name
        content = content.replace(RELEASED.encode(), b"")  # that date is the version's
        assert not re.search(rb"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", content), name


# --- the same bytes ---------------------------------------------------------------------------


@pytest.mark.torture
def test_one_core_gives_the_same(first: tuple[Path, Ran], tmp_path: Path) -> None:
    """With one core, in another place, the whole results are the same, byte for byte."""
    folder, _ = first
    ran = snakemake(tmp_path, cores=1, slides=folder / "slides", tile_size=200)
    assert ran.code == 0
    assert lasting(tmp_path / "results") == lasting(folder / "work" / "results")


def test_command_line_gives_the_same(first: tuple[Path, Ran], tmp_path: Path) -> None:
    """The three commands write the same results without Snakemake, byte for byte."""
    folder, _ = first
    for slide in (A, B):
        path = folder / "slides" / f"{slide}.mrxs"
        name = ("--slide", B) if slide == B else ()
        shared = (path, "--results", tmp_path / "results", "--tile-size", "200", *name)
        inspected = mrxs_tiles("inspect", *shared)
        tiled = mrxs_tiles("tile", *shared, "--threads", "2")
        assert (inspected.code, inspected.err, tiled.code, tiled.err) == (0, "", 0, "")
    reported = mrxs_tiles("report", "--results", tmp_path / "results", "--tile-size", "200")
    assert (reported.code, reported.err) == (0, "")
    assert reported.out == (
        "2 slides: 2 ok, 0 bad\n"
        "32 tiles: 30 kept, 2 never scanned\n"
        f"report: {tmp_path}/results/report.tsv\n"
        f"page: {tmp_path}/results/report.html\n"
    )
    assert lasting(tmp_path / "results") == lasting(folder / "work" / "results")


# --- ways to start it -------------------------------------------------------------------------


def test_dry_run(first: tuple[Path, Ran], tmp_path: Path) -> None:
    """A dry run lists the jobs, writes nothing, and many cores are shared by few slides."""
    ran = snakemake(tmp_path, "-n", cores=9, slides=first[0] / "slides", tile_size=200)
    assert (ran.code, ran.jobs) == (0, BOTH)
    assert ran.threads == [5, 5]
    assert [name for name in running.names(tmp_path) if name != ".snakemake"] == []


def test_drawing_the_jobs(first: tuple[Path, Ran]) -> None:
    """`--dag` prints a graph and nothing else, fit for `dot`."""
    ran = again(first, "--dag")
    assert ran.code == 0
    assert re.fullmatch(r"digraph snakemake_dag \{.*\}\s*", ran.out, re.DOTALL)


def test_snakemakes_own_report(first: tuple[Path, Ran], tmp_path: Path) -> None:
    """`--report x.html` writes Snakemake's page on the run, with our table, page and maps."""
    ran = again(first, "--report", str(tmp_path / "x.html"))
    assert ran.code == 0, ran.text
    found = reported(tmp_path / "x.html")
    maps = {f"results/report_files/{map_name(slide)}": {"slide": slide} for slide in (A, B)}
    shown = {"results/report.tsv": {"what": "table"}, "results/report.html": {"what": "page"}}
    assert {path: result["labels"] for path, result in found.items()} == maps | shown
    assert all(result["caption"].startswith("<p>") for result in found.values())


def reported(page: Path) -> dict[str, dict[str, Any]]:
    """The files in a page of Snakemake's, by their path, with their captions and labels."""
    text = page.read_text("utf-8")
    start = re.search(r"\bresults\s*=\s*(?=\{\"results/)", text)
    assert start is not None
    found: dict[str, dict[str, Any]] = json.JSONDecoder().raw_decode(text[start.end() :])[0]
    return found


def test_snakemakes_own_report_of_a_bad_slide(tmp_path: Path) -> None:
    """A slide without a map of its tiles does not keep Snakemake from its page."""
    running.write(tmp_path / "slides" / "good.mrxs", TINY)
    (tmp_path / "slides" / "bad.mrxs").write_text("no slide")
    assert snakemake(tmp_path, tile_size=200).code == 1
    assert not (tmp_path / "results" / "bad" / "tiles.png").exists()
    ran = snakemake(tmp_path, "--report", str(tmp_path / "x.html"), tile_size=200)
    assert ran.code == 0, ran.text
    labels = [result["labels"] for result in reported(tmp_path / "x.html").values()]
    assert sorted(one["slide"] for one in labels if "slide" in one) == ["bad", "good"]


def test_from_another_folder(tmp_path: Path) -> None:
    """It runs from anywhere: relative paths start at `--directory`; blanks do not matter."""
    work, elsewhere = tmp_path / "my work", tmp_path / "else where"
    elsewhere.mkdir()
    running.write(work / "my slides" / "A.mrxs", TINY)
    config: dict[str, Any] = {"slides": "my slides", "results": "my results/1", "tile_size": 200}
    ran = snakemake(work, cwd=elsewhere, **config)
    assert ran.code == 0
    assert ran.threads == [2]  # a slide that is alone gets all cores
    assert running.names(elsewhere) == []
    assert running.names(work) == [".snakemake", "my results", "my slides"]
    assert record(work / "my results" / "1" / "A" / "tiles.json")["counts"]["kept"] == 4
    assert "\nreport: my results/1/report.tsv\n" in ran.err


@pytest.mark.torture
def test_results_given_absolute(tmp_path: Path) -> None:
    """`results` may be an absolute path, and be written with a slash at its end."""
    running.write(tmp_path / "A.mrxs", TINY)
    results = tmp_path / "else where"
    config: dict[str, Any] = {"slides": tmp_path / "A.mrxs", "results": f"{results}/"}
    ran = snakemake(tmp_path / "work", tile_size=200, **config)
    assert ran.code == 0
    expected = ["A", "logs", "report.html", "report.tsv", "report_files"]
    expected += ["ro-crate-metadata.json", "run.json", "runtime.tsv"]
    assert running.names(results) == expected
