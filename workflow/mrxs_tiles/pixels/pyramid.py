"""The Deep Zoom pyramid of a picture: blocks of full resolution in, the tiles of all levels out.

Each block becomes tiles, is halved, becomes the tiles of the next coarser level, is halved again,
and then is a part of a block of that level. Whoever brings the last part of a block goes on with
it, so that all threads work on all levels, and only a few blocks are held.

Pixels are (height, width, 4) uint8 in OpenSlide's order, opaque.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from mrxs_tiles.pixels.filters import SAMPLE_STEP, Color, Pixels, opaque_word, words

TILE_PX = 512
JOINED = 2  # levels that one block gives tiles of; 4 x 4 tiles at its finest
BLOCK_PX = TILE_PX << JOINED

Write = Callable[[int, int, int, Pixels], None]  # level, column, row of a tile, its pixels


class Block(NamedTuple):
    """A square of ``BLOCK_PX`` of the picture halved ``JOINED`` x ``stage`` times."""

    stage: int
    col: int
    row: int


@dataclass(slots=True)
class _Open:
    """A block that is put together: how many parts are still to come, and its pixels."""

    parts_left: int
    pixels: Pixels | None = None  # None: so far nothing but background


def level_count(size: tuple[int, int]) -> int:
    """Levels of a Deep Zoom picture; the last has its full size, the first is one px."""
    return math.ceil(math.log2(max(size))) + 1


class Pyramid:
    """Takes the blocks of a picture, in any order, on many threads at once."""

    def __init__(self, size: tuple[int, int], background: Color, write: Write) -> None:
        """``size``: (width, height) px; a tile of nothing but ``background`` is not written."""
        self._size, self._write = size, write
        self._top = level_count(size) - 1
        self._background = np.uint32(opaque_word(background))
        self._open: dict[Block, _Open] = {}
        self._lock = threading.Lock()

    def blocks(self) -> Iterator[Block]:
        """All blocks of full resolution, those that are joined soonest one after another."""
        stage = 0
        while self._side_blocks(stage) != (1, 1):
            stage += 1
        yield from self._below(Block(stage, 0, 0))

    def _below(self, block: Block) -> Iterator[Block]:
        if not block.stage:
            yield block
            return
        for part in self._parts(block):
            yield from self._below(part)

    def box(self, block: Block) -> tuple[int, int, int, int]:
        """x, y, width, height of a block, px of its own level."""
        width, height = self._level_size(block.stage)
        x, y = block.col * BLOCK_PX, block.row * BLOCK_PX
        return x, y, min(BLOCK_PX, width - x), min(BLOCK_PX, height - y)

    def _level_size(self, stage: int) -> tuple[int, int]:
        scale = 1 << JOINED * stage
        return math.ceil(self._size[0] / scale), math.ceil(self._size[1] / scale)

    def _side_blocks(self, stage: int) -> tuple[int, int]:
        width, height = self._level_size(stage)
        return math.ceil(width / BLOCK_PX), math.ceil(height / BLOCK_PX)

    def _parts(self, block: Block) -> list[Block]:
        """The blocks of the stage below that make up a block."""
        cols, rows = self._side_blocks(block.stage - 1)
        first_col, first_row = block.col << JOINED, block.row << JOINED
        return [
            Block(block.stage - 1, col, row)
            for row in range(first_row, min(rows, first_row + (1 << JOINED)))
            for col in range(first_col, min(cols, first_col + (1 << JOINED)))
        ]

    def add(self, block: Block, pixels: Pixels | None) -> None:
        """Take a block of full resolution; None: it is nothing but background.

        Raises:
            Exception: whatever ``write`` raises.
        """
        current: tuple[Block, Pixels | None] | None = (block, pixels)
        while current is not None:
            done, pixels = current
            pixels = self._cut(done, pixels)
            current = None if self._is_last(done) else self._join(done, pixels)

    def _is_last(self, block: Block) -> bool:
        return self._side_blocks(block.stage) == (1, 1)

    def _cut(self, block: Block, pixels: Pixels | None) -> Pixels | None:
        """Write the tiles of a block, and of what it is halved to; returns the last of these."""
        if pixels is None:
            return None
        finest = self._top - JOINED * block.stage
        halvings = finest + 1 if self._is_last(block) else JOINED
        for halving in range(halvings):
            tiles = max(1, (BLOCK_PX >> halving) // TILE_PX)  # of a block, each way
            self._cut_level(finest - halving, block.col * tiles, block.row * tiles, pixels)
            pixels = halved(pixels)
        return pixels

    def _cut_level(self, level: int, first_col: int, first_row: int, pixels: Pixels) -> None:
        height, width = pixels.shape[:2]
        for row, top in enumerate(range(0, height, TILE_PX), first_row):
            for col, left in enumerate(range(0, width, TILE_PX), first_col):
                tile = pixels[top : top + TILE_PX, left : left + TILE_PX]
                if not self._is_flat(tile):
                    self._write(level, col, row, tile)

    def _is_flat(self, tile: Pixels) -> bool:
        whole = words(tile)
        if (whole[::SAMPLE_STEP, ::SAMPLE_STEP] != self._background).any():
            return False
        return not (whole != self._background).any()

    def _join(self, block: Block, pixels: Pixels | None) -> tuple[Block, Pixels | None] | None:
        """Put a block, halved, into the one above; returns that one when it is whole."""
        above = Block(block.stage + 1, block.col >> JOINED, block.row >> JOINED)
        with self._lock:
            joined = self._open.get(above)
            if joined is None:
                joined = self._open[above] = _Open(len(self._parts(above)))
            if pixels is not None and joined.pixels is None:
                *_, width, height = self.box(above)
                joined.pixels = np.empty((height, width, 4), np.uint8)
                words(joined.pixels)[:] = self._background
        if pixels is not None and joined.pixels is not None:
            inside = (1 << JOINED) - 1
            left, top = (block.col & inside) * TILE_PX, (block.row & inside) * TILE_PX
            height, width = pixels.shape[:2]
            joined.pixels[top : top + height, left : left + width] = pixels
        with self._lock:
            joined.parts_left -= 1
            if joined.parts_left:
                return None
            del self._open[above]
        return above, joined.pixels


def halved(pixels: Pixels) -> Pixels:
    """Half the size, rounded up: the means of 2 x 2 px."""
    image = Image.frombuffer("RGBX", pixels.shape[1::-1], pixels, "raw", "RGBX", 0, 1)
    small: Pixels = np.asarray(image.reduce(2))
    return small
