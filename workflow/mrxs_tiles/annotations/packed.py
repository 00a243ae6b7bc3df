"""An annotation file as a stream of bytes: plain, ``.gz``, or the one in a ``.zip``."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from mrxs_tiles.annotations.drawing import NotUsableError
from mrxs_tiles.errors import printable

MOST_BYTES = 4_000_000_000  # unpacked: a few kilobytes of an archive can claim to be a disk full
INNER = frozenset((".geojson", ".json", ".xml"))

Read = Callable[[int], bytes]


@contextmanager
def unpacked(path: Path) -> Iterator[Read]:
    """What reads a file's next bytes, unpacked; by its first bytes, whatever its name.

    Raises:
        OSError: it cannot be read.
        NotUsableError: it is an archive without exactly one annotation file, or too large.
    """
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(0)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(stream) as packed:
                yield _bounded(packed.read)
        elif start.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(stream) as archive, archive.open(_the_one(archive)) as member:
                yield _bounded(member.read)
        else:
            yield _bounded(stream.read)


def _the_one(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The annotation file of an archive; beside it may lie what macOS puts there."""
    found = [
        info
        for info in archive.infolist()
        if not info.is_dir()
        and not info.filename.startswith("__MACOSX/")
        and not PurePosixPath(info.filename).name.startswith(".")
        and PurePosixPath(info.filename).suffix.lower() in INNER
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotUsableError("is a zip that holds no .geojson")
    names = ", ".join(printable(info.filename) for info in found[:3])
    raise NotUsableError(f"is a zip of {len(found)} annotation files ({names} ...), not of one")


def _bounded(read: Read) -> Read:
    total = 0

    def bounded(size: int) -> bytes:
        nonlocal total
        content = read(size)
        total += len(content)
        if total > MOST_BYTES:
            raise NotUsableError(f"holds more than {MOST_BYTES // 10**9} GB unpacked")
        return content

    return bounded
