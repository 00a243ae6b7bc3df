"""``clam.h5``: where the kept tiles lie, for CLAM, TRIDENT and what reads either's files.

Both read the slide again and take the tiles' pixels from there. CLAM reads ``patch_size`` px of
the level ``patch_level`` at each place; TRIDENT reads what ``patch_size`` px at
``target_magnification`` cover. Both take ``patch_size`` from the same attribute, so it is in px of
the level and ``target_magnification`` is that level's: both read exactly what the tile covers, in
the slide's own pixels where the tiles' scale is between two levels.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from mrxs_tiles.files.manifest import TILES, Record
from mrxs_tiles.files.store import write_file

COORDS = "coords"
HERE = "."  # both write an absolute path there, which no reader uses
# A file format that every h5py reads, whichever HDF5 wrote it.
FORMAT = ("earliest", "v108")
_X, _Y, _KEPT = (TILES.index(column) for column in ("x", "y", "kept"))


def write_clam(path: Path, name: str, inspected: Record, rows: Iterable[Sequence[str]]) -> str:
    """Write the kept tiles of one slide; returns the file's CRC-32.

    Args:
        path: the file.
        name: the slide's.
        inspected: what ``slide.json`` holds.
        rows: those of ``tiles.tsv``.

    Raises:
        ResultsError: it cannot be written.
    """
    kept = (row for row in rows if row[_KEPT] == "1")
    places = np.fromiter((int(row[axis]) for row in kept for axis in (_X, _Y)), np.int64)
    content = io.BytesIO()
    with h5py.File(content, "w", libver=FORMAT) as file:
        coords = file.create_dataset(COORDS, data=places.reshape(-1, 2), track_times=False)
        for key, value in attributes(name, inspected).items():
            coords.attrs[key] = value
    return write_file(path, content.getvalue())


def attributes(name: str, inspected: Record) -> Mapping[str, object]:
    """What stands beside the places: CLAM's names and TRIDENT's.

    Of a slide that cannot be opened nothing is known: 0, and no magnification.
    """
    size = inspected["width"] or 0, inspected["height"] or 0
    place = {
        "name": name,
        "save_path": HERE,
        "savetodir": HERE,
        "level_dim": (0, 0),
        "downsampled_level_dim": (0, 0),
        "level0_width": size[0],
        "level0_height": size[1],
    }
    if inspected["grid"] is None:
        unknown = ("patch_size", "patch_level", "patch_size_level0", "overlap")
        return place | dict.fromkeys(unknown, 0) | {"downsample": (1.0, 1.0)}
    return place | _scale(inspected)


def _scale(inspected: Record) -> dict[str, object]:
    grid = inspected["grid"]
    level = inspected["levels"][grid["level"]]
    shown = level["width"], level["height"]
    side = grid["tile_size"] + 2 * grid["overlap"]
    # px of the level for one of a tile; where the tiles' scale is the level's, patch_size is side
    step = grid["downsample"] / level["downsample"]
    patch_size = round(side * step)
    found: dict[str, object] = {
        "patch_size": patch_size,
        "patch_level": grid["level"],
        "downsample": (inspected["width"] / shown[0], inspected["height"] / shown[1]),
        "level_dim": shown,
        "downsampled_level_dim": shown,
        "patch_size_level0": round(side * grid["downsample"]),
        "overlap": patch_size - round(grid["tile_size"] * step),
    }
    if magnification := _magnification(inspected):
        target = magnification * patch_size / (side * grid["downsample"])
        found |= {
            "level0_magnification": _whole(magnification),
            "target_magnification": _whole(target),
        }
    return found


def _magnification(inspected: Record) -> float | None:
    """The slide's objective; where it does not say, by its scale, as TRIDENT counts: 10 / mpp."""
    if inspected["objective"]:
        return float(inspected["objective"])
    if inspected["mpp_x"] and inspected["mpp_y"]:
        return 10 / math.sqrt(inspected["mpp_x"] * inspected["mpp_y"])
    return None


def _whole(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number
