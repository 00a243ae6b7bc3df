"""The picture of one tile: read, laid on its background, brought to its size.

Arrays are (height, width, 4) uint8 in OpenSlide's order: blue, green, red, alpha.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.grid import PAD, Grid, Region
from mrxs_tiles.grid.resampled import FILTER_PX
from mrxs_tiles.pixels.filters import (
    Color,
    Pixels,
    is_unscanned,
    looks_like,
    opaque_word,
    put_on_background,
    words,
)
from mrxs_tiles.pixels.resample import resample, resampler, thumbnail
from mrxs_tiles.slide.reader import Alpha, Extent, Reader

# What is read at once of a tile that is resampled: a tile of 512 px at 1/32 of a slide that
# has one level would be a GB otherwise.
MOST_READ_PX = 1 << 24


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The px of some tiles; ``location``: (x, y) of the top left corner, level-0 px."""

    addresses: frozenset[tuple[int, int]]
    location: tuple[int, int]
    pixels: Pixels
    alpha: Alpha  # of them all; a part of what is not opaque may be

    def part(self, region: Region) -> Pixels:
        """The px of one tile, in place."""
        left, top = region.location[0] - self.location[0], region.location[1] - self.location[1]
        width, height = region.size
        return self.pixels[top : top + height, left : left + width]


class _Strip(NamedTuple):
    """Rows of a tile that are resampled at once: what is read, and the part that becomes them."""

    rows: int
    extent: Extent
    box: tuple[float, float, float, float]


def _is_plain(region: Region) -> bool:
    """True where a tile's px are px of level 0."""
    return region.level == 0 and region.box is None and region.size == region.tile_size


def resampling_warning(grid: Grid, addresses: Iterable[tuple[int, int]]) -> str:
    """What a record is to say of how some tiles are brought to their size; "": nothing."""
    said = resampler()[1]
    regions = (grid.region(*at) for at in addresses) if said else ()
    return said if any(one.box or one.size != one.tile_size for one in regions) else ""


class Pictures:
    """Reads the tiles of a grid, on many threads at once; each has buffers of its own."""

    def __init__(self, reader: Reader, grid: Grid, background: Color, drop_unscanned: bool) -> None:
        """``drop_unscanned``: a tile of which nothing was scanned is no picture."""
        self._reader, self._grid = reader, grid
        self._background, self._drop_unscanned = background, drop_unscanned
        self._own = threading.local()

    def expect(self, groups: Iterable[Sequence[tuple[int, int]]]) -> None:
        """Tell the reader what will be read: of groups of tiles, each prepared, then read."""
        self._reader.expect(self._grid.level, self._extents(groups))

    def _extents(self, groups: Iterable[Sequence[tuple[int, int]]]) -> Iterator[Extent]:
        for group in groups:
            if common := self._common(group):
                yield common
                continue
            for region in (self._grid.region(*address) for address in group):
                if not all(region.tile_size):
                    continue
                if region.box is None:
                    yield region.location, region.size
                else:
                    yield from (strip.extent for strip in self._strips(region, region.box))

    def prepare(self, addresses: Sequence[tuple[int, int]]) -> None:
        """Read the px of a rectangle of tiles at once, for the same thread's ``read`` of each.

        Nothing is prepared where tiles overlap, where their px are not px of level 0, which a
        common read would place otherwise, or where something cannot be read: which tile that
        is, each one's own ``read`` will tell.
        """
        self._own.prepared = None
        common = self._common(addresses)
        if common is None:
            return
        location, size = common
        pixels = self._buffer(*size)
        with suppress(SlideError):
            alpha = self._reader.read(location, 0, pixels, opaque_word(self._background))
            self._own.prepared = _Prepared(frozenset(addresses), location, pixels, alpha)

    def _common(self, addresses: Sequence[tuple[int, int]]) -> Extent | None:
        """What is read for a rectangle of tiles at once; None: each is read by itself."""
        overlaps = self._grid.x.z_overlap > 0  # what is done to one tile would be seen in another
        if overlaps or len(addresses) == 1:
            return None
        first, last = self._grid.region(*addresses[0]), self._grid.region(*addresses[-1])
        if not (_is_plain(first) and _is_plain(last)):
            return None
        (left, top), (right, bottom) = first.location, last.location
        return first.location, (right + last.size[0] - left, bottom + last.size[1] - top)

    def read(self, address: tuple[int, int]) -> Pixels | None:
        """A tile's picture, opaque; None: nothing of it was scanned, or it has no px.

        It may lie in this thread's buffer: it holds until the same thread reads the next.

        Raises:
            SlideError: its pixels could not be read.
        """
        region = self._grid.region(*address)
        if not all(region.tile_size):
            return None
        if region.box is not None:
            return self._resampled(region, region.box)
        pixels, alpha = self._read(address, region)
        if alpha is Alpha.NOTHING and self._drop_unscanned:
            return None
        if alpha is not Alpha.OPAQUE:
            if self._drop_unscanned and is_unscanned(pixels):
                return None
            put_on_background(pixels, self._background)
        return pixels if region.size == region.tile_size else thumbnail(pixels, region.z_size)

    def padded(self, address: tuple[int, int], pixels: Pixels) -> Pixels:
        """A tile's picture, brought to full size with background where the grid asks for it."""
        if self._grid.edge != PAD or self._grid.is_whole(*address):
            return pixels
        side = self._grid.full_side
        whole = np.empty((side, side, 4), np.uint8)
        words(whole)[:] = opaque_word(self._background)
        left, top = self._grid.padding(*address)
        height, width = pixels.shape[:2]
        whole[top : top + height, left : left + width] = pixels
        return whole

    def _read(self, address: tuple[int, int], region: Region) -> tuple[Pixels, Alpha]:
        """A tile's px as they are read, from what was prepared or from the slide."""
        prepared: _Prepared | None = getattr(self._own, "prepared", None)
        if prepared is not None and address in prepared.addresses:
            part = prepared.part(region)
            return part, self._alpha_of_part(part, prepared.alpha, region)
        self._own.prepared = None  # its buffer is taken
        pixels = self._buffer(*region.size)
        fill = opaque_word(self._background)
        return pixels, self._reader.read(region.location, region.level, pixels, fill)

    def _alpha_of_part(self, pixels: Pixels, alpha: Alpha, region: Region) -> Alpha:
        """What is known of a tile, once its surroundings are opaque: those may have filled it."""
        if alpha is Alpha.OPAQUE and looks_like(pixels, self._background):
            empty = self._reader.is_empty(region.location, region.size)
            return Alpha.NOTHING if empty else alpha
        return alpha

    def _buffer(self, width: int, height: int) -> Pixels:
        """This thread's buffer, as a picture of (height, width, 4)."""
        size = width * height * 4
        memory: Pixels | None = getattr(self._own, "memory", None)
        if memory is None or memory.size < size:
            memory = self._own.memory = np.empty(size, np.uint8)
        return memory[:size].reshape(height, width, 4)

    def _resampled(self, region: Region, box: tuple[float, float, float, float]) -> Pixels | None:
        """The part ``box`` of a region, made smaller; read in strips where it is large."""
        parts: list[Pixels] = []
        scanned = not self._drop_unscanned
        for rows, (location, size), own in self._strips(region, box):
            pixels = self._buffer(*size)
            alpha = self._reader.read(location, region.level, pixels)
            if alpha is Alpha.OPAQUE:
                scanned = True
            else:
                scanned = scanned or not is_unscanned(_whole_px(pixels, own))
                put_on_background(pixels, self._background)
            parts.append(resample(pixels, own, (region.tile_size[0], rows)))
        if not scanned:
            return None
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _strips(self, region: Region, box: tuple[float, float, float, float]) -> Iterator[_Strip]:
        left, top, right, bottom = box
        (width, height), tile_height = region.size, region.tile_size[1]
        scale = (bottom - top) / tile_height
        margin = FILTER_PX * scale
        for first, end in strips(tile_height, scale, width):
            box_top, box_bottom = top + first * scale, top + end * scale
            read_top = min(max(0, math.floor(box_top - margin)), height - 1)
            read_bottom = max(read_top + 1, min(height, math.ceil(box_bottom + margin)))
            x, y = region.location
            below = round(read_top * self._grid.y.l0_l_downsample)
            own = (left, box_top - read_top, right, box_bottom - read_top)
            yield _Strip(end - first, ((x, y + below), (width, read_bottom - read_top)), own)


def strips(tile_height: int, scale: float, width: int) -> Iterator[tuple[int, int]]:
    """First row, and the one behind the last, of the parts in which a tile is resampled.

    ``scale``: px that are read for one of the tile; ``width``: px that are read for a row.
    """
    rows = max(1, int(MOST_READ_PX / (scale * width) - 2 * FILTER_PX))
    for first in range(0, tile_height, rows):
        yield first, min(tile_height, first + rows)


def _whole_px(pixels: Pixels, box: tuple[float, float, float, float]) -> Pixels:
    """The px that a box touches."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box
    left, top = min(math.floor(left), width - 1), min(math.floor(top), height - 1)
    return pixels[top : math.ceil(bottom), left : math.ceil(right)]
