"""Sound polygons from drawings, packed: half a million of 20 points take 200 MB, not 4 GB.

Of polygons as shapely holds them there are never more than a batch at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from mrxs_tiles.annotations.drawing import ODD, POLYGONS, Drawing
from mrxs_tiles.annotations.mended import LARGEST, mended
from mrxs_tiles.annotations.remarks import Remarks

BATCH = 2000  # drawings looked at together
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Shapes = npt.NDArray[np.object_]  # of shapely polygons


@dataclass(frozen=True, slots=True)
class Polygons:
    """Sound polygons without overlap of their own rings, in the order of their file.

    ``points`` (n, 2): x, y in level-0 px as the file counts. ``ring_ends``: behind the last point
    of each ring; ``polygon_ends``: behind the last ring of each polygon. ``names``: the classes,
    in the order in which they first appear; ``name``: each polygon's, -1 where it has none.
    """

    points: Floats
    ring_ends: Ints
    polygon_ends: Ints
    names: tuple[str, ...]
    name: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.name)

    @property
    def point_ends(self) -> Ints:
        """Behind the last point of each polygon."""
        return self.ring_ends[self.polygon_ends - 1]

    def bounds(self) -> Floats:
        """Left, top, right, bottom of each, (n, 4)."""
        if not len(self):
            return np.empty((0, 4))
        starts = np.concatenate([[0], self.point_ends[:-1]])
        low = np.minimum.reduceat(self.points, starts)
        return np.concatenate([low, np.maximum.reduceat(self.points, starts)], axis=1)

    def shapes(self, which: Ints) -> Shapes:
        """Some of them, as shapely has them."""
        import shapely

        rings, ring_counts = _parts(self.polygon_ends, which)
        points, point_counts = _parts(self.ring_ends, rings)
        found: Shapes = shapely.from_ragged_array(
            shapely.GeometryType.POLYGON,
            self.points[points],
            (_offsets(point_counts), _offsets(ring_counts)),
        )
        return found


def _parts(ends: Ints, which: Ints) -> tuple[Ints, Ints]:
    """The parts of some wholes, whose parts end at ``ends``, in one line; and how many each has."""
    starts = np.where(which > 0, ends[which - 1], 0)
    counts = ends[which] - starts
    before = np.concatenate([[0], counts.cumsum()[:-1]]) if len(counts) else counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts), counts


def _offsets(counts: Ints) -> Ints:
    return np.concatenate([[0], counts.cumsum()])


def sound_polygons(drawings: Iterable[Drawing], remarks: Remarks) -> Polygons:
    """All polygons of a file; what is not sound is mended or passed over, and remarked."""
    import shapely

    names: dict[str, int] = {}
    points: list[Floats] = []
    rings: list[Ints] = []
    polygons: list[Ints] = []
    kinds: list[npt.NDArray[np.int32]] = []
    waiting = iter(drawings)
    while batch := list(islice(waiting, BATCH)):
        shapes, owners = _shapes([one for one in batch if _has_area(one, remarks)], remarks)
        if len(shapes):
            _, own_points, (own_rings, own_polygons) = shapely.to_ragged_array(shapes)
            points.append(own_points)
            rings.append(np.diff(own_rings))
            polygons.append(np.diff(own_polygons))
            found = [
                names.setdefault(normalize("NFC", one.name), len(names)) if one.name else -1
                for one in owners
            ]
            kinds.append(np.array(found, np.int32))
    return Polygons(
        np.concatenate(points) if points else np.empty((0, 2)),
        np.concatenate(rings or [np.empty(0, np.int64)]).cumsum().astype(np.int64),
        np.concatenate(polygons or [np.empty(0, np.int64)]).cumsum().astype(np.int64),
        tuple(names),
        np.concatenate(kinds) if kinds else np.empty(0, np.int32),
    )


def _has_area(drawing: Drawing, remarks: Remarks) -> bool:
    if drawing.kind == POLYGONS:
        if drawing.unread:
            remarks.unread.add(drawing.number, drawing.unread)
        return True
    if drawing.kind == ODD:
        remarks.passed_over.add(drawing.number, drawing.why)
    else:
        remarks.without_area[drawing.kind] += 1
    return False


def _shapes(drawings: list[Drawing], remarks: Remarks) -> tuple[Shapes, list[Drawing]]:
    """The polygons of a batch, and whose each is."""
    import shapely

    try:
        shapes, owners, closed = _at_once(drawings)
    # What stands in a file for coordinates ends in almost anything: each is looked at alone then.
    except (TypeError, ValueError, ArithmeticError, LookupError, shapely.errors.ShapelyError):
        return _one_by_one(drawings, remarks)
    sound = shapely.is_valid(shapes) & (shapely.area(shapes) > 0)
    # a drawing of several polygons is mended as a whole
    bad = {owner.number for owner, is_sound in zip(owners, sound, strict=True) if not is_sound}
    for number in closed:
        if number not in bad:
            remarks.closed.add(number)
    if not bad:
        return shapes, owners
    good = np.array([owner.number not in bad for owner in owners], bool)
    more, more_owners = _one_by_one([one for one in drawings if one.number in bad], remarks)
    all_owners = [owner for owner, keep in zip(owners, good, strict=True) if keep] + more_owners
    all_shapes = np.concatenate([shapes[good], more])
    order = sorted(range(len(all_owners)), key=lambda at: all_owners[at].number)
    return all_shapes[order], [all_owners[at] for at in order]


def _at_once(drawings: list[Drawing]) -> tuple[Shapes, list[Drawing], list[int]]:
    """The polygons of drawings that all have numbers where numbers belong, and whose each is.

    Also the numbers of the drawings of which a ring was closed.

    Raises:
        ValueError, TypeError ...: one of them has not.
    """
    import shapely

    owners: list[Drawing] = []
    flat: list[Any] = []
    point_counts: list[int] = []
    ring_counts: list[int] = []
    for drawing in drawings:
        if drawing.cut:
            raise ValueError
        for polygon in drawing.polygons:
            owners.append(drawing)
            ring_counts.append(len(polygon))
            for ring in polygon:
                flat.extend(ring)
                point_counts.append(len(ring))
        if not drawing.polygons:
            raise ValueError
    points = _numbers(flat)
    counts = np.array(point_counts, np.int64)
    if not owners or not len(counts) or min(ring_counts) < 1 or counts.min() < 3:
        raise ValueError
    points, counts, open_rings = _closed(points, counts)
    shapes: Shapes = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON,
        points,
        (_offsets(counts), _offsets(np.array(ring_counts, np.int64))),
    )
    left_open = np.repeat(np.arange(len(owners)), ring_counts)[open_rings]
    return shapes, owners, list(dict.fromkeys(owners[at].number for at in left_open))


def _closed(points: Floats, counts: Ints) -> tuple[Floats, Ints, npt.NDArray[np.bool_]]:
    """Rings of so many points, each with its first point as its last; and which had it not.

    Raises:
        ValueError: one has less than three corners.
    """
    ends = counts.cumsum()
    open_rings = (points[ends - counts] != points[ends - 1]).any(axis=1)
    if open_rings.any():
        starts = (ends - counts)[open_rings]
        points = np.insert(points, ends[open_rings], points[starts], axis=0)
        counts = counts + open_rings
    if counts.min() < 4:
        raise ValueError
    return points, counts, open_rings


def _numbers(flat: Sequence[Any]) -> Floats:
    """Points (n, 2) from lists of numbers; a height, as in three dimensions, is left out.

    Raises:
        ValueError, TypeError: they are not all numbers.
    """
    lengths = set(map(len, flat))
    if lengths != {2}:
        if min(lengths, default=0) < 2:
            raise ValueError
        flat = [point[:2] for point in flat]
    # an array takes no text for a number, as numpy does
    points = np.frombuffer(array("d", chain.from_iterable(flat)), np.float64).reshape(-1, 2)
    if not (np.abs(points) <= LARGEST).all():  # nor is NaN
        raise ValueError
    return points


def _one_by_one(drawings: list[Drawing], remarks: Remarks) -> tuple[Shapes, list[Drawing]]:
    shapes: list[Any] = []
    owners: list[Drawing] = []
    for drawing in drawings:
        found = mended(drawing, remarks)
        shapes += found
        owners += [drawing] * len(found)
    packed: Shapes = np.empty(len(shapes), object)
    packed[:] = shapes
    return packed, owners
