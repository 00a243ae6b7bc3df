"""What a MIRAX slide's folder holds, by its index alone, read without OpenSlide.

No pixel is decoded here. Index.dat tells beforehand where each stored image is, which data
files are missing or too short for it, and which places the microscope never scanned.

Three kinds of pieces: a *camera picture* is what the scanner took at one position; it was
cut into ``divisions`` x ``divisions`` *stored images*; each zoom level above joins 2 x 2
stored images of the level below into one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mrxs_tiles.errors import PassingError, RefusedSlideError, SlideError, not_given
from mrxs_tiles.mirax.absent import as_pointer, why_absent
from mrxs_tiles.mirax.ini import INI_NAME
from mrxs_tiles.mirax.slidedat import Slidedat, read_slidedat

Int64s = npt.NDArray[np.int64]

INDEX_MAX_BYTES = 1 << 27  # two and a half times the largest slide seen; all of it is in memory
INDEX_VERSION = b"01.02"
POSITION_BYTES = 9  # flag byte, int32 x, int32 y
MAX_POSITIONS = 1 << 20  # a million camera pictures: twenty times the largest slide seen


@dataclass(frozen=True, slots=True)
class MiraxIndex:
    """Slidedat.ini, Index.dat and the sizes of the data files.

    ``images[level]`` is an int64 array (n, 4) of image index, offset, length and data file
    number; ``positions`` an int64 array (positions, 2) of each camera picture's top left
    corner in level-0 px; ``file_bytes`` each data file's size, None where it is missing.
    """

    folder: Path
    slidedat: Slidedat
    images: tuple[Int64s, ...]
    positions: Int64s
    file_bytes: tuple[int | None, ...]

    def unreadable(self, level: int) -> npt.NDArray[np.bool_]:
        """Which stored images of a level lie in a missing file or end beyond it, (n,) bool."""
        sizes = np.array([-1 if size is None else size for size in self.file_bytes], np.int64)
        stored = self.images[level]
        return stored[:, 1] + stored[:, 2] > sizes[stored[:, 3]]

    @property
    def missing(self) -> tuple[str, ...]:
        """The data files that are absent, or shorter than the index needs."""
        bad: set[int] = {i for i, size in enumerate(self.file_bytes) if size is None}
        for level, stored in enumerate(self.images):
            bad.update(stored[self.unreadable(level), 3].tolist())
        return tuple(self.slidedat.data_files[i] for i in sorted(bad))


def read_index(folder: Path) -> MiraxIndex:
    """Read a slide's Slidedat.ini, Index.dat and camera positions.

    Raises:
        RefusedSlideError: OpenSlide must not even try.
        SlideError: something is missing or inconsistent; says which file and where.
    """
    slidedat = read_slidedat(folder)
    # of each at least one: a row of none would be as long as it says
    count = max(1, slidedat.positions_x) * max(1, slidedat.positions_y)
    if count > MAX_POSITIONS:
        raise RefusedSlideError(
            f"{INI_NAME} names {count} camera pictures, more than {MAX_POSITIONS}"
        )
    file_bytes = tuple(_size(folder / name) for name in slidedat.data_files)
    index = _IndexFile(folder / slidedat.index_name, slidedat)
    return MiraxIndex(
        folder=folder,
        slidedat=slidedat,
        images=tuple(index.images(level) for level in range(len(slidedat.levels))),
        positions=_positions(index, folder, slidedat),
        file_bytes=file_bytes,
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError as error:
        said = not_given(f"{path.name} cannot be looked at ({error.strerror})", error)
        if isinstance(said, PassingError):
            raise said from None
        return None


class _IndexFile:
    """Index.dat: little-endian int32, reached through pointers from its head."""

    def __init__(self, path: Path, slidedat: Slidedat) -> None:
        self._name = path.name
        self._slidedat = slidedat
        if (_size(path) or 0) > INDEX_MAX_BYTES:
            raise SlideError(f"{self._name} is larger than {INDEX_MAX_BYTES} bytes")
        try:
            self._data = path.read_bytes()
        except FileNotFoundError:
            raise SlideError(f"{self._name} is missing{why_absent(path)}") from None
        except OSError as error:
            sentence = f"{self._name} cannot be read ({error.strerror})"
            raise not_given(sentence, error) from None
        head = INDEX_VERSION + slidedat.slide_id.encode()
        if not self._data.startswith(INDEX_VERSION):
            told = as_pointer(path) or f"{self._name} does not begin with version 01.02"
            raise SlideError(told)
        if not self._data.startswith(head):
            raise SlideError(f"{self._name} belongs to another slide: its SLIDE_ID differs")
        self._root = len(head)

    def _ints(self, offset: int, count: int, what: str) -> Int64s:
        if offset < 0 or offset + 4 * count > len(self._data):
            begins = 0 <= offset < len(self._data)
            where = f"goes on to {offset + 4 * count}" if begins else f"lies at {offset}"
            raise SlideError(f"{self._name} ends at byte {len(self._data)}, but {what} {where}")
        return np.frombuffer(self._data, "<i4", count, offset).astype(np.int64)

    def _first_page(self, root: int, record: int, what: str) -> int:
        table = int(self._ints(root, 1, f"the pointer to {what}")[0])
        start = int(self._ints(table + 4 * record, 1, f"the pointer to {what}")[0])
        zero, page = self._ints(start, 2, what).tolist()
        if zero != 0:
            raise SlideError(f"{self._name} has {zero} where {what} must begin with 0")
        return int(page)

    def images(self, level: int) -> Int64s:
        """The stored images of a level, int64 (n, 4): image index, offset, length, file."""
        what = f"the list of images of level {level}"
        at = self._first_page(self._root, level, what)
        pages = [np.empty((0, 4), np.int64)]
        while True:
            count, following = self._ints(at, 2, what).tolist()
            if count < 0:
                raise SlideError(f"{self._name} has a page of {count} images in {what}")
            at += 8
            pages.append(self._ints(at, 4 * count, what).reshape(-1, 4))
            at += 16 * count
            # OpenSlide reads on behind the page and only asks whether there is a next one;
            # whoever followed the pointer could be led in a circle.
            if following == 0:
                break
        return self._checked(np.concatenate(pages), level, what)

    def _checked(self, images: Int64s, level: int, what: str) -> Int64s:
        concat = self._slidedat.levels[level].concat
        x = images[:, 0] % self._slidedat.images_x
        y = images[:, 0] // self._slidedat.images_x
        bad = (images < 0).any(axis=1) | (y >= self._slidedat.images_y)
        bad |= (x % concat != 0) | (y % concat != 0)
        bad |= images[:, 3] >= len(self._slidedat.data_files)
        if bad.any():
            found = ", ".join(map(str, images[int(np.argmax(bad))].tolist()))
            raise SlideError(
                f"{self._name} has an impossible entry in {what} "
                f"(image, offset, length, file: {found})"
            )
        return images

    def record(self, number: int) -> tuple[int, int, int]:
        """Offset, length and data file number of a non-hierarchical record."""
        what = f"record {number}"
        page = self._first_page(self._root + 4, number, what)
        count, _, zero, zero2, offset, length, file = self._ints(page, 7, what).tolist()
        files = len(self._slidedat.data_files)
        if count < 1 or zero or zero2 or offset < 0 or length < 0 or not 0 <= file < files:
            raise SlideError(f"{self._name} has an impossible entry in {what}")
        return offset, length, file


def _positions(index: _IndexFile, folder: Path, slidedat: Slidedat) -> Int64s:
    if slidedat.position_record is None:
        return nominal_positions(slidedat)
    offset, length, file = index.record(slidedat.position_record)
    name = slidedat.data_files[file]
    wanted = POSITION_BYTES * slidedat.positions_x * slidedat.positions_y
    try:
        with (folder / name).open("rb") as stream:
            stream.seek(offset)
            data = stream.read(min(length, wanted + 4096))
    except OSError as error:
        sentence = f"{name}, which holds the camera positions, cannot be read ({error.strerror})"
        raise not_given(sentence, error) from None
    if slidedat.positions_compressed:
        try:
            data = zlib.decompressobj().decompress(data, wanted + 1)
        except zlib.error:
            raise SlideError(f"the camera positions in {name} cannot be unpacked") from None
    if len(data) != wanted or (length != wanted and not slidedat.positions_compressed):
        found = len(data) if slidedat.positions_compressed else length
        raise SlideError(
            f"the camera positions in {name} are {min(found, len(data))} bytes, not {wanted}"
        )
    table = np.frombuffer(data, np.dtype([("flag", "u1"), ("x", "<i4"), ("y", "<i4")]))
    if (table["flag"] > 1).any():
        raise SlideError(f"the camera positions in {name} hold a flag that is neither 0 nor 1")
    return np.stack([table["x"], table["y"]], axis=1).astype(np.int64) * slidedat.levels[0].concat


def nominal_positions(slidedat: Slidedat) -> Int64s:
    """Where the camera pictures lie when the slide does not say: side by side, less overlap."""
    base = slidedat.levels[0]
    step_x = base.image_width * slidedat.divisions - base.overlap_x
    step_y = base.image_height * slidedat.divisions - base.overlap_y
    y, x = np.mgrid[: slidedat.positions_y, : slidedat.positions_x]
    # OpenSlide cuts the product to a whole number, as C does.
    return (
        np.stack([np.trunc(x * step_x), np.trunc(y * step_y)], axis=-1)
        .reshape(-1, 2)
        .astype(np.int64)
    )
