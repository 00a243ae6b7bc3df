"""Pictures -> WebDataset shards: ``tiles/{key}-000000.tar`` and on, written as a stream.

A tile is a sample, see ``samples``. They stand in the order in which tiles are cut, whatever the
number of threads: a picture whose turn has not come waits, in memory or, where too many do, in a
file without a name. So memory is bounded; no thread waits; and a tile that is tried again after
all others still stands in its place. Some are written at a time, by one thread: between two tiles
that it decodes and encodes, this code would come from far memory each time.
"""

from __future__ import annotations

import tarfile
import threading
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.out_of_turn import Tile, Waiting
from mrxs_tiles.cutting.samples import Samples, without_sheet
from mrxs_tiles.files.checksums import Summed
from mrxs_tiles.files.store import told
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.grid.blocks import Address

BATCH = 32  # tiles written at a time, unless they are large
BATCH_BYTES = 16_000_000  # where so much waits, whatever can be written is
END = bytes(2 * tarfile.BLOCKSIZE)  # of an archive


class Shards:
    """A slide's shards, while they are written. Used as a context.

    Raises:
        ResultsError: one cannot be written.
    """

    def __init__(
        self,
        folder: TileFolder,
        samples: Samples,
        order: Sequence[Address],
        shard_bytes: int,
    ) -> None:
        """Take what all shards share.

        Args:
            folder: where they go.
            samples: what each tile is in them.
            order: all tiles that are cut, in the order in which they stand in the shards.
            shard_bytes: of the largest, without a sheet's columns: what stands in a sheet decides
                nothing. One that holds a single sample may be larger.
        """
        self._folder, self._samples = folder, samples
        self._order, self._shard_bytes = order, shard_bytes
        self._places = {address: place for place, address in enumerate(order)}
        self._waiting = Waiting(folder)
        self._writing = threading.Lock()  # whoever writes has it
        self._turn = 0  # the place that is written next
        self._begins: list[int] = []  # of each shard, the place of its first sample
        self._shard: Summed | None = None
        self._size = 0  # bytes of the shard that is open

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._waiting.close()
        if self._shard is not None:  # it is not published
            with suppress(OSError):  # what it is left for has been told
                self._shard.close()

    def keep(self, address: Address, fate: Fate, content: bytes) -> Fate:
        """Take a kept tile's picture; its file is known when all are there."""
        self._settle(address, Tile(fate, content))
        return fate

    def drop(self, address: Address) -> None:
        """Hear that a tile has no picture: those after it need not wait for it."""
        self._settle(address, None)

    def finished(self, fates: dict[Address, Fate]) -> dict[Address, Fate]:
        """Write what still waits, for tiles that cannot be read; returns the fates with files."""
        with self._writing:
            for place in range(self._turn, len(self._order)):
                self._write(place, self._waiting.take(place))
            self._turn = len(self._order)
            self._end()
        self._waiting.close()
        for address, fate in fates.items():
            if fate.bytes is not None:  # with `format: none` a kept tile has no picture
                fates[address] = fate._replace(file=self._file(address))
        return fates

    def _settle(self, address: Address, tile: Tile | None) -> None:
        if not self._waiting.has_room(tile):
            self._write_ready()
        self._waiting.put(self._places[address], tile)
        if self._turn + BATCH in self._waiting or self._waiting.bytes > BATCH_BYTES:
            self._write_ready()

    def _write_ready(self) -> None:
        """Write the tiles whose turn has come, unless another thread is at it."""
        if self._writing.acquire(blocking=False):
            try:
                while self._turn in self._waiting:
                    self._write(self._turn, self._waiting.take(self._turn))
                    self._turn += 1
            finally:
                self._writing.release()

    def _write(self, place: int, tile: Tile | None) -> None:
        """Write the sample of a place, if there is one."""
        if tile is None:
            return
        sample = self._samples.of(self._order[place], tile, self._newest())
        size = sum(map(len, without_sheet(sample)))
        if self._shard is None or self._size + size + len(END) > self._shard_bytes:
            self._end()
            self._shard = self._folder.stream(self._samples.shard(len(self._begins)))
            self._begins.append(place)
            self._size = 0
            # its row names the shard
            sample = self._samples.of(self._order[place], tile, self._newest())
        try:
            self._shard.write_as(sample, without_sheet(sample))
        except OSError:
            with told(self._folder.place(self._samples.shard(self._newest()))):
                raise
        self._size += size

    def _newest(self) -> int:
        """The number of the shard that is being written; 0 before the first."""
        return max(0, len(self._begins) - 1)

    def _end(self) -> None:
        """End the shard that is open."""
        if self._shard is not None:
            with told(self._folder.place(self._samples.shard(self._newest()))):
                self._shard.write(END)
                self._shard.close()
            self._shard = None

    def _file(self, address: Address) -> str:
        """Where a tile's picture stands."""
        shard = max(0, bisect_right(self._begins, self._places[address]) - 1)
        return self._samples.file(address, shard)
