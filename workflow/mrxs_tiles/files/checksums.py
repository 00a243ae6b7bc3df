"""CRC-32 of what is written, while it is in memory, and of what is there, in one read; SHA-256.

So many bytes are checked against chance, not against malice: 32 bits do, and zlib makes them at
some GB/s without holding Python's lock. What is to be known again among all others has a SHA-256.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

AT_ONCE = 1 << 20  # bytes


def crc32(content: bytes) -> str:
    """The CRC-32 of some bytes, 8 hex digits."""
    return f"{zlib.crc32(content):08x}"


def crc32_of(path: Path) -> str:
    """That of a file.

    Raises:
        OSError: it cannot be read.
    """
    checksum = 0
    buffer = memoryview(bytearray(AT_ONCE))
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            checksum = zlib.crc32(buffer[:count], checksum)
    return f"{checksum:08x}"


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of(path: Path) -> str:
    """That of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Summed:
    """A file that is written from the beginning to the end, and the CRC-32 of what was."""

    def __init__(self, stream: IO[bytes]) -> None:
        """``stream``: open, and closed with this."""
        self._stream, self._checksum, self._size = stream, 0, 0
        self.closed = False

    @property
    def crc32(self) -> str:
        """Of what was written up to now, 8 hex digits."""
        return f"{self._checksum:08x}"

    def write(self, content: Any) -> int:
        """Write some bytes."""
        self._checksum = zlib.crc32(content, self._checksum)
        self._stream.write(content)
        size = memoryview(content).nbytes
        self._size += size
        return size

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Write one after another."""
        for part in parts:
            self.write(part)

    def write_as(self, parts: Iterable[bytes], others: Iterable[bytes]) -> None:
        """Write some bytes, and have others in the sum in their place."""
        for part in parts:
            self._stream.write(part)
            self._size += len(part)
        for other in others:
            self._checksum = zlib.crc32(other, self._checksum)

    def tell(self) -> int:
        """How many bytes were written."""
        return self._size

    def flush(self) -> None:
        """Hand what is held here to the system."""
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self.closed = True
        self._stream.close()
