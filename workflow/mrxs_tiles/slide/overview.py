"""The whole slide as one small picture, read from its pyramid block by block.

Where a level cannot be read, finer ones are tried: a slide that lost a coarse level's images shows
all that its tiles can show.
"""

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
FINER_BLOCK_PX = 512  # at most, side of a block that is tried at finer levels
MOST_FINER_SIDE = 4096  # of what is read at once of a finer level
# Px of finer levels that are read for one picture: some seconds. Where all but level 0 of a large
# slide is lost, the rest of it is not shown.
MOST_FINER_PX = 4e8
COST_OF_FAILURE_PX = 2e6  # of opening the slide anew, which follows a read that failed


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
        self._levels, self._finer_px = facts.levels, MOST_FINER_PX
        self._background = background
        width, height = facts.levels.sizes[level]
        shape = (math.ceil(height / shrink), math.ceil(width / shrink))
        self.overview = Overview(
            rgb=np.empty((*shape, 3), np.uint8),
            scanned=np.zeros(shape, bool),
            unread=np.zeros(shape, bool),
            downsample=self._downsample * shrink,
        )
        self.overview.rgb[:1] = background
        self.overview.rgb[1:] = self.overview.rgb[0]  # by whole rows: five times as fast

    def paint(self, left: int, top: int, size: tuple[int, int]) -> None:
        """Paint a block of the level, or of a finer one, or what can be read of it."""
        pixels = self._read(left, top, size, self._level)
        if pixels is None and max(size) <= FINER_BLOCK_PX:
            pixels = self._read_finer(left, top, size)
        if pixels is None:
            self._paint_parts(left, top, size)
            return
        at = self._at(left, top, size)
        alpha = self._small(Image.fromarray(pixels[..., 3].copy()), size)
        put_on_background(pixels, self._background)
        self.overview.rgb[at] = np.asarray(self._small(Image.fromarray(rgb(pixels)), size))
        self.overview.scanned[at] = np.asarray(alpha) > 127

    def _read(self, left: int, top: int, size: tuple[int, int], level: int) -> Pixels | None:
        """A block of our level as another one has it; None where that cannot be read."""
        scale = self._downsample / self._levels.downsamples[level]
        width, height = (max(1, round(side * scale)) for side in size)
        pixels = np.empty((height, width, 4), np.uint8)
        location = (int(left * self._downsample), int(top * self._downsample))
        try:
            self._reader.read(location, level, pixels)
        except SlideError:
            return None
        return pixels

    def _read_finer(self, left: int, top: int, size: tuple[int, int]) -> Pixels | None:
        """A block as the first finer level has it that can be read; None: there is none."""
        for level in range(self._level - 1, -1, -1):
            scale = self._downsample / self._levels.downsamples[level]
            cost = size[0] * size[1] * scale**2
            if max(size) * scale > MOST_FINER_SIDE or cost > self._finer_px:
                return None
            pixels = self._read(left, top, size, level)
            self._finer_px -= cost if pixels is not None else max(cost, COST_OF_FAILURE_PX)
            if pixels is not None:
                return pixels
        return None

    def _small(self, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        """What was read of a block, in px of the overview."""
        if picture.size == size:
            return picture.reduce(self._shrink)
        wanted = math.ceil(size[0] / self._shrink), math.ceil(size[1] / self._shrink)
        return picture.resize(wanted, Image.Resampling.BOX)

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
