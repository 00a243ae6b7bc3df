"""The rule by which OpenSlide lays coarser levels, in plain numpy: slow, and easy to check."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mrxs_tiles.mirax.lay import ONE, Way, boxes
from mrxs_tiles.mirax.level_grid import LevelGrid, parts_of

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
UNIT = np.float32(1) / np.float32(255)


def read(
    grid: LevelGrid,
    image_of: Callable[[int], Pixels],
    location: tuple[int, int],
    size: tuple[int, int],
    downsample: float,
) -> Pixels:
    """A region, (height, width, 4); ``image_of`` gives images by their row, BGRA, opaque."""
    out = np.zeros((size[1], size[0], 4), np.uint8)
    for part in parts_of(location, size, downsample):
        canvas = out[part.top :, part.left :][: part.height, : part.width]
        rows = grid.touching(part)
        for row, box in zip(rows, boxes(grid, rows, part).tolist(), strict=True):
            lay(canvas, piece(grid, int(row), image_of), box)
    return out


def piece(grid: LevelGrid, row: int, image_of: Callable[[int], Pixels]) -> Pixels:
    image = image_of(int(grid.image[row]))
    if grid.cuts == 1:
        return image
    width, height = math.ceil(grid.sides[0]), math.ceil(grid.sides[1])
    x, y = grid.cut[:, row].tolist()
    if round(x * 256) % 256 == 0 and round(y * 256) % 256 == 0:
        return image[round(y) :, round(x) :][:height, :width]
    four = samples(image, round(x * ONE), round(y * ONE), width, height)
    return blend_7_bits(four, round(x * ONE), round(y * ONE))


def samples(image: Pixels, from_x: int, from_y: int, width: int, height: int) -> list[Pixels]:
    """The px above left, above right, below left, below right of each sample."""
    padded = np.zeros((image.shape[0] + 2, image.shape[1] + 2, 4), np.uint8)
    padded[1:-1, 1:-1] = image
    rows = from_y // ONE + np.arange(height)
    columns = from_x // ONE + np.arange(width)
    found = []
    for down in (0, 1):
        for across in (0, 1):
            y = np.clip(rows + down + 1, 0, padded.shape[0] - 1)
            x = np.clip(columns + across + 1, 0, padded.shape[1] - 1)
            found.append(padded[y][:, x])
    return found


def blend_7_bits(four: list[Pixels], from_x: int, from_y: int) -> Pixels:
    x, y = from_x % ONE >> 9, from_y % ONE >> 9
    weights = ((128 - x) * (128 - y), x * (128 - y), (128 - x) * y, x * y)
    total = sum(px.astype(np.int64) * weight for px, weight in zip(four, weights, strict=True))
    return (total >> 14).astype(np.uint8)


def blend_floats(four: list[Pixels], from_x: int, from_y: int) -> Floats:
    one = np.float32(1)
    x, y = np.float32(from_x % ONE) / np.float32(ONE), np.float32(from_y % ONE) / np.float32(ONE)
    weights = ((one - x) * (one - y), x * (one - y), (one - x) * y, x * y)
    total: Floats | None = None
    for px, weight in zip(four, weights, strict=True):
        term = px.astype(np.float32) * UNIT * weight
        total = term if total is None else total + term
    assert total is not None
    return total


def saturate(under: Floats, over: Pixels) -> Pixels:
    """Lay colours (BGRA, floats) under what is there, ``over``."""
    there = over.astype(np.float32) * UNIT
    alpha = under[..., 3:]
    free = np.float32(1) - there[..., 3:]
    part = np.divide(free, alpha, out=np.ones_like(alpha), where=alpha > np.finfo(np.float32).tiny)
    part = np.clip(part, np.float32(0), np.float32(1))
    value = np.minimum(np.float32(1), under * part + there)
    return np.minimum(255, (value * np.float32(256)).astype(np.int64)).astype(np.uint8)


def over_reverse(under: Pixels, over: Pixels) -> Pixels:
    free = 255 - over[..., 3:].astype(np.int64)
    product = under * free + 128
    return np.minimum(255, over + ((product + (product >> 8)) >> 8)).astype(np.uint8)


def lay(canvas: Pixels, image: Pixels, box: list[int]) -> None:
    left, top, right, bottom, from_x, from_y, way = box
    if left >= right or top >= bottom:
        return
    over = canvas[top:bottom, left:right]
    four = samples(image, from_x, from_y, right - left, bottom - top)
    if way == Way.COPY:
        over[:] = over_reverse(four[0], over)
    elif way == Way.COPY_CUT:
        over[:] = saturate(four[0] * UNIT, over)
    elif way == Way.BLEND:
        over[:] = saturate(blend_floats(four, from_x, from_y), over)
    elif way == Way.BLEND_INSIDE:
        over[:] = over_reverse(blend_7_bits(four, from_x, from_y), over)
    else:
        alpha = four[0][0, 0, 3]
        if alpha == 255:
            over[:] = over_reverse(four[0], over)
        elif alpha:
            colour = four[0].astype(np.float32) * np.float32(257) * (np.float32(1) / 65535)
            over[:] = saturate(colour.astype(np.float32), over)
