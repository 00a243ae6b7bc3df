"""Linux, macOS and the like."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

assert sys.platform != "win32"  # so mypy asks nothing of what is below there

BACKSLASH_DIVIDES = False  # the parts of a path
OPEN_BINARY = 0
OPEN_NO_LINK = os.O_NOFOLLOW
STOP_SIGNALS = (signal.SIGTERM,)  # what a cluster sends when the time is up
TEMP_VARIABLE = "TMPDIR"  # names the folder for what is written for a while


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


def replace(source: Path, target: Path) -> None:
    """Put a file or a folder where another file may lie.

    Raises:
        OSError: it cannot be done.
    """
    source.replace(target)


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


def has_no_reader(error: OSError) -> bool:
    """Whether what was written to has ended before us, such as ``head``."""
    return error.errno == errno.EPIPE
