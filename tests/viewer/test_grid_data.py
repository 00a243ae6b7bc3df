"""What the viewer is told of very many tiles stays small."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mrxs_tiles.files import manifest
from mrxs_tiles.viewer.grid_data import ROWS, grid_data

SIDE, TILE = 400, 256
TILES = SIDE * SIDE


def rows() -> Iterator[list[str]]:
    """A grid of tiles as tables hold them, kept and dropped in patches; a few have no row."""
    for number in range(TILES):
        col, row = divmod(number, SIDE)
        if row % 97 == 5:
            continue
        reason = ("", "tissue", "focus", "unscanned")[(col // 7 + row // 5) % 4]
        cells = dict.fromkeys(manifest.TILES, "")
        cells |= {"col": f"{col}", "row": f"{row}", "x": f"{col * TILE}", "y": f"{row * TILE}"}
        cells |= dict.fromkeys(("width", "height", "tile_width", "tile_height"), f"{TILE}")
        cells |= {"tissue": "0.5", "focus": "33.1", "kept": str(int(not reason))}
        cells |= {"reason": reason, "file": "" if reason else f"tiles/{col}_{row}.jpg"}
        yield [cells[name] for name in manifest.TILES]


@pytest.mark.long
def test_very_many_tiles() -> None:
    """A million tiles: a page of less than 0.1 MB, parts of less than 0.5 MB, 10 MB in all."""
    grid = grid_data(rows())
    page = json.dumps(grid.about(), separators=(",", ":"))
    scripts = dict(grid.scripts())
    parts = [len(text) for name, text in scripts.items() if name.startswith("tiles-")]
    assert len(parts) == -(-TILES // ROWS) > 1
    assert len(page) < 1e5 * SIDE / 1000, "it grows with columns and rows, not with tiles"
    assert max(len(text) for text in scripts.values()) < 5e5
    assert sum(parts) < 10 * TILES
