"""The whole slide as one small picture, from its pyramid."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from mrxs_tiles.errors import SlideError
from mrxs_tiles.filters import Color, Pixels, put_on_background
from mrxs_tiles.reader import SlideFacts, SlideReader

MOST_PX = 1024  # longer side
BLOCK_PX = 2048  # side of what is read at once, px of the level; bounds the memory
LEAST_BLOCK_PX = 128  # around damage smaller blocks are tried, down to this side


def make_thumbnail(reader: SlideReader, facts: SlideFacts, background: Color) -> tuple[bytes, bool]:
    """A JPEG of the slide, at most 1024 px, and whether all of it could be read.

    What cannot be read, or was never scanned, has the background's colour.
    """
    longest = max(facts.size)
    level = reader.best_level(max(1, longest // MOST_PX))
    width, height = facts.levels.sizes[level]
    shrink = max(1, max(width, height) // MOST_PX)
    small = np.empty((math.ceil(height / shrink), math.ceil(width / shrink), 3), np.uint8)
    small[:] = background
    block = max(shrink, BLOCK_PX // shrink * shrink)
    painter = _Painter(reader, facts, level, shrink, background, small)
    whole = True
    x_blocks, y_blocks = _scanned_blocks(facts, level, block)
    for top in y_blocks:
        for left in x_blocks:
            size = (min(block, width - left), min(block, height - top))
            whole &= painter.paint(left, top, size)
    picture = Image.fromarray(small)
    picture.thumbnail((MOST_PX, MOST_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue(), whole


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
    """Reads blocks of a level and paints them, made smaller, into the small picture."""

    def __init__(
        self,
        reader: SlideReader,
        facts: SlideFacts,
        level: int,
        shrink: int,
        background: Color,
        small: Pixels,
    ) -> None:
        self._reader, self._level, self._shrink = reader, level, shrink
        self._downsample = facts.levels.downsamples[level]
        self._background, self._small = background, small

    def paint(self, left: int, top: int, size: tuple[int, int]) -> bool:
        """Paint a block of the level; False where some of it could not be read."""
        width, height = size
        pixels = np.empty((height, width, 4), np.uint8)
        location = (int(left * self._downsample), int(top * self._downsample))
        try:
            self._reader.read(location, self._level, pixels)
        except SlideError:
            return self._paint_parts(left, top, size)
        put_on_background(pixels, self._background)
        rgb = Image.fromarray(np.ascontiguousarray(pixels[..., 2::-1])).reduce(self._shrink)
        x, y = left // self._shrink, top // self._shrink
        self._small[y : y + rgb.height, x : x + rgb.width] = np.asarray(rgb)
        return True

    def _paint_parts(self, left: int, top: int, size: tuple[int, int]) -> bool:
        half = max(size) // 2 // self._shrink * self._shrink
        if half < max(LEAST_BLOCK_PX, self._shrink):
            return False
        for y in range(0, size[1], half):
            for x in range(0, size[0], half):
                self.paint(left + x, top + y, (min(half, size[0] - x), min(half, size[1] - y)))
        return False
