"""One coarser level, read from its stored images: the same bytes as OpenSlide's for any region."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.data_files import DataFiles
from mrxs_tiles.mirax.image_store import ImageStore, Need
from mrxs_tiles.mirax.index import Int64s, MiraxIndex
from mrxs_tiles.mirax.last_word import LastWord
from mrxs_tiles.mirax.lay import WHOLE, Kernel, Way, boxes
from mrxs_tiles.mirax.layout import Bools
from mrxs_tiles.mirax.level_grid import LevelGrid, Part, parts_of
from mrxs_tiles.pixels.filters import OPAQUE, Pixels, Words, words
from mrxs_tiles.slide.reader import Alpha, Extent


class CoarseLevel:
    """Lays the images of a level, 1 or coarser, on regions; used by many threads at once.

    A px of these levels depends on the region that is asked for (see ``lay``): what is shared
    between regions are decoded images, never painted px.
    """

    def __init__(
        self,
        index: MiraxIndex,
        level: int,
        files: DataFiles,
        openslide: LastWord,
        kernel: Kernel,
        cache_bytes: int,
    ) -> None:
        """Lay out a level.

        Raises:
            SlideError: an image belongs to no camera picture.
        """
        self.grid = LevelGrid(index, level)
        self._level, self._openslide, self._kernel = level, openslide, kernel
        self._downsample = float(layout.downsample(index, level))
        self.store = ImageStore(index, level, files, cache_bytes, self._ask_openslide)
        self._size = math.ceil(self.grid.sides[0]), math.ceil(self.grid.sides[1])
        # what a whole piece covers, its rim between px included; each image may be cut into some
        self._whole_px = (self._size[0] + 1) * (self._size[1] + 1) * self.grid.cuts**2
        room = np.array([[self.grid.width - self._size[0]], [self.grid.height - self._size[1]]])
        whole = np.rint(self.grid.cut * WHOLE) % WHOLE == 0
        self._is_view: Bools = np.logical_and(*(whole & (self.grid.cut <= room)))

    def expect(self, extents: Iterable[Extent]) -> None:
        """Hear which regions will be read; see ``Reader.expect``."""
        parts = (part for at, size in extents for part in parts_of(at, size, self._downsample))
        self.store.expect(self.grid.image[self.grid.touching(part)].tolist() for part in parts)

    def read(self, location: tuple[int, int], out: Pixels, fill: int) -> Alpha:
        """Read a region; see ``Reader.read``.

        Raises:
            StoredImageError: an image that OpenSlide would decode for it is damaged.
            OpenSlidesOwn: OpenSlide decodes one that we cannot.
            SlideError: a file cannot be read.
        """
        height, width = out.shape[:2]
        parts = parts_of(location, (width, height), self._downsample)
        found = [self.grid.touching(part) for part in parts]
        for rows in found:
            self.store.check(self.grid.image[rows])
        canvas = words(out)
        if not any(map(len, found)):
            canvas.fill(fill)
            return Alpha.NOTHING
        canvas.fill(0)
        for part, rows in zip(parts, found, strict=True):
            self._paint(canvas[part.top :, part.left :][: part.height, : part.width], part, rows)
        return Alpha.OPAQUE if int(canvas.min(initial=OPAQUE)) >= OPAQUE else Alpha.UNKNOWN

    def _paint(self, canvas: Words, part: Part, rows: Int64s) -> None:
        """Lay pieces on a part of a region, in their order."""
        laid = boxes(self.grid, rows, part)
        needs, whole = [], self._whole_copied()
        numbers = self.grid.image[rows].tolist()
        for number, (left, top, right, bottom, _, _, way) in zip(
            numbers, laid.tolist(), strict=True
        ):
            needs.append(Need(number, max(0, right - left) * max(0, bottom - top)))
            if way == Way.BLEND:
                whole = self._whole_px
        images = self.store.images(needs, whole)
        lay = self._kernel.on(canvas)
        for row, box, image in zip(rows.tolist(), laid, images, strict=True):
            if self.grid.cuts == 1:
                lay(image, box, opaque=True)
            else:
                lay(self._piece(row, image), box, opaque=bool(self._is_view[row]))

    def _whole_copied(self) -> int:
        """Px that pieces cover that lie at whole px."""
        return self._size[0] * self._size[1] * self.grid.cuts**2

    def _piece(self, row: int, image: Words) -> Words:
        """A piece of an image that joins several camera pictures."""
        x, y = self.grid.cut[:, row].tolist()
        width, height = self._size
        if self._is_view[row]:
            return image[round(y) :, round(x) :][:height, :width]
        return self._kernel.piece(image, (x, y), (width, height))

    def _ask_openslide(self, number: int) -> str:
        """Whether OpenSlide can decode an image that we cannot: one px of it is read."""
        row = int(np.flatnonzero(self.grid.image == number)[0])
        centre = (self.grid.at[:, row] + np.array(self.grid.sides) / 2) * self._downsample
        x, y = map(int, centre.tolist())
        (part,) = parts_of((x, y), (1, 1), self._downsample)
        touching = np.unique(self.grid.image[self.grid.touching(part)])
        return self._openslide.on_image((x, y), self._level, alone=len(touching) == 1)
