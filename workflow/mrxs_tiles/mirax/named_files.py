"""The files that Slidedat.ini names, looked at before anything opens them.

OpenSlide opens whatever is named: a named pipe would hold it for ever, and a name that leads out of
the slide's folder would show a file that is not the slide's. A link is somebody's wish: it may lead
to where the slides lie, or to a store of git-annex or DVC, and nowhere else
(docs/decisions/13-links.md).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType

from mrxs_tiles.system.names import is_device, leads_out

# Below a folder that lies above the slide. git-annex, which datalad uses too, and DVC.
STORES = (".git/annex", ".dvc/cache")
_named_by_user: set[str] = set()


class Odd(Enum):
    """Why a file is not to be opened."""

    OUTSIDE = "outside the folder"
    LINKED = "a link to somewhere else"
    NO_FILE = "neither a file nor a folder"


def allow_links_below(slides: str | os.PathLike[str]) -> None:
    """Let links of slides below a folder lead to anywhere below it: what the key `slides` names.

    Of a glob the part without a wildcard; a sheet or a slide names no folder. Holds for this
    process.
    """
    parts = Path(os.path.abspath(slides)).parts
    plain = [part for part in parts if any(sign in part for sign in "*?[")]
    folder = Path(*parts[: parts.index(plain[0])] if plain else parts)
    if folder.is_dir() and folder != Path(folder.anchor):
        _named_by_user.add(os.path.realpath(folder))
        _roots.cache_clear()


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


def target_of(folder: Path, name: str) -> str:
    """Where a link leads as it says; of an absolute path the last part: it is some machine's."""
    target = os.readlink(folder / name)  # noqa: PTH115 - as it stands there
    return f".../{os.path.basename(target)}" if os.path.isabs(target) else target  # noqa: PTH117, PTH119


def _odd(folder: Path, name: str) -> Odd | None:
    if leads_out(name):
        return Odd.OUTSIDE
    if is_device(name):
        return Odd.NO_FILE
    try:
        within = os.path.realpath(folder)
        real = os.path.realpath(folder / name)
        if not any(is_below(real, root) for root in (within, *_roots(os.path.abspath(folder)))):
            return Odd.LINKED
        mode = (folder / name).stat().st_mode
    except (OSError, ValueError):  # it is not there, or cannot be: a NUL, a circle of links
        return None
    # a folder can be opened, but not read: that is told where it is read
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else Odd.NO_FILE


def is_below(path: str, folder: str, rules: ModuleType = os.path) -> bool:
    """Whether a path lies in a folder, both absolute and links resolved.

    ``rules``: of which system, as a module like ``os.path``.
    """
    path, folder = rules.normcase(path), rules.normcase(folder)
    try:
        return bool(rules.commonpath([path, folder]) == folder)
    except ValueError:  # two drives
        return False


@cache
def _roots(folder: str) -> tuple[str, ...]:
    """Where links of a slide's folder may lead, beside the folder itself; links resolved.

    As the slide is named, and where it really lies: its data folder can be a link itself.
    """
    roots: dict[str, None] = {}
    for own in dict.fromkeys((Path(folder), Path(os.path.realpath(folder)))):
        if own.parent != Path(own.anchor):  # a slide at the top of a disk would open all of it
            roots[os.path.realpath(own.parent)] = None
        for above in own.parents:
            stores = (os.path.realpath(above / store) for store in STORES)
            roots |= dict.fromkeys(store for store in stores if os.path.isdir(store))  # noqa: PTH112
            if (real := os.path.realpath(above)) in _named_by_user:
                roots[real] = None
    return tuple(roots)
