"""Damage in Index.dat and in the camera positions is told in one sentence, or survived."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.index import read_index
from tiny_index import edit_ini, entry_offset, position_offset, said_of
from tiny_slide import ROOT
from write_mirax import WrittenSlide

IMPOSSIBLE, ENTRY = "Index.dat has an impossible entry", "image, offset, length, file"
LEVEL_0 = "the list of images of level 0"
POSITIONS = "the camera positions in Data0001.dat"
Place = Callable[[bytes], int]
INDEX_DAMAGE: dict[str, tuple[Place, int, str]] = {
    "negative image": (
        lambda data: entry_offset(data, 0) + 8, -1,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: -1, 37, {{bytes}}, 0)",
    ),
    "image below the slide": (
        lambda data: entry_offset(data, 0) + 8, 24,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 24, 37, {{bytes}}, 0)",
    ),
    "image between two": (
        lambda data: entry_offset(data, 1) + 8, 1,
        f"{IMPOSSIBLE} in the list of images of level 1 ({ENTRY}: 1, {{offset}}, {{length}}, 1)",
    ),
    "negative offset": (
        lambda data: entry_offset(data, 0) + 12, -37,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 0, -37, {{bytes}}, 0)",
    ),
    "negative length": (
        lambda data: entry_offset(data, 0) + 16, -2,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 0, 37, -2, 0)",
    ),
    "file that is not named": (
        lambda data: entry_offset(data, 0) + 20, 2,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 0, 37, {{bytes}}, 2)",
    ),
    "negative count": (
        lambda data: entry_offset(data, 0), -1,
        f"Index.dat has a page of -1 images in {LEVEL_0}",
    ),
    "list off the end": (
        lambda data: entry_offset(data, 0), 1000,
        f"Index.dat ends at byte {{size}}, but {LEVEL_0} goes on to {{end}}",
    ),
    "record does not begin": (
        lambda data: entry_offset(data, 0) - 8, 3,
        f"Index.dat has 3 where {LEVEL_0} must begin with 0",
    ),
    "table outside": (
        lambda _: ROOT, 1 << 30,
        f"Index.dat ends at byte {{size}}, but the pointer to {LEVEL_0} lies at 1073741824",
    ),
    "table before": (
        lambda _: ROOT, -8,
        f"Index.dat ends at byte {{size}}, but the pointer to {LEVEL_0} lies at -8",
    ),
    "positions of other length": (
        lambda data: position_offset(data) + 20, 50,
        f"{POSITIONS} are 50 bytes, not 54",
    ),
    "positions off the file": (
        lambda data: position_offset(data) + 16, 1 << 30,
        f"{POSITIONS} are 0 bytes, not 54",
    ),
    "positions in no file": (
        lambda data: position_offset(data) + 24, 7,
        f"{IMPOSSIBLE} in record 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("place", "number", "sentence"), INDEX_DAMAGE.values(), ids=INDEX_DAMAGE)
def test_damaged_index(tiny: WrittenSlide, place: Place, number: int, sentence: str) -> None:
    """What is wrong in Index.dat is told in one sentence."""
    path = tiny.folder / "Index.dat"
    data = bytearray(path.read_bytes())
    first = next(image for image in tiny.images if image.level == 0)
    joined = next(image for image in tiny.images if image.level == 1)
    size, page = len(data), entry_offset(data, 0) + 8
    struct.pack_into("<i", data, place(bytes(data)), number)
    path.write_bytes(data)
    assert said_of(tiny.folder) == sentence.format(
        size=size,
        end=page + 16 * 1000,
        bytes=first.length,
        offset=joined.offset,
        length=joined.length,
    )


def test_short_index(tiny: WrittenSlide) -> None:
    """An Index.dat that is cut short is told, wherever it ends."""
    path = tiny.folder / "Index.dat"
    data = path.read_bytes()
    path.write_bytes(data[:-3])
    last = position_offset(data)
    assert said_of(tiny.folder) == (
        f"Index.dat ends at byte {len(data) - 3}, but record 0 goes on to {last + 28}"
    )
    path.write_bytes(data[:40])
    assert said_of(tiny.folder) == (
        f"Index.dat ends at byte 40, but the pointer to {LEVEL_0} goes on to 41"
    )
    path.write_bytes(b"")
    assert said_of(tiny.folder) == "Index.dat does not begin with version 01.02"
    path.unlink()
    assert said_of(tiny.folder) == "Index.dat is missing"


def test_no_file_of_positions(tiny: WrittenSlide) -> None:
    """Without the data file that holds the positions nothing can be placed."""
    (tiny.folder / "Data0001.dat").unlink()
    assert said_of(tiny.folder) == (
        "Data0001.dat, which holds the camera positions, cannot be read (No such file or directory)"
    )


def test_bad_flag(tiny: WrittenSlide) -> None:
    """A position that is neither there nor not is told."""
    with (tiny.folder / "Data0001.dat").open("r+b") as stream:
        stream.seek(tiny.others["positions"].offset + 9)
        stream.write(b"\x02")
    assert said_of(tiny.folder) == (f"{POSITIONS} hold a flag that is neither 0 nor 1")


@pytest.mark.parametrize(
    ("packed", "sentence"),
    [
        (b"garbage", f"{POSITIONS} cannot be unpacked"),
        (zlib.compress(bytes(45)), f"{POSITIONS} are 45 bytes, not 54"),
        (zlib.compress(bytes(63)), f"{POSITIONS} are 55 bytes, not 54"),
        (zlib.compress(bytes(1 << 22)), f"{POSITIONS} are 55 bytes, not 54"),
    ],
)  # fmt: skip
def test_packed_positions(tiny: WrittenSlide, packed: bytes, sentence: str) -> None:
    """Packed positions that are garbage, too few or too many are told; a bomb does not go off."""
    edit_ini(tiny.folder, "VIMSLIDE_POSITION_BUFFER", "StitchingIntensityLayer")
    with (tiny.folder / "Data0001.dat").open("ab") as stream:
        offset = stream.tell()
        stream.write(packed)
    path = tiny.folder / "Index.dat"
    data = bytearray(path.read_bytes())
    struct.pack_into("<2i", data, position_offset(data) + 16, offset, len(packed))
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert said_of(tiny.folder) == sentence
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_pages_in_a_circle(tiny: WrittenSlide) -> None:
    """A page that says that it is followed by itself ends the reading, in one way or another."""
    path = tiny.folder / "Index.dat"
    data = bytearray(path.read_bytes())
    for level in range(3):
        page = entry_offset(data, level)
        struct.pack_into("<i", data, page + 4, page)
    path.write_bytes(data)
    with pytest.raises(SlideError):
        read_index(tiny.folder)
