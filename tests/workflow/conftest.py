"""Runs that several tests look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import running
from running import (
    SPEC,
    Ran,
    snakemake,
)
from two_slides import A, B


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A folder with `slides/` (two of them) and `work/`, where they were cut; not to be changed."""

    def make(folder: Path) -> Ran:
        running.write(folder / "slides" / f"{A}.mrxs", replace(SPEC, seed=1))
        running.write(folder / "slides" / f"{B}.mrxs", replace(SPEC, seed=2))
        return snakemake(folder / "work", slides=folder / "slides", tile_size=200)

    return running.once(tmp_path_factory, "first", make)
