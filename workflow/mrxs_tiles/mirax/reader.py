"""Our own reader of MIRAX level 0: each stored image is read and decoded once.

OpenSlide opens the data file anew for each stored image, decodes images at the borders of tiles
several times, and dies at the first corrupt one. Here the index says where each image lies;
it is decoded straight, laid on the canvas in OpenSlide's order, and kept while another tile
still needs a part of it. Other levels are OpenSlide's, and so is the last word on an image
that does not decode here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mrxs_tiles.errors import SlideError, StoredImageError
from mrxs_tiles.mirax.damage import MOST_IMAGE_BYTES, has_16_bit_png
from mrxs_tiles.mirax.data_files import DataFiles, Range, most_files
from mrxs_tiles.mirax.image_places import Finder, covered, places_of
from mrxs_tiles.mirax.index import Int64s, MiraxIndex
from mrxs_tiles.mirax.stored_image import Bytes, decoder
from mrxs_tiles.pixels.filters import OPAQUE, Pixels, Words, words
from mrxs_tiles.slide.reader import Alpha, SlideFacts, SlideReader

# Decoded images of which another tile needs the rest. Tiles are cut in blocks of 8192 px: along
# one side lie 30 images of 0.35 MB, so this holds the borders of a block and those of a row of
# blocks over 60,000 px. More gains nothing there.
CACHE_BYTES = 96 << 20
CORRUPT, FOREIGN = "corrupt", "OpenSlide's own"  # verdicts
BATCH = 256  # images read from the files at once; bounds the memory, some MB


@dataclass(slots=True, eq=False)
class _Shared:
    """An image that more than one tile needs: decoded by whoever needs it first.

    ``px_left``: how many of its px no tile has asked for yet.
    """

    px_left: int
    image: Future[Words] = field(default_factory=Future)
    begun: bool = False


class _Part(NamedTuple):
    """What an image and a region share, px of the region; ``x``, ``y``: the image's corner."""

    number: int  # row of ``Places``
    left: int
    top: int
    right: int
    bottom: int
    x: int
    y: int


class _OpenSlidesOwn(Exception):  # noqa: N818 - it is no error: OpenSlide takes over
    """A region holds an image that OpenSlide decodes and we do not."""


class MiraxReader:
    """Reads like a ``SlideReader``, level 0 from the stored images themselves.

    Used as a context, by many threads at once.
    """

    def __init__(
        self, index: MiraxIndex, slide: SlideReader, cache_bytes: int = CACHE_BYTES
    ) -> None:
        """Take a slide's index, and the slide as OpenSlide has opened it.

        Raises:
            SlideError: it is not understood; says why.
        """
        self._index, self._slide = index, slide
        self._stored = index.images[0]
        if fault := not_understood(index):
            raise SlideError(fault)
        self._places = places_of(index)
        self._finder = Finder(self._places)
        self._lost = index.unreadable(0)
        self._files = DataFiles(index.folder, index.slidedat.data_files)
        self._decode = decoder(index.slidedat.levels[0].image_format)
        image_bytes = self._places.width * self._places.height * 4
        self._most_kept = max(1, cache_bytes // image_bytes)
        self._kept: OrderedDict[int, _Shared] = OrderedDict()
        self._lock = threading.Lock()
        self._own = threading.local()
        self._verdicts: dict[int, str] = {}  # on images that do not decode here
        self._asking = threading.Lock()

    def __enter__(self) -> MiraxReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    @property
    def asks_openslide(self) -> bool:
        """Whether an image was met that OpenSlide alone can decode."""
        return FOREIGN in self._verdicts.values()

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
        return not len(self._finder.touching(*location, *size))

    def read(self, location: tuple[int, int], level: int, out: Pixels, fill: int = 0) -> Alpha:
        """Read a region into ``out``; see ``Reader.read``.

        Raises:
            StoredImageError: an image of level 0 in the region is damaged; this is certain.
            SlideError: OpenSlide was asked, and some pixel of the region cannot be read.
        """
        if level:
            return self._slide.read(location, level, out)
        try:
            return self._lay(location, out, fill)
        except _OpenSlidesOwn:
            with self._asking:
                return self._slide.read(location, level, out)

    def _lay(self, location: tuple[int, int], out: Pixels, fill: int) -> Alpha:
        """Lay all images that a region touches on it."""
        height, width = out.shape[:2]
        found = self._finder.touching(*location, width, height)
        lost = found[self._lost[self._places.number[found]]]
        if len(lost):
            raise self._error(int(lost[0]), "is lost: its file is missing or cut short")
        sides = self._sides(found, location, width, height)
        is_covered = covered(sides, width, height)
        canvas = words(out)
        if not is_covered:
            canvas.fill(fill)
        parts = [_Part(*row) for row in np.column_stack([found, sides]).tolist()]
        for begin in range(0, len(parts), BATCH):
            self._lay_some(canvas, parts[begin : begin + BATCH])
        if not parts:
            return Alpha.NOTHING
        return Alpha.OPAQUE if is_covered or fill >= OPAQUE else Alpha.UNKNOWN

    def _sides(self, found: Int64s, location: tuple[int, int], width: int, height: int) -> Int64s:
        """Left, top, right, bottom of what images share with a region, their x, y; (n, 6)."""
        x, y = self._places.x[found] - location[0], self._places.y[found] - location[1]
        right = np.minimum(width, x + self._places.width)
        bottom = np.minimum(height, y + self._places.height)
        return np.column_stack([np.maximum(0, x), np.maximum(0, y), right, bottom, x, y])

    def _lay_some(self, canvas: Words, parts: Sequence[_Part]) -> None:
        """Lay some images, in their order."""
        shared, new = self._claim(parts)
        data = dict(zip(new, self._files.read(self._ranges(new)), strict=True))
        for part in parts:
            number, left, top, right, bottom, x, y = part
            image = self._image(number, shared.get(number), data.get(number))
            canvas[top:bottom, left:right] = image[top - y : bottom - y, left - x : right - x]

    def _claim(self, parts: Sequence[_Part]) -> tuple[dict[int, _Shared], list[int]]:
        """The images that others need too, and the numbers of those whose bytes are to be read."""
        whole = self._places.width * self._places.height
        shared: dict[int, _Shared] = {}
        new: list[int] = []
        with self._lock:
            for number, left, top, right, bottom, _, _ in parts:
                px = (right - left) * (bottom - top)
                kept = self._kept.get(number)
                if kept is None:
                    new.append(number)
                    if px == whole:
                        continue
                    kept = self._kept[number] = _Shared(whole)
                shared[number] = kept
                kept.px_left -= px
                if kept.px_left <= 0:
                    del self._kept[number]
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)
        return shared, new

    def _image(self, number: int, shared: _Shared | None, data: Bytes | None) -> Words:
        """An image, decoded: now, or by another thread, before or meanwhile."""
        if shared is None:
            return self._decoded(number, data, self._own_image())
        with self._lock:
            begins, shared.begun = not shared.begun, True
        if not begins:
            return shared.image.result()
        try:
            image = self._decoded(number, data, self._new_image())
        except BaseException as error:
            with self._lock:  # whoever comes later tries again: a disk's fault may have passed
                if self._kept.get(number) is shared:
                    del self._kept[number]
            shared.image.set_exception(error)
            raise
        shared.image.set_result(image)
        return image

    def _new_image(self) -> Words:
        return np.empty((self._places.height, self._places.width), np.uint32)

    def _own_image(self) -> Words:
        """This thread's, for what it alone needs; it holds until the next."""
        image: Words | None = getattr(self._own, "image", None)
        if image is None:
            image = self._own.image = self._new_image()
        return image

    def _ranges(self, numbers: Sequence[int]) -> list[Range]:
        rows = self._stored[self._places.number[np.array(numbers, np.int64)]]
        return [Range(file, offset, length) for _, offset, length, file in rows.tolist()]

    def _decoded(self, number: int, data: Bytes | None, image: Words) -> Words:
        """Decode an image into ``image``; ``data``: its bytes, where they are read already."""
        if number not in self._verdicts:
            try:
                self._decode(data or self._files.read(self._ranges([number]))[0], image)
            except ValueError:
                self._ask_openslide(number)
            else:
                return image
        if self._verdicts[number] == CORRUPT:
            raise self._error(number, "is corrupt")
        raise _OpenSlidesOwn

    def _ask_openslide(self, number: int) -> None:
        """Whether OpenSlide can decode an image that we cannot: one px of it is read."""
        centre = (
            int(self._places.x[number]) + self._places.width // 2,
            int(self._places.y[number]) + self._places.height // 2,
        )
        alone = len(self._finder.touching(*centre, 1, 1)) == 1
        with self._asking:  # alone on its handle, so that its word counts
            try:
                self._slide.read(centre, 0, np.empty((1, 1, 4), np.uint8))
            except SlideError:
                # where another image lies there too, it may be that one: OpenSlide reads the tiles
                self._verdicts[number] = CORRUPT if alone else FOREIGN
            else:
                self._verdicts[number] = FOREIGN

    def _error(self, number: int, what: str) -> StoredImageError:
        row = int(self._places.number[number])
        _, offset, _, file = self._stored[row].tolist()
        name = self._index.slidedat.data_files[file]
        return StoredImageError(row, f"the stored image at byte {offset} of {name} {what}")


def not_understood(index: MiraxIndex) -> str:
    """Why level 0 of a slide is left to OpenSlide, "" where nothing speaks against reading it."""
    slidedat = index.slidedat
    if slidedat.partly_shown:
        return slidedat.partly_shown[0]
    if slidedat.levels[0].concat != 1:
        return f"its level 0 joins {slidedat.levels[0].concat} images in one"
    if len(slidedat.data_files) > (most := most_files()):
        return f"it has {len(slidedat.data_files)} data files, and {most} can be open at once"
    if has_16_bit_png(index):
        return "its stored images have 16 bits per colour"
    if (index.images[0][:, 2] > MOST_IMAGE_BYTES).any():
        return "a stored image is too long to be held in memory"
    if (index.positions < 0).any():
        return "a camera picture lies outside the canvas"
    return ""
