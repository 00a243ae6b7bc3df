"""How the pieces of a coarser level are laid on a canvas: which px, samples and arithmetic.

OpenSlide has cairo and pixman lay each piece under what is there already (operator SATURATE). What
these do hangs on whether the piece lies at whole px, whether it has alpha, and whether all
samples that are taken lie inside it; ``docs/decisions/11`` tells where each rule comes from.
"""

from __future__ import annotations

import ctypes
import math
import zlib
from enum import IntEnum
from functools import cache
from typing import Protocol

import numpy as np

from mrxs_tiles import native
from mrxs_tiles.mirax.index import Int64s
from mrxs_tiles.mirax.level_grid import LevelGrid, Part
from mrxs_tiles.pixels.filters import OPAQUE, Words, words

ONE = 1 << 16  # of a px, the unit of a sample's place
WHOLE = 256  # a place is whole that is so when rounded to this part of a px
SAMPLE_REACH = 0.495  # px around a px' centre in which cairo looks for its samples


class Way(IntEnum):
    """How a px gets its value."""

    COPY = 0  # whole px of an image: 8 bits
    COPY_CUT = 1  # whole px of a piece cut from an image, which may have alpha: floats
    BLEND = 2  # between px, floats; outside the piece there is nothing
    BLEND_INSIDE = 3  # between px, all inside an image: weights of 7 bits
    ONE_PX = 4  # a single px that takes a single sample, which makes it a plain colour


# How the kernel is tried once, before it is used: see ``checksum``.
TIE_SIDE = 128  # px of a picture
TIES = (
    (Way.COPY, 0, 0),
    (Way.COPY_CUT, 0, 0),
    (Way.BLEND, ONE // 2, ONE // 2),
    (Way.BLEND, ONE // 2, 0),
    (Way.BLEND, ONE // 4, 3 * ONE // 4),
    (Way.BLEND, 3 * ONE // 8, ONE // 8),
    (Way.BLEND, 12345 - ONE, 54321 - ONE),  # the rim too
    (Way.BLEND_INSIDE, ONE // 4, ONE // 2),
)
RIGHT = 1510568048  # what pixman's arithmetic gives


def is_whole(at: float) -> bool:
    """Whether a place is a whole px to cairo."""
    return round(at * WHOLE) % WHOLE == 0


def boxes(grid: LevelGrid, rows: Int64s, part: Part) -> Int64s:
    """What pieces cover of a part, and how, (n, 7), in their order.

    Columns: left, top, right, bottom, px of the part; the place in the piece of the first sample,
    across and down, 1/65536 px; the ``Way``. Pieces that cover nothing have left >= right or
    top >= bottom.
    """
    sides = math.ceil(grid.sides[0]), math.ceil(grid.sides[1])
    uncut = grid.cuts == 1
    # one by one: most regions hold a few, for which numpy's arrays take three times as long
    found = [
        _box(place, sides, (part.width, part.height), uncut)
        for place in zip(*grid.places(rows, part).tolist(), strict=True)
    ]
    return np.array(found, np.int64).reshape(len(found), 7)


def _box(
    at: tuple[float, float], sides: tuple[int, int], most: tuple[int, int], uncut: bool
) -> tuple[int, ...]:
    """One piece, at a place in a part of ``most`` px, each way."""
    if is_whole(at[0]) and is_whole(at[1]):
        left, right, from_x = _whole_span(round(at[0]), sides[0], most[0])
        top, bottom, from_y = _whole_span(round(at[1]), sides[1], most[1])
        single = right - left == 1 and bottom - top == 1
        way = Way.ONE_PX if single else Way.COPY if uncut else Way.COPY_CUT
        return left, top, right, bottom, from_x, from_y, way
    left, right, from_x = _span(at[0], sides[0], most[0])
    top, bottom, from_y = _span(at[1], sides[1], most[1])
    if right - left == 1 and bottom - top == 1:
        x, y = _single(at[0], left), _single(at[1], top)
        if x is not None and y is not None:
            return left, top, right, bottom, x * ONE, y * ONE, Way.ONE_PX
    inside = (
        uncut
        and from_x >= 0
        and from_y >= 0
        and from_x // ONE + right - left < sides[0]
        and from_y // ONE + bottom - top < sides[1]
    )
    return left, top, right, bottom, from_x, from_y, Way.BLEND_INSIDE if inside else Way.BLEND


def _whole_span(px: int, side: int, most: int) -> tuple[int, int, int]:
    """First px, the one behind the last, and the first sample of a piece at whole px."""
    first = max(0, px)
    return first, min(most, px + side), (first - px) * ONE


def _span(at: float, side: int, most: int) -> tuple[int, int, int]:
    """The same of a piece between px: it covers all that its samples reach."""
    first = max(0, math.floor((at - 0.5) + 0.5))
    end = min(most, math.floor((at + side + 0.5) + 0.5))
    return first, end, first * ONE - round(at * ONE)


def _single(at: float, px: int) -> int | None:
    """The sample of a single px, as cairo reckons it; None: it takes two."""
    centre = (px + 0.5) - at
    sample = math.floor(centre - SAMPLE_REACH)
    return sample if sample == math.floor(centre + SAMPLE_REACH) else None


class Lay(Protocol):
    """``Kernel.lay`` for one canvas."""

    def __call__(self, image: Words, box: Int64s, *, opaque: bool) -> None:
        """Lay an image under what is there."""


class Kernel:
    """The C functions that lay images: see ``lay.c``."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Take the library as ``native.load`` gives it."""
        px, number = ctypes.c_void_p, ctypes.c_int64
        self._lay, self._cut = library.lay, library.cut
        self._lay.argtypes = [px, *[number] * 3, px, *[number] * 3, ctypes.c_int, px]
        self._cut.argtypes = [px, *[number] * 2, px, *[number] * 5]

    def lay(self, canvas: Words, image: Words, box: Int64s, opaque: bool) -> None:
        """Lay an image under what is on a canvas; ``box`` (7,): one of ``boxes``.

        ``opaque``: every alpha in the image is 255.

        Raises:
            ValueError: the box does not fit the arrays; nothing was touched.
        """
        self.on(canvas)(image, box, opaque=opaque)

    def on(self, canvas: Words) -> Lay:
        """``lay`` for one canvas, which is asked once where it is."""
        begin = _array(canvas)

        def lay(image: Words, box: Int64s, *, opaque: bool) -> None:
            if self._lay(*begin, *_array(image), opaque, box.ctypes.data):
                raise ValueError(f"{box.tolist()} on {canvas.shape} from {image.shape}")

        return lay

    def piece(self, image: Words, at: tuple[float, float], size: tuple[int, int]) -> Words:
        """A piece of an opaque image that begins between its px; it has alpha at its rim."""
        out = np.empty(size[::-1], np.uint32)
        begin = (round(place * ONE) for place in at)
        if self._cut(out.ctypes.data, *size, *_array(image), *begin):
            raise ValueError(f"{at}, {size} from {image.shape}")
        return out


def _array(pixels: Words) -> tuple[int, int, int, int]:
    """Address, width, height, stride in px of (height, width) px, those of a row side by side."""
    height, width = pixels.shape
    if pixels.dtype != np.uint32 or pixels.strides[1] != 4 or pixels.strides[0] % 4:
        raise ValueError(f"{pixels.dtype} with strides of {pixels.strides}")
    return pixels.ctypes.data, width, height, pixels.strides[0] // 4


@cache
def kernel() -> Kernel | None:
    """The kernel; None: see ``without_kernel``."""
    library = native.load("mirax/lay")
    found = None if library is None else Kernel(library)
    return found if found is not None and checksum(found) == RIGHT else None


def without_kernel() -> str:
    """Why coarser levels are OpenSlide's here; "" where nothing speaks against reading them."""
    if kernel() is not None:
        return ""
    if native.load("mirax/lay") is None:
        return "the kernel that lays coarser levels is not built here"
    return "the kernel that lays coarser levels rounds otherwise on this machine"


def checksum(found: Kernel) -> int:
    """A number that stands for how this machine rounds, in every way of laying.

    A picture without order is laid between px, under px that are clear, in part clear and opaque.
    At quarters its sums are ties, which fall one lower or not as the order of the sum has it;
    others do where multiply and add are fused.
    """
    side = TIE_SIDE
    number = np.arange(side * side * 4, dtype=np.uint32)
    mixed = (number * np.uint32(2654435761) ^ number >> 3) * np.uint32(40503)
    colours = (mixed >> 16 & 255).reshape(side, side, 4).astype(np.int64)
    a, c, d = colours[::2, ::2], colours[1::2, ::2], colours[1::2, 1::2]
    colours[::2, 1::2] = -(3 * a + 9 * c + 3 * d) % 255  # a quarter across, three down
    image = words(colours.astype(np.uint8)) | np.uint32(OPAQUE)
    crc = 0
    for way, fraction_x, fraction_y in TIES:
        canvas = np.zeros_like(image)
        canvas[::3, ::2] = image[::3, ::2] >> 1 & np.uint32(0x7F7F7F7F)
        canvas[::5, ::7] = image[::5, ::7]
        box = np.array([0, 0, side - 1, side - 1, fraction_x, fraction_y, way], np.int64)
        found.lay(canvas, image, box, opaque=True)
        crc = zlib.crc32(canvas.tobytes(), crc)
    return crc
