"""Whether our own reader reads a slide as OpenSlide does: tried on each slide before it is used.

Each level by itself: a coarser one only where tiles are read from it.
"""

from __future__ import annotations

import numpy as np

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.lay import without_kernel
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE
from mrxs_tiles.mirax.trial_places import Place, places
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import SlideReader

LEAST = 8  # places without which there is no proof


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
    for place in chosen:
        wanted = _read(slide, level, place)
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


def _read(reader: MiraxReader | SlideReader, level: int, place: Place) -> Pixels | None:
    out = np.empty((place.height, place.width, 4), np.uint8)
    try:
        reader.read((place.x, place.y), level, out)
    except SlideError:
        return None
    return out
