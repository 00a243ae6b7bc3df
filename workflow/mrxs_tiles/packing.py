"""Where a slide's pictures go: each into a file of its own, here; into shards, in ``shards``."""

from __future__ import annotations

from typing import Self

from mrxs_tiles.cutter import Fate
from mrxs_tiles.order import Address
from mrxs_tiles.store import TileFolder


class LooseFiles:
    """Pictures as files: ``tiles/{col}_{row}.jpg``."""

    def __init__(self, folder: TileFolder, suffix: str) -> None:
        """``suffix``: the files', without its dot."""
        self._folder, self._suffix = folder, suffix

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """There is nothing to close."""

    def keep(self, address: Address, fate: Fate, content: bytes) -> Fate:
        """Write a picture; returns the tile's fate with its file."""
        col, row = address
        return fate._replace(file=self._folder.write(f"{col}_{row}.{self._suffix}", content))

    def drop(self, address: Address) -> None:
        """A tile without a picture has no file."""

    def finished(self, fates: dict[Address, Fate]) -> dict[Address, Fate]:
        """All tiles' fates, with their files."""
        return fates
