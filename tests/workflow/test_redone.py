"""What the next run of the workflow redoes, and what it leaves."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import running
from mrxs_tiles.made_by import STEPS
from running import (
    TINY,
    Ran,
    lasting,
    mrxs_tiles,
    snakemake,
    table,
    times,
    tree,
)
from two_slides import BOTH, TILE, again

pytestmark = pytest.mark.slow

# --- the same bytes ---------------------------------------------------------------------------


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
    """An edited module redoes nothing; a raised number makes the report say so, and no tile.

    Asked for by its rule, the step runs in its new form, and the report is content.
    """
    repo = running.copy_repo(tmp_path / "a clone")
    package = repo / "workflow" / "mrxs_tiles"
    running.write(tmp_path / "slides" / "A.mrxs", TINY)
    config: dict[str, Any] = {"tile_size": 200, "format": "png"}
    assert snakemake(tmp_path, repo=repo, **config).code == 0
    before = tree(tmp_path / "results" / "A" / "tiles")

    edit(package / "pixels/encode.py", 'PNG_EFFORT = {"level": 1', 'PNG_EFFORT = {"level": 0')
    assert snakemake(tmp_path, "-n", repo=repo, **config).jobs == []

    number = STEPS["tile"]
    edit(package / "made_by.py", f'"tile": {number}', f'"tile": {number + 1}')
    ran = snakemake(tmp_path, repo=repo, **config)
    assert (ran.code, ran.jobs) == (0, ["report"])
    told = f"A: made by tile {number}, now {number + 1}: it stays until it is asked for again"
    assert told in ran.text
    assert tree(tmp_path / "results" / "A" / "tiles") == before

    ran = snakemake(tmp_path, "--forcerun", "tile", repo=repo, **config)
    assert (ran.code, ran.jobs) == (0, ["report", "tile A"])
    assert "made by" not in ran.text
    after = tree(tmp_path / "results" / "A" / "tiles")
    assert all(len(after[name]) > len(before[name]) for name in before), "the old code ran"


def test_repaired(tmp_path: Path) -> None:
    """A harmed slide that `verify --repair` found is cut again by the next run, and no other."""
    for number, name in enumerate("AB"):
        running.write(tmp_path / "slides" / f"{name}.mrxs", replace(TINY, seed=number))
    results = tmp_path / "results"
    assert snakemake(tmp_path, tile_size=200).code == 0
    before = lasting(results)
    picture = next((results / "A" / "tiles").glob("*.jpg"))
    picture.write_bytes(picture.read_bytes()[:-1])
    ran = mrxs_tiles("verify", "--results", results, "--repair")
    assert ran.code == 1
    assert f"A: 1 changed: tiles/{picture.name}" in ran.out
    ran = snakemake(tmp_path, tile_size=200)
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
    assert lasting(results) == before
    assert mrxs_tiles("verify", "--results", results).code == 0
