"""How much of a map lies in each tile: a small picture of the slide -> one number a tile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mrxs_tiles.grid.grid import Bools, Grid

Floats = npt.NDArray[np.float64]
ROWS = 256  # of the map, summed at once: bounds the memory


def tile_sums(values: npt.NDArray[np.generic], l0_cell: tuple[float, float], grid: Grid) -> Floats:
    """Sum a map over each tile, (cols, rows); a cell counts by the share of it in the tile.

    Args:
        values: the map, (height, width), from the slide's corner; beyond it lies nothing.
        l0_cell: width and height of a cell, level-0 px.
        grid: the tiles.
    """
    across = np.empty((len(values), grid.cols))
    starts, ends = grid.edges(0)
    for top in range(0, len(values), ROWS):
        part = values[top : top + ROWS].astype(np.float64)
        across[top : top + ROWS] = _sums(part, starts / l0_cell[0], ends / l0_cell[0])
    starts, ends = grid.edges(1)
    return _sums(across.T, starts / l0_cell[1], ends / l0_cell[1])


def tile_fractions(mask: Bools, l0_cell: float, grid: Grid) -> Floats:
    """How much of each tile lies in a mask, (cols, rows), 0 to 1.

    Args:
        mask: (height, width), from the slide's corner.
        l0_cell: side of a cell of it, level-0 px.
        grid: the tiles.
    """
    (left, right), (top, bottom) = grid.edges(0), grid.edges(1)
    cells = ((right - left)[:, None] * (bottom - top)[None, :]).clip(1) / l0_cell**2
    fractions: Floats = (tile_sums(mask, (l0_cell, l0_cell), grid) / cells).clip(0, 1)
    return fractions


def _sums(values: Floats, starts: Floats, ends: Floats) -> Floats:
    """Sum the cells of each row between some places, (rows, places)."""
    total = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    last = values.shape[1]

    def up_to(places: Floats) -> Floats:
        at = np.clip(places, 0, last)
        cell = np.minimum(at.astype(np.int64), max(0, last - 1))
        within = values[:, cell] if last else np.zeros((len(values), len(at)))
        summed: Floats = total[:, cell] + within * (at - cell)
        return summed

    return up_to(ends) - up_to(starts)
