"""The workflow from outside: what a run writes, what the next one redoes, how it may be started."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

import running
from mrxs_tiles.report.pictures import map_name
from running import (
    SLIDE_FILES,
    SPEC,
    TINY,
    Ran,
    lasting,
    mrxs_tiles,
    reasons,
    record,
    snakemake,
    table,
    times,
    tree,
)

pytestmark = pytest.mark.slow

A, B = "A", "sub dir/B 1"
LOGS = [
    f"logs/{slide}/{step}.{suffix}"
    for slide in (A, B)
    for step in ("inspect", "tile")
    for suffix in ("log", "benchmark.tsv")
]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A folder with `slides/` (two of them) and `work/`, where they were cut; not to be changed."""

    def make(folder: Path) -> Ran:
        running.write(folder / "slides" / f"{A}.mrxs", replace(SPEC, seed=1))
        running.write(folder / "slides" / f"{B}.mrxs", replace(SPEC, seed=2))
        return snakemake(folder / "work", slides=folder / "slides", tile_size=200)

    return running.once(tmp_path_factory, "first", make)


def again(first: tuple[Path, Ran], *options: str, cores: int = 2, **config: Any) -> Ran:
    """The same run once more, with something else in its config."""
    folder, _ = first
    base: dict[str, Any] = {"slides": folder / "slides", "tile_size": 200}
    return snakemake(folder / "work", *options, cores=cores, **base | config)


# --- what is there afterwards -----------------------------------------------------------------


def test_results(first: tuple[Path, Ran]) -> None:
    """Exactly the files of the contract are there, and the tables say which."""
    work, ran = first[0] / "work", first[1]
    assert ran.code == 0
    assert ran.jobs == sorted(
        ["report", *(f"{s} {n}" for s in ("inspect", "tile") for n in (A, B))]
    )
    found = set(tree(work / "results"))
    pictures = {name for name in found if name.startswith("report_files/")}
    assert len(pictures) == 3 * 2
    expected = {"report.tsv", "runtime.tsv", "report.html"} | pictures
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
        "32 tiles: 30 kept, dropped 2 unscanned\n"
        "report: results/report.tsv\n"
        "page: results/report.html\n"
    ) in first[1].err


def test_logs_and_benchmarks(first: tuple[Path, Ran]) -> None:
    """Each job leaves its log and its times, outside the results."""
    work = first[0] / "work"
    assert [file for file in [*LOGS, "logs/report.log"] if not (work / file).is_file()] == []
    tile_log = (work / "logs" / A / "tile.log").read_text("utf-8")
    assert re.search(r"^\d\d:\d\d:\d\d A: 15 of 16 tiles kept$", tile_log, re.MULTILINE)
    inspect_log = (work / "logs" / A / "inspect.log").read_text("utf-8")
    assert re.search(
        r"^\d\d:\d\d:\d\d A: 16 of 16 tiles can hold pixels$", inspect_log, re.MULTILINE
    )


def test_nothing_of_here_and_now(first: tuple[Path, Ran]) -> None:
    """But for `path`, no result holds a path of this machine, its name, a date or a time."""
    folder, _ = first
    texts = {
        name: content
        for name, content in tree(folder / "work" / "results").items()
        if not name.endswith((".jpg", ".png"))
    }
    for slide in (A, B):
        path = str(folder / "slides" / f"{slide}.mrxs")
        assert record(folder / "work" / "results" / slide / "slide.json")["path"] == path
        for name in ("report.tsv", "report.html", f"{slide}/slide.json"):
            assert texts[name].count(path.encode()) == 1
            texts[name] = texts[name].replace(path.encode(), b"")
    here = os.uname().nodename.encode()
    for name, content in texts.items():
        assert os.fsencode(folder.parent) not in content, name
        assert not re.search(rb"\b" + re.escape(here) + rb"\b", content), name
        assert not re.search(rb"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", content), name
    pictures = [*(folder / "work" / "results").rglob("*.[jp][pn]g")]
    assert {picture.suffix for picture in pictures} == {".jpg", ".png"}
    for picture in pictures:
        with Image.open(picture) as image:
            image.load()  # a PNG may have texts behind its pixels
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


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
        "32 tiles: 30 kept, dropped 2 unscanned\n"
        f"report: {tmp_path}/results/report.tsv\n"
        f"page: {tmp_path}/results/report.html\n"
    )
    assert lasting(tmp_path / "results") == lasting(folder / "work" / "results")


def test_other_settings_leave_nothing_stale(tmp_path: Path) -> None:
    """After a run with another tile size and format the results are those of that run alone."""
    slide = running.write(tmp_path / "slides" / "A.mrxs")
    assert snakemake(tmp_path, tile_size=90).code == 0
    assert len(tree(tmp_path / "results" / "A" / "tiles")) > 60
    ran = snakemake(tmp_path, tile_size=200, overlap=1, format="png", background="255,0,0")
    assert ran.jobs == ["inspect A", "report", "tile A"]
    options = ("--tile-size=200", "--overlap=1", "--format=png", "--background=red")
    running.cut(slide.path, tmp_path / "fresh", *options)
    mrxs_tiles("report", "--results", tmp_path / "fresh", *options)
    assert lasting(tmp_path / "results") == lasting(tmp_path / "fresh")


# --- what the next run redoes -----------------------------------------------------------------


def test_second_run(first: tuple[Path, Ran]) -> None:
    """A second run finds nothing to do and touches nothing, whatever it is told to care for."""
    results = first[0] / "work" / "results"
    before = times(results)
    ran = again(first, "--keep-going", "--rerun-incomplete")
    assert (ran.code, ran.jobs) == (0, [])
    assert "Nothing to be done" in ran.text
    assert times(results) == before


TILE = ["report", f"tile {A}", f"tile {B}"]
BOTH = [f"inspect {A}", f"inspect {B}", *TILE]


@pytest.mark.parametrize(
    ("config", "jobs"),
    [
        ({"quality": 50}, TILE),
        ({"tile_size": 100}, BOTH),
        ({"drop_blank": False}, BOTH),
        ({"on_bad_slide": "ignore"}, []),
    ],
    ids=str,
)
def test_a_changed_key(first: tuple[Path, Ran], config: dict[str, Any], jobs: list[str]) -> None:
    """A changed key redoes the steps that go by it, and no other."""
    ran = again(first, "-n", **config)
    assert (ran.code, ran.jobs) == (0, jobs)


def test_changed_slides(tmp_path: Path) -> None:
    """A touched slide, a replaced data file and a new slide redo that slide alone."""
    slides, results = tmp_path / "slides", tmp_path / "results"
    for number, name in enumerate("ABC"):
        running.write(slides / f"{name}.mrxs", replace(TINY, seed=number))
    assert snakemake(tmp_path, tile_size=200).code == 0
    before = times(results)

    touched = slides / "A.mrxs"
    then = touched.stat()
    touched.touch()
    ran = snakemake(tmp_path, "-n", tile_size=200)
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
    os.utime(touched, ns=(then.st_atime_ns, then.st_mtime_ns))

    # D comes, C goes, and a data file of B takes another's place, even an older one's
    running.write(slides / "D.mrxs", replace(TINY, seed=3))
    (slides / "C.mrxs").unlink()
    shutil.rmtree(slides / "C")
    running.write(tmp_path / "other.mrxs", replace(TINY, seed=1))
    replaced = slides / "B" / "Data0000.dat"
    (tmp_path / "other" / "Data0000.dat").replace(replaced)
    os.utime(replaced, (10**9, 10**9))
    ran = snakemake(tmp_path, tile_size=200)
    assert ran.jobs == ["inspect B", "inspect D", "report", "tile B", "tile D"]
    assert ran.code == 0
    assert [row["slide"] for row in table(results / "report.tsv")] == ["A", "B", "D"]
    kept = {name: time for name, time in before.items() if name[:2] in ("A/", "C/")}
    assert kept.items() <= times(results).items()

    (slides / "D.mrxs").unlink()
    shutil.rmtree(slides / "D")
    ran = snakemake(tmp_path, "-n", tile_size=200)
    assert (ran.code, ran.jobs) == (0, ["report"])


def edit(path: Path, old: str, new: str) -> None:
    """Change a source file."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_edited_code(tmp_path: Path) -> None:
    """An edited module redoes the steps that run it, in its new form; a comment redoes nothing."""
    repo = running.copy_repo(tmp_path / "a clone")
    package = repo / "workflow" / "mrxs_tiles"
    running.write(tmp_path / "slides" / "A.mrxs", TINY)
    config: dict[str, Any] = {"tile_size": 200, "format": "png"}
    assert snakemake(tmp_path, repo=repo, **config).code == 0
    before = tree(tmp_path / "results" / "A" / "tiles")

    edit(package / "encode.py", "PNG_LEVEL = 6", "PNG_LEVEL = 0")
    ran = snakemake(tmp_path, repo=repo, **config)
    assert (ran.code, ran.jobs) == (0, ["report", "tile A"])
    after = tree(tmp_path / "results" / "A" / "tiles")
    assert all(len(after[name]) > len(before[name]) for name in before), "the old code ran"

    edit(package / "report.py", "but not cut: run tile", "but not cut yet: run tile")
    ran = snakemake(tmp_path, "-n", repo=repo, **config)
    assert (ran.code, ran.jobs) == (0, ["report"])
    edit(package / "report.py", "but not cut yet: run tile", "but not cut: run tile")

    edit(package / "encode.py", "import io\n", "# a comment\n\nimport io  # another\n")
    assert snakemake(tmp_path, "-n", repo=repo, **config).jobs == []


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


def test_lint(first: tuple[Path, Ran]) -> None:
    """Snakemake's own checks find nothing."""
    ran = again(first, "--lint")
    assert (ran.code, "Congratulations" in ran.text) == (0, True), ran.text


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
    assert running.names(work) == [".snakemake", "logs", "my results", "my slides"]
    assert record(work / "my results" / "1" / "A" / "tiles.json")["counts"]["kept"] == 4
    assert "\nreport: my results/1/report.tsv\n" in ran.err


def test_results_given_absolute(tmp_path: Path) -> None:
    """`results` may be an absolute path, and be written with a slash at its end."""
    running.write(tmp_path / "A.mrxs", TINY)
    results = tmp_path / "else where"
    config: dict[str, Any] = {"slides": tmp_path / "A.mrxs", "results": f"{results}/"}
    ran = snakemake(tmp_path / "work", tile_size=200, **config)
    assert ran.code == 0
    expected = ["A", "report.html", "report.tsv", "report_files", "runtime.tsv"]
    assert running.names(results) == expected


# --- names ------------------------------------------------------------------------------------

ODD_NAMES = [
    "sub folder/deep/two  blanks & dots.and.mrxs",
    "[brackets](x) 100% ~",
    'it\'s "quoted" a\\b*?',
    "$(touch pwned); `touch pwned` > pwned",
    "Ünï 片 \N{MICROSCOPE}",
    "-rf",
]


@pytest.mark.torture
def test_names(tmp_path: Path) -> None:
    """Slides of any name are cut alike; braces refuse that one alone, in every run."""
    slides, results = tmp_path / "slides", tmp_path / "results"
    plain = running.write(tmp_path / "plain.mrxs", TINY).path
    for name in ODD_NAMES:
        running.copy_slide(plain, slides / f"{name}.mrxs")
    running.copy_slide(plain, slides / "braces{x}.mrxs")
    upper = running.copy_slide(plain, slides / "upper.mrxs")
    upper.rename(upper.with_suffix(".MRXS"))
    (slides / "link.mrxs").symlink_to(plain)
    both = (slides / "both.mrxs", slides / "both")
    both[0].symlink_to(plain)
    both[1].symlink_to(plain.with_suffix(""))
    (slides / "._hidden.mrxs").write_bytes(b"what macOS leaves")
    good = sorted([*ODD_NAMES, "upper", "link", "both"])

    ran = snakemake(tmp_path, tile_size=200)
    assert ran.code == 1
    assert ran.jobs == sorted(["report", *(f"{s} {n}" for s in ("inspect", "tile") for n in good)])
    running.cut(plain, tmp_path / "alone", "--tile-size=200")
    expected = tree(tmp_path / "alone" / "plain")
    expected.pop("slide.json")
    wanted = record(tmp_path / "alone" / "plain" / "slide.json")
    for name in good:
        found = tree(results / name)
        del found["slide.json"]
        record_of = record(results / name / "tiles.json") | {"slide": "plain"}
        assert record_of == record(tmp_path / "alone" / "plain" / "tiles.json")
        assert found | {"tiles.json": expected["tiles.json"]} == expected, name
        suffix = ".MRXS" if name == "upper" else ".mrxs"
        own = {"slide": name, "path": f"{slides / name}{suffix}"}
        assert record(results / name / "slide.json") == wanted | own
    assert list(tmp_path.rglob("pwned")) == []
    check_braces(tmp_path, ran, len(good) + 1)

    before = times(results)
    ran = snakemake(tmp_path, tile_size=200)
    assert (ran.code, ran.jobs) == (1, ["report"])
    check_braces(tmp_path, ran, len(good) + 1)
    after = times(results)
    renewed = ("report", "runtime.tsv", "braces{x}/")
    unchanged = [name for name in before if not name.startswith(renewed)]
    assert [name for name in unchanged if before[name] != after[name]] == []


def check_braces(folder: Path, ran: Ran, slides: int) -> None:
    """The slide with braces in its name has failed, with a sentence."""
    sentence = (
        f'Slide "braces{{x}}": its path "{folder}/slides/braces{{x}}.mrxs" holds "{{", which '
        "Snakemake cannot carry: rename that file (and the data folder of a .mrxs with it) or "
        "folder."
    )
    rows = {row["slide"]: row for row in table(folder / "results" / "report.tsv")}
    assert len(rows) == slides
    bad = {name: (row["status"], row["error"]) for name, row in rows.items() if row["error"]}
    assert bad == {"braces{x}": ("failed", sentence)}
    assert f"\n  braces{{x}} (failed): {sentence}\n" in ran.err
    assert f"\nBad slides: 1 of {slides}, see above. All others are done." in ran.err


# --- config and sheet -------------------------------------------------------------------------


def test_faults_in_the_config(tmp_path: Path) -> None:
    """A wrong config is refused before any job, with all its faults."""
    running.write(tmp_path / "slides" / "A.mrxs", TINY)
    ran = snakemake(tmp_path, tile_size=0, format="gif", qualty=5)
    assert ran.code == 1
    assert ran.jobs == []
    assert (
        '"qualty" is not a key of the config: did you mean quality?\n'
        "tile_size is the number 0: write a whole number of px from 1 to 30000 "
        "(the default is 3000).\n"
        'format is the text "gif": write jpg, png, webp, tif or none (the default is jpg).\n'
    ) in ran.text
    assert running.names(tmp_path) == [".snakemake", "slides"]


def test_no_slide(tmp_path: Path) -> None:
    """A folder without a slide is refused before any job."""
    (tmp_path / "slides").mkdir()
    ran = snakemake(tmp_path)
    assert (ran.code, ran.jobs) == (1, [])
    assert (
        f'\nslides is "slides", and no file below "{tmp_path}/slides" ends in .mrxs (hidden files '
        "and folders are passed over): name a folder, one slide, a glob or a sheet (.tsv, .csv).\n"
    ) in ran.text
    assert not (tmp_path / "results").exists()


def test_sheet(tmp_path: Path) -> None:
    """A sheet names slides, from its own folder on, and settings for one of them alone."""
    sheet = tmp_path / "lists" / "slides.tsv"
    running.write(tmp_path / "lists" / "A.mrxs", TINY)
    running.write(tmp_path / "B.mrxs", TINY)
    sheet.write_text("path\tslide\ttile_size\tformat\nA.mrxs\t\t100\tpng\n../B.mrxs\tb/2\t\t\n")
    ran = snakemake(tmp_path / "work", slides="../lists/slides.tsv", tile_size=200)
    assert ran.code == 0
    results = tmp_path / "work" / "results"
    assert [
        (row["slide"], row["tile_size"], row["cols"]) for row in table(results / "report.tsv")
    ] == [("A", "100", "3"), ("b/2", "200", "2")]
    assert {Path(name).suffix for name in tree(results / "A" / "tiles")} == {".png"}
    assert len(reasons(results / "A")) == 9
    assert {Path(name).suffix for name in tree(results / "b" / "2" / "tiles")} == {".jpg"}
    assert len(reasons(results / "b" / "2")) == 4


def test_faults_in_a_sheet(tmp_path: Path) -> None:
    """A wrong sheet is refused before any job: each fault names its row and column."""
    (tmp_path / "slides.csv").write_text("path,tile_size,format\nA.mrxs,big,gif\n,100,\n")
    ran = snakemake(tmp_path, slides="slides.csv")
    assert (ran.code, ran.jobs) == (1, [])
    assert (
        '\nSheet "slides.csv", row 2, column tile_size is "big": write a whole number of px from 1 '
        "to 30000 (the default is 3000).\n"
        'Sheet "slides.csv", row 2, column format is "gif": write jpg, png, webp, tif or none '
        "(the default is jpg).\n"
        'Sheet "slides.csv", row 3, column path is empty: write the slide\'s file.\n'
    ) in ran.text
