"""A tiny slide's index, where its numbers stand, and all that is ever done with it."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import read_index
from tiny_slide import ROOT


def said_of(folder: Path) -> str:
    with pytest.raises(SlideError) as caught:
        read_index(folder)
    return str(caught.value)


def edit_ini(folder: Path, old: str, new: str) -> None:
    path = folder / "Slidedat.ini"
    text = path.read_bytes().decode("utf-8-sig")
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode("utf-8-sig"))


def entry_offset(data: bytes, level: int) -> int:
    """Where in Index.dat the first page of a level's images begins."""
    (levels,) = struct.unpack_from("<i", data, ROOT)
    (record,) = struct.unpack_from("<i", data, levels + 4 * level)
    (page,) = struct.unpack_from("<i", data, record + 4)
    return int(page)


def position_offset(data: bytes) -> int:
    """Where in Index.dat the page of the camera positions begins."""
    (others,) = struct.unpack_from("<i", data, ROOT + 4)
    (record,) = struct.unpack_from("<i", data, others)
    (page,) = struct.unpack_from("<i", data, record + 4)
    return int(page)


def check_survived(folder: Path) -> None:
    """All that is ever done with an index: it works, or SlideError says why not."""
    with suppress(SlideError):
        index = read_index(folder)
        scanned = layout.scanned_positions(index)
        for level in range(len(index.images)):
            layout.pieces(index, level, scanned)
            index.unreadable(level)
        layout.camera_picture(index)
        assert isinstance(index.missing, tuple)
