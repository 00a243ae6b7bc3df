"""Whether files are there, whole and what they were: by their bytes and CRC-32."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.checksums import AT_ONCE


@dataclass(slots=True)
class Look:
    """What was found of some files; ``changed`` also those that cannot be read."""

    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    superfluous: list[str] = field(default_factory=list)
    files: int = 0  # that were read
    bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.changed or self.superfluous)

    def add(self, other: Look) -> None:
        """Take over what another look has found."""
        self.missing += other.missing
        self.changed += other.changed
        self.superfluous += other.superfluous
        self.files += other.files
        self.bytes += other.bytes


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table of this or an earlier version, by column, as they stand there.

    Raises:
        ResultsError: it cannot be read, or is no table.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            header = stream.readline().rstrip("\n").split("\t")
            for line in stream:
                cells = line.rstrip("\n").split("\t")
                if len(cells) != len(header) or not line.endswith("\n"):
                    raise ResultsError(f"{path} has a row of {len(cells)} fields")
                yield dict(zip(header, cells, strict=True))
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from None


def check_file(look: Look, path: Path, name: str, crc32: str | None, size: int | None) -> None:
    """Look at one file; None: that is not known of it."""
    try:
        with path.open("rb", buffering=0) as stream:
            length = os.fstat(stream.fileno()).st_size
            if size is not None and length != size:
                look.changed.append(name)
            elif crc32 is not None:
                look.bytes += length
                if _sum_of(stream) != int(crc32, 16):
                    look.changed.append(name)
            look.files += 1
    except FileNotFoundError:
        look.missing.append(name)
    except (OSError, ValueError):  # a folder in its place, a disk's error, no number
        look.changed.append(name)


def _sum_of(stream: IO[bytes]) -> int:
    checksum = 0
    while part := stream.read(AT_ONCE):
        checksum = zlib.crc32(part, checksum)
    return checksum


def superfluous_below(folder: Path, name: str, known: set[str]) -> Iterator[str]:
    """What lies in a folder of ours that nobody knows.

    Args:
        folder: that this one lies in.
        name: its name.
        known: files that belong there, named from ``folder``.
    """
    folders = {parent for file in known for parent in _parents(file)}
    for root, below, files in os.walk(folder / name):
        place = Path(root).relative_to(folder).as_posix()
        yield from (f"{place}/{file}" for file in files if f"{place}/{file}" not in known)
        odd = [one for one in below if f"{place}/{one}" not in folders]
        yield from (f"{place}/{one}/" for one in odd)
        below[:] = [one for one in below if one not in odd]


def _parents(file: str) -> Iterator[str]:
    while "/" in file:
        file = file.rpartition("/")[0]
        yield file


def sum_known(tables: Any) -> dict[str, str]:
    """The files of a record's ``tables``, as far as they make sense."""
    if not isinstance(tables, dict):
        return {}
    return {str(name): checksum for name, checksum in tables.items() if isinstance(checksum, str)}
