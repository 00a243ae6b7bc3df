"""How coloured the glass is from place to place: mounting medium yellows, and not evenly.

The idea is that of background estimation in microscopy (Sternberg, Biomedical image processing,
IEEE Computer 16(1):22, 1983): what lies around an object tells what would lie under it. Glass is
told from tissue as a person tells it, by the look of a place and not of one px: it is bright, even,
and if it is coloured at all then yellow, while haematoxylin and eosin take away green first, and
stained tissue is uneven at the scale of cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.pixels.filters import Pixels

Floats = npt.NDArray[np.float32]

BLOCK = 16  # px of a place's side: at 8 µm some ten cells
EVEN = 5.0  # most mean difference of neighbours in green, of 255: noise of a camera
LEAST_BRIGHTNESS = 190  # median of the brightest channel
YELLOW = 4  # blue is darker than red and green by at least as much, medians
# Of 255. Less is no more than glass usually has; medium is never more yellow.
LEAST_SATURATION, MOST_SATURATION = 8, 70


def without_yellow(rgb: Pixels, scanned: Bools, saturation: Pixels) -> Pixels | None:
    """The picture as it would be without its glass's yellow, (height, width, 3); None: it has none.

    A medium lets a part of the light through, so what is seen through it is divided by that part:
    to take the glass's saturation off that of tissue would make pale tissue clear.

    Args:
        rgb: the slide at some 8 µm a px, (height, width, 3) uint8.
        scanned: (height, width) bool.
        saturation: of each px, (height, width) uint8.
    """
    rows, cols = (side // BLOCK for side in scanned.shape)
    if not rows or not cols:
        return None
    level = np.median(_blocks(saturation, rows, cols), axis=2)
    whole = _blocks(scanned, rows, cols).all(axis=2)
    coloured = whole & (level > LEAST_SATURATION) & (level <= MOST_SATURATION)
    yellow = np.zeros_like(whole)
    yellow[coloured] = _is_yellow_glass(_blocks(rgb, rows, cols)[coloured])
    if not yellow.any():
        return None
    known = yellow | (whole & (level <= LEAST_SATURATION))
    colour = np.full((rows, cols, 3), 255, np.float32)  # clear glass stays as it is
    colour[yellow] = np.median(_blocks(rgb, rows, cols)[yellow], axis=1)
    gain = colour.max(axis=2, keepdims=True) / colour
    clear = np.empty_like(rgb)
    for band in range(3):
        seen = _drawn_out(_spread(gain[..., band], known), scanned.shape)
        lit = seen * rgb[..., band]
        clear[..., band] = np.minimum(lit, 255, out=lit)  # a whole glass has 33 million px
    return clear


def _is_yellow_glass(blocks: Pixels) -> Bools:
    """Which of some blocks, (n, BLOCK * BLOCK, 3), are bright, yellow and even."""
    red, green, blue = np.moveaxis(np.median(blocks, axis=1), 1, 0)
    grain = blocks[..., 1].reshape(-1, BLOCK, BLOCK).astype(np.int16)
    across, down = (np.abs(np.diff(grain, axis=axis)).mean((1, 2)) for axis in (2, 1))
    found: Bools = (across + down) / 2 <= EVEN
    found &= np.maximum(red, green) >= LEAST_BRIGHTNESS
    found &= np.minimum(red, green) - blue >= YELLOW
    return found


def _drawn_out(field: Floats, shape: tuple[int, ...]) -> Floats:
    """A value of each block as one of each px, in between and without steps."""
    height, width = shape
    padded = Image.fromarray(np.pad(field, ((0, 1), (0, 1)), mode="edge"))
    box = (0, 0, width / BLOCK, height / BLOCK)
    smooth: Floats = np.asarray(padded.resize((width, height), Image.Resampling.BILINEAR, box))
    return smooth


def _blocks(picture: npt.NDArray[Any], rows: int, cols: int) -> npt.NDArray[Any]:
    """A picture's px by block, (rows, cols, BLOCK * BLOCK), then its bands."""
    bands = picture.shape[2:]
    cut = picture[: rows * BLOCK, : cols * BLOCK].reshape(rows, BLOCK, cols, BLOCK, *bands)
    return cut.swapaxes(1, 2).reshape(rows, cols, BLOCK * BLOCK, *bands)


def _spread(field: Floats, known: Bools) -> Floats:
    """A field of which a part is known; the rest the mean of its neighbours, ring after ring."""
    field = np.where(known, field, np.float32(0))
    while not known.all():
        padded = np.pad(np.stack([field, known.astype(np.float32)]), ((0, 0), (1, 1), (1, 1)))
        across = padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
        total, count = across + padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1]
        reached = ~known & (count > 0)
        field[reached] = total[reached] / count[reached]
        known = known | reached
    return field
