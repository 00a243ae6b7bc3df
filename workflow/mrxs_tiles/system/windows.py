"""Windows. What of it was never run on one is said in docs/windows.md."""

from __future__ import annotations

import errno
import msvcrt
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

# So mypy asks nothing of what is below elsewhere, where tests run it all the same (--as-windows).
assert sys.platform == "win32" or not TYPE_CHECKING

BACKSLASH_DIVIDES = os.sep == "\\"  # not where the tests run this elsewhere
OPEN_BINARY = os.O_BINARY  # line ends are turned otherwise
OPEN_NO_LINK = 0  # there is no such flag; who may make links there may do more
STOP_SIGNALS = (signal.SIGTERM, signal.SIGBREAK)  # SIGTERM never comes, Ctrl-Break does
TEMP_VARIABLE = "TEMP"
LINK_ADVICE = (
    " Or switch on Windows' Developer Mode, which permits links, or set TEMP to a folder on the "
    "slide's disk."
)
PRIVILEGE_NOT_HELD = 1314  # Windows' error of who makes a link without Developer Mode
_IN_USE = (5, 32, 33)  # access denied, sharing violation, a part of it locked
PATH_CHARACTERS = 259  # MAX_PATH, without the zero at its end

# One byte is locked, far behind the text that says who holds it: others must be able to read that.
_LOCKED_BYTE = 1 << 20
# A virus scanner or an indexer has a new file open for some ms: tried again for two seconds.
_WAITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
# Threads take turns at one file, which has one position only; at others they read meanwhile.
_TURNS = tuple(threading.Lock() for _ in range(64))


def lock(descriptor: int) -> None:
    """Lock a file until it is closed; Windows lets it go when the process dies.

    Raises:
        BlockingIOError: another one holds it.
        OSError: its disk has no locks.
    """
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EDEADLK):
            raise BlockingIOError(error.errno, error.strerror) from None
        raise
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)


def remove_locked(path: Path, descriptor: int) -> None:
    """Remove a file that is locked, and let go.

    It is closed first, since nothing goes that is open. That of who has it open meanwhile stays.
    """
    with suppress(OSError):
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)  # at its closing it might go later
    os.close(descriptor)
    with suppress(OSError):
        path.unlink()


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Bytes at a place of an open file, fewer at its end. Safe in threads.

    Raises:
        OSError: they cannot be read.
    """
    with _TURNS[descriptor % len(_TURNS)]:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)


def remove(path: Path) -> None:
    """Remove a file where it is there.

    Raises:
        OSError: it cannot be removed, also not when tried again.
    """
    patiently(lambda: path.unlink(missing_ok=True))


def replace(source: Path, target: Path) -> None:
    """Put a file or a folder where another file may lie.

    Raises:
        OSError: it cannot be done, also not when tried again.
    """
    patiently(lambda: source.replace(target))


def patiently(do: Callable[[], object]) -> None:
    """Do what is refused while another program has a file open, again after a while.

    Raises:
        OSError: it is refused for good.
    """
    for wait in _WAITS:
        try:
            do()
        except PermissionError:
            time.sleep(wait)
        else:
            return
    do()


def flush_file(path: Path) -> None:
    """Wait until a file's content is on the disk.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_RDWR | OPEN_BINARY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Nothing: no folder can be opened, and NTFS has names in its journal."""


def flush_below(folder: Path) -> None:
    """Wait until all files below a folder are on the disk.

    Raises:
        OSError: one cannot be written.
    """
    for root, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                flush_file(Path(root, name))


def link(source: Path, place: Path) -> None:
    """Let a file, or a folder, be found at another place too.

    Where links are not permitted a file becomes a second name of the same file (a hard link), and
    a folder a new one with such names in it: on one disk alone.

    Raises:
        OSError: there can be no link.
    """
    source = Path(os.path.abspath(source))
    try:
        place.symlink_to(source, target_is_directory=source.is_dir())
    except (OSError, NotImplementedError):
        if not source.is_dir():
            _second_name(source, place)
            return
        place.mkdir()
        try:
            for file in source.iterdir():
                if file.is_file():
                    _second_name(file, place / file.name)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise


def _second_name(file: Path, place: Path) -> None:
    # Who removes a second name of a file that is read-only makes it writable first: both names.
    if not os.access(file, os.W_OK):
        raise PermissionError(errno.EACCES, "a link is not permitted, and the file is read-only")
    place.hardlink_to(file)


def is_mine(status: os.stat_result) -> bool:  # noqa: ARG001 - as elsewhere
    """Whether a file belongs to the user who runs this: the temporary folder there is his own."""
    return True


def most_open_files(usual: int) -> int:  # noqa: ARG001 - as elsewhere
    """How many files a process may have open at once: what the C library allows."""
    return 512


def longest_path() -> int | None:
    """How many characters a path may have; None: more than anybody writes."""
    try:
        import winreg  # here, since nothing else needs it

        key = r"SYSTEM\CurrentControlSet\Control\FileSystem"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as folder:
            enabled, _ = winreg.QueryValueEx(folder, "LongPathsEnabled")
    except (ImportError, OSError):
        return PATH_CHARACTERS
    return None if enabled else PATH_CHARACTERS


def is_in_use(error: OSError) -> bool:
    """Whether a file could not be written because another program has it open.

    Windows says the same where the file may not be written at all.
    """
    return getattr(error, "winerror", 0) in _IN_USE


def has_no_reader(error: OSError) -> bool:
    """Whether what was written to has ended before us, such as ``more``."""
    return error.errno in (errno.EPIPE, errno.EINVAL)
