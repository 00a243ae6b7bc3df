"""What a tile is in a shard: a sample of two files, its picture and its row as JSON."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.out_of_turn import Tile
from mrxs_tiles.files import manifest
from mrxs_tiles.files.tile_folder import TILES
from mrxs_tiles.grid.blocks import Address

LONGEST_SLIDE = 72  # characters of a slide in a key: no name is too long for a plain header

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


class Samples:
    """The samples of a slide."""

    def __init__(
        self, slide: str, suffix: str, row: RowOf, sheet: Mapping[str, str] | None = None
    ) -> None:
        """Take what all of them share.

        Args:
            slide: its name.
            suffix: the pictures', without its dot.
            row: makes the row of ``tiles.tsv``.
            sheet: the columns of the sheet that go with the slide.
        """
        self._slide, self._suffix, self._row = slide, suffix, row
        self._key, self._sheet = slide_key(slide), sheet_json(sheet or {})

    def shard(self, number: int) -> str:
        """The name of a shard, from 0."""
        return shard_name(self._key, number)

    def file(self, address: Address, number: int) -> str:
        """What ``tiles.tsv`` says of a tile's picture: its shard and the member of it."""
        return f"{TILES}/{self.shard(number)}#{self._stem(address)}.{self._suffix}"

    def of(self, address: Address, tile: Tile, number: int) -> tuple[bytes, ...]:
        """A tile's two members, as they stand in a shard."""
        stem, content = self._stem(address), tile.content
        fate = tile.fate._replace(file=self.file(address, number))
        row = row_json(self._slide, self._row(address, fate), self._sheet)
        return (
            *(member(f"{stem}.{self._suffix}", content), content, padding(content)),
            *(member(f"{stem}.json", row), row, padding(row)),
        )

    def _stem(self, address: Address) -> str:
        """The key of a tile's sample."""
        return f"{self._key}_{address[0]}_{address[1]}"
