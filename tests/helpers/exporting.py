"""A slide that is cut and exported, for the tests of what other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from in_process import NAME, Cut, cut
from mrxs_tiles.files.manifest import EXPORTS
from mrxs_tiles.steps.export import export

ALL = tuple(EXPORTS)
SCALES: dict[str, dict[str, Any]] = {
    "full resolution": {},
    "a level of the slide": {"downsample": 2},
    "no level of the slide": {"mpp": 0.8},
    "overlap": {"overlap": 12},
    "overlap between levels": {"overlap": 12, "downsample": 2.5},
    "bounds": {"limit_bounds": True},
}


def exported(path: Path, results: Path, **keys: Any) -> Cut:
    """A slide that is cut into pictures without loss, and its three files."""
    found = cut(path, results, **{"tile_size": 150, "format": "png"} | keys)
    export(NAME, results, ALL)
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in EXPORTS.values()}


def kept(found: Cut) -> list[dict[str, str]]:
    return [row for row in found.rows if row["kept"] == "1"]
