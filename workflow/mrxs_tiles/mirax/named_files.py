"""The files that Slidedat.ini names, looked at before anything opens them.

OpenSlide opens whatever is named: a named pipe would hold it for ever, and a name or a link that
leads out of the slide's folder would show a file that is not the slide's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from enum import Enum
from pathlib import Path


class Odd(Enum):
    """Why a file is not to be opened."""

    OUTSIDE = "outside the folder"
    NO_FILE = "neither a file nor a folder"


def first_odd(folder: Path, names: Iterable[str]) -> tuple[str, Odd] | None:
    """The first of some names that is not to be opened, and why; None: there is no such name."""
    try:
        with os.scandir(folder) as entries:
            # one look at the folder: a slide has 230 data files, on a network disk
            plain = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        plain = set()
    for name in names:
        if name not in plain and (why := _odd(folder, name)) is not None:
            return name, why
    return None


def _odd(folder: Path, name: str) -> Odd | None:
    try:
        real, within = os.path.realpath(folder / name), os.path.realpath(folder)
        if os.path.commonpath([real, within]) != within:
            return Odd.OUTSIDE
        mode = (folder / name).stat().st_mode
    except (OSError, ValueError):  # it is not there, or cannot be: a NUL, a circle of links
        return None
    # a folder can be opened, but not read: that is told where it is read
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else Odd.NO_FILE
