"""OpenSlide's reader and our own on one slide, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.proof import choose
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import Alpha, Reader, SlideReader


@contextmanager
def both(path: Path, **keys: Any) -> Iterator[tuple[SlideReader, MiraxReader]]:
    index = read_index(path.with_suffix(""))
    with SlideReader(path) as slide, MiraxReader(index, slide, **keys) as own:
        yield slide, own


def region(reader: Reader, x: int, y: int, width: int, height: int) -> Pixels:
    out = np.full((height, width, 4), 99, np.uint8)
    alpha = reader.read((x, y), 0, out)
    assert alpha is not Alpha.OPAQUE or (out[..., 3] == 255).all()
    assert alpha is not Alpha.NOTHING or not out.any()
    filled = np.empty_like(out)
    if reader.read((x, y), 0, filled, 0xFF123456) is not Alpha.UNKNOWN:
        wanted = np.where(out[..., 3:] == 0, np.array([0x56, 0x34, 0x12, 255], np.uint8), out)
        assert np.array_equal(filled, wanted)
    return out


def differing(path: Path, block: tuple[int, int], threads: int = 1, **keys: Any) -> list[Any]:
    """The blocks of a whole slide that the two readers read otherwise, a rim around it too."""
    with both(path, **keys) as (slide, own):
        width, height = slide.facts().size
        places = [
            (x, y, *block)
            for y in range(-3, height + 3, block[1])
            for x in range(-3, width + 3, block[0])
        ]
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(lambda place: region(own, *place), places))
        return [
            place
            for place, mine in zip(places, found, strict=True)
            if not np.array_equal(mine, region(slide, *place))
        ]


def chosen(path: Path, asked: str = "auto", level: int = 0) -> tuple[str, str]:
    with SlideReader(path) as slide:
        return choose(asked, read_index(path.with_suffix("")), level, slide)
