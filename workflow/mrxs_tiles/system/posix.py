"""Linux, macOS and the like."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

assert sys.platform != "win32"  # so mypy asks nothing of what is below there

BACKSLASH_DIVIDES = False  # the parts of a path
OPEN_BINARY = 0
OPEN_NO_LINK = os.O_NOFOLLOW
STOP_SIGNALS = (signal.SIGTERM,)  # what a cluster sends when the time is up
LINK_ADVICE = ""  # what more to do where no link can be made
TEMP_VARIABLE = "TMPDIR"  # names the folder for what is written for a while

# What a file system answers that cannot wait: there is nothing to be waited for.
_NOT_HERE = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF, errno.EROFS})


def lock(descriptor: int) -> None:
    """Lock a file until it is closed; the kernel lets it go when the process dies.

    Raises:
        BlockingIOError: another one holds it.
        OSError: its file system has no locks.
    """
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_locked(path: Path, descriptor: int) -> None:
    """Remove a file that is locked, and let go.

    The file goes first: who has it open meanwhile sees that it is gone, and nobody else's goes.
    """
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Bytes at a place of an open file, fewer at its end. Safe in threads and processes.

    Raises:
        OSError: they cannot be read.
    """
    return os.pread(descriptor, length, offset)


def patiently(do: Callable[[], object]) -> None:
    """Do what Windows refuses while another program has a file open.

    Raises:
        OSError: it cannot be done.
    """
    do()


def remove(path: Path) -> None:
    """Remove a file where it is there.

    Raises:
        OSError: it cannot be removed.
    """
    path.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Put a file or a folder where another file may lie.

    Raises:
        OSError: it cannot be done.
    """
    source.replace(target)


def flush_file(path: Path) -> None:
    """Wait until a file's content is on the disk; in memory (tmpfs) that is at once.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, as they are now.

    Raises:
        OSError: they cannot be written.
    """
    flush_file(folder)


def flush_below(folder: Path) -> None:
    """Wait until all that was written below a folder is on the disk.

    On Linux by one call for its whole file system: of thousands of loose tiles it takes a part of
    the time of as many calls of fsync. macOS has no such call for one of them.

    Raises:
        OSError: something cannot be written.
    """
    call = _syncfs()
    if call is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        code = ctypes.get_errno() if call(descriptor) else 0
    finally:
        os.close(descriptor)
    if code and code not in _NOT_HERE:
        raise OSError(code, os.strerror(code))


@cache
def _syncfs() -> Callable[[int], int] | None:
    try:
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None
    call.argtypes, call.restype = [ctypes.c_int], ctypes.c_int
    return call


def link(source: Path, place: Path) -> None:
    """Let a file, or a folder, be found at another place too.

    Raises:
        OSError: there can be no link.
    """
    place.symlink_to(os.path.abspath(source))


def is_mine(status: os.stat_result) -> bool:
    """Whether a file belongs to the user who runs this."""
    return status.st_uid == os.getuid()


def most_open_files(usual: int) -> int:
    """How many files a process may have open at once: systems allow 256, or 1,024, or more.

    ``usual``: the answer where there is no limit.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return usual if allowed == resource.RLIM_INFINITY else allowed


def longest_path() -> int | None:
    """How many characters a path may have; None: more than anybody writes."""
    return None


def is_in_use(error: OSError) -> bool:  # noqa: ARG001 - as elsewhere
    """Whether a file could not be written because another program has it open."""
    return False


def has_no_reader(error: OSError) -> bool:
    """Whether what was written to has ended before us, such as ``head``."""
    return error.errno == errno.EPIPE
