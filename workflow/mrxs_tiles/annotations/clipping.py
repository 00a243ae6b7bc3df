"""What of polygons lies in boxes, and what they cover together: shapely's work, many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mrxs_tiles.annotations.polygons import Floats, Ints, Shapes


def joined(pieces: Shapes) -> Any:
    """The union of some polygons."""
    import shapely

    if len(pieces) == 1:
        return pieces[0]
    try:
        return shapely.disjoint_subset_union_all(pieces)
    except shapely.errors.GEOSException:  # numbers too close to each other: as if a bit coarser
        return shapely.union_all(pieces, grid_size=1e-4)


def packed(*shapes: Any) -> Shapes:
    """Some shapes as an array, as shapely takes them."""
    found: Shapes = np.empty(len(shapes), object)
    found[:] = shapes
    return found


def within(bounds: Floats, boxes: Any) -> npt.NDArray[np.bool_]:
    """Which bounds, (n, 4), lie within a box, or each within its own: left, top, right, bottom."""
    left, top, right, bottom = boxes
    inside: npt.NDArray[np.bool_] = (
        (bounds[:, 0] >= left)
        & (bounds[:, 1] >= top)
        & (bounds[:, 2] <= right)
        & (bounds[:, 3] <= bottom)
    )
    return inside


def clipped(shapes: Shapes, boxes: Any) -> tuple[Shapes, Ints]:
    """What polygons share with boxes, as polygons, and whose each is."""
    import shapely

    parts, owners = shapely.get_parts(shapely.intersection(shapes, boxes), return_index=True)
    parts, inner = shapely.get_parts(parts, return_index=True)  # polygons beside a line
    polygons = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    return parts[polygons], owners[inner][polygons]


def pairs(
    first_col: Ints, end_col: Ints, first_row: Ints, end_row: Ints
) -> tuple[Ints, Ints, Ints]:
    """Each polygon with each tile of its columns and rows: polygon, column, row."""
    rows = end_row - first_row
    counts = (end_col - first_col) * rows
    which = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    return which, first_col[which] + number // rows[which], first_row[which] + number % rows[which]
