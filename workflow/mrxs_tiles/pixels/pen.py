"""How much of a picture is marked with a pen.

Red, green, blue and black pens, as in Eriksson and Hu's python-wsi-preprocessing (IBM CODAIT,
2018), here as ranges of hue, saturation and brightness that keep clear of haematoxylin, eosin
and DAB at any strength, whose colours are those of Ruifrok and Johnston (Anal. Quant. Cytol.
Histol. 23:291, 2001). Measured on a coarse picture: a stroke is much wider than a nucleus, and
what is wide and strongly coloured is no stain.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.pixels.filters import Color, Pixels

Doubles = npt.NDArray[np.float64]

PEN_MPP = 8.0  # µm per px at which it is measured

# Hue in degrees from, to; least saturation, least brightness (both of 1).
COLOURS = {
    "red": (340, 368, 0.70, 0.47),
    "green": (75, 180, 0.30, 0.10),
    "light blue": (190, 232, 0.55, 0.30),
    "blue": (232, 250, 0.80, 0.50),  # near haematoxylin's hue, which is never so strong and bright
}
BLACK = (0.35, 0.25)  # most saturation, most brightness
# Of 255, and of 1: what is brighter, and less saturated, is none of them.
DARK, PALEST = 64, np.float32(min(colour[2] for colour in COLOURS.values()))


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
    brightest, darkest = rgb.max(axis=2), rgb.min(axis=2)
    # Most px are glass or pale tissue: whole numbers tell, well on the safe side.
    maybe = (brightest <= DARK) | ((brightest - darkest) * np.float32(1.01) >= brightest * PALEST)
    found = np.zeros(maybe.shape, bool)
    found[maybe] = _is_pen(rgb[maybe])
    return found


def _is_pen(colours: Pixels) -> Bools:
    """Which of some colours are pen, (n,) bool, of (n, 3)."""
    degrees, saturation, brightness = hsv(colours)
    found: Bools = (saturation <= BLACK[0]) & (brightness <= BLACK[1])
    for first, last, least_saturation, least_brightness in COLOURS.values():
        turned = (degrees - first) % 360 <= last - first
        found |= turned & (saturation >= least_saturation) & (brightness >= least_brightness)
    return found


def hsv(colours: Pixels) -> tuple[Doubles, Doubles, Doubles]:
    """Hue in degrees, saturation and brightness of 1, (n,) each, of (n, 3) red, green and blue.

    To the last bit as scikit-image's ``rgb2hsv`` has them, whose import takes as long as all else
    that ``preview`` does at its start.
    """
    red, green, blue = np.moveaxis(colours * (1 / 255), 1, 0)
    brightness = np.maximum(np.maximum(red, green), blue)
    spread = brightness - np.minimum(np.minimum(red, green), blue)
    grey = spread == 0
    by = np.where(grey, 1, spread)
    hue = np.where(
        blue == brightness,
        4 + (red - green) / by,
        np.where(green == brightness, 2 + (blue - red) / by, (green - blue) / by),
    )
    degrees = np.where(grey, 0, hue / 6 % 1) * 360
    saturation = np.where(grey, 0, spread / np.where(grey, 1, brightness))
    return degrees, saturation, brightness
