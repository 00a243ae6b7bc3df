"""One process at a time on a slide, a report or a workflow's results.

A hidden file that is held locked: the system lets it go when its process dies, however that
happens, so no lock is ever stale; the file that a killed one leaves is empty of meaning and
goes with the next run. Not the folder itself is locked, since on NFS that would hold on one machine
only, and the second process should learn who the first one is. Where the file system has no locks,
or the file cannot be made, the step goes on without: what cannot be written is told by the step.
"""

from __future__ import annotations

import atexit
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mrxs_tiles.errors import ResultsError, printable
from mrxs_tiles.system import OPEN_BINARY, lock, read_at, remove_locked

SLIDE_LOCK, REPORT_LOCK, RUN_LOCK = ".slide.lock", ".report.lock", ".run.lock"
SURVEY_LOCK = ".survey.lock"
SLIDE_TAKEN = "The slide {} is being inspected or cut"
HOLDER_BYTES = 300  # who holds it, at most
IN_TURN = ", in turn"  # who holds it lets others like itself wait
ASK_AGAIN = 0.2  # s
UNSIGNED = 2.0  # s after which a holder that has not signed is not one who signs


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold a lock, so that nobody else does the same meanwhile.

    Args:
        path: of the lock's file, which is there only while it is held.
        what: who would do what, for the sentence: "The slide A is being cut".

    Raises:
        ResultsError: another process holds it.
    """
    descriptor = _take(path, what)
    try:
        yield
    finally:
        if descriptor is not None:
            remove_locked(path, descriptor)


@contextmanager
def in_turn(path: Path, what: str) -> Iterator[None]:
    """Hold a lock as ``alone`` does, but wait while another holds it in turn.

    For steps that one run may start side by side on a slide that is cut (``export``, ``viewer``):
    they change none of each other's files but the slide's state, so they go one after another.

    Raises:
        ResultsError: another process holds it alone.
    """
    descriptor = _take(path, what, turns=True)
    try:
        yield
    finally:
        if descriptor is not None:
            remove_locked(path, descriptor)


def hold(path: Path, what: str) -> None:
    """Hold a lock as ``alone`` does, until this process ends.

    Raises:
        ResultsError: another process holds it.
    """
    descriptor = _take(path, what)
    if descriptor is not None:
        # absolute, since Snakemake turns back to the folder where it was started
        atexit.register(remove_locked, path.absolute(), descriptor)


def _take(path: Path, what: str, turns: bool = False) -> int | None:
    """Take a lock until the descriptor is closed; None where there are no locks.

    Raises:
        ResultsError: another process holds it, or, with ``turns``, holds it alone.
    """
    unsigned_until = time.monotonic() + UNSIGNED
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | OPEN_BINARY, 0o666)
        except OSError:
            return None
        try:
            lock(descriptor)
            if _is_at(descriptor, path):
                _sign(descriptor, IN_TURN if turns else "")
                return descriptor
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            passing = IN_TURN in holder or (not holder and time.monotonic() < unsigned_until)
            if turns and passing:
                time.sleep(ASK_AGAIN)
                continue
            holder = holder.replace(IN_TURN, "")
            raise ResultsError(
                f"{what} by another process right now{holder}. Wait until it has ended, or end it; "
                "then run again. (After a run that was killed, one of its jobs may go on.)"
            ) from None
        except OSError:
            remove_locked(path, descriptor)
            return None
        os.close(descriptor)  # who held it has removed it between the two calls


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _sign(descriptor: int, how: str) -> None:
    """Say in the file who holds it; a full disk is no reason to stop."""
    text = f"process {os.getpid()} on {platform.node()}{how}"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode("utf-8", "backslashreplace"))


def _holder(descriptor: int) -> str:
    """Who holds it, as far as it is known."""
    try:
        text = read_at(descriptor, HOLDER_BYTES, 0).decode("utf-8", "replace")
    except OSError:
        return ""
    return f" ({printable(text)})" if text else ""
