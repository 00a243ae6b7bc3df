"""What is known beforehand of damage to a MIRAX slide, from its index and its files' sizes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mrxs_tiles import layout
from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid import Bools, Grid
from mrxs_tiles.mirax import MiraxIndex, read_index

COPY_AGAIN = "Copy the slide's folder again from the scanner or the archive"
MOST_NAMED = 3  # corrupt images named in one sentence
PNG_HEAD_BYTES = 26  # signature, IHDR up to its bit depth and colour type


def damaged_files(index: MiraxIndex, level: int | None = None) -> Iterator[str]:
    """A sentence for each data file that is missing or too short, for one level or all."""
    levels = range(len(index.images)) if level is None else (level,)
    ends = np.zeros(len(index.file_bytes), np.int64)
    lost = np.zeros(len(index.file_bytes), np.int64)
    for number in levels:
        stored = index.images[number]
        np.maximum.at(ends, stored[:, 3], stored[:, 1] + stored[:, 2])
        np.add.at(lost, stored[index.unreadable(number), 3], 1)
    names = index.slidedat.data_files
    for name, size, end, count in zip(names, index.file_bytes, ends, lost, strict=True):
        images = f"{count} stored image{'' if count == 1 else 's'}"
        if size is None and (count or level is None):
            yield f"{name} is missing ({images} lost)"
        elif count:
            yield f"{name} is cut short: {size} of {end} bytes ({images} lost)"


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


def corrupt_images(folder: Path, grid: Grid, addresses: Sequence[tuple[int, int]]) -> list[str]:
    """A sentence for each stored image that does not decode, of those in some tiles.

    OpenSlide does not say which image it failed on. At most ``MOST_NAMED`` are named.
    """
    try:
        index = read_index(folder)
        places = layout.pieces(index, grid.level, layout.scanned_positions(index))
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
    found: list[str] = []
    for number in np.unique(places.image[wanted]):
        _, offset, length, file = index.images[grid.level][number].tolist()
        name = index.slidedat.data_files[file]
        if not _decodes(folder / name, offset, length):
            if len(found) == MOST_NAMED:
                return [*found, "others are too"]
            found.append(f"the stored image at byte {offset} of {name} is corrupt")
    return found


def _decodes(path: Path, offset: int, length: int) -> bool:
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            image = Image.open(io.BytesIO(stream.read(length)))
            image.load()
    except Exception:  # noqa: BLE001 - a decoder fed with damage raises anything
        return False
    return True


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
