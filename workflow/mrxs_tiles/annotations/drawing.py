"""One thing that was drawn on a slide, as its file has it: not yet looked at."""

from __future__ import annotations

from typing import Any, NamedTuple

# What a drawing can be, and how a sentence counts those that have no area.
POLYGONS, LINE, POINT, NOTHING, ODD = "polygon", "line", "point", "nothing", "odd"


class Drawing(NamedTuple):
    """A drawing of an annotation file.

    ``number``: its place in the file, from 1. ``kind``: one of the above. ``name``: its class,
    "" where it has none. ``polygons``: each a list of rings, the outer one first, each a list of
    (x, y) in level-0 px, as the file has them: anything may stand there. ``cut``: polygons,
    likewise, that are cut out of it. ``why``: what is odd. ``unread``: what may be a class, but
    stands where none is looked for.
    """

    number: int
    kind: str
    name: str = ""
    polygons: Any = ()
    cut: Any = ()
    why: str = ""
    unread: str = ""


class NotUsableError(Exception):
    """A file is not what it should be; says what it is, as the end of a sentence."""
