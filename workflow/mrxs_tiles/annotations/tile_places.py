"""Where the tiles of a grid lie in the frame of some polygons, and which of these come near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mrxs_tiles.annotations.polygons import Floats, Ints
from mrxs_tiles.grid.grid import Grid


@dataclass(frozen=True, slots=True)
class Block:
    """Some columns and rows of the grid: from, and to behind the last."""

    col: int
    end_col: int
    row: int
    end_row: int

    def halves(self) -> tuple[Block, Block]:
        """It, cut across its longer side."""
        if self.end_col - self.col >= self.end_row - self.row:
            middle = (self.col + self.end_col) // 2
            return (
                Block(self.col, middle, self.row, self.end_row),
                Block(middle, self.end_col, self.row, self.end_row),
            )
        middle = (self.row + self.end_row) // 2
        return (
            Block(self.col, self.end_col, self.row, middle),
            Block(self.col, self.end_col, middle, self.end_row),
        )

    @property
    def tiles(self) -> int:
        """How many tiles it has."""
        return (self.end_col - self.col) * (self.end_row - self.row)


class TilePlaces:
    """What each tile covers of the slide, overlap included, as the polygons count its px."""

    def __init__(self, grid: Grid, origin: tuple[int, int]) -> None:
        """``origin``: (x, y) level-0 px, where the polygons' 0, 0 lies."""
        (left, right), (top, bottom) = grid.edges(0), grid.edges(1)
        self._left, self._right = left - origin[0], right - origin[0]
        self._top, self._bottom = top - origin[1], bottom - origin[1]

    def near(self, bounds: Floats, block: Block) -> npt.NDArray[np.bool_]:
        """Which polygons may share area with a block."""
        left, top, right, bottom = self.box(block)
        near: npt.NDArray[np.bool_] = (
            (bounds[:, 0] < right)
            & (bounds[:, 2] > left)
            & (bounds[:, 1] < bottom)
            & (bounds[:, 3] > top)
        )
        return near

    def spans(self, bounds: Floats, block: Block) -> tuple[Ints, Ints, Ints, Ints]:
        """First column and the one behind the last that each polygon may touch; rows likewise."""

        def span(
            starts: Ints, ends: Ints, low: Floats, high: Floats, first: int, end: int
        ) -> tuple[Ints, Ints]:
            begins = np.searchsorted(ends[first:end], low, side="right") + first
            stops = np.searchsorted(starts[first:end], high, side="left") + first
            return begins, np.maximum(begins, stops)

        across = self._left, self._right, bounds[:, 0], bounds[:, 2]
        down = self._top, self._bottom, bounds[:, 1], bounds[:, 3]
        return (
            *span(*across, block.col, block.end_col),
            *span(*down, block.row, block.end_row),
        )

    def box(self, block: Block) -> tuple[float, float, float, float]:
        """What a block's tiles cover: left, top, right, bottom."""
        return (
            float(self._left[block.col]),
            float(self._top[block.row]),
            float(self._right[block.col : block.end_col].max()),
            float(self._bottom[block.row : block.end_row].max()),
        )

    def boxes(self, col: Ints, row: Ints) -> Floats:
        """What tiles cover, (n, 4)."""
        edges = self._left[col], self._top[row], self._right[col], self._bottom[row]
        return np.stack(edges, axis=1).astype(np.float64)

    def area(self, at: tuple[Any, Any]) -> Any:
        """What a tile (col, row) covers, level-0 px²."""
        col, row = at
        return (self._right[col] - self._left[col]) * (self._bottom[row] - self._top[row])

    def areas(self, block: Block) -> Ints:
        """What each tile of a block covers, (cols, rows)."""
        cols, rows = slice(block.col, block.end_col), slice(block.row, block.end_row)
        width, height = (self._right - self._left)[cols], (self._bottom - self._top)[rows]
        return np.outer(width, height)
