"""Where tissue lies: a small picture -> a mask. No slide, no file.

The method is the field's usual one: the saturation of each px (HSV), for glass is grey, and
Otsu's threshold of it (IEEE Trans. Syst. Man Cybern. 9:62, 1979), as in CLAM (Lu et al., Nat.
Biomed. Eng. 5:555, 2021); then small objects and holes are removed. Yellowed glass is
made clear before (``glass``).
"""

from __future__ import annotations

import math

import cc3d
import numpy as np

from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.pixels.glass import BLOCK, without_yellow
from mrxs_tiles.pixels.otsu import otsu_threshold

MASK_MPP = 8.0  # µm per px of the mask: a cell's size
MOST_MASK_PX = 1 << 25  # a larger slide has a coarser mask, for the memory

# Of 255. What is less coloured is glass, whatever Otsu says of a slide without tissue; CLAM's
# and hs2p's own threshold.
LEAST_SATURATION = 8
# What is so much more coloured than the glass around is tissue, however pale, whatever Otsu
# says of a slide with pen marks or strong stains on it.
PALE = 6
MOST_GLASS = 24  # where even the paler half is more coloured, there is no glass at all
LEAST_BRIGHTNESS = 25  # of 255: darker px have no saturation to speak of, only noise
LEAST_OBJECT_UM2 = 4000.0  # smaller ones are dust, or a few loose cells
LEAST_SHARE = 0.001  # of what was scanned: on a tiny slide smaller objects count
LARGEST_HOLE_UM2 = 5000.0  # smaller ones are vessels, fat cells, tears


def tissue_mask(rgb: Pixels, scanned: Bools, px_um2: float) -> Bools:
    """Which px are tissue, (height, width) bool; see ``find_tissue``."""
    return find_tissue(rgb, scanned, px_um2)[0]


def find_tissue(rgb: Pixels, scanned: Bools, px_um2: float) -> tuple[Bools, bool]:
    """Which px are tissue, (height, width) bool, and whether some glass was taken for yellowed.

    Args:
        rgb: the slide at about ``MASK_MPP``, (height, width, 3) uint8.
        scanned: (height, width) bool; nothing else can be tissue.
        px_um2: µm² of one px.
    """
    mask = np.zeros_like(scanned)
    part = _around(scanned, LARGEST_HOLE_UM2 / px_um2)
    if part is None:
        return mask, False
    value = saturation(rgb[part])
    clear = without_yellow(rgb[part], scanned[part], value)
    if clear is not None:
        # of the whole: Pillow rounds in another order in a picture of another shape
        clear = without_yellow(rgb, scanned, saturation(rgb))
    if clear is not None:
        value = saturation(clear[part])
    mask[part] = _mask(value, scanned[part], px_um2)
    return mask, clear is not None


def _around(scanned: Bools, most_px: float) -> tuple[slice, slice] | None:
    """The rows and columns that hold what was scanned; None: nothing was.

    With so much around it, where there is more, that what lies behind changes nothing: the
    blocks of ``glass`` begin where they do in the whole picture, and on each side of what was
    scanned lie more px that were not than ``most_px``, those of a hole.
    """
    rim = 1 + math.ceil(most_px / min(*scanned.shape, math.sqrt(most_px)))
    spans: list[slice] = []
    for axis in (1, 0):
        found = np.flatnonzero(scanned.any(axis=axis))
        if not len(found):
            return None
        first, end = int(found[0]) - rim, int(found[-1]) + 1 + rim
        spans.append(slice(max(0, first // BLOCK - 1) * BLOCK, (end // BLOCK + 2) * BLOCK))
    return spans[0], spans[1]


def _mask(value: Pixels, scanned: Bools, px_um2: float) -> Bools:
    """Which px are tissue by their saturation; some were scanned."""
    counts = np.bincount(value[scanned], minlength=256)
    otsu = int(otsu_threshold(counts, np.arange(256)))
    below = counts[: otsu + 1].cumsum()
    glass = int(np.searchsorted(below, below[-1] / 2))  # the median of what lies below
    threshold = 0 if glass > MOST_GLASS else min(otsu, glass + PALE)
    mask = (value > max(threshold, LEAST_SATURATION)) & scanned
    least_px = min(LEAST_OBJECT_UM2 / px_um2, scanned.sum() * LEAST_SHARE)
    mask = without_small(mask, int(least_px))
    # what was never scanned is no hole, however small
    filled: Bools = ~without_small(~mask, int(LARGEST_HOLE_UM2 / px_um2)) & scanned
    return filled


def without_small(mask: Bools, most_px: int) -> Bools:
    """The mask without its parts, joined along sides, of at most so many px."""
    if not most_px:
        return mask
    parts = cc3d.connected_components(mask, connectivity=4, out_dtype=np.uint32)
    large = np.bincount(parts.ravel()) > most_px
    large[0] = False  # what lies around them
    kept: Bools = large[parts]
    return kept


def saturation(rgb: Pixels) -> Pixels:
    """Saturation of HSV, (height, width) uint8, 0 where a px is nearly black."""
    red, green, blue = np.moveaxis(rgb, 2, 0)  # one by one: ten times as fast as along the axis
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    spread = (brightest - darkest).astype(np.uint16) * 255
    value = spread // np.maximum(brightest, LEAST_BRIGHTNESS)
    value[brightest < LEAST_BRIGHTNESS] = 0
    out: Pixels = value.astype(np.uint8)
    return out
