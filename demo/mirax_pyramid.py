"""The images of all levels: each joins 2 x 2 of the level below; encoded by several threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt

from mirax_files import DataFiles, StoredImage
from mirax_images import View, camera_pixels, encode, half
from mirax_spec import MiraxSpec
from scene import Pixels

BLOCK_LEVEL = 3  # a thread's work at a time: a block of 8 x 8 images of level 0 and what joins them
BLOCKS_AHEAD = 6  # made before they are asked for; each holds the bytes of its images


@dataclass
class Block:
    """A thread's work: encoded images (level, x, y, bytes), and the one that joins them all."""

    encoded: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    joined: Pixels | None = None


class Pyramid:
    """Writes the images of all levels, depth first: few are held at a time."""

    def __init__(self, spec: MiraxSpec, scene: View, files: DataFiles) -> None:
        self.spec, self.scene, self.files = spec, scene, files
        self.images: list[StoredImage] = []
        self.level_0_written = 0
        self.block_level = min(BLOCK_LEVEL, spec.levels - 1)
        self.size = spec.image_width, spec.image_height
        self.in_level_0 = int(spec.scanned_pictures.sum()) * spec.divisions**2

    def write(self) -> list[StoredImage]:
        """All images, in the order in which they were written."""
        top = self.spec.levels - 1
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            blocks = self._blocks(pool)
            for y in range(0, self.spec.images[1], 1 << top):
                for x in range(0, self.spec.images[0], 1 << top):
                    self._join(top, x, y, blocks)
        return self.images

    def _blocks(self, pool: ThreadPoolExecutor) -> Iterator[Block]:
        """The blocks in the order in which _join asks for them, some made ahead."""
        top = self.spec.levels - 1
        addresses = (
            address
            for y in range(0, self.spec.images[1], 1 << top)
            for x in range(0, self.spec.images[0], 1 << top)
            for address in self._addresses(top, x, y)
        )
        ahead: deque[Future[Block]] = deque()
        for address in islice(addresses, BLOCKS_AHEAD):
            ahead.append(pool.submit(self._block, *address))
        while ahead:
            block = ahead.popleft().result()
            for address in islice(addresses, 1):
                ahead.append(pool.submit(self._block, *address))
            yield block

    def _addresses(self, level: int, x: int, y: int) -> Iterator[tuple[int, int]]:
        """Where the blocks below an image lie that are not empty."""
        if not self._scanned(level, x, y):
            return
        if level == self.block_level:
            yield x, y
            return
        for child_x, child_y in _children(level, x, y):
            yield from self._addresses(level - 1, child_x, child_y)

    def _scanned(self, level: int, x: int, y: int) -> bool:
        """Whether any camera picture below an image exists."""
        divisions, last = self.spec.divisions, (1 << level) - 1
        rows = slice(y // divisions, (y + last) // divisions + 1)
        columns = slice(x // divisions, (x + last) // divisions + 1)
        return bool(self.spec.scanned_pictures[rows, columns].any())

    def _join(self, level: int, x: int, y: int, blocks: Iterator[Block]) -> Pixels | None:
        """Write an image and all below it; None: nothing was scanned there."""
        if not self._scanned(level, x, y):
            return None
        if level == self.block_level:
            block = next(blocks)
            for image in block.encoded:
                self._store(*image)
            return block.joined
        mosaic = self._filled(2)
        width, height = self.size
        for number, child in enumerate(_children(level, x, y)):
            pixels = self._join(level - 1, *child, blocks)
            if pixels is not None:
                left, top = number % 2 * width, number // 2 * height
                mosaic[top : top + height, left : left + width] = pixels
        joined = half(mosaic)
        self._store(level, x, y, self._encode(joined))
        return joined

    def _block(self, x: int, y: int) -> Block:
        """A block's images of all levels."""
        block, width, height = Block(), *self.size
        mosaic, stored = self._mosaic(x, y)
        for level in range(self.block_level + 1):
            for row, column in np.argwhere(stored):
                image = mosaic[row * height :, column * width :][:height, :width]
                place = x + (int(column) << level), y + (int(row) << level)
                block.encoded.append((level, *place, self._encode(image)))
            if level < self.block_level:
                mosaic = half(mosaic)
                rows = stored[0::2] | stored[1::2]
                stored = rows[:, 0::2] | rows[:, 1::2]
        block.joined = mosaic
        return block

    def _mosaic(self, x: int, y: int) -> tuple[Pixels, npt.NDArray[np.bool_]]:
        """A block's images of level 0 edge to edge, and which of them exist, (down, across)."""
        side, divisions = 1 << self.block_level, self.spec.divisions
        width, height = self.size
        mosaic, stored = self._filled(side), np.zeros((side, side), bool)
        last = side - 1
        rows = slice(y // divisions, (y + last) // divisions + 1)
        columns = slice(x // divisions, (x + last) // divisions + 1)
        for row, column in np.argwhere(self.spec.scanned_pictures[rows, columns]):
            row, column = int(row) + rows.start, int(column) + columns.start
            x0, x1 = max(x, column * divisions), min(x + side, (column + 1) * divisions)
            y0, y1 = max(y, row * divisions), min(y + side, (row + 1) * divisions)
            within = x0 - column * divisions, y0 - row * divisions, x1 - x0, y1 - y0
            pixels = camera_pixels(self.spec, self.scene, (column, row), within)
            left, top = (x0 - x) * width, (y0 - y) * height
            mosaic[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
            stored[y0 - y : y1 - y, x0 - x : x1 - x] = True
        return mosaic, stored

    def _encode(self, pixels: Pixels) -> bytes:
        return encode(pixels, self.spec.image_format, self.spec.quality)

    def _store(self, level: int, x: int, y: int, data: bytes) -> None:
        """Level 0 is spread over all files but the last, which holds whatever else there is."""
        number = self.spec.data_files - 1
        if level == 0:
            number = self.level_0_written * number // self.in_level_0
            self.level_0_written += 1
        part = self.files.append(number, data)
        place = y * self.spec.images[0] + x
        self.images.append(
            StoredImage(level, place, x, y, part.file_number, part.offset, part.length)
        )

    def _filled(self, side: int) -> Pixels:
        """Room for side x side images, in the colour of what was never scanned."""
        shape = side * self.size[1], side * self.size[0], 3
        return np.full(shape, self.spec.fill_color, np.uint8)


def _children(level: int, x: int, y: int) -> list[tuple[int, int]]:
    """The four images of the level below that an image joins; all counted in level-0 images."""
    step = 1 << (level - 1)
    return [(x, y), (x + step, y), (x, y + step), (x + step, y + step)]
