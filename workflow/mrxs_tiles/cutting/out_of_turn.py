"""Tiles whose turn in the shards has not come: in memory, and the rest in a file without a name."""

from __future__ import annotations

import threading
from typing import IO, NamedTuple

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.files.store import told
from mrxs_tiles.files.tile_folder import TileFolder

HELD_BYTES = 64_000_000  # of pictures that wait in memory, or one that is larger


class _Held(NamedTuple):
    """A picture that waits in the file: where."""

    offset: int
    length: int


class Tile(NamedTuple):
    """A kept tile and its picture."""

    fate: Fate
    content: bytes


class Waiting:
    """The tiles that are not written yet, by their place; None: one that was dropped."""

    def __init__(self, folder: TileFolder) -> None:
        """``folder``: on whose disk they wait where too many do."""
        self._folder = folder
        self._tiles: dict[int, Tile | tuple[Fate, _Held] | None] = {}
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._in_memory = 0  # bytes
        self.bytes = 0  # of all

    def __contains__(self, place: int) -> bool:
        return place in self._tiles

    def has_room(self, tile: Tile | None) -> bool:
        """Whether a tile can be held in memory."""
        size = 0 if tile is None else len(tile.content)
        return self._in_memory == 0 or self._in_memory + size <= HELD_BYTES

    def put(self, place: int, tile: Tile | None) -> None:
        """Hold a tile; its picture in the file where too much is in memory."""
        size = 0 if tile is None else len(tile.content)
        with self._lock:
            self.bytes += size
            if tile is None or self.has_room(tile):
                self._in_memory += size
                self._tiles[place] = tile
                return
            if self._file is None:
                self._file = self._folder.scratch()
            with told(self._folder.place("")):
                offset = self._file.seek(0, 2)
                self._file.write(tile.content)
            self._tiles[place] = tile.fate, _Held(offset, size)

    def take(self, place: int) -> Tile | None:
        """Give a tile back."""
        with self._lock:
            tile = self._tiles.pop(place, None)
            if tile is None:
                return None
            if isinstance(tile, Tile):
                self._in_memory -= len(tile.content)
                self.bytes -= len(tile.content)
                return tile
            assert self._file is not None
            fate, held = tile
            self.bytes -= held.length
            with told(self._folder.place("")):
                self._file.seek(held.offset)
                return Tile(fate, self._file.read(held.length))

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None
