"""Where our own reader is compared with OpenSlide: few places that show each way to be wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from random import Random  # numpy's takes long to import
from typing import NamedTuple

import numpy as np

from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.image_places import Places, places_of
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.level_grid import SPLIT_PX, LevelGrid

SIDE = 96  # px of a place that is compared
CORNERS = 16  # of camera pictures, where four of them overlap
FULL = 12  # stored images that show most, by their lengths: a shift shows there
ANYWHERE = 12  # stored images, drawn alike
ALL_PX = 1 << 21  # a level up to this many px is compared whole
ALL_SIDE = 512
# Of a coarser level:
INSIDE = 8  # pieces within which a region lies: there pixman takes another way
FRACTIONS = 16  # places of pieces between px, each way; level 2 has so many
BESIDE = 6  # places of those that show most, and as many anywhere
RIM = 5  # px by which a region that lies within a piece keeps off its rim
BAND = 16  # px of a region that is longer than OpenSlide reads at once, the other way


class Place(NamedTuple):
    """A region that is compared: ``x``, ``y`` level-0 px, ``width``, ``height`` px of the level."""

    x: int
    y: int
    width: int
    height: int


def places(index: MiraxIndex, level: int) -> Iterator[Place]:
    """Where to compare: chosen by the slide's own identity, so that a run can be repeated."""
    digest = hashlib.sha256(index.slidedat.slide_id.encode()).digest()
    random = Random(digest)  # noqa: S311 - places to look at, no secret
    if level == 0:
        yield from _level_0(index, places_of(index), random)
    else:
        yield from _Coarse(index, level, random).places()


def _level_0(index: MiraxIndex, at: Places, random: Random) -> Iterator[Place]:
    if not len(at.number):
        return
    left, top = int(at.x.min()), int(at.y.min())
    right, bottom = int(at.x.max()) + at.width, int(at.y.max()) + at.height
    if (right - left) * (bottom - top) <= ALL_PX:
        for y in range(top, bottom, ALL_SIDE):
            for x in range(left, right, ALL_SIDE):
                yield Place(x, y, ALL_SIDE, ALL_SIDE)
        return
    for x, y in _centres(index, at, random):
        yield Place(max(0, x - SIDE // 2), max(0, y - SIDE // 2), SIDE, SIDE)


def _centres(index: MiraxIndex, at: Places, random: Random) -> Iterator[tuple[int, int]]:
    image = index.images[0][at.number, 0]
    divisions, across = index.slidedat.divisions, index.slidedat.images_x
    begins = (image % across % divisions == 0) & (image // across % divisions == 0)
    for number in drawn(np.flatnonzero(begins), CORNERS, random):
        yield int(at.x[number]), int(at.y[number])
    length = index.images[0][at.number, 2]
    for number in drawn(np.argsort(length)[-4 * FULL :], FULL, random):
        yield int(at.x[number]) + at.width // 2, int(at.y[number]) + at.height // 2
    for number in drawn(np.arange(len(image)), ANYWHERE, random):
        yield int(at.x[number]) + at.width, int(at.y[number]) + at.height
    for first in (at.x.argmin(), at.y.argmin()):
        yield int(at.x[first]), int(at.y[first])
    for last in (at.x.argmax(), at.y.argmax()):
        yield int(at.x[last]) + at.width, int(at.y[last]) + at.height


def drawn(numbers: np.ndarray, count: int, random: Random) -> Sequence[int]:
    """Some of the numbers, each at most once."""
    some = random.sample(range(len(numbers)), min(count, len(numbers)))
    chosen: list[int] = np.sort(numbers[some]).tolist()
    return chosen


class _Coarse:
    """The places of a coarser level."""

    def __init__(self, index: MiraxIndex, level: int, random: Random) -> None:
        self._grid = LevelGrid(index, level)
        self._downsample = layout.downsample(index, level)
        self._random = random
        self._x, self._y = self._grid.at
        self._length = index.images[level][self._grid.image, 2]

    def places(self) -> Iterator[Place]:
        if not len(self._x):
            return
        left, top = int(self._x.min()), int(self._y.min())
        right = int(self._x.max() + self._grid.sides[0]) + 2
        bottom = int(self._y.max() + self._grid.sides[1]) + 2
        if (right - left) * (bottom - top) <= ALL_PX:
            for y in range(top, bottom, ALL_SIDE):
                for x in range(left, right, ALL_SIDE):
                    yield self._place(x, y, ALL_SIDE, ALL_SIDE)
            yield from self._inside()
        else:
            yield from self._inside()
            yield from self._corners()
            yield from self._rim()
            yield from self._long(right - left, bottom - top)

    def _place(self, x: float, y: float, width: int, height: int, odd: int = 0) -> Place:
        """A region that begins at a whole px of the level, or ``odd`` level-0 px behind it."""
        l0_x, l0_y = (max(0, int(at)) * self._downsample + odd for at in (x, y))
        return Place(l0_x, l0_y, width, height)

    def _fullest(self, count: int) -> Sequence[int]:
        """Pieces of images that show much: a rule that is wrong is seen there."""
        return drawn(np.argsort(self._length)[-4 * count :], count, self._random)

    def _inside(self) -> Iterator[Place]:
        """Regions within one piece."""
        width, height = (int(side) - 2 * RIM for side in self._grid.sides)
        if min(width, height) < RIM:
            return
        for number, row in enumerate(self._fullest(INSIDE)):
            x, y = self._x[row] + RIM, self._y[row] + RIM
            odd = number % 2 * (number % self._downsample)
            yield self._place(x, y, min(width, SIDE), min(height, SIDE), odd)

    def _corners(self) -> Iterator[Place]:
        """Where pieces meet: one place for each way in which they lie between px, and some more."""
        l0 = np.rint(np.column_stack([self._x, self._y]) * self._downsample).astype(np.int64)
        fraction = l0 % self._downsample @ [self._downsample, 1]
        _, each = np.unique(fraction[np.argsort(self._length)[::-1]], return_index=True)
        each = np.argsort(self._length)[::-1][each]
        rows = [*drawn(each, FRACTIONS, self._random), *self._fullest(BESIDE)]
        rows += drawn(np.arange(len(self._x)), BESIDE, self._random)
        for number, row in enumerate(rows):
            # every third at an odd level-0 px, where all pieces lie between px otherwise
            odd = 0 if number % 3 else 1 + number % max(1, self._downsample - 1)
            yield self._place(self._x[row] - SIDE // 2, self._y[row] - SIDE // 2, SIDE, SIDE, odd)

    def _rim(self) -> Iterator[Place]:
        sides = self._grid.sides
        for first in (self._x.argmin(), self._y.argmin()):
            yield self._place(self._x[first] - SIDE // 2, self._y[first] - SIDE // 2, SIDE, SIDE)
        for last in (self._x.argmax(), self._y.argmax()):
            x, y = self._x[last] + sides[0], self._y[last] + sides[1]
            yield self._place(x - SIDE // 2, y - SIDE // 2, SIDE, SIDE)

    def _long(self, width: int, height: int) -> Iterator[Place]:
        """Regions that OpenSlide splits, at an odd level-0 px."""
        row = self._fullest(1)[0]
        length, odd = SPLIT_PX + SIDE, self._downsample - 1
        if width > length:
            yield self._place(self._x.min(), self._y[row], length, BAND, odd)
        if height > length:
            yield self._place(self._x[row], self._y.min(), BAND, length, odd)
