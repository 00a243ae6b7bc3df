"""How much of a picture is marked with a pen.

Red, green, blue and black pens, as in Eriksson and Hu's python-wsi-preprocessing (IBM CODAIT,
2018), here as ranges of hue, saturation and brightness that keep clear of haematoxylin, eosin
and DAB at any strength, whose colours are those of Ruifrok and Johnston (Anal. Quant. Cytol.
Histol. 23:291, 2001). Measured on a coarse picture: a stroke is much wider than a nucleus, and
what is wide and strongly coloured is no stain.
"""

from __future__ import annotations

import numpy as np

from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.pixels.filters import Color, Pixels

PEN_MPP = 8.0  # µm per px at which it is measured

# Hue in degrees from, to; least saturation, least brightness (both of 1).
COLOURS = {
    "red": (340, 368, 0.70, 0.47),
    "green": (75, 180, 0.30, 0.10),
    "light blue": (190, 232, 0.55, 0.30),
    "blue": (232, 250, 0.80, 0.50),  # near haematoxylin's hue, which is never so strong and bright
}
BLACK = (0.35, 0.25)  # most saturation, most brightness


def pen_fraction(rgb: Pixels, background: Color) -> float:
    """The fraction of px that are pen, of (height, width, 3); the plain background is none."""
    found = marked(rgb, background)
    return float(found.mean()) if found.size else 0.0


def marked(rgb: Pixels, background: Color) -> Bools:
    """Which px are pen and not the plain background, (height, width) bool."""
    marks: Bools = pen_pixels(rgb) & (rgb != np.array(background, np.uint8)).any(axis=2)
    return marks


def pen_pixels(rgb: Pixels) -> Bools:
    """Which px are pen, (height, width) bool."""
    from skimage.color import rgb2hsv

    hue, saturation, brightness = np.moveaxis(rgb2hsv(rgb), 2, 0)
    degrees = hue * 360
    found: Bools = (saturation <= BLACK[0]) & (brightness <= BLACK[1])
    for first, last, least_saturation, least_brightness in COLOURS.values():
        turned = (degrees - first) % 360 <= last - first
        found |= turned & (saturation >= least_saturation) & (brightness >= least_brightness)
    return found
