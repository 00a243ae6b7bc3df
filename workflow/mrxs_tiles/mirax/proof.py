"""Whether our own reader reads a slide as OpenSlide does: tried on each slide before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.image_places import Places, places_of
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import SlideReader

SIDE = 96  # px of a place that is compared
CORNERS = 16  # of camera pictures, where four of them overlap
FULL = 12  # stored images that show most, by their lengths: a shift shows there
ANYWHERE = 12  # stored images, drawn alike
LEAST = 8  # places without which there is no proof
ALL_PX = 1 << 21  # a slide up to this many px is compared whole
ALL_SIDE = 512

Place = tuple[int, int, int, int]  # x, y, width, height, level-0 px


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
    if level:
        return OPENSLIDE, f"tiles are read at level {level}, and our own reader reads level 0 only"
    try:
        with MiraxReader(index, slide) as own:
            fault = difference(own, slide, index)
    except SlideError as error:
        fault = str(error)
    return (OPENSLIDE, fault) if fault else (MIRAX, "")


def difference(own: MiraxReader, slide: SlideReader, index: MiraxIndex) -> str:
    """Why ``own`` is not to be used; "" where it reads the same bytes at every place compared.

    Places that OpenSlide cannot read are passed over.
    """
    chosen = list(_places(index, places_of(index)))
    compared = 0
    for x, y, width, height in chosen:
        wanted = _read(slide, (x, y), (width, height))
        if wanted is None:
            continue
        found = _read(own, (x, y), (width, height))
        if found is None or not np.array_equal(found, wanted):
            how = "it cannot be read, though OpenSlide can read it"
            return f"at {x}, {y} {how if found is None else 'it reads other bytes than OpenSlide'}"
        compared += 1
    if own.asks_openslide:
        return "OpenSlide alone can decode some of its stored images"
    if compared < min(LEAST, len(chosen)):
        return f"only {compared} of {len(chosen)} places could be compared with OpenSlide"
    return ""


def _read(
    reader: MiraxReader | SlideReader, location: tuple[int, int], size: tuple[int, int]
) -> Pixels | None:
    out = np.empty((size[1], size[0], 4), np.uint8)
    try:
        reader.read(location, 0, out)
    except SlideError:
        return None
    return out


def _places(index: MiraxIndex, places: Places) -> Iterator[Place]:
    """Where to compare: chosen by the slide's own identity, so that a run can be repeated."""
    if not len(places.number):
        return
    left, top = int(places.x.min()), int(places.y.min())
    right = int(places.x.max()) + places.width
    bottom = int(places.y.max()) + places.height
    if (right - left) * (bottom - top) <= ALL_PX:
        for y in range(top, bottom, ALL_SIDE):
            for x in range(left, right, ALL_SIDE):
                yield x, y, ALL_SIDE, ALL_SIDE
        return
    digest = hashlib.sha256(index.slidedat.slide_id.encode()).digest()
    for x, y in _centres(index, places, np.random.default_rng(list(digest))):
        yield max(0, x - SIDE // 2), max(0, y - SIDE // 2), SIDE, SIDE


def _centres(
    index: MiraxIndex, places: Places, random: np.random.Generator
) -> Iterator[tuple[int, int]]:
    image = index.images[0][places.number, 0]
    divisions, across = index.slidedat.divisions, index.slidedat.images_x
    begins = (image % across % divisions == 0) & (image // across % divisions == 0)
    for number in _drawn(np.flatnonzero(begins), CORNERS, random):
        yield int(places.x[number]), int(places.y[number])
    length = index.images[0][places.number, 2]
    for number in _drawn(np.argsort(length)[-4 * FULL :], FULL, random):
        yield int(places.x[number]) + places.width // 2, int(places.y[number]) + places.height // 2
    for number in _drawn(np.arange(len(image)), ANYWHERE, random):
        yield int(places.x[number]) + places.width, int(places.y[number]) + places.height
    for first in (places.x.argmin(), places.y.argmin()):
        yield int(places.x[first]), int(places.y[first])
    for last in (places.x.argmax(), places.y.argmax()):
        yield int(places.x[last]) + places.width, int(places.y[last]) + places.height


def _drawn(numbers: np.ndarray, count: int, random: np.random.Generator) -> Sequence[int]:
    """Some of the numbers, each at most once."""
    drawn = random.choice(numbers, min(count, len(numbers)), replace=False)
    chosen: list[int] = np.sort(drawn).tolist()
    return chosen
