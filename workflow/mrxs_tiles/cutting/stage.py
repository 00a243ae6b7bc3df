"""A slide copied to a local disk for as long as it is read: the config's key ``stage``.

OpenSlide opens the data file anew for each stored image: on a network disk a request each, on a
local one next to nothing. A copy is long reads, some at once. Only ``tile`` makes one: ``inspect``
reads about a hundredth of a slide, so to copy the rest would cost more than it saves.

What is read stays the same, byte for byte. A file that is missing is missing in the copy; a slide
of which a file cannot be read to its end, or of which it is not known what belongs to it, is read
where it lies. Whether the copy is good is asked, by checksums taken on the way, before any tile is
called unreadable because of it. To read it all again each time would take long and say little: it
would come from memory, where it has just passed through, and not from the disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.cutting.slide_copy import Parts, SlideCopy, UnreadableError, told
from mrxs_tiles.errors import SlideError, StageError, shown
from mrxs_tiles.files.scratch import machine, private_folder, remove_leftovers
from mrxs_tiles.mirax.locate import SlideFiles, parts_of
from mrxs_tiles.system import TEMP_VARIABLE

log = logging.getLogger(__name__)

AUTO = "auto"
LINKED = "linked"  # holds the data folder that does not lie beside the slide's small file


def _nothing_to_check() -> None:
    """Of a slide that is read where it lies, every error is its own."""


@dataclass(frozen=True, slots=True)
class Staged:
    """The files to read; ``check`` raises a StageError where they are a copy that is damaged."""

    files: SlideFiles
    check: Callable[[], None] = _nothing_to_check


@contextmanager
def staged(files: SlideFiles, stage: str | None) -> Iterator[Staged]:
    """A slide's files, or a copy of them that is gone when the context ends.

    Args:
        files: the slide's.
        stage: the folder below which it is copied; ``auto``: the one that TMPDIR names; None:
            it is not copied.

    Raises:
        StageError: it cannot be copied there, changed meanwhile, or the copy was damaged.
    """
    if stage is None:
        yield Staged(files)
        return
    folder = _folder(stage, machine())
    name, where = files.path.name, f"{shown(folder)} on {machine()}"
    with ExitStack() as stack:
        with told(name, where):
            remove_leftovers(folder)
            private = stack.enter_context(private_folder(folder))
        copy = SlideCopy(name, where, private, _parts(files))
        if not _made(copy):
            yield Staged(files)
            return
        try:
            yield Staged(_moved(files, private), copy.check)
        except SlideError:
            copy.check()
            raise


def _folder(stage: str, machine: str) -> Path:
    """The folder that ``stage`` names: whether it is there only the machine that reads knows."""
    named = f"stage is {shown(stage)}"
    if stage == AUTO:
        stage = os.environ.get(TEMP_VARIABLE, "")
        if not stage:
            raise StageError(
                f"stage is {AUTO}, the folder that the environment variable {TEMP_VARIABLE} names, "
                f"but {TEMP_VARIABLE} is not set on {machine}. Set it, or name a folder with stage."
            )
        named = f"stage is {AUTO}, and {TEMP_VARIABLE} names {shown(stage)}"
    if not os.path.isdir(stage):  # noqa: PTH112 - Path.is_dir() can raise
        raise StageError(
            f"{named}, but there is no such folder on {machine}. Make it there, name another one "
            "with stage, or set stage to null."
        )
    return Path(os.path.abspath(stage))


def _parts(files: SlideFiles) -> Parts:
    """The files that a slide consists of; none where that is not known."""
    path, folder = files.path, files.folder
    place = "" if folder is None else _place(path, folder)
    return {path.name if part == path else f"{place}/{part.name}": part for part in parts_of(files)}


def _place(path: Path, folder: Path) -> str:
    """Where the data folder lies in the copy: beside the small file only if it does so now."""
    return folder.name if folder == path.with_suffix("") else f"{LINKED}/{folder.name}"


def _moved(files: SlideFiles, private: Path) -> SlideFiles:
    """The same files in the copy, under the same names: sentences name them."""
    path, folder = files.path, files.folder
    return SlideFiles(
        private / path.name, None if folder is None else private / _place(path, folder)
    )


def _made(copy: SlideCopy) -> bool:
    """Whether the copy could be made; if not, the slide is read where it lies."""
    try:
        copy.make()
    except UnreadableError as error:
        log.warning("%s is not copied but read where it lies: %s", copy.name, error)
        copy.discard()
        return False
    return True
