"""A private folder on a local disk that is gone after use, whatever happens.

It bears the machine's name and is locked while it is in use: what a killed run left there, the
next one on that machine knows by its open lock, and removes.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mrxs_tiles.files.store import undisturbed
from mrxs_tiles.system import OPEN_BINARY, OPEN_NO_LINK, is_mine, lock

# Not the beginning of other temporary folders' names: theirs have no second "-".
PREFIX = "mrxs-tiles-stage-"
CONTENT, LOCK = "slide", "lock"
ATTEMPTS = 100
_RANDOM = "[a-z0-9_]+"  # what tempfile adds
_OPEN = os.O_RDWR | OPEN_BINARY


def machine() -> str:
    """The name of this machine, for names and sentences."""
    return re.sub(r"[^A-Za-z0-9.]", "-", platform.node()) or "this-machine"


def _prefix() -> str:
    # A lock counts on one machine only, on some disks that several share.
    return f"{PREFIX}{machine()}-"


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """A new folder below ``parent`` that only this user may enter.

    Raises:
        OSError: it cannot be made or locked there.
    """
    home, held = _made(parent)
    try:
        yield home / CONTENT
    finally:
        undisturbed(lambda: _remove(home, held))


def _made(parent: Path) -> tuple[Path, int]:
    """A new folder and the descriptor of its lock, which is held."""
    for _ in range(ATTEMPTS):
        home = Path(tempfile.mkdtemp(prefix=_prefix(), dir=parent))  # mode 700
        held = -1
        try:
            held = os.open(home / LOCK, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
            lock(held)
            (home / CONTENT).mkdir()
        except (FileNotFoundError, BlockingIOError):
            # another process has taken it for left, before it was locked
            if held >= 0:
                os.close(held)
        except BaseException:
            _remove(home, held)
            raise
        else:
            return home, held
    raise OSError(f"{ATTEMPTS} new folders were removed by others")


def _remove(home: Path, held: int) -> None:
    """Remove a folder and give its lock back: what is left of it stays known by its lock's file.

    That goes last and closed, since Windows removes nothing that is open.
    """
    shutil.rmtree(home / CONTENT, ignore_errors=True)
    if held >= 0:
        os.close(held)
    if not (home / CONTENT).exists():
        shutil.rmtree(home, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Remove what this user's killed runs left on this machine; what is in use stays.

    Raises:
        OSError: ``parent`` cannot be looked into.
    """
    name = re.compile(re.escape(_prefix()) + _RANDOM)
    with os.scandir(parent) as entries:
        found = [Path(entry.path) for entry in entries if name.fullmatch(entry.name)]
    for home in found:
        with suppress(OSError):  # it is somebody else's, in use, or being removed by another
            _remove_left(home)


def _remove_left(home: Path) -> None:
    if home.is_symlink() or not is_mine(home.stat()):
        return
    try:
        held = os.open(home / LOCK, _OPEN | OPEN_NO_LINK)
    except FileNotFoundError:
        home.rmdir()  # killed, or not yet locked: then its maker makes another
        return
    try:
        lock(held)
    except OSError:
        os.close(held)
        raise
    _remove(home, held)
