"""The whole slide as one small picture, read from its pyramid block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.pixels.filters import Color, Pixels, put_on_background, rgb
from mrxs_tiles.slide.reader import Reader, SlideFacts

BLOCK_PX = 2048  # side of what is read at once, px of the level; bounds the memory
LEAST_BLOCK_PX = 128  # around damage smaller blocks are tried, down to this side


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole slide, small.

    ``rgb`` (height, width, 3) uint8, on the background; ``scanned`` (height, width) bool, px of
    which more than half was scanned; ``unread`` (height, width) bool, px that could not be
    read; ``downsample``: level-0 px per px.
    """

    rgb: Pixels
    scanned: Bools
    unread: Bools
    downsample: float


class Scale(NamedTuple):
    """The level that is read, how many of its px, each way, become one, and the result's scale."""

    level: int
    shrink: int
    downsample: float


def overview_scale(reader: Reader, facts: SlideFacts, most_downsample: float) -> Scale:
    """The coarsest scale that is not coarser than a downsample."""
    level = reader.best_level(max(1.0, most_downsample))
    shrink = max(1, int(most_downsample / facts.levels.downsamples[level]))
    return Scale(level, shrink, facts.levels.downsamples[level] * shrink)


def read_overview(
    reader: Reader, facts: SlideFacts, most_downsample: float, background: Color
) -> Overview:
    """The slide at the coarsest scale that is not coarser than a downsample.

    What cannot be read, or was never scanned, has the background's colour.
    """
    level, shrink, _ = overview_scale(reader, facts, most_downsample)
    width, height = facts.levels.sizes[level]
    painter = _Painter(reader, facts, level, shrink, background)
    block = max(shrink, BLOCK_PX // shrink * shrink)
    x_blocks, y_blocks = _scanned_blocks(facts, level, block)
    for top in y_blocks:
        for left in x_blocks:
            painter.paint(left, top, (min(block, width - left), min(block, height - top)))
    return painter.overview


def _scanned_blocks(facts: SlideFacts, level: int, block: int) -> tuple[range, range]:
    """Left and top edges, px of the level, of the blocks that the scanned area lies in."""
    size, downsample = facts.levels.sizes[level], facts.levels.downsamples[level]
    l0_x, l0_y, l0_width, l0_height = facts.bounds or (0, 0, *facts.size)

    def edges(l0_start: int, l0_length: int, length: int) -> range:
        # a coarser level may stand over the scanned area's edge by a px
        first = max(0, int(l0_start / downsample) - 1) // block * block
        return range(first, min(length, math.ceil((l0_start + l0_length) / downsample) + 1), block)

    return edges(l0_x, l0_width, size[0]), edges(l0_y, l0_height, size[1])


class _Painter:
    """Reads blocks of a level and paints them, made smaller, into ``overview``."""

    def __init__(
        self, reader: Reader, facts: SlideFacts, level: int, shrink: int, background: Color
    ) -> None:
        self._reader, self._level, self._shrink = reader, level, shrink
        self._downsample = facts.levels.downsamples[level]
        self._background = background
        width, height = facts.levels.sizes[level]
        shape = (math.ceil(height / shrink), math.ceil(width / shrink))
        self.overview = Overview(
            rgb=np.empty((*shape, 3), np.uint8),
            scanned=np.zeros(shape, bool),
            unread=np.zeros(shape, bool),
            downsample=self._downsample * shrink,
        )
        self.overview.rgb[:] = background

    def paint(self, left: int, top: int, size: tuple[int, int]) -> None:
        """Paint a block of the level."""
        width, height = size
        pixels = np.empty((height, width, 4), np.uint8)
        location = (int(left * self._downsample), int(top * self._downsample))
        try:
            self._reader.read(location, self._level, pixels)
        except SlideError:
            self._paint_parts(left, top, size)
            return
        alpha = Image.fromarray(pixels[..., 3].copy()).reduce(self._shrink)
        put_on_background(pixels, self._background)
        small = Image.fromarray(rgb(pixels)).reduce(self._shrink)
        at = self._at(left, top, size)
        self.overview.rgb[at] = np.asarray(small)
        self.overview.scanned[at] = np.asarray(alpha) > 127

    def _at(self, left: int, top: int, size: tuple[int, int]) -> tuple[slice, slice]:
        x, y = left // self._shrink, top // self._shrink
        width, height = math.ceil(size[0] / self._shrink), math.ceil(size[1] / self._shrink)
        return slice(y, y + height), slice(x, x + width)

    def _paint_parts(self, left: int, top: int, size: tuple[int, int]) -> None:
        half = max(size) // 2 // self._shrink * self._shrink
        if half < max(LEAST_BLOCK_PX, self._shrink):
            self.overview.unread[self._at(left, top, size)] = True
            return
        for y in range(0, size[1], half):
            for x in range(0, size[0], half):
                self.paint(left + x, top + y, (min(half, size[0] - x), min(half, size[1] - y)))
