"""What is known beforehand of damage to a MIRAX slide, from its index and its files' sizes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mrxs_tiles.errors import PassingError, SlideError, StoredImageError, not_given, printable
from mrxs_tiles.grid.grid import Bools, Grid
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.absent import POINTER_BYTES, as_pointer, why_absent
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from mrxs_tiles.mirax.ini import INI_NAME
from mrxs_tiles.mirax.stored_image import decoder
from mrxs_tiles.pixels.picture_file import JPEG_BEGINNING
from mrxs_tiles.pixels.picture_file import opened as opened_picture

COPY_AGAIN = "Copy the slide's folder again from the scanner or the archive"
MOST_NAMED = 3  # corrupt images named in one sentence
PNG_HEAD_BYTES = 26  # signature, IHDR up to its bit depth and colour type
HEAD_BYTES = 4096  # of a stored image: its size stands there
MOST_IMAGE_BYTES = 1 << 26  # of a stored image; a large one takes 300 kB


def damaged_files(index: MiraxIndex, level: int | None = None) -> Iterator[str]:
    """A sentence for each data file that is missing or too short, for one level or all."""
    levels = range(len(index.images)) if level is None else (level,)
    ends = np.zeros(len(index.file_bytes), np.int64)
    lost = np.zeros((len(index.images), len(index.file_bytes)), np.int64)
    for number in levels:
        stored = index.images[number]
        np.maximum.at(ends, stored[:, 3], stored[:, 1] + stored[:, 2])
        np.add.at(lost[number], stored[index.unreadable(number), 3], 1)
    names = index.slidedat.data_files
    for file, size, end, of_levels in zip(names, index.file_bytes, ends, lost.T, strict=True):
        name, path, count = printable(file), index.folder / file, int(of_levels.sum())
        images = _lost(of_levels.tolist(), level)
        if size is None and (count or level is None):
            yield f"{name} is missing{why_absent(path)} ({images})"
        elif count and size is not None and size <= POINTER_BYTES and (said := as_pointer(path)):
            yield f"{said} ({images})"
        elif count:
            yield f"{name} is cut short: {size} of {end} bytes ({images})"


def _lost(of_levels: Sequence[int], level: int | None) -> str:
    """How many stored images are lost, so that what is said of one level and of all agrees."""
    count, finest = sum(of_levels), of_levels[0]
    images = f"{count} stored image{'' if count == 1 else 's'}"
    if level:
        return f"{images} of level {level} lost"
    if count == finest:
        return f"{images} lost"
    if not finest:
        return f"{images} lost, all of coarser levels"
    return f"{images} lost: {finest} of full resolution, {count - finest} of coarser levels"


def unreadable_tiles(index: MiraxIndex, grid: Grid) -> Bools:
    """Which tiles the index proves unreadable, (cols, rows) bool: they are not tried.

    A tile is when a stored image that lies in it is in a missing file or ends beyond its
    file. At level 1 and up places are fractions of a pixel: there a tile that such an image
    only brushes is left to be tried.
    """
    places = layout.pieces(index, grid.level, layout.scanned_positions(index))
    lost = index.unreadable(grid.level)[places.image]
    scale = layout.downsample(index, grid.level)
    slack = 0 if grid.downsample == 1 else 2 * grid.downsample
    left, top = places.x[lost] * scale + slack, places.y[lost] * scale + slack
    right = left + places.width * scale - 2 * slack
    bottom = top + places.height * scale - 2 * slack
    boxes = np.stack([left, top, right, bottom], axis=1)
    return grid.touched(boxes[(right > left) & (bottom > top)])


def why_unreadable(
    folder: Path | None, grid: Grid, said: Mapping[tuple[int, int], SlideError]
) -> Iterator[SlideError]:
    """What makes tiles unreadable, one by one.

    Args:
        folder: of a MIRAX slide, else None.
        grid: the tiles.
        said: what the reader said of each of them. Our own names the stored image; OpenSlide
            does not say which one it failed on.
    """
    images = {
        error.image: str(error) for error in said.values() if isinstance(error, StoredImageError)
    }
    passing = {str(error) for error in said.values() if isinstance(error, PassingError)}
    yield from map(SlideError, _first([images[image] for image in sorted(images)]))
    yield from map(PassingError, _first(sorted(passing)))
    if images or passing or not said:
        return
    try:
        found = corrupt_images(folder, grid, sorted(said)) if folder is not None else []
    except PassingError as error:
        yield error
        return
    others = {f"OpenSlide says '{error}'" for error in said.values()}
    yield from map(SlideError, found or sorted(others)[:MOST_NAMED])


def _first(sentences: list[str]) -> list[str]:
    more = len(sentences) > MOST_NAMED
    return [*sentences[:MOST_NAMED], *(["others are too"] if more else [])]


def corrupt_images(folder: Path, grid: Grid, addresses: Sequence[tuple[int, int]]) -> list[str]:
    """A sentence for each stored image that does not decode, of those in some tiles.

    Raises:
        PassingError: the system does not give one.
    """
    try:
        index = read_index(folder)
        places = layout.pieces(index, grid.level, layout.scanned_positions(index))
    except PassingError:
        raise
    except SlideError:
        return []
    scale = layout.downsample(index, grid.level)
    left, top = places.x * scale, places.y * scale
    right, bottom = left + places.width * scale, top + places.height * scale
    wanted = np.zeros(len(left), bool)
    for address in addresses:
        (x, y), _, (width, height), *_ = grid.region(*address)
        wanted |= (
            (left < x + width * scale) & (right > x) & (top < y + height * scale) & (bottom > y)
        )
    level = index.slidedat.levels[grid.level]
    decode = decoder(level.image_format)
    pixels = np.empty((level.image_height, level.image_width), np.uint32)
    found: list[str] = []
    for number in np.unique(places.image[wanted]):
        _, offset, length, file = index.images[grid.level][number].tolist()
        name = index.slidedat.data_files[file]
        try:
            decode(_stored(folder / name, offset, min(length, MOST_IMAGE_BYTES)), pixels)
        except PassingError:
            raise
        except (OSError, ValueError):
            found.append(f"the stored image at byte {offset} of {name} is corrupt")
        if len(found) > MOST_NAMED:
            break
    return _first(found)


def _stored(path: Path, offset: int, length: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)
    except OSError as error:
        raise not_given(f"{path.name} cannot be read ({error.strerror})", error) from None


def has_16_bit_png(index: MiraxIndex) -> bool:
    """True where the first stored image is a PNG of 16 bits per colour."""
    if index.slidedat.levels[0].image_format != "PNG" or not len(index.images[0]):
        return False
    _, offset, _, file = index.images[0][0].tolist()
    try:
        with (index.folder / index.slidedat.data_files[file]).open("rb") as stream:
            stream.seek(offset)
            head = stream.read(PNG_HEAD_BYTES)
    except OSError:
        return False
    return bool(head[12:16] == b"IHDR" and head[24:25] == b"\x10")


def other_size(index: MiraxIndex, level: int) -> str:
    """A sentence where the first, middle and last image of a level have a size that is not said.

    Then OpenSlide reads none of them, and on a canvas of any size each tile would be tried.
    """
    at, stored = index.slidedat.levels[level], index.images[level]
    found: tuple[int, int] | None = None
    for row in sorted({0, len(stored) // 2, len(stored) - 1}) if len(stored) else ():
        found = _size_of(index, level, row)
        if found is None or found == (at.image_width, at.image_height):
            return ""
    if found is None:
        return ""
    return (
        f"its stored images are {found[0]} x {found[1]} px, and {INI_NAME} says "
        f"{at.image_width} x {at.image_height} for level {level}"
    )


def _size_of(index: MiraxIndex, level: int, row: int) -> tuple[int, int] | None:
    """Width and height of a stored image, px; None where it does not tell."""
    _, offset, length, file = index.images[level][row].tolist()
    kind = index.slidedat.levels[level].image_format.removesuffix("24")
    try:
        with (index.folder / index.slidedat.data_files[file]).open("rb") as stream:
            stream.seek(offset)
            head = stream.read(min(length, HEAD_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow's, on images of more px than it likes
            if kind == "JPEG" and head.startswith(JPEG_BEGINNING):
                with opened_picture(head) as image:
                    return image.size
            with Image.open(io.BytesIO(head), formats=[kind]) as image:
                return image.size
    except Exception:  # noqa: BLE001 - a decoder fed with damage raises anything
        return None
