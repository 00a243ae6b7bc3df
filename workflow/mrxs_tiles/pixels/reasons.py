"""What can become of a tile: the word, its colour and its sentence, the same everywhere.

The maps, the report page and the README use these; the words are those of ``manifest.REASONS``.
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
    NO_ROW: Look((130, 130, 130), "never scanned, or not in the region", "no row"),
    "edge": Look(
        (0, 114, 178),
        "its picture would be smaller than the others; it was not read",
        "at the slide's edge",
    ),
    "tissue": Look(
        (240, 228, 66),
        "less of it is tissue than min_tissue asks for; it was not read",
        "too little tissue",
    ),
    "surplus": Look(
        (230, 159, 0), "not among those that max_tiles has drawn; it was not read", "surplus"
    ),
    "unreadable": Look(
        (213, 94, 0), "its pixels cannot be read: the slide is damaged", "unreadable"
    ),
    "unscanned": Look(
        (130, 130, 130), "the microscope never took this place (alpha 0 everywhere)", "unscanned"
    ),
    "blank": Look((86, 180, 233), "its picture has one single grey value", "blank"),
    "focus": Look((204, 121, 167), "it is less sharp than min_focus asks for", "out of focus"),
    "pen": Look((0, 158, 115), "more of it is pen marks than max_pen allows", "pen"),
}
TINTS: dict[str, Color] = {fate: look.tint for fate, look in LOOKS.items()}
