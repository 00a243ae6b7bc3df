"""Bytes -> files, so that a file under its final name is always whole.

A file is written beside its place and renamed. A whole folder is so in ``tile_folder``.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.checksums import Summed, crc32
from mrxs_tiles.system import (
    flush_below,
    flush_file,
    flush_folder,
    is_in_use,
    remove,
    replace,
)


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
        raise refused(what, error) from None


def refused(what: Path, error: OSError) -> ResultsError:
    """What is said of a file that cannot be written."""
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


def write_file(path: Path, content: bytes, lasting: bool = False, alone: bool = True) -> str:
    """Write a file whole or not at all; returns its CRC-32, 8 hex digits.

    ``lasting``: it is on the disk when this returns, under its name. ``alone``: no other process
    writes the same file meanwhile.

    Raises:
        ResultsError: it cannot be written.
    """
    with in_place_of(path, lasting, alone) as partial:
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
def in_place_of(path: Path, lasting: bool = False, alone: bool = True) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when the context ends well.

    ``lasting``, ``alone``: as for ``write_file``.

    Raises:
        ResultsError: it cannot be written.
    """
    partial = path.with_name(partial_name(path.name if alone else f"{path.name}.{token_hex(4)}"))
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
            remove(path.with_name(partial_name(path.name)))
    if lasting and paths:
        with told(paths[0].parent):
            flush_folder(paths[0].parent)


def partial_name(name: str) -> str:
    """What a file or folder is called as long as it is not whole."""
    return f".{name}.partial"


def free_bytes(folder: Path) -> int:
    """Bytes that can still be written into an existing folder."""
    with told(folder):
        return shutil.disk_usage(folder).free


def undisturbed(remove: Callable[[], None]) -> None:
    """Remove something to the end, whatever comes.

    Another signal raises in the main thread alone: it cannot end the removal half way.
    """
    remover = threading.Thread(target=remove)
    remover.start()
    remover.join()
