"""Where the pieces of a coarser level lie in a region, to the last bit as OpenSlide has it.

OpenSlide keeps a piece's place as a column and a row of a regular grid and an offset from there,
and sums doubles in a fixed order. Camera pictures lie at fractions of a px here: which px a piece
touches, and with which weights, hangs on the last bit of that sum, so the order is kept.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import Int64s, MiraxIndex

Doubles = npt.NDArray[np.float64]

SPLIT_PX = 4096  # OpenSlide reads a larger region in parts of this side, each by itself


class Part(NamedTuple):
    """A part of a region that OpenSlide paints by itself.

    ``left``, ``top``, ``width``, ``height``: px of the region. ``x``, ``y``: where it begins, px
    of the level; ``shift_x``, ``shift_y``: px by which it begins before the level does, and
    ``inner_width``, ``inner_height`` its size without these.
    """

    left: int
    top: int
    width: int
    height: int
    x: float
    y: float
    shift_x: int
    shift_y: int
    inner_width: int
    inner_height: int


def parts_of(location: tuple[int, int], size: tuple[int, int], downsample: float) -> list[Part]:
    """The parts of a region: ``location`` level-0 px, ``size`` px of the level."""
    parts = []
    for top in range(0, size[1], SPLIT_PX):
        for left in range(0, size[0], SPLIT_PX):
            width, height = min(size[0] - left, SPLIT_PX), min(size[1] - top, SPLIT_PX)
            x, shift_x = _begin(location[0], left, downsample)
            y, shift_y = _begin(location[1], top, downsample)
            inner = width - shift_x, height - shift_y
            parts.append(Part(left, top, width, height, x, y, shift_x, shift_y, *inner))
    return parts


def _begin(l0_start: int, first: int, downsample: float) -> tuple[float, int]:
    """Where a part begins that lies ``first`` px into its region, and by how much too early."""
    start = int(l0_start + first * downsample)  # cut to a whole number, as OpenSlide does
    if start < 0:
        return 0.0, int(-start / downsample)
    return start / downsample, 0


class Axis(NamedTuple):
    """One direction of a level's grid, across or down, for all pieces together."""

    advance: float  # px from one column or row of the grid to the next
    extra_before: int  # cells beside a region of which pieces may stick into it
    extra_behind: int

    def near(self, start: float, length: int) -> tuple[int, int]:
        """First cell, and the one behind the last, whose pieces may touch a region."""
        first = int(start / self.advance)
        end = math.ceil((start + length) / self.advance)
        return first - self.extra_before, end + self.extra_behind

    def begin(self, start: float, shift: int) -> tuple[int, float, float]:
        """What places of pieces in a region are summed from.

        Cells before the first of ``near``, px of the region's start behind that of its own
        first cell, and px by which all moves in the end.
        """
        first = int(start / self.advance)
        behind = start - first * self.advance
        return first - self.extra_before, behind, shift + -self.extra_before * self.advance


def _axis(offset: Doubles, advance: float, side: float) -> Axis:
    least = offset.min(initial=0.0)
    most = (offset + (side - advance)).max(initial=-1.0)
    return Axis(
        advance=advance,
        extra_before=math.ceil(most / advance) if most > 0 else 0,
        extra_behind=math.ceil(-least / advance) if least < 0 else 0,
    )


class LevelGrid:
    """The pieces of one level, sorted by row, then column of OpenSlide's grid.

    Arrays of (2, n) hold a row for each direction, across, then down. ``at``: where a piece
    begins, px of the level. ``image`` (n,): row in ``MiraxIndex.images[level]``; ``cut`` (2, n):
    where in that image the piece begins, px; ``cuts``: pieces in one image, each way, 1: pieces
    are images. ``width``, ``height``: px of an image; ``sides``: px of a piece, each way.
    """

    def __init__(self, index: MiraxIndex, level: int) -> None:
        """Lay out a level.

        Raises:
            SlideError: an image belongs to no camera picture, or pictures do not lie side by side.
        """
        pieces = layout.pieces(index, level, layout.scanned_positions(index))
        at, divisions = index.slidedat.levels[level], index.slidedat.divisions
        self.width, self.height = at.image_width, at.image_height
        self.cuts, self.sides = pieces.cuts, (pieces.width, pieces.height)
        image = index.images[level][pieces.image, 0]
        image_x, image_y = image % index.slidedat.images_x, image // index.slidedat.images_x
        col = image_x // pieces.stride + pieces.cut_x
        row = image_y // pieces.stride + pieces.cut_y
        self._cols = int(col.max(initial=0)) + 1
        self._rows = int(row.max(initial=0)) + 1
        kept = _last_of_each(row * self._cols + col)
        # a level that joins several pictures has one overlap a picture, finer ones a part of it
        parts = max(1, divisions // at.concat)
        advance = (self.sides[0] - at.overlap_x / parts, self.sides[1] - at.overlap_y / parts)
        if not all(0 < step < math.inf for step in advance):
            raise SlideError(f"the images of its level {level} do not lie side by side")
        self.image = pieces.image[kept]
        self.cut: Doubles = np.stack([pieces.cut_x, pieces.cut_y])[:, kept] * _column(*self.sides)
        self._cell = np.stack([col, row])[:, kept]
        natural = self._cell * _column(*advance)
        self._offset: Doubles = np.stack([pieces.x, pieces.y])[:, kept] - natural
        self.at: Doubles = natural + self._offset
        self.x, self.y = (_axis(self._offset[way], advance[way], self.sides[way]) for way in (0, 1))
        # one by one below: most regions hold a few, for which arrays take five times as long
        self._place: list[int] = (self._cell[1] * self._cols + self._cell[0]).tolist()
        self._at: list[list[float]] = self.at.tolist()
        self._places = [*zip(*self._cell.tolist(), *self._offset.tolist(), strict=True)]

    def touching(self, part: Part) -> Int64s:
        """The pieces that OpenSlide paints in a part, in its order: the last row's last first.

        Those that others hide are among them: it decodes them all.
        """
        if part.inner_width <= 0 or part.inner_height <= 0 or not len(self.image):
            return np.empty(0, np.int64)
        left, right = (
            min(max(0, col), self._cols) for col in self.x.near(part.x, part.inner_width)
        )
        top, bottom = self.y.near(part.y, part.inner_height)
        (at_x, at_y), (width, height) = self._at, self.sides
        end_x, end_y = part.x + part.inner_width, part.y + part.inner_height
        found: list[int] = []
        for line in range(min(bottom, self._rows) - 1, max(0, top) - 1, -1):
            first = bisect_left(self._place, line * self._cols + left)
            end = bisect_left(self._place, line * self._cols + right, first)
            found += [
                row
                for row in range(end - 1, first - 1, -1)
                if part.x < at_x[row] + width
                and at_x[row] < end_x
                and part.y < at_y[row] + height
                and at_y[row] < end_y
            ]
        return np.array(found, np.int64)

    def places(self, rows: Int64s, part: Part) -> Doubles:
        """Where pieces begin, px of a part, (2, n); the order of the sum is OpenSlide's."""
        first_x, behind_x, moved_x = self.x.begin(part.x, part.shift_x)
        first_y, behind_y, moved_y = self.y.begin(part.y, part.shift_y)
        step_x, step_y = self.x.advance, self.y.advance
        found: list[tuple[float, float]] = []
        for row in rows.tolist():
            col, line, offset_x, offset_y = self._places[row]
            x = (((col - first_x) * step_x - behind_x) + moved_x) + offset_x
            y = (((line - first_y) * step_y - behind_y) + moved_y) + offset_y
            found.append((x, y))
        return np.array(found, np.float64).reshape(len(found), 2).T


def _column(across: float, down: float) -> np.ndarray:
    """A number for each direction, (2, 1)."""
    return np.array([[across], [down]])


def _last_of_each(place: Int64s) -> Int64s:
    """The row of the last entry of each place, by place: a place named twice is replaced."""
    order = np.argsort(place, kind="stable")
    last = np.append(np.diff(place[order]) != 0, True) if len(order) else np.empty(0, bool)
    kept: Int64s = order[last]
    return kept
