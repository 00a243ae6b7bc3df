"""Two slides that were cut in one run, which several tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from running import (
    Ran,
    snakemake,
)

A, B = "A", "sub dir/B 1"


def again(first: tuple[Path, Ran], *options: str, cores: int = 2, **config: Any) -> Ran:
    """The same run once more, with something else in its config."""
    folder, _ = first
    base: dict[str, Any] = {"slides": folder / "slides", "tile_size": 200}
    return snakemake(folder / "work", *options, cores=cores, **base | config)


TILE = ["report", f"tile {A}", f"tile {B}"]
BOTH = [f"inspect {A}", f"inspect {B}", *TILE]
