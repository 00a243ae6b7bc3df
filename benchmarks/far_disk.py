"""A disk that lets wait: a folder seen through FUSE, each open and each read later by some ms.

    python benchmarks/far_disk.py FOLDER MOUNT MILLISECONDS

Read-only. It ends when it is unmounted, and says how often it was asked. Waits are side by side, as
those of a network disk are. Needs libfuse 2 and ``pip install mfusepy``.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations

STATUS = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid")
TIMES = ("st_atime", "st_mtime", "st_ctime")


class FarDisk(Operations):
    """Passes on what is asked, later."""

    use_ns = True  # of times

    def __init__(self, folder: str, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._opens = self._reads = 0

    def getattr(self, path: str, _file: int | None = None) -> dict[str, int]:
        """Not later: a network disk's client remembers it."""
        try:
            status = os.lstat(self._folder + path)
        except OSError as error:
            raise FuseOSError(error.errno or errno.EIO) from None
        found = {name: getattr(status, name) for name in STATUS}
        return found | {name: getattr(status, f"{name}_ns") for name in TIMES}

    def readdir(self, path: str, _file: int) -> list[str]:
        """A folder's names."""
        return [".", "..", *os.listdir(self._folder + path)]  # noqa: PTH208 - names, not paths

    def open(self, path: str, _flags: int) -> int:
        """Later."""
        self._opens += 1
        time.sleep(self._seconds)
        try:
            return os.open(self._folder + path, os.O_RDONLY)
        except OSError as error:
            raise FuseOSError(error.errno or errno.EIO) from None

    def read(self, _path: str, size: int, offset: int, file: int) -> bytes:
        """Later."""
        self._reads += 1
        time.sleep(self._seconds)
        return os.pread(file, size, offset)

    def release(self, _path: str, file: int) -> int:
        """At once."""
        os.close(file)
        return 0

    def destroy(self, _path: str) -> None:
        """Say how often it was opened and read."""
        print(self._opens, self._reads, flush=True)


def main(folder: str, mount: str, milliseconds: str) -> None:
    """Mount, until somebody unmounts."""
    options: dict[str, Any] = {"foreground": True, "ro": True, "nothreads": False}
    FUSE(FarDisk(folder, float(milliseconds) / 1000), mount, **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
