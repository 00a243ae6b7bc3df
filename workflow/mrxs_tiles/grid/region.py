"""The part of a slide that is asked for: a rectangle, or the polygons of a GeoJSON file.

A region is a text: ``x,y,width,height`` in level-0 px, or the absolute path of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrxs_tiles.errors import SlideError, printable
from mrxs_tiles.grid.grid import Bools, Grid
from mrxs_tiles.settings import rectangle

# shapely is imported where it is used: most slides have no region.
if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_POLYGONS = ("Polygon", "MultiPolygon")
_WITHOUT_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")
EXPORT_AGAIN = "Export it again as GeoJSON with polygons"


def region_stamp(region: str | None) -> str:
    """What changes when a region's file does; "" where there is none."""
    if region is None or rectangle(region) is not None:
        return ""
    try:
        return hashlib.sha256(Path(region).read_bytes()).hexdigest()[:16]
    except OSError:
        return "unreadable"


def tiles_in(
    grid: Grid, size: tuple[int, int], region: str, origin: tuple[int, int] = (0, 0)
) -> Bools:
    """Which tiles share area with a region, (cols, rows) bool.

    Args:
        grid: the grid of tiles.
        size: (width, height) of the slide, level-0 px.
        region: what is asked for.
        origin: (x, y) level-0 px, where the region's 0, 0 lies.

    Raises:
        SlideError: the file is no GeoJSON with sound polygons, or no tile lies in the region.
    """
    import shapely
    from shapely.affinity import translate

    area = translate(_area(region), *origin)
    inside = np.zeros((grid.cols, grid.rows), bool)
    near = list(grid.tiles(grid.touched(np.array([area.bounds])))) if inside.size else []
    if near:
        col, row, x, y, width, height, *_ = np.array(near).T
        boxes = shapely.box(x, y, x + width, y + height)
        shapely.prepare(area)
        inside[col, row] = shapely.intersects(area, boxes) & ~shapely.touches(area, boxes)
    if not inside.any():
        left, top, right, bottom = area.bounds
        raise SlideError(
            f"The region {_called(region)} (x {left:.6g} to {right:.6g}, y {top:.6g} to "
            f"{bottom:.6g} in level-0 px) shares no area with the grid of this slide of "
            f"{size[0]} x {size[1]} px. Check its numbers, and region_origin: slide or bounds."
        )
    return inside


def _called(region: str) -> str:
    return f"'{printable(region if rectangle(region) is not None else Path(region).name)}'"


def _area(region: str) -> BaseGeometry:
    """The region as one geometry, level-0 px."""
    import shapely

    numbers = rectangle(region)
    if numbers is not None:
        x, y, width, height = numbers
        return shapely.box(x, y, x + width, y + height)
    return _from_file(Path(region))


def _from_file(path: Path) -> BaseGeometry:
    """All polygons of a GeoJSON file, joined."""
    import shapely

    called = f"The region {_called(str(path))}"
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SlideError(f"{called} cannot be read ({error.strerror}). Check the file.") from None
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its text"
        raise SlideError(f"{called} is no JSON: {where} is odd. {EXPORT_AGAIN}.") from None
    polygons: list[BaseGeometry] = []
    try:
        for number, geometry in enumerate(_geometries(data), 1):
            if geometry["type"] in _POLYGONS:
                polygons.append(_sound(geometry, f"polygon {number}", called))
    # Odd coordinates end in almost anything: shapely looks into them as they come.
    except (
        LookupError,
        ArithmeticError,
        TypeError,
        AttributeError,
        ValueError,
        RecursionError,
    ) as error:
        if isinstance(error, SlideError):
            raise
        raise SlideError(f"{called} is JSON, but no GeoJSON. {EXPORT_AGAIN}.") from None
    if not polygons:
        raise SlideError(f"{called} holds no polygon. {EXPORT_AGAIN}.")
    return shapely.union_all(polygons)


def _geometries(data: Any) -> Iterator[dict[str, Any]]:
    """The geometries of GeoJSON in any wrapping; QuPath once wrote a bare list of features."""
    if isinstance(data, list):
        for part in data:
            yield from _geometries(part)
    elif data["type"] == "FeatureCollection":
        yield from _geometries(data["features"])
    elif data["type"] == "GeometryCollection":
        yield from _geometries(data["geometries"])
    elif data["type"] == "Feature":
        if data["geometry"] is not None:
            yield from _geometries(data["geometry"])
    elif data["type"] in (*_POLYGONS, *_WITHOUT_AREA):
        yield data
    else:
        raise ValueError(data["type"])


def _sound(geometry: dict[str, Any], which: str, called: str) -> BaseGeometry:
    """A polygon that does not cross itself, with its holes."""
    import shapely
    from shapely.geometry import shape

    try:
        with np.errstate(invalid="ignore"):  # a coordinate that is no number
            polygon = shapely.force_2d(shape(geometry))
    except shapely.errors.ShapelyError:
        raise ValueError(which) from None
    if not shapely.is_valid(polygon) or polygon.is_empty or not polygon.area:
        why = shapely.is_valid_reason(polygon).replace("[", " at ").replace("]", "")
        why = "it has no area" if why == "Valid Geometry" else why.lower()
        raise SlideError(
            f"In {called[0].lower()}{called[1:]}, {which} cannot be used: {why}. Mend it where it "
            "was drawn (it must not cross itself), and export it again."
        )
    return polygon
