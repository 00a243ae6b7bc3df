"""Whether the pictures that a slide's ``tiles.tsv`` names are there, whole and what they were.

Shards are looked at member by member, each in one read.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from mrxs_tiles.cutting.samples import SHEET, member, padding, with_sheet
from mrxs_tiles.cutting.shards import END
from mrxs_tiles.files import manifest
from mrxs_tiles.files.checksums import AT_ONCE
from mrxs_tiles.files.tile_files import file_on_disk
from mrxs_tiles.files.whole import Look, check_file

ROW_SUFFIX = ".json"
_ROW = tuple(name for name in manifest.TILES if name not in ("kept", "reason"))


class Known:
    """What is known of a picture: its size, and its CRC-32 where the table has it."""

    __slots__ = ("bytes", "crc32", "row")

    def __init__(self, row: Mapping[str, str]) -> None:
        """``row``: of ``tiles.tsv``, text."""
        self.row = row
        self.bytes = int(row["bytes"]) if row.get("bytes") else None
        self.crc32 = row.get("crc32") or None

    def is_of(self, content: bytes) -> bool:
        """Whether these are the picture's bytes, as far as it is known."""
        if self.bytes is not None and len(content) != self.bytes:
            return False
        return self.crc32 is None or f"{zlib.crc32(content):08x}" == self.crc32


def check_pictures(
    look: Look,
    folder: Path,
    rows: Iterable[Mapping[str, str]],
    shards: Mapping[str, str],
    sheet: bytes | None,
) -> set[str]:
    """Look at all pictures that a slide's ``tiles.tsv`` names.

    Args:
        look: takes what is found.
        folder: ``results/{slide}``.
        rows: the table's.
        shards: the CRC-32 of each shard, as if the sheet carried nothing, where it is known.
        sheet: what stands in each row's JSON of what the sheet carries; None: not known.

    Returns:
        All files that hold pictures, below the folder.
    """
    files: set[str] = set(shards)
    members: dict[str, dict[str, Known]] = {name: {} for name in shards}
    for row in rows:
        if not (file := manifest.plain(row.get("file", ""))):
            continue
        name, known = file_on_disk(file), Known(row)
        if name == file:
            check_file(look, folder / name, name, known.crc32, known.bytes)
        else:
            members.setdefault(name, {})[file.partition("#")[2]] = known
        files.add(name)
    for name, wanted in members.items():
        look.add(_Shard(name, wanted, sheet).check(folder / name, shards.get(name)))
    return files


class _Shard:
    """A shard that is looked at."""

    def __init__(self, name: str, wanted: Mapping[str, Known], sheet: bytes | None) -> None:
        self._name, self._sheet = name, sheet
        self._pictures = dict(wanted)
        self._rows = {f"{Path(file).stem}{ROW_SUFFIX}": known for file, known in wanted.items()}
        self._checksum = 0
        self._is_torn = False
        self.look = Look()

    def check(self, path: Path, crc32: str | None) -> Look:
        """Look at each member, and at the whole; ``crc32`` None: that is not known.

        Where the whole is what was written, so is each member: then it is not taken apart.
        """
        try:
            with path.open("rb", buffering=AT_ONCE) as stream:
                if crc32 is not None and self._is_as_written(stream, crc32):
                    self.look.files += 1
                    return self.look
                stream.seek(0)
                self.look = Look()
                self._check_members(stream)
        except FileNotFoundError:
            self.look.missing.append(self._name)
            return self.look
        except OSError:
            self.look.changed.append(self._name)
            return self.look
        self.look.files += 1
        if not self._is_torn:  # else what lies behind the damage is not known
            self.look.missing += [f"{self._name}#{one}" for one in (*self._pictures, *self._rows)]
        is_same = crc32 in (None, f"{self._checksum:08x}")
        if self._is_torn or (self.look.is_whole and not is_same):
            self.look.changed.append(self._name)
        return self.look

    def _is_as_written(self, stream: IO[bytes], crc32: str) -> bool:
        """Whether a shard is the one that was written, with the sheet's columns of now."""
        names, checksum = set(), 0
        while (header := self._take(stream, tarfile.BLOCKSIZE))[:1].strip(b"\0"):
            try:
                name, size = header[:100].rstrip(b"\0").decode(), int(header[124:135], 8)
            except ValueError:
                return False
            names.add(name)
            content = self._take(stream, size + -size % tarfile.BLOCKSIZE)
            parts: tuple[bytes, ...] = (header, content)
            if name.endswith(ROW_SUFFIX):
                row = content[:size]
                if self._sheet is not None and not self._has_sheet(row):
                    return False
                if SHEET in row:
                    bare = with_sheet(row, b"")
                    parts = (member(name, bare), bare, padding(bare))
            for part in parts:
                checksum = zlib.crc32(part, checksum)
        is_end = header + self._take(stream, -1) == END
        is_same = f"{zlib.crc32(END, checksum):08x}" == crc32
        return is_end and is_same and names == {*self._pictures, *self._rows}

    def _has_sheet(self, row: bytes) -> bool:
        _, found, cells = row.removesuffix(b"}").partition(SHEET)
        return found + cells == self._sheet

    def _check_members(self, stream: IO[bytes]) -> None:
        while True:
            header = self._take(stream, tarfile.BLOCKSIZE)
            if not header.strip(b"\0"):
                break
            try:
                info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
            except tarfile.HeaderError:
                self._is_torn = True
                return
            content = self._take(stream, info.size)
            behind = self._take(stream, -info.size % tarfile.BLOCKSIZE)
            is_plain = header == member(info.name, content) and behind == padding(content)
            self._check_member(info.name, content, is_plain)
        self._is_torn = header + self._take(stream, -1) != END
        self._checksum = zlib.crc32(END, self._checksum)

    def _check_member(self, name: str, content: bytes, is_plain: bool) -> None:
        shown = f"{self._name}#{name}"
        if known := self._pictures.pop(name, None):
            if not (is_plain and known.is_of(content)):
                self.look.changed.append(shown)
        elif known := self._rows.pop(name, None):
            if not (is_plain and self._is_row(content, known.row)):
                self.look.changed.append(shown)
            content = with_sheet(content, b"")  # the sum is of what hangs on no sheet
        else:
            self.look.superfluous.append(shown)
        for part in (member(name, content), content, padding(content)):
            self._checksum = zlib.crc32(part, self._checksum)

    def _is_row(self, content: bytes, row: Mapping[str, str]) -> bool:
        """Whether a tile's JSON says what its row of the table and the sheet say."""
        if self._sheet is not None and not self._has_sheet(content):
            return False
        try:
            said = json.loads(content)
            return all(manifest.field(said[name]) == row[name] for name in _ROW if name in row)
        except (ValueError, TypeError, KeyError):
            return False

    def _take(self, stream: IO[bytes], length: int) -> bytes:
        content = stream.read(length)
        self.look.bytes += len(content)
        return content
