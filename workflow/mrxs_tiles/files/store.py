"""Bytes -> files, so that a file under its final name is always whole.

Small files are written beside their place and renamed. A slide's tiles are written into a
folder of their own that takes the place of the old one when all are there, so that no run,
killed or finished, leaves tiles of two different runs side by side.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.checksums import Summed, crc32
from mrxs_tiles.system import (
    OPEN_BINARY,
    flush_below,
    flush_file,
    flush_folder,
    is_in_use,
    patiently,
    remove,
    replace,
)

TILES = "tiles"
STREAM_BYTES = 1 << 20  # written at once of a file that is written in pieces


@contextmanager
def told(what: Path) -> Iterator[None]:
    """Turn what the operating system says of writing ``what`` into a sentence.

    Raises:
        ResultsError: the disk is full, the folder read-only, or anything else it refused.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, ResultsError):
            raise
        raise _refused(what, error) from None


def _refused(what: Path, error: OSError) -> ResultsError:
    do = "Free space or permit writing there"
    if is_in_use(error):
        do = "Close the program that has it open, or permit writing there"
    return ResultsError(
        f"{what} cannot be written: {error.strerror or error}. {do}, or set another folder with "
        "results; then run again."
    )


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        ResultsError: it cannot be made.
    """
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)


def make_own_folder(folder: Path) -> None:
    """Make a folder that holds our files alone: a link in its place goes, not what it points to.

    Raises:
        ResultsError: it cannot be made.
    """
    if folder.is_symlink():
        remove_files(folder)
    make_folder(folder)


def check_writable(folder: Path) -> None:
    """Try whether a folder, or the first one above it that is there, can be written into.

    Raises:
        ResultsError: it cannot.
    """
    whole = folder.absolute()
    with told(folder):
        there = next(place for place in (whole, *whole.parents) if place.exists())
        tempfile.TemporaryFile(dir=there).close()


def write_file(path: Path, content: bytes, lasting: bool = False) -> str:
    """Write a file whole or not at all; returns its CRC-32, 8 hex digits.

    ``lasting``: it is on the disk when this returns, under its name.

    Raises:
        ResultsError: it cannot be written.
    """
    with in_place_of(path, lasting) as partial:
        partial.write_bytes(content)
    return crc32(content)


def write_pieces(path: Path, pieces: Iterable[bytes], lasting: bool = False) -> str:
    """Write a file whole or not at all, from pieces that are not held together in memory.

    ``lasting``: as for ``write_file``.

    Returns:
        Its CRC-32, 8 hex digits.

    Raises:
        ResultsError: it cannot be written.
    """
    with in_place_of(path, lasting) as partial, partial.open("wb") as stream:
        summed = Summed(stream)
        summed.writelines(pieces)
    return summed.crc32


@contextmanager
def in_place_of(path: Path, lasting: bool = False) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when the context ends well.

    ``lasting``: as for ``write_file``.

    Raises:
        ResultsError: it cannot be written.
    """
    partial = path.with_name(_partial(path.name))
    with told(path):
        try:
            remove(partial)  # were it a link, what it points to would be written
            yield partial
            if lasting:
                flush_file(partial)
            replace(partial, path)
            if lasting:
                flush_folder(path.parent)
        except BaseException:
            remove(partial)
            raise


def settle(folder: Path, *names: str) -> None:
    """Wait until files of a folder, those that are there, are on the disk; none: all below it.

    Raises:
        ResultsError: they cannot be written.
    """
    with told(folder):
        if not names:
            flush_below(folder)
        for name in names:
            with suppress(FileNotFoundError):
                flush_file(folder / name)


def remove_files(*paths: Path, lasting: bool = False) -> None:
    """Remove files where they are there, and what a killed run left of them.

    ``lasting``: no power cut brings them back once this returns; all lie in one folder then.

    Raises:
        ResultsError: one cannot be removed.
    """
    for path in paths:
        with told(path):
            remove(path)
            remove(path.with_name(_partial(path.name)))
    if lasting and paths:
        with told(paths[0].parent):
            flush_folder(paths[0].parent)


def discard_folder(slide_results: Path, name: str) -> None:
    """Remove what a ``TileFolder`` made, and what a killed run left of it.

    Raises:
        ResultsError: it cannot be removed.
    """
    for folder in (name, _partial(name), _old(name)):
        with told(slide_results / folder):
            _remove_tree(slide_results / folder)


def _partial(name: str) -> str:
    return f".{name}.partial"


def _old(name: str) -> str:
    return f".{name}.old"


def free_bytes(folder: Path) -> int:
    """Bytes that can still be written into an existing folder."""
    with told(folder):
        return shutil.disk_usage(folder).free


class TileFolder:
    """A slide's new folder of pictures, built aside and put in place by ``publish``.

    Used as a context: what was not published is gone when it ends.

    Raises:
        ResultsError: it cannot be written.
    """

    def __init__(self, slide_results: Path, name: str = TILES, summed: bool = False) -> None:
        """Build the folder ``name`` below ``results/{slide}``, which exists.

        ``summed``: ``written`` knows all its files, not only those that are streamed.
        """
        self._name, self._summed = name, summed
        self._streams: dict[str, Summed] = {}
        self._written: dict[str, tuple[int, str]] = {}
        self._final = slide_results / name
        self._new = slide_results / _partial(name)
        self._old = slide_results / _old(name)

    def __enter__(self) -> Self:
        with told(self._final):
            _remove_tree(self._new)
            _remove_tree(self._old)
            self._new.mkdir()
        return self

    def __exit__(self, *error: object) -> None:
        undisturbed(lambda: shutil.rmtree(self._new, ignore_errors=True))

    def make(self, name: str) -> None:
        """Make a folder in it."""
        with told(self._final / name):
            (self._new / name).mkdir()

    def write(self, name: str, content: bytes) -> str:
        """Write one file; returns its path below ``results/{slide}``. Safe in threads."""
        path = f"{self._new}{os.sep}{name}"  # pathlib takes as long as writing a small tile
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_BINARY, 0o666)
            try:
                _write_all(descriptor, content)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _refused(self._final / name, error) from None
        if self._summed:
            self._written[name] = len(content), crc32(content)
        return f"{self._name}/{name}"

    def place(self, name: str) -> Path:
        """Where a file of it will lie, to be named to the user."""
        return self._final / name

    def stream(self, name: str) -> Summed:
        """Open a new file in it, to be written in pieces."""
        with told(self.place(name)):
            self._streams[name] = Summed((self._new / name).open("xb", buffering=STREAM_BYTES))
            return self._streams[name]

    @property
    def written(self) -> dict[str, tuple[int, str]]:
        """Bytes and CRC-32 of files in it, by name in order: of those whose sum is known here."""
        streamed = {name: (one.tell(), one.crc32) for name, one in self._streams.items()}
        return dict(sorted((self._written | streamed).items()))

    def scratch(self) -> IO[bytes]:
        """Open a file on the same disk that has no name and is gone when it is closed."""
        with told(self._final):
            return tempfile.TemporaryFile(dir=self._new)

    def publish(self) -> None:
        """Put the new folder in the place of the old one."""
        with told(self._final):
            if self._final.exists() or self._final.is_symlink():
                replace(self._final, self._old)
            replace(self._new, self._final)
        # what will not go now (a file that is open on a network disk) goes with the next run
        with suppress(OSError):
            _remove_tree(self._old)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def undisturbed(remove: Callable[[], None]) -> None:
    """Remove something to the end, whatever comes.

    Another signal raises in the main thread alone: it cannot end the removal half way.
    """
    remover = threading.Thread(target=remove)
    remover.start()
    remover.join()


def _remove_tree(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        patiently(lambda: shutil.rmtree(folder))
