"""One drawing that is not sound: what can be used of it, and what is said of it."""

from __future__ import annotations

import math
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any

from mrxs_tiles.annotations.drawing import Drawing
from mrxs_tiles.annotations.remarks import Remarks

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

LARGEST = 1e9  # level-0 px from the corner; a glass is 4e6 wide


class _Trouble:
    """What was wrong with a drawing."""

    def __init__(self) -> None:
        self.why: list[str] = []
        self.is_open = False


def mended(drawing: Drawing, remarks: Remarks) -> list[Polygon]:
    """The sound polygons of a drawing; remarks what was repaired, or that there are none."""
    import shapely

    trouble = _Trouble()
    found = _all_of(drawing.polygons, trouble)
    if drawing.cut:
        cut = shapely.union_all(_all_of(drawing.cut, trouble))
        found = [part for one in found for part in _with_area(one.difference(cut))]
    why = "; ".join(dict.fromkeys(trouble.why)) or "it has no area"
    if not found:
        remarks.passed_over.add(drawing.number, why)
    elif trouble.why:
        remarks.repaired.add(drawing.number, why)
    if found and trouble.is_open:
        remarks.closed.add(drawing.number)
    return found


def _all_of(polygons: Any, trouble: _Trouble) -> list[Polygon]:
    if not isinstance(polygons, list | tuple) or not polygons:
        trouble.why.append("it has no points")
        return []
    return [part for polygon in polygons for part in _sound(polygon, trouble)]


def _sound(polygon: Any, trouble: _Trouble) -> list[Polygon]:
    """The polygons that one polygon, not to be trusted, is worth."""
    import shapely

    if not isinstance(polygon, list | tuple) or not polygon:
        trouble.why.append("it has no points")
        return []
    rings = [_ring(ring, trouble) for ring in polygon]
    if not rings[0]:
        return []
    shape: BaseGeometry = shapely.Polygon(rings[0], [ring for ring in rings[1:] if ring])
    if not shapely.is_valid(shape):
        why = shapely.is_valid_reason(shape)
        trouble.why.append(why.replace("[", " at ").replace("]", "").lower())
        # "structure" keeps what a line that crosses itself goes round twice; "linework" would
        # take it for a hole
        shape = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    found = _with_area(shape)
    if not found:
        x, y = rings[0][0]
        trouble.why.append(f"it has no area at {x:g} {y:g}")
    return found


def _ring(ring: Any, trouble: _Trouble) -> list[tuple[float, float]]:
    """A closed ring; empty where it cannot be one, with the reason."""
    points = _points(ring)
    if isinstance(points, str):
        trouble.why.append(points)
        return []
    if len(set(points)) < 3:
        where = f" at {points[0][0]:g} {points[0][1]:g}" if points else ""
        what = f"a ring of {len(set(points))} point{'' if len(set(points)) == 1 else 's'}"
        trouble.why.append(f"{what}{where}" if points else "it has no points")
        return []
    if points[0] != points[-1]:
        trouble.is_open = True
        points.append(points[0])
    return points


def _points(ring: Any) -> list[tuple[float, float]] | str:
    """A ring's points, or what is wrong with them."""
    try:
        flat = array("d", chain.from_iterable(point[:2] for point in ring))
        is_odd = any(isinstance(point, str) or len(point) < 2 for point in ring)
    except (TypeError, ValueError, OverflowError, LookupError):
        is_odd = True
    if is_odd:
        return f"a point that is not two numbers, in {repr(ring)[:60]}"
    if not all(map(math.isfinite, flat)) or max(map(abs, flat), default=0) > LARGEST:
        at = next((x, y) for x, y in zip(flat[::2], flat[1::2], strict=True) if not _usual(x, y))
        return f"a point that is nowhere, {at[0]:g} {at[1]:g}"
    return list(zip(flat[::2], flat[1::2], strict=True))


def _usual(x: float, y: float) -> bool:
    return math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) <= LARGEST


def _with_area(shape: Any) -> list[Polygon]:
    """The polygons of a geometry; lines and points that a repair leaves are none."""
    import shapely

    parts = shapely.get_parts(shapely.get_parts(shape))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 0]
