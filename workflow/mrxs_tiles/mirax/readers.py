"""The two readers by name, and a slide opened by the one that ``inspect`` chose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.locate import SlideFiles
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.mirax.without_levels import openable_levels
from mrxs_tiles.slide.reader import CACHE_BYTES, Reader, SlideReader, cache_for

OPENSLIDE, MIRAX = "openslide", "mirax"


@contextmanager
def opened(
    name: str, files: SlideFiles, index: MiraxIndex | None, level: int, tile_px: int, threads: int
) -> Iterator[Reader]:
    """A slide, opened to cut tiles of so many px on so many threads.

    Args:
        name: of the reader.
        files: the slide's.
        index: its MIRAX index; our own reader needs it, and so does a slide with damage.
        level: from which tiles are read; our own reader is proven on that one.
        tile_px: px of a tile.
        threads: that will read at the same time.

    Raises:
        SlideError: it cannot be opened.
    """
    cache = CACHE_BYTES if name == MIRAX else cache_for(tile_px, threads)
    with (
        openable_levels(files, index) as path,
        SlideReader(path, cache) as slide,
        reading(name, slide, index, level) as reader,
    ):
        yield reader


@contextmanager
def reading(
    name: str, slide: SlideReader, index: MiraxIndex | None, level: int
) -> Iterator[Reader]:
    """A slide that OpenSlide has opened, as the reader ``name`` reads a level of it.

    Raises:
        SlideError: our own reader does not understand it.
    """
    if name != MIRAX or index is None:
        yield slide
    else:
        with MiraxReader(index, slide, levels={level}) as own:
            yield own
