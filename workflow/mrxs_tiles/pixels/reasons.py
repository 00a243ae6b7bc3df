"""What can become of a tile: colour, sentence and what it is called, the same everywhere.

Maps, pages, the terminal and docs/output.md call it by its ``label``; tables hold the short word,
the key here, which is one of ``manifest.REASONS``.
"""

from __future__ import annotations

from typing import NamedTuple

from mrxs_tiles.pixels.filters import Color


class Look(NamedTuple):
    """How a fate is shown: the colour on maps and in legends, and what it means."""

    tint: Color
    sentence: str
    label: str  # what it is called on maps and pages


KEPT, NO_ROW = "kept", "no row"
# Okabe and Ito's colours, which colour-blind people tell apart too. Kept tiles stay clear.
LOOKS: dict[str, Look] = {
    KEPT: Look((255, 255, 255), "its picture is in tiles/", "kept"),
    NO_ROW: Look((130, 130, 130), "never scanned, or not in the region", "not looked at"),
    "edge": Look(
        (0, 114, 178),
        "its picture would be smaller than the others; it was not read",
        "at the rim",
    ),
    "tissue": Look(
        (240, 228, 66),
        "less of it is tissue than min_tissue asks for; it was not read",
        "too little tissue",
    ),
    "surplus": Look(
        (230, 159, 0), "not among those that max_tiles has drawn; it was not read", "not drawn"
    ),
    "unreadable": Look(
        (213, 94, 0), "its pixels cannot be read: the slide is damaged", "cannot be read"
    ),
    "unscanned": Look((130, 130, 130), "the microscope never took this place", "never scanned"),
    "blank": Look((86, 180, 233), "its picture has one single grey value", "one colour"),
    "focus": Look((204, 121, 167), "it is less sharp than min_focus asks for", "blurred"),
    "pen": Look((0, 158, 115), "more of it is pen marks than max_pen allows", "pen marks"),
}
TINTS: dict[str, Color] = {fate: look.tint for fate, look in LOOKS.items()}
