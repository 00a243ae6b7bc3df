"""The colour of a label on maps and pages: the same on every slide, whichever others are there."""

from __future__ import annotations

import colorsys
import hashlib

from mrxs_tiles.pixels.filters import Color

LABEL_STRENGTH = 0.4  # of it over the picture
# Those that QuPath comes with, as it shows them.
QUPATH: dict[str, Color] = {
    "Tumor": (200, 0, 0),
    "Stroma": (150, 200, 150),
    "Immune cells": (160, 90, 160),
    "Necrosis": (50, 50, 50),
    "Other": (255, 200, 0),
    "Positive": (250, 62, 62),
    "Negative": (112, 112, 225),
}


def label_tint(label: str) -> Color:
    """QuPath's colour of a class that it comes with, else one by the name's digest."""
    if label in QUPATH:
        return QUPATH[label]
    digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).digest()
    hue, light = digest[0] / 256, 0.35 + 0.3 * digest[1] / 256
    red, green, blue = colorsys.hls_to_rgb(hue, light, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)
