"""A row with a scale of its own, when the config's changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import running
from bad_slides import TILE
from running import TINY, snakemake

pytestmark = pytest.mark.slow


def test_not_cut_again(tmp_path: Path) -> None:
    """Another mpp of the config cuts the slides that go by it, and no row that has its own."""
    for name in ("own", "other"):
        running.write(tmp_path / f"{name}.mrxs", TINY)
    (tmp_path / "sheet.csv").write_text("path,mpp\nown.mrxs,1\nother.mrxs,\n")
    config: dict[str, Any] = {"slides": tmp_path / "sheet.csv", "tile_size": TILE}
    assert snakemake(tmp_path, **config, mpp=2).code == 0
    ran = snakemake(tmp_path, "-n", **config, mpp="3.0")
    assert set(ran.jobs) == {"inspect other", "tile other", "report"}
