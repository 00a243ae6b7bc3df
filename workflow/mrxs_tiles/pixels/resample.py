"""Pictures brought to another size with Lanczos' filter: Pillow's bytes, by a kernel where it can.

Arrays are (height, width, 4) uint8, of whose channels each is treated alike.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import threading
from collections.abc import Callable
from ctypes import POINTER, byref, c_float, c_int32, c_int64, c_ssize_t, c_void_p
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from mrxs_tiles import native
from mrxs_tiles.grid.grid import thumbnail_size
from mrxs_tiles.grid.resampled import FILTER_PX
from mrxs_tiles.pixels.filters import Pixels, rgb

Box = tuple[float, float, float, float]  # left, top, right, bottom, px with fractions
Size = tuple[int, int]  # width, height
Resample = Callable[[Pixels, Box, Size], Pixels]

REDUCING_GAP = 2.0  # from twice this on Image.thumbnail averages whole px first
MOST_KEPT = 1 << 14  # weights of a direction that are kept for the next tile: 64 KB
DIFFERENT = (
    "the kernel and Pillow resample to different bytes here, so Pillow resamples, more slowly; "
    "install the versions of requirements.lock"
)


def resample(pixels: Pixels, box: Box, size: Size) -> Pixels:
    """Bring a part of an opaque picture to a smaller size, once, with Pillow's Lanczos filter.

    Lanczos because Deep Zoom's own smaller pictures are made with it; Pillow's widens with the
    factor, so fine detail is averaged and does not turn into a pattern, and gives the same
    bytes on every machine. What the box takes in beyond the picture's edges repeats them: a
    slide's last px may be shown only in part.

    Args:
        pixels: (height, width, 4).
        box: left, top, right, bottom, px with fractions.
        size: (width, height) of the result.
    """
    height, width = pixels.shape[:2]
    across, down = max(0, math.ceil(box[2]) - width), max(0, math.ceil(box[3]) - height)
    if across or down:
        pixels = np.pad(pixels, ((0, down), (0, across), (0, 0)), mode="edge")
    return resampler()[0](pixels, box, size)


def thumbnail(pixels: Pixels, most: Size) -> Pixels:
    """Bring a picture to a size as Deep Zoom does, with Pillow's thumbnail; it comes out opaque.

    Args:
        pixels: (height, width, 4).
        most: (width, height) of the result, or less: it keeps the picture's proportions.
    """
    height, width = pixels.shape[:2]
    size = thumbnail_size((width, height), most)
    if max(width / size[0], height / size[1]) < 2 * REDUCING_GAP:
        out = resampler()[0](pixels, (0, 0, width, height), size)
    else:
        image = Image.fromarray(rgb(pixels))
        image.thumbnail(most, Image.Resampling.LANCZOS, REDUCING_GAP)
        out = np.empty((*size[::-1], 4), np.uint8)
        out[..., 2::-1] = np.asarray(image)
    out[..., 3] = 255
    return out


@cache
def resampler() -> tuple[Resample, str]:
    """The fastest that gives Pillow's bytes, and a warning ("" where there is none).

    The kernel and Pillow are compared once, on small pictures.
    """
    library = native.load("pixels/resample")
    if library is None:
        return with_pillow, ""
    fast = Kernel(library)
    return (fast, "") if _same_bytes(fast) else (with_pillow, DIFFERENT)


def with_pillow(pixels: Pixels, box: Box, size: Size) -> Pixels:
    """What ``Image.resize(size, LANCZOS, box)`` gives."""
    # as RGBX Pillow does not multiply by alpha, and copies nothing
    whole = np.ascontiguousarray(pixels)
    image = Image.frombuffer("RGBX", whole.shape[1::-1], whole, "raw", "RGBX", 0, 1)
    return np.array(image.resize(size, Image.Resampling.LANCZOS, box))


def _same_bytes(fast: Resample) -> bool:
    """Both orders of the directions, both ways of scaling, whole boxes and parts."""
    # noise without numpy.random, which takes long to import
    noise = hashlib.shake_128(b"noise").digest(83 * 75 * 4)
    picture = np.frombuffer(noise, np.uint8).reshape(83, 75, 4)
    trials: tuple[tuple[Box, Size], ...] = (
        ((3.7, 4.2, 71.9, 80.1), (61, 64)),
        ((0, 0, 75, 83), (70, 21)),
        ((10.25, 0, 30.5, 83), (37, 97)),
    )
    return all(np.array_equal(fast(picture, *at), with_pillow(picture, *at)) for at in trials)


# --- the kernel -----------------------------------------------------------------------------


class _Axis(ctypes.Structure):
    """``Axis`` of resample.c."""

    _fields_ = (
        *(("length", c_int32), ("out", c_int32), ("taps", c_int32)),
        *(("first", c_void_p), ("count", c_void_p), ("weights", c_void_p)),
    )


class _Weights(NamedTuple):
    """An axis, and the arrays that it points into."""

    axis: _Axis
    arrays: tuple[npt.NDArray[np.int32], ...]


class Kernel:
    """Resamples with resample.c; what that refuses Pillow takes, or refuses too."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Take the library, and tell ctypes what its functions take."""
        axes, picture = (POINTER(_Axis),) * 2, (c_void_p, c_ssize_t)
        direction = (c_int32, c_float, c_float, c_int32)
        library.most_taps.argtypes = direction
        library.make_weights.argtypes = (*direction, c_int32, *(c_void_p,) * 3)
        library.room_needed.argtypes, library.room_needed.restype = axes, c_int64
        library.resample.argtypes = (*picture, *axes, *picture, c_void_p, c_int64)
        self._library = library
        self._kept_weights = lru_cache(maxsize=256)(self._make_weights)
        self._own = threading.local()

    def __call__(self, pixels: Pixels, box: Box, size: Size) -> Pixels:
        """What ``with_pillow`` gives."""
        if pixels.strides[1:] != (4, 1) or pixels.strides[0] < 0:
            pixels = np.ascontiguousarray(pixels)
        across = self._weights(pixels.shape[1], box[0], box[2], size[0])
        down = self._weights(pixels.shape[0], box[1], box[3], size[1])
        if across is None or down is None:
            return with_pillow(pixels, box, size)
        axes = byref(across.axis), byref(down.axis)
        room = self._room(self._library.room_needed(*axes))
        out = np.empty((size[1], size[0], 4), np.uint8)
        refused = self._library.resample(
            *(pixels.ctypes.data, pixels.strides[0]),
            *axes,
            *(out.ctypes.data, out.strides[0]),
            *(room.ctypes.data, room.size),
        )
        return with_pillow(pixels, box, size) if refused else out

    def _weights(self, length: int, start: float, end: float, out: int) -> _Weights | None:
        """Those of one direction; None: there is no such box, or no memory."""
        few = max(end - start, out) * 2 * FILTER_PX < MOST_KEPT
        return (self._kept_weights if few else self._make_weights)(length, start, end, out)

    def _make_weights(self, length: int, start: float, end: float, out: int) -> _Weights | None:
        taps = self._library.most_taps(length, start, end, out)
        if not taps:
            return None
        first, count = np.empty(out, np.int32), np.empty(out, np.int32)
        arrays = first, count, np.zeros((out, taps), np.int32)
        places = [array.ctypes.data for array in arrays]
        if self._library.make_weights(length, start, end, out, taps, *places):
            return None
        return _Weights(_Axis(length, out, taps, *places), arrays)

    def _room(self, size: int) -> Pixels:
        """This thread's memory: anew for each tile, the system would take a third of the time."""
        memory: Pixels | None = getattr(self._own, "memory", None)
        if memory is None or memory.size < size:
            memory = self._own.memory = np.empty(size, np.uint8)
        return memory
