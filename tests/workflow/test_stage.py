"""The workflow with slides that are copied to a local disk first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import running
from running import TINY, lasting, names, snakemake


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
    """With `stage` the workflow writes the same; to set, change or unset it redoes nothing."""
    options: dict[str, Any] = {"slides": tiny, "tile_size": 100}
    ran = snakemake(tmp_path / "work", **options, stage=local)
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
    assert f'GB copied to "{local}"' in (tmp_path / "work/logs/A/tile.log").read_text()
    for where in ("auto", "/not/there", "null"):
        ran = snakemake(tmp_path / "work", "--dry-run", **options, stage=where)
        assert (ran.code, ran.jobs) == (0, [])
    assert snakemake(tmp_path / "work", "--dry-run", **options).jobs == []
    plain = snakemake(tmp_path / "plain", **options)
    assert "copied" not in (tmp_path / "plain/logs/A/tile.log").read_text()
    assert plain.code == 0
    assert lasting(tmp_path / "work" / "results") == lasting(tmp_path / "plain" / "results")
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


@pytest.mark.slow
def test_workflow_auto(tiny: Path, tmp_path: Path, local: Path) -> None:
    """`auto` is Snakemake's own resource `tmpdir` in the workflow."""
    ran = snakemake(
        tmp_path / "work", "--default-resources", f"tmpdir='{local}'", slides=tiny, stage="auto"
    )
    assert ran.code == 0, ran.text
    assert f'GB copied to "{local}"' in (tmp_path / "work/logs/A/tile.log").read_text()
