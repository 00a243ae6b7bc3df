"""What changes when a slide does, from the file system and two small files alone.

A slide is what is in it, not where it lies: its files are looked at by the names that
Slidedat.ini gives them, so a moved or copied folder, a link to it and what Finder or Explorer
leave among the data files change nothing. See docs/decisions/02-stamp-of-the-slide.md.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mrxs_tiles.errors import SlideError, some_of
from mrxs_tiles.mirax.data_folder import MIRAX_SUFFIX, data_folder, is_mirax
from mrxs_tiles.mirax.ini import INI_MAX_BYTES, INI_NAME
from mrxs_tiles.mirax.locate import PERMIT, locate

# An index of some MB, of each of 2,000 slides in each run: its ends, its size and its time do.
ENDS = 1 << 16  # bytes
_NAMED = re.compile(rb"^[ \t]*(INDEXFILE|FILE_[0-9]+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_BY_ALL = 0o004


class Stamp(NamedTuple):
    """``digest`` of what the slide is made of, its size in bytes, and what of it is not there.

    ``lost``: files that Slidedat.ini names and that are missing, or that may not be read.
    """

    digest: str
    size: int
    lost: tuple[str, ...]


def stamp(path: Path) -> str:
    """The digest of a slide's files as they are now."""
    return take_stamp(path).digest


@cache
def first_stamp(path: Path) -> Stamp:
    """The slide's stamp when this process first asked: a run keeps to it until it ends."""
    return take_stamp(path)


def take_stamp(path: Path) -> Stamp:
    """Look at a slide's files; what cannot be looked at is no part of the digest.

    For MIRAX: the size and time of the slide's own file, of Index.dat and of the data files,
    links followed; what Slidedat.ini and the ends of Index.dat hold. One look at a directory,
    not one input per data file, because a thousand slides have 230 data files each.
    """
    parts: list[str] = []
    total = 0
    lost: list[str] = []
    for name, place, status in _looked_at(path):
        if isinstance(status, str):
            parts.append(f"{name} {status}")
            continue
        readable = status is not None and _may_be_read(place, status)
        if status is None or not readable:
            lost.append(name)
        if status is not None:
            refused = "" if readable else " refused"
            parts.append(f"{name} {status.st_size} {status.st_mtime_ns}{refused}")
            total += status.st_size
    listing = "\n".join(parts).encode("utf-8", "surrogateescape")
    return Stamp(hashlib.sha256(listing).hexdigest()[:16], total, tuple(lost))


def _may_be_read(place: str | Path, status: os.stat_result) -> bool:
    """Whether this user may read a file; the system is asked only where not everybody may."""
    return bool(status.st_mode & _BY_ALL) or os.access(place, os.R_OK)


def _looked_at(path: Path) -> Iterator[tuple[str, str | Path, os.stat_result | str | None]]:
    """Names that hold wherever the slide lies, where it does, and what is known of each.

    A digest counts as known, too.
    """
    # not with locate(): its sentence on a missing folder takes a look at all slides beside it
    with suppress(OSError):
        yield (MIRAX_SUFFIX if is_mirax(path) else path.suffix.lower()), path, path.stat()
    if not is_mirax(path):
        return
    try:
        folder = data_folder(path) if path.is_file() else None
        there = {} if folder is None else _listed(folder)
    except OSError:
        return
    if folder is None:
        return
    text = _content(folder / INI_NAME)
    if text is None:
        yield INI_NAME, folder / INI_NAME, None
        return
    yield INI_NAME, folder / INI_NAME, hashlib.sha256(text).hexdigest()
    index, names = _named(text)
    for name in sorted({index, *names} - {INI_NAME}):
        if not name or "/" in name or name in (".", ".."):
            continue  # it leads out of the folder: refused when the slide is opened
        entry = there.get(os.path.normcase(name))
        status = None
        if entry is not None:
            with suppress(OSError):
                status = entry.stat()
        place = "" if entry is None else entry.path
        yield name, place, status
        if name == index and status is not None:
            yield name, place, hashlib.sha256(_ends(folder / name, status.st_size)).hexdigest()


def _listed(folder: Path) -> dict[str, os.DirEntry[str]]:
    """What lies in a folder, by name; a Path for each of 230 files takes twice as long.

    Where upper and lower case are one, a name is found in any.
    """
    with os.scandir(folder) as entries:
        return {os.path.normcase(entry.name): entry for entry in entries}


def _named(slidedat: bytes) -> tuple[str, set[str]]:
    """The index and the data files that Slidedat.ini names; a parser takes its time."""
    index = ""
    names: set[str] = set()
    for key, value in _NAMED.findall(slidedat):
        name = os.fsdecode(value)
        if key == b"INDEXFILE":
            index = name
        else:
            names.add(name)
    return index, names


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            return stream.read(INI_MAX_BYTES)
    except OSError:
        return None


def _ends(path: Path, size: int) -> bytes:
    """The beginning and the end of a file, which has a size."""
    try:
        with path.open("rb") as stream:
            if size <= 2 * ENDS:
                return stream.read()
            first = stream.read(ENDS)
            stream.seek(size - ENDS)
            return first + stream.read(ENDS)
    except OSError:
        return b""


def why_away(path: Path) -> str:
    """The sentence on a slide that cannot be opened, at a look; "" where it perhaps can."""
    try:
        files = locate(path)
    except SlideError as error:
        return str(error)
    if files.folder is not None and INI_NAME in first_stamp(path).lost:
        return f"{INI_NAME} of {path.name} cannot be read. {PERMIT}."
    return ""


def lost_since(path: Path, known: Collection[str]) -> str:
    """The sentence on files of a slide that are not there now; "" where all are.

    ``known``: those that were not there when it was inspected.
    """
    lost = [name for name in first_stamp(path).lost if name not in known]
    if not lost:
        return ""
    return (
        f"{some_of(lost, 1)} of {path.name} cannot be read: missing, or not permitted. "
        "Copy the slide's folder again from the scanner or the archive."
    )
