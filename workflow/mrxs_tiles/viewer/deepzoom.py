"""The Deep Zoom pyramid of a slide, from one read of it.

Writes ``viewer_files/{level}/{col}_{row}.jpg`` into ``results/{slide}``.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mrxs_tiles.cutting.cutter import Fate, cut_all
from mrxs_tiles.errors import PassingError, SlideError, StoredImageError
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.pixels.encode import Encode
from mrxs_tiles.pixels.filters import (
    Color,
    Pixels,
    is_unscanned,
    opaque_word,
    put_on_background,
    words,
)
from mrxs_tiles.pixels.pyramid import TILE_PX, Block, Pyramid, level_count
from mrxs_tiles.slide.reader import Alpha, Reader

SUFFIX = "jpg"
LEAST_PX = 64  # side of what is still tried to be read around a damaged image
MOST_DEAR = 1000  # parts that OpenSlide cannot read: it opens the slide anew after each

Written = dict[int, set[tuple[int, int]]]  # level -> columns and rows of its tiles


class DeepZoom(NamedTuple):
    """What a pyramid is made with."""

    size: tuple[int, int]  # (width, height) of the slide, level-0 px
    background: Color
    encode: Encode


class Builder:
    """Reads a slide's blocks, and writes the tiles that the pyramid makes of them."""

    def __init__(self, reader: Reader, made: DeepZoom, folder: TileFolder) -> None:
        """``folder``: where the tiles go, a sub-folder a level."""
        self._reader, self._made, self._folder = reader, made, folder
        self._alone, self._tries, self._dear_left = threading.Lock(), 1, MOST_DEAR
        self.written: Written = defaultdict(set)
        for level in range(level_count(made.size)):
            folder.make(str(level))
            self.written[level] = set()
        self._pyramid = Pyramid(made.size, made.background, self._write)
        self.blocks: dict[Address, Block] = {
            (block.col, block.row): block for block in self._pyramid.blocks()
        }

    def build(self, threads: int, done: Callable[[], None]) -> SlideError | None:
        """Build the pyramid; ``written`` then says which tiles there are.

        What cannot be read is background; what may be read the next time is returned, if any.

        Args:
            threads: how many blocks are worked on at the same time.
            done: called after each block, by any thread.

        Raises:
            ResultsError: a tile cannot be written.
        """
        self._tries = threads
        boxes = map(self._pyramid.box, self.blocks.values())
        self._reader.expect(0, (((x, y), (width, height)) for x, y, width, height in boxes))
        _, said = cut_all(self._read, [[address] for address in self.blocks], threads, done)
        for address in said:
            self._pyramid.add(self.blocks[address], None)
        self._write_parents()
        return next(iter(said.values()), None)

    def _write_parents(self) -> None:
        """Write the tiles above others that came out as nothing but background.

        One px of another colour is gone where the picture is halved. But viewers take a tile for
        there where one below it is, since Deep Zoom's DisplayRects tell of no single level.
        """
        for level in range(max(self.written), 0, -1):
            parents = {(col // 2, row // 2) for col, row in self.written[level]}
            scale = 1 << (max(self.written) - level + 1)
            width, height = (math.ceil(side / scale) for side in self._made.size)
            for col, row in sorted(parents - self.written[level - 1]):
                left, top = width - col * TILE_PX, height - row * TILE_PX
                plain = np.empty((min(TILE_PX, top), min(TILE_PX, left), 4), np.uint8)
                words(plain)[:] = opaque_word(self._made.background)
                self._write(level - 1, col, row, plain)

    def _read(self, address: Address) -> Fate:
        """Read one block and hand it to the pyramid."""
        block = self.blocks[address]
        x, y, width, height = self._pyramid.box(block)
        if self._reader.is_empty((x, y), (width, height)):
            self._pyramid.add(block, None)
            return Fate(0)
        pixels = np.empty((height, width, 4), np.uint8)
        try:
            fill = opaque_word(self._made.background)
            alpha = self._reader.read((x, y), 0, pixels, fill)
        except PassingError:  # tried again at the end, and then told
            raise
        except SlideError:
            with self._alone:
                self._read_parts(block, pixels)
            alpha = Alpha.UNKNOWN
        self._hand_on(block, pixels, alpha)
        return Fate(0)

    def _read_parts(self, block: Block, pixels: Pixels) -> None:
        """Read what can be read of a block, tile by tile; the rest stays transparent.

        An error may be another thread's, that took the shared handle away. But each of them then
        waits for this lock, so that no more errors than other threads are not a part's own.
        """
        x, y, width, height = self._pyramid.box(block)
        pixels.fill(0)
        for top in range(0, height, TILE_PX):
            for left in range(0, width, TILE_PX):
                part = pixels[top : top + TILE_PX, left : left + TILE_PX]
                self._read_part((x + left, y + top), part)

    def _read_part(self, location: tuple[int, int], part: Pixels) -> None:
        """Read a part of a block, and where a damaged image is in it, what lies around that."""
        own = np.empty_like(part, order="C")
        for _ in range(self._tries):
            try:
                self._reader.read(location, 0, own)
            except StoredImageError:  # our own reader's, which knows it without another look
                break
            except PassingError:
                raise
            except SlideError:
                continue
            part[:] = own
            return
        else:
            self._dear_left -= 1
        if self._dear_left > 0:
            self._read_around(location, part)

    def _read_around(self, location: tuple[int, int], part: Pixels) -> None:
        """Read each quarter of a part that cannot be read as a whole."""
        height, width = part.shape[:2]
        half = max(height, width) // 2
        if half < LEAST_PX:
            return
        for top in range(0, height, half):
            for left in range(0, width, half):
                quarter = part[top : top + half, left : left + half]
                self._read_part((location[0] + left, location[1] + top), quarter)

    def _hand_on(self, block: Block, pixels: Pixels, alpha: Alpha) -> None:
        if alpha is not Alpha.OPAQUE:
            if alpha is Alpha.NOTHING or is_unscanned(pixels):
                self._pyramid.add(block, None)
                return
            put_on_background(pixels, self._made.background)
        self._pyramid.add(block, pixels)

    def _write(self, level: int, col: int, row: int, pixels: Pixels) -> None:
        self._folder.write(f"{level}/{col}_{row}.{SUFFIX}", self._made.encode(pixels))
        self.written[level].add((col, row))
