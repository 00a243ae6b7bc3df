"""How sharp a picture is: the variance of its Laplacian.

Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, Int. Conf. on Pattern
Recognition 2000, vol. 3, p. 314: the sharper, the larger. Its value hangs on the scale and on
what is shown, so a threshold is one for a scale and a stain.
"""

from __future__ import annotations

import numpy as np

from mrxs_tiles.pixels.filters import Pixels

FOCUS_MPP = 0.5  # µm per px at which it is measured: what is blurred there is of no use


def sharpness(grey: Pixels) -> float:
    """The variance of the Laplacian of a picture, (height, width) uint8; 0 below 3 x 3 px."""
    if min(grey.shape) < 3:
        return 0.0
    whole = grey.astype(np.int16)
    laplacian = whole[:-2, 1:-1] + whole[2:, 1:-1] + whole[1:-1, :-2] + whole[1:-1, 2:]
    laplacian -= 4 * whole[1:-1, 1:-1]
    # in whole numbers, so that it is the same on every machine
    total = int(laplacian.sum(dtype=np.int64))
    squares = int(np.square(laplacian, dtype=np.int32).sum(dtype=np.int64))
    return (squares * laplacian.size - total * total) / laplacian.size**2
