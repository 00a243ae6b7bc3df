"""The grid of tiles: addresses, places, sizes. Pure arithmetic, no slide, no pixel.

Four coordinate planes name the variables, as in openslide-python's ``DeepZoomGenerator``:

- ``t_``  column and row of the tile (its address)
- ``z_``  pixels of the Deep Zoom level, which is the picture that is cut into tiles
- ``l_``  pixels of the slide level that is read
- ``l0_`` pixels of slide level 0

Both directions are alike, so all but the last step is done for one ``Axis`` at a time:
``deep_zoom_grid`` has Deep Zoom's own, ``resampled_grid`` those for the scales it does not know.
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


KEEP, PAD, DROP = "keep", "pad", "drop"  # what becomes of tiles smaller than the others


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


@dataclass(frozen=True)
class Grid:
    """All tiles of a slide at one resolution.

    ``edge``: what becomes of tiles smaller than the others, which lie at the slide's edge. With
    ``pad`` the picture of each has full size, and what was read of the slide lies in it at
    ``padding``.
    """

    level: int
    x: Axis
    y: Axis
    edge: str = KEEP

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

    @property
    def full_side(self) -> int:
        """Px of a side of a tile that has neighbours all around."""
        return self.x.z_t_downsample + 2 * self.x.z_overlap

    def is_whole(self, col: int, row: int) -> bool:
        """Whether a tile is as large as one with neighbours all around."""
        size = _picture_size(self._columns[col], self._lines[row])
        return size == (self.full_side, self.full_side)

    def whole(self) -> Bools:
        """Which tiles are, (cols, rows) bool."""
        kinds: list[dict[tuple[object, ...], int]] = [{}, {}]
        found = []
        for known, spans in zip(kinds, (self._columns, self._lines), strict=True):
            lengths = [(span.l_length, span.z_length) for span in spans]
            found.append(np.array([known.setdefault(one, len(known)) for one in lengths], int))
        first = [
            [kind.tolist().index(n) for n in range(len(known))]
            for kind, known in zip(found, kinds, strict=True)
        ]
        each = np.array([[self.is_whole(col, row) for row in first[1]] for col in first[0]], bool)
        whole: Bools = each.reshape(len(first[0]), len(first[1]))[np.ix_(*found)]
        return whole

    def padding(self, col: int, row: int) -> tuple[int, int]:
        """Where in a picture of full size a tile's own begins, px from the left and the top."""
        overlap = self.x.z_overlap
        return (0 if col else overlap), (0 if row else overlap)

    @cached_property
    def _columns(self) -> list[Span]:
        return [self.x.span(col) for col in range(self.cols)]

    @cached_property
    def _lines(self) -> list[Span]:
        return [self.y.span(row) for row in range(self.rows)]

    def edges(self, direction: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the columns (direction 0) or rows (1) begin and end, level-0 px."""
        spans = (self._columns, self._lines)[direction]
        starts = np.array([span.l0_start for span in spans], np.int64)
        return starts, starts + np.array([span.l0_length for span in spans], np.int64)

    def tiles(self, wanted: Bools | None = None) -> Iterator[Tile]:
        """The tiles by column, then row; ``wanted`` (cols, rows) bool leaves out the others."""
        for col in range(self.cols):
            rows = range(self.rows) if wanted is None else np.flatnonzero(wanted[col]).tolist()
            for row in rows:
                yield self.tile(col, row)

    def tile(self, col: int, row: int) -> Tile:
        """The tile at an address."""
        across, down = self._columns[col], self._lines[row]
        width, height = _picture_size(across, down)
        if self.edge == PAD and width and height:
            width = height = self.full_side
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
        change = np.zeros((self.cols + 1, self.rows + 1), np.int32)
        if change.size > 1 and len(boxes):
            first_col, end_col = _crossed(*self.edges(0), boxes[:, 0], boxes[:, 2])
            first_row, end_row = _crossed(*self.edges(1), boxes[:, 1], boxes[:, 3])
            np.add.at(change, (first_col, first_row), 1)
            np.add.at(change, (end_col, end_row), 1)
            np.add.at(change, (first_col, end_row), -1)
            np.add.at(change, (end_col, first_row), -1)
        for axis in (0, 1):  # in place: there may be millions of tiles
            np.cumsum(change, axis, out=change)
        inside: Bools = change[:-1, :-1] > 0
        return inside


def _crossed(
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First column, and the one behind the last, that each stretch low..high shares px with."""
    first = np.searchsorted(ends, low, side="right")
    end = np.searchsorted(starts, high, side="left")
    return first, np.maximum(first, end)


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
