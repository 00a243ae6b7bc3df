"""The drawings of the XML that ASAP and Aperio ImageScope write.

Read as a stream of elements, without a tree. A document type is refused: with it a file of some
hundred bytes can unfold to gigabytes, or name other files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers import expat  # a document type is refused below

from mrxs_tiles.annotations.drawing import LINE, ODD, POINT, POLYGONS, Drawing, NotUsableError
from mrxs_tiles.annotations.packed import Read

CHUNK = 1 << 18
ASAP, APERIO, NDPA = "ASAP_Annotations", "Annotations", "annotations"
# ASAP draws a spline through its points and takes them for a polygon's in its own masks.
ASAP_KINDS = {
    **dict.fromkeys(("Polygon", "Spline", "Rectangle"), POLYGONS),
    **dict.fromkeys(("Dot", "PointSet"), POINT),
    "Measurement": LINE,
}
# Type of a Region: free-hand or polygon, rectangle, (ellipse: named), arrow, ruler.
APERIO_KINDS = {
    **dict.fromkeys(("", "0", "1", "Polygon", "Rectangle"), POLYGONS),
    **dict.fromkeys(("3", "4"), LINE),
}

Point = tuple[Any, Any]


def drawings(read: Read, start: bytes) -> Iterator[Drawing]:
    """All drawings of a file, in its order.

    Raises:
        NotUsableError: it is XML of another program, or no sound XML.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse
    content = start
    try:
        while content:
            parser.Parse(content, False)
            yield from reader.taken()
            content = read(CHUNK)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError) as error:  # ValueError: an encoding it does not know
        line = getattr(error, "lineno", 1)
        raise NotUsableError(f"is no sound XML: line {line} is odd") from None
    yield from reader.taken()


def _refuse(*_: object) -> None:
    raise NotUsableError("is XML with a document type, which is not read")


def _number(text: str | None) -> Any:
    """A coordinate; what is no number stays a text, to be told with its drawing."""
    try:
        return float(text or "")
    except ValueError:
        return text


class _Reader:
    """What the parser has come across."""

    def __init__(self) -> None:
        self._root = ""
        self._found: list[Drawing] = []
        self._layer: list[Drawing] = []  # Aperio's: known whole when it ends
        self._negative: list[tuple[int, Any]] = []  # number, polygon
        self._count = 0
        self._name = ""  # of the layer, or the group
        self._kind = self._why = ""
        self._is_negative = False
        self._points: list[tuple[int, Point]] | None = None  # None: in no drawing

    def taken(self) -> list[Drawing]:
        """The drawings since this was asked before."""
        found, self._found = self._found, []
        return found

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if not self._root:
            self._root = tag
            if tag == NDPA:
                raise NotUsableError("is XML as Hamamatsu writes it (.ndpa), which is not read")
            if tag not in (ASAP, APERIO):
                raise NotUsableError("is XML, but neither ASAP's nor Aperio ImageScope's")
        elif tag in ("Coordinate", "Vertex", "V") and self._points is not None:
            order = attributes.get("Order", "")
            place = int(order) if order.isdecimal() else len(self._points)
            at = _number(attributes.get("X")), _number(attributes.get("Y"))
            self._points.append((place, at))
        elif tag == "Annotation" and self._root == ASAP:
            group = attributes.get("PartOfGroup", "")
            self._name = "" if group == "None" else group.strip()
            self._start(ASAP_KINDS, attributes.get("Type", ""), False)
        elif tag == "Annotation":
            self._name = attributes.get("Name", "").strip()
        elif tag == "Region" and self._root == APERIO:
            is_negative = attributes.get("NegativeROA", "0") == "1"
            self._start(APERIO_KINDS, attributes.get("Type", ""), is_negative)

    def _start(self, kinds: dict[str, str], kind: str, is_negative: bool) -> None:
        self._count += 1
        self._kind = kinds.get(kind, ODD)
        self._why = f"it is of the type {kind[:20]!r}, which is not read"
        self._is_negative = is_negative
        self._points = []

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag == "Annotation" and self._root == ASAP:
            self._found += self._drawing()
        elif tag == "Region" and self._root == APERIO:
            self._layer += self._drawing()
        elif tag == "Annotation":
            cut = tuple(polygon for _, polygon in self._negative)
            if not any(one.kind == POLYGONS for one in self._layer):
                why = "a negative region of a layer without others"
                lost = [Drawing(number, ODD, self._name, why=why) for number, _ in self._negative]
                self._layer += lost
            self._found += [one._replace(cut=cut) if cut else one for one in self._layer]
            self._layer, self._negative = [], []

    def _drawing(self) -> list[Drawing]:
        """The drawing that ends here; none, where it is cut out of its layer's others."""
        points = [at for _, at in sorted(self._points or (), key=lambda one: one[0])]
        self._points = None
        if self._kind != POLYGONS:
            return [Drawing(self._count, self._kind, self._name, why=self._why)]
        if points and points[0] != points[-1]:
            points.append(points[0])  # no one closes them there
        if self._is_negative:
            self._negative.append((self._count, [points]))
            return []
        return [Drawing(self._count, POLYGONS, self._name, ([points],))]
