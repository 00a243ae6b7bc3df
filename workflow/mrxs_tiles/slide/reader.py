"""The one door to OpenSlide: open a slide, say what it is, read a region into a buffer.

After the first error an OpenSlide handle answers every call with that error. So a reader
drops a handle that failed and opens a new one for the next read; threads share the handle.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, Self

import openslide
from openslide import lowlevel

from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.grid import Bounds, Levels
from mrxs_tiles.pixels.filters import Color, Pixels

# A region: (x, y) of its top left corner, level-0 px, and (width, height), px of its level.
Extent = tuple[tuple[int, int], tuple[int, int]]

# What OpenSlide keeps of decoded images between reads, by default and beside what
# ``cache_for`` adds. Its own default.
CACHE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class SlideFacts:
    """What OpenSlide says of a slide. Lengths are level-0 px; None: the slide does not say."""

    vendor: str
    levels: Levels
    mpp_x: float | None
    mpp_y: float | None
    objective: float | None
    bounds: Bounds | None
    background: Color | None
    quickhash: str | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of level 0."""
        return self.levels.sizes[0]


class Alpha(Enum):
    """What a reader knows of a region that it has read."""

    UNKNOWN = "unknown"
    NOTHING = "nothing"  # nothing of it was scanned
    OPAQUE = "opaque"


class Reader(Protocol):
    """What reads a slide's pixels; nothing behind it knows which one it is."""

    def facts(self) -> SlideFacts:
        """What is known of the slide."""

    def best_level(self, downsample: float) -> int:
        """The coarsest level that is not coarser than a downsample."""

    def color_profile(self) -> bytes | None:
        """The slide's ICC colour profile."""

    def is_empty(self, location: tuple[int, int], size: tuple[int, int]) -> bool:
        """Whether a region of level 0, level-0 px, is known to hold nothing."""

    def expect(self, level: int, extents: Iterable[Extent]) -> None:
        """Hear which regions of a level will be read, so that each is not read for itself alone.

        They are read once each, others as well; nothing but the speed hangs on it.
        """

    def read(self, location: tuple[int, int], level: int, out: Pixels, fill: int = 0) -> Alpha:
        """Read a region into ``out``.

        Args:
            location: (x, y) of the top left corner, level-0 px.
            level: the slide level.
            out: (height, width, 4) uint8, C-contiguous; filled with blue, green, red, alpha,
                colours multiplied by alpha.
            fill: what px get, as a word, where nothing was scanned, if the reader knows where
                that is; 0: transparent.

        Raises:
            SlideError: some pixel of the region cannot be read.
        """


class SlideReader:
    """A slide opened with OpenSlide, to be used by many threads at once.

    Raises:
        SlideError: OpenSlide does not open it; the sentence is OpenSlide's own.
    """

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES) -> None:
        """Open ``path``, which must be what ``locate.openable`` gives."""
        self._path = path
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._handle: openslide.OpenSlide | None = self._open()
        self._bounds = _bounds(self._handle.properties)
        self.opened = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = None

    def _open(self) -> openslide.OpenSlide:
        # Never openslide.open_slide(): it falls back to Pillow, which would show the little
        # preview of a MIRAX slide whose folder is missing.
        try:
            handle = openslide.OpenSlide(self._path)
            handle.set_cache(openslide.OpenSlideCache(self._cache_bytes))
        except openslide.OpenSlideError as error:
            raise SlideError(self._sentence(error)) from None
        return handle

    def _sentence(self, error: Exception) -> str:
        # OpenSlide names files by their whole path, which must not reach the results.
        folder = os.path.join(self._path.parent, "")  # noqa: PTH118 - a root has its end already
        return str(error).replace(folder, "").strip()

    def facts(self) -> SlideFacts:
        """What OpenSlide says of the slide.

        Raises:
            SlideError: the handle could not be opened again.
        """
        handle = self._current()
        found = handle.properties
        background = found.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR)
        return SlideFacts(
            vendor=found.get(openslide.PROPERTY_NAME_VENDOR, ""),
            levels=Levels(handle.level_dimensions, handle.level_downsamples),
            mpp_x=_positive(found.get(openslide.PROPERTY_NAME_MPP_X)),
            mpp_y=_positive(found.get(openslide.PROPERTY_NAME_MPP_Y)),
            objective=_positive(found.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)),
            bounds=_bounds(found),
            background=None if background is None else _rgb(background),
            quickhash=found.get("openslide.quickhash-1"),
        )

    def best_level(self, downsample: float) -> int:
        """The coarsest level that is not coarser than a downsample; Deep Zoom reads that one."""
        return self._current().get_best_level_for_downsample(downsample)

    def color_profile(self) -> bytes | None:
        """The slide's ICC colour profile; None: it has none.

        Raises:
            SlideError: it cannot be read.
        """
        try:
            return lowlevel.read_icc_profile(self._current()._osr)
        except openslide.OpenSlideError as error:
            raise SlideError(self._sentence(error)) from None

    def is_empty(self, location: tuple[int, int], size: tuple[int, int]) -> bool:
        """Whether a region of level 0, level-0 px, lies outside the bounds."""
        if self._bounds is None:
            return False
        x, y, width, height = self._bounds
        across = x < location[0] + size[0] and location[0] < x + width
        return not (across and y < location[1] + size[1] and location[1] < y + height)

    def expect(self, level: int, extents: Iterable[Extent]) -> None:
        """Nothing: OpenSlide's cache is not told what to keep."""

    def read(
        self,
        location: tuple[int, int],
        level: int,
        out: Pixels,
        fill: int = 0,  # noqa: ARG002 - OpenSlide does not say where nothing was scanned
    ) -> Alpha:
        """Read a region into ``out``, see ``Reader.read``; OpenSlide says nothing of alpha.

        Raises:
            SlideError: some pixel of the region cannot be read, or another thread's read
                failed on the same handle meanwhile. Only an error of a read that was
                alone on its handle says something about the region.
        """
        handle = self._current()
        height, width = out.shape[:2]
        buffer = out.ctypes.data_as(ctypes.POINTER(ctypes.c_uint32))
        try:
            # The C call itself: OpenSlide.read_region() converts every pixel to a PIL image,
            # which takes as long as reading it.
            lowlevel._read_region(handle._osr, buffer, *location, level, width, height)
        except openslide.OpenSlideError as error:
            self._drop(handle)
            raise SlideError(self._sentence(error)) from None
        return Alpha.UNKNOWN

    def _current(self) -> openslide.OpenSlide:
        with self._lock:
            if self._handle is None:
                self._handle = self._open()
                self.opened += 1
            return self._handle

    def _drop(self, handle: openslide.OpenSlide) -> None:
        # Not closed here: other threads may be inside a call on it. It goes with the last.
        with self._lock:
            if self._handle is handle:
                self._handle = None


def cache_for(tile_px: int, threads: int) -> int:
    """Bytes of cache for cutting tiles of so many px on so many threads.

    All images of a tile pass through the cache before the tile beside it is read, which needs
    those along their common edge once more: there must be room for a tile of each thread.
    More only costs memory: no whole row of tiles fits in.
    """
    return CACHE_BYTES + threads * tile_px * 4


def _positive(text: str | None) -> float | None:
    try:
        number = float(text or 0)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


def _bounds(properties: Mapping[str, str]) -> Bounds | None:
    names = (
        openslide.PROPERTY_NAME_BOUNDS_X,
        openslide.PROPERTY_NAME_BOUNDS_Y,
        openslide.PROPERTY_NAME_BOUNDS_WIDTH,
        openslide.PROPERTY_NAME_BOUNDS_HEIGHT,
    )
    if not all(name in properties for name in names):
        return None
    x, y, width, height = (int(properties[name]) for name in names)
    return x, y, width, height


def _rgb(hex_color: str) -> Color:
    return int(hex_color[0:2], 16), int(hex_color[2:4], 16), int(hex_color[4:6], 16)
