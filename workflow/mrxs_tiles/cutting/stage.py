"""A slide copied to a local disk for as long as it is read: the config's key ``stage``.

OpenSlide opens the data file anew for each stored image: on a network disk a request each, on a
local one next to nothing. A copy is long reads, some at once. Only ``tile`` makes one: ``inspect``
reads about a hundredth of a slide, so to copy the rest would cost more than it saves.

What is read stays the same, byte for byte. A file that is missing is missing in the copy; a slide
of which a file cannot be read to its end, or of which it is not known what belongs to it, is read
where it lies. Whether the copy is good is asked, by checksums taken on the way, before any tile is
called unreadable because of it. To read it all again each time would take long and say little: it
would come from memory, where it has just passed through, and not from the disk.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mrxs_tiles.errors import MrxsTilesError, SlideError, StageError, as_size, shown
from mrxs_tiles.files.scratch import machine, private_folder, remove_leftovers
from mrxs_tiles.mirax.locate import SlideFiles, parts_of
from mrxs_tiles.mirax.unchanged import State, state_of
from mrxs_tiles.system import TEMP_VARIABLE

log = logging.getLogger(__name__)

AUTO = "auto"
LINKED = "linked"  # holds the data folder that does not lie beside the slide's small file
AT_ONCE = 4 << 20  # bytes of one read
# Pieces that are copied at once, of one file or of several. A far disk makes each wait, whatever
# the bytes; a near one reads each for a while before it goes on to the next.
PIECES_AT_ONCE = 8
PIECE_BYTES = 32 << 20
# What a slide takes beside its bytes: last blocks, folders, what others write meanwhile.
MARGIN, MARGIN_BYTES = 0.01, 16 << 20

Parts = Mapping[str, Path]  # a file's place below the copy's folder -> the file


def _nothing_to_check() -> None:
    """Of a slide that is read where it lies, every error is its own."""


@dataclass(frozen=True, slots=True)
class Staged:
    """The files to read; ``check`` raises a StageError where they are a copy that is damaged."""

    files: SlideFiles
    check: Callable[[], None] = _nothing_to_check


class _Piece(NamedTuple):
    """Some bytes of one file."""

    place: str
    begin: int
    end: int


class _UnreadableError(Exception):
    """A file cannot be read to its end."""


@contextmanager
def staged(files: SlideFiles, stage: str | None) -> Iterator[Staged]:
    """A slide's files, or a copy of them that is gone when the context ends.

    Args:
        files: the slide's.
        stage: the folder below which it is copied; ``auto``: the one that TMPDIR names; None:
            it is not copied.

    Raises:
        StageError: it cannot be copied there, changed meanwhile, or the copy was damaged.
    """
    if stage is None:
        yield Staged(files)
        return
    folder = _folder(stage, machine())
    name, where = files.path.name, f"{shown(folder)} on {machine()}"
    with ExitStack() as stack:
        with _told(name, where):
            remove_leftovers(folder)
            private = stack.enter_context(private_folder(folder))
        copy = _Copy(name, where, private, _parts(files))
        if not _made(copy):
            yield Staged(files)
            return
        try:
            yield Staged(_moved(files, private), copy.check)
        except SlideError:
            copy.check()
            raise


def _folder(stage: str, machine: str) -> Path:
    """The folder that ``stage`` names: whether it is there only the machine that reads knows."""
    named = f"stage is {shown(stage)}"
    if stage == AUTO:
        stage = os.environ.get(TEMP_VARIABLE, "")
        if not stage:
            raise StageError(
                f"stage is {AUTO}, the folder that the environment variable {TEMP_VARIABLE} names, "
                f"but {TEMP_VARIABLE} is not set on {machine}. Set it, or name a folder with stage."
            )
        named = f"stage is {AUTO}, and {TEMP_VARIABLE} names {shown(stage)}"
    if not os.path.isdir(stage):  # noqa: PTH112 - Path.is_dir() can raise
        raise StageError(
            f"{named}, but there is no such folder on {machine}. Make it there, name another one "
            "with stage, or set stage to null."
        )
    return Path(os.path.abspath(stage))


@contextmanager
def _told(name: str, where: str) -> Iterator[None]:
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


def _parts(files: SlideFiles) -> Parts:
    """The files that a slide consists of; none where that is not known."""
    path, folder = files.path, files.folder
    place = "" if folder is None else _place(path, folder)
    return {path.name if part == path else f"{place}/{part.name}": part for part in parts_of(files)}


def _place(path: Path, folder: Path) -> str:
    """Where the data folder lies in the copy: beside the small file only if it does so now."""
    return folder.name if folder == path.with_suffix("") else f"{LINKED}/{folder.name}"


def _moved(files: SlideFiles, private: Path) -> SlideFiles:
    """The same files in the copy, under the same names: sentences name them."""
    path, folder = files.path, files.folder
    return SlideFiles(
        private / path.name, None if folder is None else private / _place(path, folder)
    )


def _made(copy: _Copy) -> bool:
    """Whether the copy could be made; if not, the slide is read where it lies."""
    try:
        copy.make()
    except _UnreadableError as error:
        log.warning("%s is not copied but read where it lies: %s", copy.name, error)
        copy.discard()
        return False
    return True


class _Copy:
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
            _UnreadableError: a file cannot be read to its end, or none is known.
        """
        if not self._parts:
            raise _UnreadableError("which files belong to it is not known")
        began = time.monotonic()
        before = self._states()
        sizes = {place: state[0] for place, state in before.items() if state is not None}
        total = sum(sizes.values())
        self._check_space(total)
        try:
            self._copy_all(sizes)
        except _UnreadableError:
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
            except _UnreadableError as error:
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
        with _told(self.name, self._where):
            free = shutil.disk_usage(self._folder).free
        if wanted > free:
            raise StageError(
                f"The copy of {self.name} needs {as_size(wanted)}, but {self._where} has "
                f"{as_size(free)} free. Free space there, name another folder with stage, or "
                "set stage to null."
            )

    def _copy_all(self, sizes: Mapping[str, int]) -> None:
        with _told(self.name, self._where):
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
        with _told(self.name, self._where), (self._folder / place).open("r+b") as stream:
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
        _UnreadableError: it cannot be read.
    """
    buffer = memoryview(bytearray(min(AT_ONCE, end - begin)))
    try:
        with path.open("rb", buffering=0) as stream:
            stream.seek(begin)
            while begin < end and (count := stream.readinto(buffer[: end - begin])):
                yield buffer[:count]
                begin += count
    except OSError as error:
        raise _UnreadableError(f"{path.name} cannot be read ({error.strerror})") from None
