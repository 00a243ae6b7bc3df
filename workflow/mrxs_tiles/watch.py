"""The files that a slide consists of, and whether they changed while they were read."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mrxs_tiles.errors import PassingError, SlideError, printable
from mrxs_tiles.locate import SlideFiles
from mrxs_tiles.slidedat import INI_NAME, read_slidedat

# What a sentence says of a slide whose records are removed at the end of a run.
TRIED_AGAIN = "the next run tries this slide again"
# Formats of one file. What belongs to others (.vms, .vmu, .dcm) only OpenSlide knows.
SINGLE = frozenset({".bif", ".czi", ".ndpi", ".scn", ".svs", ".svslide", ".tif", ".tiff"})

State = tuple[int, int] | None  # a file's size and time of change; None: it is not there


def parts_of(files: SlideFiles) -> Sequence[Path]:
    """The files that a slide consists of, its own first; none where that is not known."""
    path, folder = files.path, files.folder
    if folder is None:
        return [path] if path.suffix.lower() in SINGLE else []
    try:
        slidedat = read_slidedat(folder)
    except SlideError:  # OpenSlide may open it all the same
        return []
    names = dict.fromkeys([INI_NAME, slidedat.index_name, *slidedat.data_files])
    return [path, *(folder / name for name in names)]


def state_of(path: Path) -> State:
    """What of a file changes when it does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


@contextmanager
def unchanged(files: SlideFiles) -> Iterator[None]:
    """Read a slide, and see that it was the same from the beginning to the end.

    Pixels of two states would be no slide's. Other files beside its own may come and go.

    Raises:
        PassingError: a file of it was removed, added or written meanwhile.
    """
    before = {part: state_of(part) for part in parts_of(files) or [files.path]}
    try:
        yield
    except SlideError:
        _compare(files, before)
        raise
    _compare(files, before)


def _compare(files: SlideFiles, states: Mapping[Path, State]) -> None:
    for part, before in states.items():
        if (now := state_of(part)) == before:
            continue
        what = "was removed" if now is None else "was written" if before else "was added"
        raise PassingError(
            f"{files.path.name} changed while it was read: {printable(part.name)} {what}. Wait "
            f"until nothing writes to the slide any more and run again: {TRIED_AGAIN}."
        )
