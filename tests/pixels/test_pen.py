"""Which px are pen: colours as scikit-image has them, at every step of each channel."""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2hsv

from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.pixels.pen import BLACK, COLOURS, hsv, pen_pixels

STEPS = np.unique([*range(0, 256, 5), *range(60, 70), 1, 254, 255]).astype(np.uint8)


def colours() -> Pixels:
    """Colours from all over the cube, its corners, edges and greys among them, (n, m, 3)."""
    red, green, blue = np.meshgrid(STEPS, STEPS, STEPS, indexing="ij")
    return np.stack([red, green, blue], axis=-1).reshape(len(STEPS), -1, 3)


def plain(rgb: Pixels) -> Bools:
    """Which px are pen, by scikit-image and the ranges as they stand."""
    hue, saturation, brightness = np.moveaxis(rgb2hsv(rgb), 2, 0)
    found: Bools = (saturation <= BLACK[0]) & (brightness <= BLACK[1])
    for first, last, least_saturation, least_brightness in COLOURS.values():
        turned = (hue * 360 - first) % 360 <= last - first
        found |= turned & (saturation >= least_saturation) & (brightness >= least_brightness)
    return found


def test_colours_are_to_the_last_bit_those_of_scikit_image() -> None:
    """Also greys and black, which have no hue, and those of which two channels are the same."""
    rgb = colours()
    hue, saturation, brightness = np.moveaxis(rgb2hsv(rgb), 2, 0)
    for wanted, found in zip(
        (hue * 360, saturation, brightness), hsv(rgb.reshape(-1, 3)), strict=True
    ):
        assert np.array_equal(wanted.ravel(), found)


def test_what_is_pen_is_what_the_ranges_say_of_every_px() -> None:
    """The px that whole numbers show to be no pen are none."""
    rgb = colours()
    assert np.array_equal(pen_pixels(rgb), plain(rgb))
    assert 0 < pen_pixels(rgb).mean() < 1
