"""The workflow with slides that are copied to a local disk first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import running
from running import TINY, names, snakemake, tree


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The folder to which slides are copied."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A slide that is cut at once."""
    return running.write(tmp_path / "slides" / "A.mrxs", TINY).path


@pytest.mark.slow
def test_workflow(tiny: Path, tmp_path: Path, local: Path) -> None:
    """With `stage` the workflow writes the same; to set, change or unset it redoes nothing.

    `auto` is Snakemake's own resource `tmpdir`.
    """
    options: dict[str, Any] = {"slides": tiny, "tile_size": 100}
    tmpdir = ("--default-resources", f"tmpdir='{local}'")
    ran = snakemake(tmp_path / "work", *tmpdir, **options, stage="auto")
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
    assert f'B copied to "{local}"' in (tmp_path / "work/results/logs/A/tile.log").read_text()
    for where in (local, "null"):
        ran = snakemake(tmp_path / "work", "--dry-run", **options, stage=where)
        assert (ran.code, ran.jobs) == (0, [])
    running.cut(tiny, tmp_path / "plain", "--tile-size=100")
    assert tree(tmp_path / "work" / "results" / "A") == tree(tmp_path / "plain" / "A")
    assert names(local) == []


@pytest.mark.slow
def test_workflow_without_the_folder(tiny: Path, tmp_path: Path, local: Path) -> None:
    """A node without the folder fails the job with a sentence, and the next run goes on there."""
    options: dict[str, Any] = {"slides": tiny, "tile_size": 100}
    ran = snakemake(tmp_path / "work", **options, stage="/not/there")
    assert (ran.code, ran.jobs) == (1, ["inspect A", "tile A"])
    assert 'mrxs-tiles: stage is "/not/there", but there is no such folder on ' in ran.text
    ran = snakemake(tmp_path / "work", **options, stage=local)
    assert (ran.code, ran.jobs) == (0, ["report", "tile A"])
