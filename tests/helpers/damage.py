"""One damage to a MIRAX slide's folder, and what damages are made of."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mirax_spec import MiraxSpec

# 234 x 141 px, 15 tiles of 64 px: level 0 in two data files and five pages, the rest in a third.
SPEC = MiraxSpec(
    positions_x=3, positions_y=2, divisions=2, image_width=40, image_height=36, overlap_x=3.5,
    overlap_y=3, jitter=1, levels=3, page_length=5, camera_step=4,
)  # fmt: skip
INI, INDEX = "Slidedat.ini", "Index.dat"
HUGE, HIGH = 2**31 - 1, 1 << 30


@dataclass(frozen=True)
class Damage:
    """One damage: its name, fit for a file; its class; what it does to a slide's folder."""

    name: str
    kind: str
    apply: Callable[[Path], None]


# --- Slidedat.ini -----------------------------------------------------------------------------


def substitute(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old in content
        (folder / name).write_bytes(content.replace(old, new, 1))

    return apply


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return apply


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def to_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def to_link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


# --- Index.dat --------------------------------------------------------------------------------


def set_number(at: int, value: int) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        data = bytearray((folder / INDEX).read_bytes())
        struct.pack_into("<i", data, at, value)
        (folder / INDEX).write_bytes(data)

    return apply


def grow(path: Path, size: int) -> None:
    with path.open("r+b") as stream:
        stream.truncate(size)  # a hole: it takes no room on the disk


# --- data files, images, positions ------------------------------------------------------------


def on_file(name: str, change: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda folder: change(folder / name)
