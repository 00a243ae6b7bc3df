"""Whether a slide changed while it was read, and what is said of one that may be read later."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mrxs_tiles.errors import PassingError, SlideError, printable
from mrxs_tiles.mirax.locate import SlideFiles, parts_of
from mrxs_tiles.mirax.stamp import stamp

# How a sentence ends on what may pass without a change that a later run could see.
TRIED_AGAIN = "the next run tries this slide again"
PROMISE = f"{TRIED_AGAIN}."
CHECK_DISK = f"Check the disk that the slide lies on and run again: {PROMISE}"

State = tuple[int, int] | None  # a file's size and time of change; None: it is not there


def state_of(path: Path) -> State:
    """What of a file changes when it does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


@contextmanager
def unchanged(files: SlideFiles) -> Iterator[Callable[[], None]]:
    """Read a slide, and see that it was the same from the beginning to the end.

    Pixels of two states would be no slide's. Other files beside its own may come and go.

    Yields:
        What ends the reading: it compares at once, and what becomes of the slide afterwards does
        not count. So nothing need be put in place before it is known to be whole.

    Raises:
        PassingError: a file of it was removed, added or written meanwhile.
    """
    before = {part: state_of(part) for part in parts_of(files) or [files.path]}
    is_read = False

    def end() -> None:
        nonlocal is_read
        if not is_read:
            _compare(files, before)
        is_read = True

    try:
        yield end
    except SlideError:
        end()
        raise
    end()


def _compare(files: SlideFiles, states: Mapping[Path, State]) -> None:
    for part, before in states.items():
        if (now := state_of(part)) == before:
            continue
        what = "was removed" if now is None else "was written" if before else "was added"
        raise changed(files.path, f"while it was read: {printable(part.name)} {what}")


def changed(path: Path, how: str) -> PassingError:
    """What is said of a slide that is not what it was."""
    return PassingError(
        f"{path.name} changed {how}. Wait until nothing writes to the slide any more and run "
        f"again: {PROMISE}"
    )


def explained(path: Path, error: SlideError, begun_with: str | None = None) -> str:
    """The whole sentence on a slide that cannot be read.

    Args:
        path: its file.
        error: what was found.
        begun_with: the ``stamp`` of the slide when the run began; None: that is not known.
    """
    said = str(error)
    if said.endswith(PROMISE):
        return said
    if isinstance(error, PassingError):
        return f"{path.name} cannot be read: {said}. {CHECK_DISK}"
    return said + since_begun(path, begun_with)


def since_begun(path: Path, begun_with: str | None) -> str:
    """What is added to a sentence on damage that may be that of a passing state, else nothing."""
    if begun_with is None or stamp(path) == begun_with:
        return ""
    return f" The slide changed after the run had begun: {PROMISE}"
