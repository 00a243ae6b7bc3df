"""The copy of a slide on a local disk: long reads, some at once, with their checksums."""

from __future__ import annotations

import logging
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mrxs_tiles.errors import MrxsTilesError, StageError, as_size
from mrxs_tiles.mirax.unchanged import State, state_of

log = logging.getLogger(__name__)

AT_ONCE = 4 << 20  # bytes of one read
# Pieces that are copied at once, of one file or of several. A far disk makes each wait, whatever
# the bytes; a near one reads each for a while before it goes on to the next.
PIECES_AT_ONCE = 8
PIECE_BYTES = 32 << 20
# What a slide takes beside its bytes: last blocks, folders, what others write meanwhile.
MARGIN, MARGIN_BYTES = 0.01, 16 << 20

Parts = Mapping[str, Path]  # a file's place below the copy's folder -> the file


class _Piece(NamedTuple):
    """Some bytes of one file."""

    place: str
    begin: int
    end: int


class UnreadableError(Exception):
    """A file cannot be read to its end."""


@contextmanager
def told(name: str, where: str) -> Iterator[None]:
    """Turn what the operating system says of writing the copy into a sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, MrxsTilesError):
            raise
        raise StageError(
            f"{name} cannot be copied to {where}: {error.strerror or error}. Free space or permit "
            "writing there, name another folder with stage, or set stage to null."
        ) from None


class SlideCopy:
    """A slide's copy in a folder of its own."""

    def __init__(self, name: str, where: str, folder: Path, parts: Parts) -> None:
        self.name, self._where = name, where
        self._folder, self._parts = folder, parts
        self._sums: dict[_Piece, int] = {}
        self._ended = False  # before all was copied

    def make(self) -> None:
        """Copy all that is there.

        Raises:
            StageError: there is no room, or the slide changed meanwhile.
            UnreadableError: a file cannot be read to its end, or none is known.
        """
        if not self._parts:
            raise UnreadableError("which files belong to it is not known")
        began = time.monotonic()
        before = self._states()
        sizes = {place: state[0] for place, state in before.items() if state is not None}
        total = sum(sizes.values())
        self._check_space(total)
        try:
            self._copy_all(sizes)
        except UnreadableError:
            self._compare(before)  # what vanished meanwhile cannot be read either
            raise
        self._compare(before)
        log.info(
            "%s: %s copied to %s in %.3g s",
            *(self.name, as_size(total), self._where, time.monotonic() - began),
        )

    def discard(self) -> None:
        """Give the room back before the context ends."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def check(self) -> None:
        """Ask whether the copy still is what was copied.

        Raises:
            StageError: it is not.
        """
        for (place, begin, end), wanted in self._sums.items():
            checksum = 0
            fault = f"{self._parts[place].name} has other bytes"
            try:
                for chunk in _chunks(self._folder / place, begin, end):
                    checksum = zlib.crc32(chunk, checksum)
            except UnreadableError as error:
                fault = str(error)
            else:
                if checksum == wanted:
                    continue
            raise StageError(
                f"The copy of {self.name} in {self._where} is damaged, not the slide: {fault}. See "
                "to that disk, name another folder with stage, or set stage to null; then run "
                "again."
            )

    def _states(self) -> dict[str, State]:
        return {place: state_of(source) for place, source in self._parts.items()}

    def _compare(self, before: Mapping[str, State]) -> None:
        after = self._states()
        for place, state in before.items():
            if after[place] != state:
                raise self._changed(place)

    def _check_space(self, size: int) -> None:
        wanted = int(size * (1 + MARGIN)) + MARGIN_BYTES
        with told(self.name, self._where):
            free = shutil.disk_usage(self._folder).free
        if wanted > free:
            raise StageError(
                f"The copy of {self.name} needs {as_size(wanted)}, but {self._where} has "
                f"{as_size(free)} free. Free space there, name another folder with stage, or "
                "set stage to null."
            )

    def _copy_all(self, sizes: Mapping[str, int]) -> None:
        with told(self.name, self._where):
            for place in sizes:
                target = self._folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                target.open("xb").close()
        with ThreadPoolExecutor(PIECES_AT_ONCE) as pool:
            try:
                for _ in pool.map(self._copy, _pieces(sizes)):
                    pass
            finally:
                self._ended = True  # by a signal or an error: what is copied meanwhile ends, too

    def _copy(self, piece: _Piece) -> None:
        place, begin, end = piece
        checksum = copied = 0
        with told(self.name, self._where), (self._folder / place).open("r+b") as stream:
            stream.seek(begin)
            for chunk in _chunks(self._parts[place], begin, end):
                if self._ended:
                    return
                checksum = zlib.crc32(chunk, checksum)
                copied += stream.write(chunk)
        if copied != end - begin:
            raise self._changed(place)
        self._sums[piece] = checksum

    def _changed(self, place: str) -> StageError:
        return StageError(
            f"{self._parts[place].name} changed while {self.name} was copied to {self._where}. "
            "Wait until nothing writes to the slide any more, then run again."
        )


def _pieces(sizes: Mapping[str, int]) -> Iterator[_Piece]:
    """All files in pieces, one file after the other."""
    for place, size in sizes.items():
        for begin in range(0, size, PIECE_BYTES):
            yield _Piece(place, begin, min(begin + PIECE_BYTES, size))


def _chunks(path: Path, begin: int, end: int) -> Iterator[memoryview]:
    """Bytes of a file, a few MB at a time, each valid until the next; fewer where it ends before.

    Raises:
        UnreadableError: it cannot be read.
    """
    buffer = memoryview(bytearray(min(AT_ONCE, end - begin)))
    try:
        with path.open("rb", buffering=0) as stream:
            stream.seek(begin)
            while begin < end and (count := stream.readinto(buffer[: end - begin])):
                yield buffer[:count]
                begin += count
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read ({error.strerror})") from None
