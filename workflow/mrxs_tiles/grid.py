"""The grid of tiles: addresses, places, sizes. Pure arithmetic, no slide, no pixel.

The arithmetic is Deep Zoom's as openslide-python's ``DeepZoomGenerator`` does it, step by
step and rounding by rounding, because the tiles must come out byte for byte the same. Its
four coordinate planes name the variables here too:

- ``t_``  column and row of the tile (its address)
- ``z_``  pixels of the Deep Zoom level, which is the picture that is cut into tiles
- ``l_``  pixels of the slide level that is read
- ``l0_`` pixels of slide level 0

Both directions are alike, so all but the last step is done for one ``Axis`` at a time. Scales
that Deep Zoom does not know are in ``resampled_grid``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]


class Tile(NamedTuple):
    """Where one tile lies.

    ``x``, ``y``, ``width``, ``height``: the level-0 px it covers, from the slide's corner,
    overlap included, clipped to the slide. ``tile_width``, ``tile_height``: px of its
    picture; 0 where rounding leaves the last column or row nothing to show.
    """

    col: int
    row: int
    x: int
    y: int
    width: int
    height: int
    tile_width: int
    tile_height: int


class Region(NamedTuple):
    """What to read for one tile.

    ``location``: (x, y) level-0 px. ``size``: (width, height) px of ``level``. ``z_size``:
    (width, height) px into which the picture must fit: where ``size`` is larger it is
    resampled. ``tile_size``: (width, height) px of the picture that comes out. ``box``: (left,
    top, right, bottom) px in what is read, which become the picture; None: all, as in Deep Zoom.
    """

    location: tuple[int, int]
    level: int
    size: tuple[int, int]
    z_size: tuple[int, int]
    tile_size: tuple[int, int]
    box: tuple[float, float, float, float] | None


class Span(NamedTuple):
    """One column's (or row's) part of a tile, in one direction."""

    l0_start: int
    l0_length: int
    l0_location: int
    l_length: int
    z_length: int
    l_box: tuple[float, float] | None = None  # in what is read; None: all of it


Downsamples = tuple[float, float]


class Axis(Protocol):
    """One direction of a grid: how columns (or rows) lie along it."""

    @property
    def l0_origin(self) -> int:
        """Where the grid starts."""

    @property
    def l0_l_downsample(self) -> float:
        """Level-0 px per px of the level that is read."""

    @property
    def downsample(self) -> float:
        """Level-0 px per px of a tile."""

    @property
    def z_t_downsample(self) -> int:
        """Side of a tile."""

    @property
    def z_overlap(self) -> int:
        """Px added on each inner side."""

    @property
    def count(self) -> int:
        """How many columns (rows) there are."""

    def span(self, t: int) -> Span:
        """Where column (row) ``t`` lies; ``t`` from 0 to ``count - 1``."""


@dataclass(frozen=True, slots=True)
class DeepZoomAxis:
    """One direction of a grid as Deep Zoom has it."""

    l0_slide: int  # length of the slide
    l0_origin: int  # where the grid starts
    l_length: int  # length of the cut area on the level that is read
    l0_l_downsample: float
    l_z_downsample: float
    z_length: int
    z_t_downsample: int  # side of a tile
    z_overlap: int

    @property
    def downsample(self) -> int:
        """Level-0 px per px of a tile, a power of two."""
        return round(self.l0_l_downsample * self.l_z_downsample)

    @property
    def count(self) -> int:
        """How many columns (rows) there are."""
        return math.ceil(self.z_length / self.z_t_downsample)

    def span(self, t: int) -> Span:
        """Where column (row) ``t`` lies; ``t`` from 0 to ``count - 1``."""
        z_before = self.z_overlap * (t != 0)
        z_after = self.z_overlap * (t != self.count - 1)
        z_start = self.z_t_downsample * t
        z_length = min(self.z_t_downsample, self.z_length - z_start) + z_before + z_after
        l_start = self.l_z_downsample * (z_start - z_before)
        l_length = int(
            min(math.ceil(self.l_z_downsample * z_length), self.l_length - math.ceil(l_start))
        )
        l0_z = self.downsample
        l0_start = self.l0_origin + l0_z * (z_start - z_before)
        # a last tile smaller than the overlap: the one before it must not reach beyond it
        z_shown = min(z_length, self.z_length - (z_start - z_before))
        return Span(
            l0_start=l0_start,
            l0_length=max(0, min(l0_z * z_shown, self.l0_slide - l0_start)),
            l0_location=int(self.l0_l_downsample * l_start + self.l0_origin),
            l_length=max(0, l_length),
            z_length=z_length,
        )


@dataclass(frozen=True)
class Grid:
    """All tiles of a slide at one resolution."""

    level: int
    x: Axis
    y: Axis

    @property
    def downsample(self) -> float:
        """Level-0 px per px of a tile; the geometric mean where it differs across and down."""
        across, down = self.x.downsample, self.y.downsample
        return across if across == down else math.sqrt(across * down)

    @property
    def stride(self) -> int:
        """Px of the level that is read, from one column to the next."""
        return math.ceil(self.x.z_t_downsample * self.x.downsample / self.x.l0_l_downsample)

    @property
    def cols(self) -> int:
        """Tiles side by side."""
        return self.x.count if self.y.count else 0

    @property
    def rows(self) -> int:
        """Tiles below each other."""
        return self.y.count if self.x.count else 0

    @cached_property
    def _columns(self) -> list[Span]:
        return [self.x.span(col) for col in range(self.cols)]

    @cached_property
    def _lines(self) -> list[Span]:
        return [self.y.span(row) for row in range(self.rows)]

    def tiles(self, wanted: Bools | None = None) -> Iterator[Tile]:
        """The tiles by column, then row; ``wanted`` (cols, rows) bool leaves out the others."""
        for col in range(self.cols):
            rows = range(self.rows) if wanted is None else np.flatnonzero(wanted[col]).tolist()
            for row in rows:
                yield _tile(col, row, self._columns[col], self._lines[row])

    def region(self, col: int, row: int) -> Region:
        """What to read for the tile at an address."""
        across, down = self._columns[col], self._lines[row]
        return Region(
            location=(across.l0_location, down.l0_location),
            level=self.level,
            size=(across.l_length, down.l_length),
            z_size=(across.z_length, down.z_length),
            tile_size=_picture_size(across, down),
            box=_box(across, down),
        )

    def touched(self, boxes: npt.NDArray[np.float64]) -> Bools:
        """Which tiles share area with any of some boxes, (cols, rows) bool.

        ``boxes`` (n, 4): left, top, right, bottom in level-0 px.
        """
        change = np.zeros((self.cols + 1, self.rows + 1), np.int64)
        if change.size > 1 and len(boxes):
            first_col, end_col = _crossed(self._columns, boxes[:, 0], boxes[:, 2])
            first_row, end_row = _crossed(self._lines, boxes[:, 1], boxes[:, 3])
            np.add.at(change, (first_col, first_row), 1)
            np.add.at(change, (end_col, end_row), 1)
            np.add.at(change, (first_col, end_row), -1)
            np.add.at(change, (end_col, first_row), -1)
        inside: Bools = change.cumsum(0).cumsum(1)[:-1, :-1] > 0
        return inside


def _crossed(
    spans: list[Span], low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First column, and the one behind the last, that each stretch low..high shares px with."""
    starts = np.array([span.l0_start for span in spans])
    ends = np.array([span.l0_start + span.l0_length for span in spans])
    first = np.searchsorted(ends, low, side="right")
    end = np.searchsorted(starts, high, side="left")
    return first, np.maximum(first, end)


def _tile(col: int, row: int, across: Span, down: Span) -> Tile:
    width, height = _picture_size(across, down)
    return Tile(
        col,
        row,
        across.l0_start,
        down.l0_start,
        across.l0_length,
        down.l0_length,
        width,
        height,
    )


def _box(across: Span, down: Span) -> tuple[float, float, float, float] | None:
    if across.l_box is None or down.l_box is None:
        return None
    return across.l_box[0], down.l_box[0], across.l_box[1], down.l_box[1]


def _picture_size(across: Span, down: Span) -> tuple[int, int]:
    if across.l_box is not None:
        return (across.z_length, down.z_length)
    if not across.l_length or not down.l_length:
        return (0, 0)
    return thumbnail_size((across.l_length, down.l_length), (across.z_length, down.z_length))


def thumbnail_size(size: tuple[int, int], most: tuple[int, int]) -> tuple[int, int]:
    """The size that Pillow's ``Image.thumbnail(most)`` gives a picture of ``size``.

    Deep Zoom brings a region to its tile's size with it: a picture is made smaller, keeping
    its proportions, never larger.
    """
    width, height = size
    most_width, most_height = most
    if most_width >= width and most_height >= height:
        return size
    aspect = width / height
    if most_width / most_height >= aspect:
        return _nearer(most_height * aspect, lambda n: abs(aspect - n / most_height)), most_height
    return most_width, _nearer(
        most_width / aspect, lambda n: 0 if n == 0 else abs(aspect - most_width / n)
    )


def _nearer(number: float, distance: Callable[[int], float]) -> int:
    return max(min(math.floor(number), math.ceil(number), key=distance), 1)


class Levels(NamedTuple):
    """A slide's levels as OpenSlide gives them: sizes (width, height) px and downsamples."""

    sizes: tuple[tuple[int, int], ...]
    downsamples: tuple[float, ...]


Bounds = tuple[int, int, int, int]


def largest_downsample(l0_size: tuple[int, int]) -> int:
    """The coarsest power of two that Deep Zoom knows for a slide: there it is 1 x 1 px."""
    return 1 << max(0, math.ceil(math.log2(max(1, *l0_size))))


def make_grid(
    levels: Levels,
    tile_size: int,
    overlap: int,
    downsample: int,
    area: Bounds | None,
    best_level: int,
) -> Grid:
    """The grid that ``DeepZoomGenerator(slide, tile_size, overlap, limit_bounds)`` has.

    Args:
        levels: the slide's levels.
        tile_size: side of a tile, px.
        overlap: px added on each inner side.
        downsample: level-0 px per px of the tiles, a power of two.
        area: with ``limit_bounds``, the scanned area (x, y, width, height) in level-0 px.
        best_level: OpenSlide's ``get_best_level_for_downsample(downsample)``.
    """

    def axis(direction: int) -> DeepZoomAxis:
        l0_slide = levels.sizes[0][direction]
        l0_length, l_length = l0_slide, levels.sizes[best_level][direction]
        if area is not None:
            # the generator scales every level by this ratio, level 0 too, and rounds up
            scale = area[2 + direction] / l0_slide
            l0_length, l_length = math.ceil(l0_slide * scale), math.ceil(l_length * scale)
        return DeepZoomAxis(
            l0_slide=l0_slide,
            l0_origin=0 if area is None else area[direction],
            l_length=l_length,
            l0_l_downsample=levels.downsamples[best_level],
            l_z_downsample=downsample / levels.downsamples[best_level],
            # halving and rounding up again and again is rounding up once
            z_length=math.ceil(l0_length / downsample),
            z_t_downsample=tile_size,
            z_overlap=overlap,
        )

    return Grid(level=best_level, x=axis(0), y=axis(1))
