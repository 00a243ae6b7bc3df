"""Our own reader of MIRAX slides: each stored image is read and decoded once.

OpenSlide opens the data file anew for each stored image, decodes images at the borders of tiles
several times, and dies at the first corrupt one. Here the index says where each image lies;
it is decoded straight, laid on the canvas in OpenSlide's order, and kept while another tile
still needs a part of it. Level 0 lies at whole px and is laid here; of coarser levels see
``coarse_level``. Levels that were not asked for are OpenSlide's, and so is the last word on an
image that does not decode here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.coarse_level import CoarseLevel
from mrxs_tiles.mirax.damage import MOST_IMAGE_BYTES, has_16_bit_png
from mrxs_tiles.mirax.data_files import DataFiles, most_files
from mrxs_tiles.mirax.image_places import Finder, covered, places_of
from mrxs_tiles.mirax.image_store import CACHE_BYTES, FOREIGN, ImageStore, Need, OpenSlidesOwn
from mrxs_tiles.mirax.index import Int64s, MiraxIndex
from mrxs_tiles.mirax.last_word import LastWord
from mrxs_tiles.mirax.lay import kernel
from mrxs_tiles.pixels.filters import OPAQUE, Pixels, words
from mrxs_tiles.slide.reader import Alpha, Extent, SlideFacts, SlideReader


class _Part(NamedTuple):
    """What an image and a region share, px of the region; ``x``, ``y``: the image's corner."""

    number: int  # row in ``MiraxIndex.images[0]``
    left: int
    top: int
    right: int
    bottom: int
    x: int
    y: int


class MiraxReader:
    """Reads like a ``SlideReader``, some levels from the stored images themselves.

    Used as a context, by many threads at once.
    """

    def __init__(
        self,
        index: MiraxIndex,
        slide: SlideReader,
        cache_bytes: int = CACHE_BYTES,
        levels: Collection[int] = (0,),
    ) -> None:
        """Take a slide's index, and the slide as OpenSlide has opened it.

        Args:
            index: the slide's.
            slide: opened with OpenSlide.
            cache_bytes: of decoded images that are kept, of each level.
            levels: those to be read here; where the kernel is not built, coarser ones are not.

        Raises:
            SlideError: it is not understood; says why.
        """
        self._slide = slide
        levels = [level for level in levels if level < len(index.images)]
        if fault := not_understood(index, levels):
            raise SlideError(fault)
        self._places = places_of(index)
        self._finder = Finder(self._places)
        self._files = DataFiles(index.folder, index.slidedat.data_files)
        self._openslide = LastWord(slide)
        self._images = ImageStore(index, 0, self._files, cache_bytes, self._ask_openslide)
        self._lays_level_0 = 0 in levels
        self._coarse: dict[int, CoarseLevel] = {}
        if (found := kernel()) is not None:
            self._coarse = {
                level: CoarseLevel(index, level, self._files, self._openslide, found, cache_bytes)
                for level in levels
                if level
            }

    def __enter__(self) -> MiraxReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    @property
    def asks_openslide(self) -> bool:
        """Whether an image was met that OpenSlide alone can decode."""
        stores = [self._images, *(coarse.store for coarse in self._coarse.values())]
        return any(FOREIGN in store.verdicts.values() for store in stores)

    def facts(self) -> SlideFacts:
        """What OpenSlide says of the slide."""
        return self._slide.facts()

    def best_level(self, downsample: float) -> int:
        """The coarsest level that is not coarser than a downsample."""
        return self._slide.best_level(downsample)

    def color_profile(self) -> bytes | None:
        """The slide's ICC colour profile, as OpenSlide finds it."""
        return self._slide.color_profile()

    def is_empty(self, location: tuple[int, int], size: tuple[int, int]) -> bool:
        """Whether no stored image touches a region of level 0, level-0 px."""
        if not self._lays_level_0:
            return self._slide.is_empty(location, size)
        return not len(self._finder.touching(*location, *size))

    def expect(self, level: int, extents: Iterable[Extent]) -> None:
        """Hear which regions of a level will be read; see ``Reader.expect``."""
        coarse = self._coarse.get(level)
        if coarse is not None:
            coarse.expect(extents)
        elif level == 0 and self._lays_level_0:
            found = (self._finder.touching(*location, *size) for location, size in extents)
            self._images.expect(self._places.number[rows].tolist() for rows in found)

    def read(self, location: tuple[int, int], level: int, out: Pixels, fill: int = 0) -> Alpha:
        """Read a region into ``out``; see ``Reader.read``.

        Raises:
            StoredImageError: an image of the level in the region is damaged; this is certain.
            SlideError: OpenSlide was asked, and some pixel of the region cannot be read.
        """
        coarse = self._coarse.get(level)
        try:
            if coarse is not None:
                return coarse.read(location, out, fill)
            if level == 0 and self._lays_level_0:
                return self._lay(location, out, fill)
        except OpenSlidesOwn:
            return self._openslide.read(location, level, out)
        return self._slide.read(location, level, out)

    def _lay(self, location: tuple[int, int], out: Pixels, fill: int) -> Alpha:
        """Lay all images of level 0 that a region touches on it."""
        height, width = out.shape[:2]
        found = self._finder.touching(*location, width, height)
        self._images.check(self._places.number[found])
        sides = self._sides(found, location, width, height)
        is_covered = covered(sides, width, height)
        canvas = words(out)
        if not is_covered:
            canvas.fill(fill)
        parts = self._parts(found, sides)
        needs = [Need(p.number, (p.right - p.left) * (p.bottom - p.top)) for p in parts]
        images = self._images.images(needs, self._places.width * self._places.height)
        for (_, left, top, right, bottom, x, y), image in zip(parts, images, strict=True):
            canvas[top:bottom, left:right] = image[top - y : bottom - y, left - x : right - x]
        if not parts:
            return Alpha.NOTHING
        return Alpha.OPAQUE if is_covered or fill >= OPAQUE else Alpha.UNKNOWN

    def _parts(self, found: Int64s, sides: Int64s) -> list[_Part]:
        numbers = self._places.number[found]
        return [_Part(*row) for row in np.column_stack([numbers, sides]).tolist()]

    def _sides(self, found: Int64s, location: tuple[int, int], width: int, height: int) -> Int64s:
        """Left, top, right, bottom of what images share with a region, their x, y; (n, 6)."""
        x, y = self._places.x[found] - location[0], self._places.y[found] - location[1]
        right = np.minimum(width, x + self._places.width)
        bottom = np.minimum(height, y + self._places.height)
        return np.column_stack([np.maximum(0, x), np.maximum(0, y), right, bottom, x, y])

    def _ask_openslide(self, number: int) -> str:
        """Whether OpenSlide can decode an image of level 0 that we cannot."""
        row = int(np.flatnonzero(self._places.number == number)[0])
        centre = (
            int(self._places.x[row]) + self._places.width // 2,
            int(self._places.y[row]) + self._places.height // 2,
        )
        alone = len(self._finder.touching(*centre, 1, 1)) == 1
        return self._openslide.on_image(centre, 0, alone=alone)


def not_understood(index: MiraxIndex, levels: Collection[int] = (0,)) -> str:
    """Why a slide's levels are left to OpenSlide, "" where nothing speaks against reading them."""
    slidedat = index.slidedat
    if slidedat.partly_shown:
        return slidedat.partly_shown[0]
    if slidedat.levels[0].concat != 1:
        return f"its level 0 joins {slidedat.levels[0].concat} images in one"
    if len(slidedat.data_files) > (most := most_files()):
        return f"it has {len(slidedat.data_files)} data files, and {most} can be open at once"
    if has_16_bit_png(index):
        return "its stored images have 16 bits per colour"
    if any((index.images[level][:, 2] > MOST_IMAGE_BYTES).any() for level in levels):
        return "a stored image is too long to be held in memory"
    if (index.positions < 0).any():
        return "a camera picture lies outside the canvas"
    return ""
