"""Pictures -> WebDataset shards: ``tiles/{key}-000000.tar`` and on, written as a stream.

A sample is the picture, ``{key}.jpg``, and the tile's row, ``{key}.json``. Samples stand in the
order in which tiles are cut, whatever the number of threads: a picture whose turn has not come
waits, in memory or, where too many do, in a file without a name. So memory is bounded; no thread
waits; and a tile that is tried again after all others still stands in its place. Some are written
at a time, by one thread: between two tiles that it decodes and encodes, this code would come
from far memory each time.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.out_of_turn import Tile, Waiting
from mrxs_tiles.files import manifest
from mrxs_tiles.files.checksums import Summed
from mrxs_tiles.files.store import TILES, TileFolder, told
from mrxs_tiles.grid.blocks import Address

BATCH = 32  # tiles written at a time, unless they are large
BATCH_BYTES = 16_000_000  # where so much waits, whatever can be written is
LONGEST_SLIDE = 72  # characters of a slide in a key: no name is too long for a plain header
END = bytes(2 * tarfile.BLOCKSIZE)  # of an archive

# What tarfile writes of a file, but for name, size and checksum: it takes eight times as long.
_HEADER = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_CHECKSUM = sum(_HEADER[:124]) + sum(_HEADER[135:148]) + 8 * ord(" ") + sum(_HEADER[156:])

_MODE, _TIME, _REST = _HEADER[100:124], _HEADER[135:148], _HEADER[156:]
_NAMES = ("slide", *manifest.TILES)
_ROW = "{" + ",".join(f'"{name}":%s' for name in _NAMES)
SHEET = b',"sheet":'
_KEPT = _NAMES.index("kept")

RowOf = Callable[[Address, Fate], Sequence[object]]


# What a key spells out: all but letters, digits, "-" and "_"; a "-" at its head, which a command
# takes for an option; and a "_" that would begin something spelt out.
_SPELT = re.compile(r"(?:[^A-Za-z0-9_-]|^-|_(?=x))+")
_DIGESTED = re.compile(r"_x_[0-9a-f]{32}$")


def slide_key(slide: str) -> str:
    """A slide's name as it begins the names of its shards and samples: letters, digits, -, _.

    All else is spelt ``_xHH_``, its bytes of UTF-8 in hexadecimal, much as Office's XML spells
    what it cannot hold: to WebDataset a key ends at the first dot and a comma or a brace are its
    own; a slash is a folder; a server decodes ``%2F``; and to a shell or a bucket most other
    signs mean something. No two slides have the same: what is too long ends in ``_x_`` and a
    digest.
    """

    def spelt(found: re.Match[str]) -> str:
        return f"_x{found[0].encode('utf-8', 'surrogatepass').hex().upper()}_"

    key = _SPELT.sub(spelt, slide)
    if len(key) <= LONGEST_SLIDE and not _DIGESTED.search(key):
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key[: LONGEST_SLIDE - 35]}_x_{digest}"


def shard_name(key: str, number: int) -> str:
    """The name of a shard of the slide with that key, from 0."""
    return f"{key}-{number:06d}.tar"


def row_json(slide: str, row: Sequence[object], sheet: bytes = b"") -> bytes:
    """A row of ``tiles.tsv`` as JSON: numbers as there, ``kept`` true or false, null if empty.

    ``sheet``: what ``sheet_json`` makes of the slide's row of the sheet; it stands last.
    """
    # by hand, since json.dumps takes four times as long, and this is done for each small tile
    values = [json.dumps(slide), *map(_json, row)]
    values[_KEPT] = "true" if row[_KEPT - 1] else "false"
    return (_ROW % tuple(values)).encode() + sheet + b"}"


def sheet_json(sheet: Mapping[str, str]) -> bytes:
    """What stands in each row's JSON of the columns that the sheet carries; null if empty."""
    if not sheet:
        return b""
    cells = {name: cell or None for name, cell in sheet.items()}
    return SHEET + json.dumps(cells, separators=(",", ":")).encode()


def with_sheet(row: bytes, sheet: bytes) -> bytes:
    """A row's JSON with another ``sheet_json``: as ``row_json`` would make it."""
    # the texts of a row hold no quotation mark that is not escaped
    before, found, _ = row.partition(SHEET)
    return (before if found else row.removesuffix(b"}")) + sheet + b"}"


def _json(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    if value is None or value == "":
        return "null"
    return repr(float(f"{value:.6g}")) if isinstance(value, float) else json.dumps(value)


def without_sheet(sample: Sequence[bytes]) -> Sequence[bytes]:
    """A tile's two members in a shard, as they would be if the sheet carried nothing.

    So they count in a shard's size and in its CRC-32: a corrected cell changes neither.
    """
    *picture, header, row, _ = sample
    bare = with_sheet(row, b"")
    if bare == row:
        return sample
    name = header[:100].rstrip(b"\0").decode()
    return (*picture, member(name, bare), bare, padding(bare))


def member(name: str, content: bytes) -> bytes:
    """What stands before a file of an archive; the same each time: no date, owner or group."""
    raw, size = name.encode(), b"%011o" % len(content)
    checksum = b"%06o\0 " % (_CHECKSUM + sum(raw) + sum(size))
    return b"".join((raw.ljust(100, b"\0"), _MODE, size, _TIME, checksum, _REST))


def padding(content: bytes) -> bytes:
    """What stands behind it."""
    return bytes(-len(content) % tarfile.BLOCKSIZE)


class Shards:
    """A slide's shards, while they are written. Used as a context.

    Raises:
        ResultsError: one cannot be written.
    """

    def __init__(
        self,
        folder: TileFolder,
        slide: str,
        suffix: str,
        order: Sequence[Address],
        row: RowOf,
        shard_bytes: int,
        sheet: Mapping[str, str] | None = None,
    ) -> None:
        """Take what all samples share.

        Args:
            folder: where the shards go.
            slide: its name.
            suffix: the pictures', without its dot.
            order: all tiles that are cut, in the order in which they stand in the shards.
            row: makes the row of ``tiles.tsv``.
            shard_bytes: of the largest shard, without ``sheet``: what stands in a sheet decides
                nothing. One that holds a single sample may be larger.
            sheet: the columns of the sheet that go with the slide.
        """
        self._sheet = sheet_json(sheet or {})
        self._folder, self._slide, self._suffix = folder, slide, suffix
        self._key = slide_key(slide)
        self._order, self._row, self._shard_bytes = order, row, shard_bytes
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
        sample = self._sample(self._order[place], tile)
        size = sum(map(len, without_sheet(sample)))
        if self._shard is None or self._size + size + len(END) > self._shard_bytes:
            self._end()
            self._shard = self._folder.stream(self._shard_name(len(self._begins)))
            self._begins.append(place)
            self._size = 0
            sample = self._sample(self._order[place], tile)  # its row names the shard
        try:
            self._shard.write_as(sample, without_sheet(sample))
        except OSError:
            with told(self._folder.place(self._shard_name(self._newest()))):
                raise
        self._size += size

    def _shard_name(self, number: int) -> str:
        return shard_name(self._key, number)

    def _newest(self) -> int:
        """The number of the shard that is being written; 0 before the first."""
        return max(0, len(self._begins) - 1)

    def _sample(self, address: Address, tile: Tile) -> tuple[bytes, ...]:
        """A tile's two members, as they stand in the newest shard."""
        stem, content = self._stem(address), tile.content
        picture = f"{stem}.{self._suffix}"
        file = f"{TILES}/{self._shard_name(self._newest())}#{picture}"
        row = row_json(self._slide, self._row(address, tile.fate._replace(file=file)), self._sheet)
        return (
            *(member(picture, content), content, padding(content)),
            *(member(f"{stem}.json", row), row, padding(row)),
        )

    def _end(self) -> None:
        """End the shard that is open."""
        if self._shard is not None:
            with told(self._folder.place(self._shard_name(self._newest()))):
                self._shard.write(END)
                self._shard.close()
            self._shard = None

    def _stem(self, address: Address) -> str:
        """The key of a tile's sample."""
        return f"{self._key}_{address[0]}_{address[1]}"

    def _file(self, address: Address) -> str:
        """What ``tiles.tsv`` says of a picture: its shard and the member of it."""
        shard = max(0, bisect_right(self._begins, self._places[address]) - 1)
        return f"{TILES}/{self._shard_name(shard)}#{self._stem(address)}.{self._suffix}"
