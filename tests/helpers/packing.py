"""Slides that are packed into shards, and what shards hold."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

from in_process import Cut, cut
from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.samples import Samples
from mrxs_tiles.cutting.shards import Shards
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.grid.blocks import Address

SMALL, MANY = 64, 100  # px of a tile; the latter gives `large_slide` 960 tiles
MB = 1_000_000
NAMES = ("sub/A.1 é", "B")


def archives(results: Path) -> list[Path]:
    """All shards below a folder, by name."""
    return sorted(results.rglob("*.tar"))


def members(path: Path) -> dict[str, bytes]:
    """What a shard holds, as Python's own module reads it."""
    with tarfile.open(path) as archive:
        found = {}
        for info in archive:
            stream = archive.extractfile(info)
            assert stream is not None
            found[info.name] = stream.read()
    return found


def packed(path: Path, results: Path, threads: int, like: Cut | None = None, **keys: Any) -> Cut:
    return cut(path, results, threads, like=like, tile_size=MANY, packing="tar", **keys)


def make_shards(tiles: TileFolder, order: list[Address], shard_bytes: int = MB) -> Shards:
    def row(at: Address, fate: Fate) -> tuple[object, ...]:
        return (*at, 0, 0, 1, 1, 1, 1, 0.5, None, "", None, *fate)

    return Shards(tiles, Samples("a", "jpg", row), order, shard_bytes)
