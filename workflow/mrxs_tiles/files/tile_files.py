"""Reads the pictures of tiles back, by what ``tiles.tsv`` says in ``file``.

That is ``tiles/0_0.jpg``, or ``tiles/{key}-000000.tar#member``. A shard's headers are read once,
up to the member that is wanted, and its contents passed over.
"""

from __future__ import annotations

import tarfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

from mrxs_tiles.system import read_at

MOST_OPEN = 64  # shards; of one of a GB with small tiles 10 MB of names are kept


def file_on_disk(file: str) -> str:
    """The file that a picture lies in: its own, or the shard."""
    return file.partition("#")[0]


class TileFiles:
    """The pictures below a folder. Safe in threads; can be sent to, or inherited by, processes.

    Used as a context, it closes the shards that it opened; they are opened again when needed.
    """

    def __init__(self, folder: Path) -> None:
        """``folder``: what ``file`` is below; ``results/{slide}``."""
        self._folder = folder
        self._open: OrderedDict[str, _Shard] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> Path:
        return self._folder

    def __setstate__(self, folder: Path) -> None:
        TileFiles.__init__(self, folder)

    def close(self) -> None:
        """Close all shards."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def read(self, file: str, below: str = "") -> bytes:
        """The bytes of a picture; ``below``: the sub-folder that ``file`` is named from.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        name, _, member = file.partition("#")
        shard = f"{below}/{name}" if below else name  # a slide's name may have a # of its own
        if not member:
            return (self._folder / shard).read_bytes()
        with self._lock:
            if shard not in self._open:
                while len(self._open) >= MOST_OPEN:
                    self._open.popitem(last=False)[1].close()
                self._open[shard] = _Shard(self._folder / shard)
            self._open.move_to_end(shard)
            return self._open[shard].read(member)


class _Shard:
    """One shard, open, and where its members lie as far as its headers were read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = path.open("rb", buffering=0)
        self._known: dict[str, tuple[int, int]] = {}  # name -> offset, bytes
        self._rest = self._members()

    def close(self) -> None:
        self._stream.close()

    def read(self, member: str) -> bytes:
        while member not in self._known:
            name, offset, size = next(self._rest, ("", 0, 0))
            if not name:
                raise FileNotFoundError(f"{self._path} has no {member}")
            self._known[name] = offset, size
        offset, size = self._known[member]
        content = _read_at(self._stream, offset, size)
        if len(content) < size:
            raise OSError(f"{self._path} is cut short in {member}")
        return content

    def _members(self) -> Iterator[tuple[str, int, int]]:
        """Name, offset and bytes of each, from headers as ``shards`` writes them: plain ones."""
        offset = 0
        while True:
            header = _read_at(self._stream, offset, tarfile.BLOCKSIZE)
            if len(header) < tarfile.BLOCKSIZE or not header[0]:
                return
            offset += tarfile.BLOCKSIZE
            try:
                name, size = header[:100].rstrip(b"\0").decode(), int(header[124:135], 8)
            except ValueError:
                raise OSError(f"{self._path} is damaged at byte {offset}") from None
            yield name, offset, size
            offset += -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _read_at(stream: IO[Any], offset: int, size: int) -> bytes:
    """Bytes of a file. Processes that inherit it share its place in it, so that is not used."""
    parts = []
    while size and (part := read_at(stream.fileno(), size, offset)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)
