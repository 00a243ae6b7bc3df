"""Where the stored images of MIRAX level 0 lie, in which order, and which a region touches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import Int64s, MiraxIndex


class Places(NamedTuple):
    """Level 0's stored images in the order in which they are laid, a later one over an earlier.

    ``number`` (n,): row in ``MiraxIndex.images[0]``; ``x``, ``y`` (n,): level-0 px of the top
    left corner. OpenSlide lays them from the last column of the last row to the first, each
    under what is there already; this is the same turned round.
    """

    number: Int64s
    x: Int64s
    y: Int64s
    width: int
    height: int


def places_of(index: MiraxIndex) -> Places:
    """Where level 0's images lie.

    Raises:
        SlideError: an image belongs to no camera picture.
    """
    pieces = layout.pieces(index, 0, layout.scanned_positions(index))
    image = index.images[0][pieces.image, 0]
    order = np.argsort(image, kind="stable")
    # where the index names a place twice, the last entry counts
    last = np.append(np.diff(image[order]) != 0, True) if len(order) else np.empty(0, bool)
    kept = order[last]
    return Places(
        number=pieces.image[kept],
        x=pieces.x[kept].astype(np.int64),
        y=pieces.y[kept].astype(np.int64),
        width=int(pieces.width),
        height=int(pieces.height),
    )


class Finder:
    """Finds the images that a region touches, by the cell that their corner lies in."""

    def __init__(self, places: Places) -> None:
        """Sort the images by cells of an image's size."""
        self._places = places
        self._cols = int(places.x.max(initial=0)) // places.width + 2
        cells = (places.y // places.height + 1) * self._cols + places.x // places.width + 1
        self._order = np.argsort(cells, kind="stable")
        self._cells = cells[self._order]

    def touching(self, x: int, y: int, width: int, height: int) -> Int64s:
        """Which images share px with a region, level-0 px; rows of ``Places``, ascending."""
        places = self._places
        top, bottom = max(0, y // places.height), (y + height - 1) // places.height + 1
        left = min(max(0, x // places.width), self._cols - 1)
        right = min((x + width - 1) // places.width + 1, self._cols - 1)
        lines = np.arange(top, bottom + 1) * self._cols
        first = np.searchsorted(self._cells, lines + left)
        end = np.searchsorted(self._cells, lines + right, side="right")
        parts = [self._order[a:b] for a, b in zip(first, end, strict=True) if b > a]
        found = np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)
        at_x, at_y = places.x[found], places.y[found]
        inside = (at_x < x + width) & (at_x + places.width > x)
        inside &= (at_y < y + height) & (at_y + places.height > y)
        touching: Int64s = found[inside]
        return touching


def covered(sides: Int64s, width: int, height: int) -> bool:
    """True where boxes, (n, 4 or more): left, top, right, bottom, leave no px of a region."""
    left, top, right, bottom = sides.T[:4]
    if ((right - left) * (bottom - top)).sum() < width * height:
        return False
    # with counts: without them numpy imports its masked arrays, a tenth of a tiny slide's time
    x, _ = np.unique([left, right], return_counts=True)
    y, _ = np.unique([top, bottom], return_counts=True)
    if x[0] or y[0] or x[-1] != width or y[-1] != height:
        return False
    layers = np.zeros((len(y), len(x)), np.int32)
    first_x, end_x = np.searchsorted(x, left), np.searchsorted(x, right)
    first_y, end_y = np.searchsorted(y, top), np.searchsorted(y, bottom)
    np.add.at(layers, (first_y, first_x), 1)
    np.add.at(layers, (end_y, end_x), 1)
    np.add.at(layers, (first_y, end_x), -1)
    np.add.at(layers, (end_y, first_x), -1)
    return bool((layers.cumsum(0).cumsum(1)[:-1, :-1] > 0).all())
