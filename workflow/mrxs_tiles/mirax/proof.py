"""Whether our own reader reads a slide as OpenSlide does: tried on each slide before it is used.

Each level by itself: a coarser one only where tiles are read from it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.data_files import MOST_STREAMS
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.lay import without_kernel
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE
from mrxs_tiles.mirax.trial_places import Place, places
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import SlideReader

LEAST = 8  # places without which there is no proof
FIRST = 1  # places at which is seen whether the disk must be waited for


def choose(asked: str, index: MiraxIndex | None, level: int, slide: SlideReader) -> tuple[str, str]:
    """The name of the reader for a slide's tiles, and, if it is OpenSlide, why.

    Args:
        asked: the key ``reader``.
        index: the slide's; None: it has none, or it is not understood.
        level: from which the tiles are read.
        slide: opened with OpenSlide, whose word counts.
    """
    if asked == OPENSLIDE:
        return OPENSLIDE, "it was asked for"
    if index is None:
        return OPENSLIDE, "there is no MIRAX index, or none that is understood"
    if level and (fault := without_kernel()):
        return OPENSLIDE, f"tiles are read at level {level}, and {fault}"
    try:
        with MiraxReader(index, slide, levels={level}) as own:
            fault = difference(own, slide, index, level)
    except SlideError as error:
        fault = str(error)
    return (OPENSLIDE, fault) if fault else (MIRAX, "")


def difference(own: MiraxReader, slide: SlideReader, index: MiraxIndex, level: int) -> str:
    """Why ``own`` is not to read a level; "" where it reads the same bytes at every place compared.

    Places that OpenSlide cannot read are passed over.
    """
    chosen = list(places(index, level))
    compared = 0
    own.expect(level, (((place.x, place.y), (place.width, place.height)) for place in chosen))
    for place, wanted in zip(chosen, _wanted(slide, level, chosen), strict=True):
        if wanted is None:
            continue
        found = _read(own, level, place)
        if found is None or not np.array_equal(found, wanted):
            how = "it reads other bytes than OpenSlide"
            if found is None:
                how = "it cannot be read, though OpenSlide can read it"
            return f"at {place.x}, {place.y} {how}"
        compared += 1
    if own.asks_openslide:
        return "OpenSlide alone can decode some of its stored images"
    if compared < min(LEAST, len(chosen)):
        return f"only {compared} of {len(chosen)} places could be compared with OpenSlide"
    return ""


def _wanted(slide: SlideReader, level: int, chosen: Sequence[Place]) -> Iterator[Pixels | None]:
    """What OpenSlide reads at some places, in their order; None where it cannot.

    It opens a data file anew for each stored image. Where that is waited for, so many places are
    read at once that together they keep one core at work: this step has no more.
    """
    began, worked = time.perf_counter(), time.thread_time()
    first = [_read(slide, level, place) for place in chosen[:FIRST]]
    wall, cpu = time.perf_counter() - began, time.thread_time() - worked
    yield from first
    at_once = min(MOST_STREAMS, int(wall / max(cpu, 1e-3)))
    if at_once < 2:
        yield from (_read(slide, level, place) for place in chosen[FIRST:])
        return
    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(lambda place: _read(slide, level, place), chosen[FIRST:]))
    for place, pixels in zip(chosen[FIRST:], found, strict=True):
        # an error is every thread's that was reading: only when met alone is it the place's own
        yield _read(slide, level, place) if pixels is None else pixels


def _read(reader: MiraxReader | SlideReader, level: int, place: Place) -> Pixels | None:
    out = np.empty((place.height, place.width, 4), np.uint8)
    try:
        reader.read((place.x, place.y), level, out)
    except SlideError:
        return None
    return out
