"""Ways to damage what the data files hold: stored images and camera positions."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from damage import (
    HUGE,
    INDEX,
    INI,
    Damage,
    grow,
    on_file,
    rewrite,
    set_number,
    substitute,
    to_fifo,
    to_folder,
)
from damage_index import numbers_of
from mirax_images import encode
from scene import Pixels
from tiny_slide import ROOT
from write_mirax import StoredImage, WrittenSlide


def data_files(slide: WrittenSlide) -> Iterator[Damage]:
    """Each data file missing, of another kind, cut at each kind of place."""
    for number in range(slide.spec.data_files):
        name, holds = f"Data{number:04}.dat", "images" if number < 2 else "the rest"
        for what, change in {"folder": to_folder, "fifo": to_fifo, "missing": Path.unlink}.items():
            yield Damage(f"{name} {what}", f"{holds} {what}", on_file(name, change))
        parts = sorted(i.offset for i in slide.images if i.file_number == number)
        size = (slide.folder / name).stat().st_size
        places = {
            "0": 0, "in head": 20, "behind head": ROOT, "in first": parts[0] + 9,
            "between": parts[len(parts) // 2], "in middle": parts[len(parts) // 2] + 40,
            "in last": size - 1,
        }  # fmt: skip
        for what, at in places.items():
            change = rewrite(name, lambda data, at=at: data[:at])  # type: ignore[misc]
            yield Damage(f"{name} cut {what}", f"{holds} cut", change)


def stored_images(slide: WrittenSlide) -> Iterator[Damage]:
    """One image of each level with other bytes."""

    def jpeg(width: int, height: int) -> bytes:
        pixels: Pixels = np.full((height, width, 3), 90, np.uint8)
        return encode(pixels, "JPEG", 30)

    contents: dict[str, Callable[[bytes], bytes]] = {
        "magic": lambda data: b"XXXX" + data[4:],
        "zeros": lambda data: bytes(len(data)),
        "half zeros": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
        "other size": lambda data: jpeg(24, 16).ljust(len(data), b"\0")[: len(data)],
        "no end": lambda data: data[:-2] + b"\0\0",
        "size in head": lambda data: _sof(data, 65500),
        "size zero": lambda data: _sof(data, 0),
    }
    for level in range(slide.spec.levels):
        images = [image for image in slide.images if image.level == level]
        image = images[len(images) // 2]
        for what, change in contents.items():
            yield Damage(f"image {level} {what}", f"image {what}", _image(slide, image, change))
    yield Damage("image long", "image long", _long(slide))


def _long(slide: WrittenSlide) -> Callable[[Path], None]:
    """The first image of level 0 as long as can be, in a file that has a hole behind it."""
    found = dict(numbers_of((slide.folder / INDEX).read_bytes(), slide.spec.levels, 0))
    first = found["level 0 first entry 0 length"]

    def apply(folder: Path) -> None:
        set_number(first, HUGE)(folder)
        grow(folder / slide.data_path(slide.images[0]).name, 1 << 32)

    return apply


def _sof(data: bytes, side: int) -> bytes:
    at = data.index(b"\xff\xc0") + 5  # height and width of the start of frame
    return data[:at] + struct.pack(">2H", side, side) + data[at + 4 :]


def _image(
    slide: WrittenSlide, image: StoredImage, change: Callable[[bytes], bytes]
) -> Callable[[Path], None]:
    begin, end = image.offset, image.offset + image.length

    def changed(data: bytes) -> bytes:
        return data[:begin] + change(data[begin:end]) + data[end:]

    return rewrite(slide.data_path(image).name, changed)


def positions(slide: WrittenSlide) -> Iterator[Damage]:
    """The camera positions: flags, places, packed ones."""
    part = slide.others["positions"]
    name = f"Data{part.file_number:04}.dat"

    def with_row(row: int, flag: int, x: int, y: int) -> Callable[[Path], None]:
        at = part.offset + 9 * row
        new = struct.pack("<B2i", flag, x, y)
        return rewrite(name, lambda data: data[:at] + new + data[at + 9 :])

    rows = {
        "flag": (1, 2, 80, 1), "flag 255": (2, 255, 80, 1), "zero": (1, 1, 0, 0),
        "negative": (1, 1, -50, -50), "far": (4, 1, 10**6, 10**6), "most": (4, 1, HUGE, HUGE),
        "least": (4, 1, -(2**31), -(2**31)), "first": (0, 1, 30, 20),
    }  # fmt: skip
    for what, row in rows.items():
        yield Damage(f"positions {what}", f"positions {what}", with_row(*row))
    whole = slice(part.offset, part.offset + part.length)
    for what, fill in {"zeros": b"\0", "ones": b"\xff", "text": b"A"}.items():
        change = rewrite(
            name,
            lambda data, fill=fill: (  # type: ignore[misc]
                data[: whole.start] + fill * part.length + data[whole.stop :]
            ),
        )
        yield Damage(f"positions {what}", f"positions {what}", change)
    wanted = part.length
    packed = {
        "garbage": b"garbage", "few": zlib.compress(bytes(wanted - 9)),
        "many": zlib.compress(bytes(wanted + 9)), "bomb": _bomb(),
        "cut": zlib.compress(bytes(range(wanted)))[:-9], "empty": b"",
    }  # fmt: skip
    at = position_page(slide)
    for what, data in packed.items():
        yield Damage(f"positions packed {what}", f"packed {what}", _packed(name, at, data))


@cache
def _bomb() -> bytes:
    """Half a GB of zeros, packed: a MB of them, again and again, and the sum of all."""
    size, part = 1 << 29, 1 << 20
    packer = zlib.compressobj(9)
    first, again = (
        packer.compress(bytes(part)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    last = packer.flush()[:-4]  # of another sum: of zeros it is 1, and how many they are
    return first + again * (size // part - 1) + last + struct.pack(">2H", size % 65521, 1)


def position_page(slide: WrittenSlide) -> int:
    """Where in Index.dat the offset of the camera positions stands."""
    data = (slide.folder / INDEX).read_bytes()
    last = len(slide.others) - 1
    found = dict(numbers_of(data, slide.spec.levels, len(slide.others)))
    return found[f"record {last} offset"]


def _packed(name: str, at: int, data: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        substitute(INI, b"VIMSLIDE_POSITION_BUFFER", b"StitchingIntensityLayer")(folder)
        with (folder / name).open("ab") as stream:
            offset = stream.tell()
            stream.write(data)
        set_number(at, offset)(folder)
        set_number(at + 4, len(data))(folder)

    return apply
