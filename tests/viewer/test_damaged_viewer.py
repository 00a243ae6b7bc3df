"""The viewer of a damaged slide shows what was kept of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from in_process import Cut, Variant, cut
from mrxs_tiles.mirax.readers import MIRAX
from write_mirax import write_mirax

TILE = 128  # a piece of the pyramid holds 4 x 4


def shown_at(found: Cut, x: int, y: int) -> np.ndarray:
    """A tile as the pyramid's finest level has it, (height, width, 3)."""
    level = max((found.folder / "viewer_files").glob("[0-9]*"), key=lambda one: int(one.name))
    path = level / f"{x // 512}_{y // 512}.jpg"
    piece = np.full((512, 512, 3), 255, np.uint8)
    if path.exists():
        read = np.asarray(Image.open(path).convert("RGB"))
        piece[: read.shape[0], : read.shape[1]] = read
    return piece[y % 512 : y % 512 + TILE, x % 512 : x % 512 + TILE].astype(int)


@pytest.mark.long
@pytest.mark.needs("openseadragon")
def test_kept_tiles_are_shown(variant: Variant, tmp_path: Path) -> None:
    """Around a damaged stored image each kept tile is in the viewer, no other lost one is."""
    slide = write_mirax(tmp_path / "a.mrxs", variant("jpeg").spec)
    path = sorted(slide.folder.glob("Data*.dat"))[1]
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 9000] = bytes(9000)
    path.write_bytes(data)
    keys = {"tile_size": TILE, "drop_blank": False, "edge": "drop", "deepzoom": True}
    found = cut(slide.path, tmp_path / "results", **keys)
    assert (found.tiled["status"], found.inspected["reader"]) == ("damaged", MIRAX)
    lost = [row for row in found.rows if row["reason"] == "unreadable"]
    pieces = {(int(row["x"]) // 512, int(row["y"]) // 512) for row in lost}
    beside = 0
    for row in found.rows:
        x, y = int(row["x"]), int(row["y"])
        if row["kept"] != "1" or (x // 512, y // 512) not in pieces:
            continue
        tile = np.asarray(Image.open(found.folder / row["file"]).convert("RGB")).astype(int)
        assert np.abs(shown_at(found, x, y) - tile).mean() < 4
        beside += 1
    assert beside > 10
