"""The stored images of one level, decoded: each once, and kept while another region needs it."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mrxs_tiles.errors import StoredImageError
from mrxs_tiles.mirax.data_files import DataFiles, Range
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.read_ahead import ReadAhead
from mrxs_tiles.mirax.stored_image import Bytes, decoder
from mrxs_tiles.pixels.filters import Words

# Decoded images of which another tile needs the rest. Tiles are cut in blocks of 8192 px: along
# one side lie 30 images of 0.35 MB, so this holds the borders of a block and those of a row of
# blocks over 60,000 px. More gains nothing there.
CACHE_BYTES = 96 << 20
CORRUPT, FOREIGN = "corrupt", "OpenSlide's own"  # verdicts
BATCH = 256  # images read from the files at once; bounds the memory, some MB


class Need(NamedTuple):
    """A region's need of an image: row in ``MiraxIndex.images[level]``, and how many of its px."""

    number: int
    px: int


class OpenSlidesOwn(Exception):  # noqa: N818 - it is no error: OpenSlide takes over
    """A region holds an image that OpenSlide decodes and we do not."""


@dataclass(slots=True, eq=False)
class _Shared:
    """An image that more than one region needs: decoded by whoever needs it first."""

    image: Future[Words] = field(default_factory=Future)
    begun: bool = False


class ImageStore:
    """Decodes a level's stored images; used by many threads at once."""

    def __init__(
        self,
        index: MiraxIndex,
        level: int,
        files: DataFiles,
        cache_bytes: int,
        ask_openslide: Callable[[int], str],
    ) -> None:
        """Take a level's images.

        Args:
            index: the slide's.
            level: whose images.
            files: the slide's data files, open.
            cache_bytes: of decoded images that are kept.
            ask_openslide: gives a verdict on an image that does not decode here.
        """
        at = index.slidedat.levels[level]
        self.width, self.height = at.image_width, at.image_height
        self._stored, self._names = index.images[level], index.slidedat.data_files
        self._lost = index.unreadable(level)
        self._some_lost = bool(self._lost.any())
        self._files, self._ask_openslide = files, ask_openslide
        self._decode = decoder(at.image_format)
        self._most_kept = max(1, cache_bytes // (self.width * self.height * 4))
        self._kept: OrderedDict[int, _Shared] = OrderedDict()
        # How often each image will yet be needed; before that is known, how many of its px no
        # region has asked for yet.
        self._left: dict[int, int] = {}
        self._is_told = False
        self._ahead: ReadAhead | None = None
        self._lock = threading.Lock()
        self._own = threading.local()
        self.verdicts: dict[int, str] = {}  # on images that do not decode here

    def expect(self, regions: Iterable[Sequence[int]]) -> None:
        """Hear which images regions will need, in this order; each is read before it is needed.

        And let go right after the last of them.
        """
        left = Counter(number for numbers in regions for number in numbers)
        if self._ahead is not None:
            self._ahead.stop()
        order = np.fromiter(left, np.int64, len(left))  # a Counter keeps the order of first need
        self._ahead = ReadAhead(self._files, self._stored, order[~self._lost[order]])
        with self._lock:
            self._is_told, self._left = True, dict(left)
            for number in self._kept.keys() - left.keys():
                del self._kept[number]

    def check(self, numbers: np.ndarray) -> None:
        """Look whether all of some images are there.

        Raises:
            StoredImageError: one is not; this is certain.
        """
        if not self._some_lost:
            return
        lost = numbers[self._lost[numbers]]
        if len(lost):
            raise self._error(int(lost[0]), "is lost: its file is missing or cut short")

    def images(self, needs: Sequence[Need], whole: int) -> Iterator[Words]:
        """The images for a region, in order, (height, width) each; one holds until the next.

        ``whole``: px of an image that all regions together need; then it is let go, if nobody
        has said what will be needed.

        Raises:
            StoredImageError: one is damaged; this is certain.
            OpenSlidesOwn: OpenSlide decodes one that we cannot.
            SlideError: a file cannot be read.
        """
        for begin in range(0, len(needs), BATCH):
            some = needs[begin : begin + BATCH]
            shared, new = self._claim(some, whole)
            data = self._bytes(new)
            for number, _ in some:
                yield self._image(number, shared.get(number), data.get(number))

    def _claim(self, needs: Sequence[Need], whole: int) -> tuple[dict[int, _Shared], list[int]]:
        """The images that others need too, and the numbers of those whose bytes are to be read."""
        shared: dict[int, _Shared] = {}
        new: list[int] = []
        with self._lock:
            for number, px in needs:
                is_last = self._is_last(number, px, whole)
                kept = self._kept.get(number)
                if kept is None:
                    new.append(number)
                    if is_last:
                        continue
                    kept = self._kept[number] = _Shared()
                shared[number] = kept
                if is_last:
                    del self._kept[number]
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)
        return shared, new

    def _is_last(self, number: int, px: int, whole: int) -> bool:
        """Count a need of an image; whether it is the last one."""
        before, taken = (1, 1) if self._is_told else (whole, px)
        left = self._left.pop(number, before) - taken
        if left > 0:
            self._left[number] = left
        return left <= 0

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
        return np.empty((self.height, self.width), np.uint32)

    def _own_image(self) -> Words:
        """This thread's, for what it alone needs; it holds until the next."""
        image: Words | None = getattr(self._own, "image", None)
        if image is None:
            image = self._own.image = self._new_image()
        return image

    def _bytes(self, numbers: Sequence[int]) -> dict[int, memoryview]:
        """The bytes of images: as they were read ahead, else read now."""
        found = self._ahead.take(numbers) if self._ahead is not None else {}
        left = [number for number in numbers if number not in found]
        return found | dict(zip(left, self._files.read(self._ranges(left)), strict=True))

    def _ranges(self, numbers: Sequence[int]) -> list[Range]:
        rows = self._stored[np.array(numbers, np.int64)]
        return [Range(file, offset, length) for _, offset, length, file in rows.tolist()]

    def _decoded(self, number: int, data: Bytes | None, image: Words) -> Words:
        """Decode an image into ``image``; ``data``: its bytes, where they are read already."""
        if number not in self.verdicts:
            try:
                self._decode(data or self._files.read(self._ranges([number]))[0], image)
            except ValueError:
                self.verdicts[number] = self._ask_openslide(number)
            else:
                return image
        if self.verdicts[number] == CORRUPT:
            raise self._error(number, "is corrupt")
        raise OpenSlidesOwn

    def _error(self, number: int, what: str) -> StoredImageError:
        _, offset, _, file = self._stored[number].tolist()
        name = self._names[file]
        return StoredImageError(number, f"the stored image at byte {offset} of {name} {what}")
