"""Slides and results that several tests of shards and of copied slides share."""

from __future__ import annotations

from pathlib import Path

import pytest

from in_process import Variant
from mrxs_tiles.config.config import read_config
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from packing import SMALL
from running import SPEC, TINY, write


@pytest.fixture(scope="session")
def large_slide(variant: Variant) -> Path:
    """A slide that is cut into 960 tiles and more."""
    return variant("large").path


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two slides, of one in folders, too, below `loose`."""
    root = tmp_path_factory.mktemp("cohort")
    for name, spec in (("sub/A.1 é", SPEC), ("B", TINY)):
        slide = write(root / "slides" / f"{name}.mrxs", spec).path
        for packing in ("tar", "folder"):
            chosen = read_config({"tile_size": SMALL, "packing": packing, "min_focus": 1}).settings
            inspect(name, slide, root / packing, chosen)
            tile(name, slide, root / packing, chosen, 2)
    return root


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The folder to which slides are copied."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A slide that is cut at once."""
    return write(tmp_path / "slides" / "A.mrxs", TINY).path
