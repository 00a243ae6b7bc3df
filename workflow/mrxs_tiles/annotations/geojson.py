"""The drawings of a GeoJSON file, however it wraps them; classes as QuPath writes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from mrxs_tiles.annotations.drawing import (
    LINE,
    NOTHING,
    ODD,
    POINT,
    POLYGONS,
    Drawing,
    NotUsableError,
)
from mrxs_tiles.annotations.json_stream import JsonStream
from mrxs_tiles.errors import shown

WITHOUT_AREA = {
    **dict.fromkeys(("Point", "MultiPoint"), POINT),
    **dict.fromkeys(("LineString", "MultiLineString"), LINE),
}
GEOMETRIES = ("Polygon", "MultiPolygon", "GeometryCollection", *WITHOUT_AREA)
LISTS = ("features", "geometries")  # what can be long, and is read one by one
DEEPEST = 50  # lists in lists
# Where other programs, and people, put a class.
ELSEWHERE = ("class", "className", "class_name", "label", "category", "path_class", "pathClass")


def drawings(stream: JsonStream) -> Iterator[Drawing]:
    """All drawings of a file, in its order.

    A collection, a bare list (as QuPath once wrote it), one feature or geometry, or one after the
    other in lines.

    Raises:
        NotUsableError: it is no GeoJSON.
    """
    numbers = count(1)
    if not stream.peek():
        raise NotUsableError("is empty")
    while first := stream.peek():
        if first == "[":
            yield from _elements(stream, numbers)
        elif first == "{":
            yield from _object(stream, numbers)
        else:
            stream.value()
            raise NotUsableError("is JSON, but no GeoJSON")


def _elements(stream: JsonStream, numbers: Iterator[int]) -> Iterator[Drawing]:
    """The drawings of a list that begins here."""
    stream.take("[")
    if stream.peek() == "]":
        stream.take("]")
        return
    while True:
        yield from _of_item(stream.value(), numbers)
        if stream.peek() != ",":
            break
        stream.take(",")
    stream.take("]")


def _object(stream: JsonStream, numbers: Iterator[int]) -> Iterator[Drawing]:
    """The drawings of an object that begins here; its long list is read one by one."""
    stream.take("{")
    whole: dict[str, Any] = {}
    streamed = ""
    while stream.peek() == '"':
        key = stream.value()
        stream.take(":")
        if key in LISTS and stream.peek() == "[":
            streamed = key
            yield from _elements(stream, numbers)
        else:
            whole[key] = stream.value()
        if stream.peek() != ",":
            break
        stream.take(",")
        if stream.peek() != '"':
            stream.take('"')
    stream.take("}")
    kind = whole.get("type")
    if streamed:
        if kind not in (None, "FeatureCollection", "GeometryCollection"):
            raise _no_geojson(kind)
    elif kind in ("Feature", *GEOMETRIES):
        yield from _of_item(whole, numbers)
    else:
        raise _no_geojson(kind)


def _no_geojson(kind: object) -> NotUsableError:
    if kind == "Topology":
        return NotUsableError("is TopoJSON, not GeoJSON")
    return NotUsableError("is JSON, but no GeoJSON")


def _of_item(item: Any, numbers: Iterator[int], depth: int = 0) -> Iterator[Drawing]:
    """The drawings of a feature, a geometry, or a collection or list of them."""
    parts = item.get("features") if isinstance(item, dict) else item
    if isinstance(parts, list):
        if depth > DEEPEST:
            raise NotUsableError("is JSON, but no GeoJSON")
        for part in parts:
            yield from _of_item(part, numbers, depth + 1)
        return
    number = next(numbers)
    if not isinstance(item, dict):
        yield Drawing(number, ODD, why="it is no feature")
    elif item.get("type") != "Feature":
        yield from _of_geometry(item, number, "")
    else:
        properties = item.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        name = class_of(properties)
        unread = "" if name else class_elsewhere(properties)
        for drawing in _of_geometry(item.get("geometry"), number, name):
            yield drawing._replace(unread=unread) if unread else drawing
        # what lies inside it, where QuPath was asked for the hierarchy
        if isinstance(below := properties.get("childObjects"), list):
            yield from _of_item(below, numbers, depth + 1)


def _of_geometry(geometry: Any, number: int, name: str, depth: int = 0) -> Iterator[Drawing]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind == "Polygon":
        yield Drawing(number, POLYGONS, name, (geometry.get("coordinates"),))
    elif kind == "MultiPolygon":
        yield Drawing(number, POLYGONS, name, geometry.get("coordinates"))
    elif kind == "GeometryCollection" and isinstance(parts := geometry.get("geometries"), list):
        if depth > DEEPEST:
            raise NotUsableError("is JSON, but no GeoJSON")
        for part in parts:
            yield from _of_geometry(part, number, name, depth + 1)
    elif isinstance(kind, str) and kind in WITHOUT_AREA:
        yield Drawing(number, WITHOUT_AREA[kind], name)
    elif geometry is None:
        yield Drawing(number, NOTHING, name)
    else:
        yield Drawing(number, ODD, name, why="its geometry is of no known kind")


def class_of(properties: dict[str, Any]) -> str:
    """The class of a QuPath object, as QuPath shows it: ``Tumor``, ``Tumor: Positive``; "": none.

    ``classification`` has ``name``; for a class below another ``names``, all of them, or the one
    above as ``parentClass``, as versions differ.
    """
    found = properties.get("classification")
    if isinstance(found, str):
        return found.strip()
    names: list[str] = []
    while isinstance(found, dict) and len(names) < DEEPEST:
        own = found.get("names") or [found.get("name")]
        own = own if isinstance(own, list) else [own]
        names[:0] = [name.strip() for name in own if isinstance(name, str) and name.strip()]
        found = found.get("parentClass")
    return ": ".join(names)


def class_elsewhere(properties: dict[str, Any]) -> str:
    """What may be meant as a class where there is none, for a sentence; "" where nothing is.

    An object's own name is no class, but one that is to be ignored may be called so.
    """
    for key in (*ELSEWHERE, "name"):
        value = properties.get(key)
        if isinstance(value, str) and value and (key != "name" or value.endswith("*")):
            return f"{key} {shown(value)}"
    return ""
