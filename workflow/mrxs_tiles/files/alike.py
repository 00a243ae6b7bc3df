"""Files whose names a person would call the same: other case, or another form of Unicode.

macOS hands out é as a letter and an accent (NFD), everybody else as one character (NFC); Windows
takes upper for lower case. Where a folder is copied from one to the other, names no longer meet.
"""

from __future__ import annotations

import os
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, wraps
from pathlib import Path

from mrxs_tiles.errors import shown
from mrxs_tiles.files.store import told

Listing = Callable[[Path], Sequence[str]]
# A folder that changed just now may change once more at the same time, as FAT knows it.
SETTLED_NS = 2_000_000_000


def while_unchanged(look: Listing) -> Listing:
    """A look at a folder, taken once as long as nothing comes there or goes.

    A thousand slides without their data folders lie side by side: each asks for the same names.
    """
    seen: dict[Path, tuple[int, Sequence[str]]] = {}

    @wraps(look)
    def known(folder: Path) -> Sequence[str]:
        try:
            changed = folder.stat().st_mtime_ns
        except OSError:
            return look(folder)
        before = seen.get(folder)
        if before is not None and before[0] == changed:
            return before[1]
        names = look(folder)
        if time.time_ns() - changed > SETTLED_NS:
            seen[folder] = changed, names
        return names

    return known


@lru_cache(1 << 16)
def folded(name: str) -> str:
    """What two names that a person would call the same have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


@while_unchanged
def listing(folder: Path) -> Sequence[str]:
    """The names in a folder; none where it cannot be listed."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except OSError:
        return ()


def alike(path: Path, names: Listing = listing) -> list[Path]:
    """What lies beside a path under names that differ in case or Unicode form only, sorted."""
    wanted = folded(path.name)
    found = (name for name in names(path.parent) if name != path.name and folded(name) == wanted)
    return [path.with_name(name) for name in sorted(found)]


def nearest(path: Path, names: Listing = listing) -> Path:
    """The path as it is on the disk, where each of its parts fits exactly one name there.

    A path that is there, or of which a part fits none or several, comes back as it was.
    """
    if os.path.lexists(path) or not path.name:
        return path
    folder = nearest(path.parent, names)
    if not os.path.isdir(folder):  # noqa: PTH112 - never raises
        return path
    exact = folder / path.name
    if os.path.lexists(exact):
        return exact
    found = alike(exact, names)
    return found[0] if len(found) == 1 else path


def difference(one: str, other: str) -> str:
    """In words how a name differs from one that is ``folded`` alike."""
    forms = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    letters = [
        f"{shown(mine)} for {shown(theirs)}"
        for mine, theirs in zip(*_composed(one, other), strict=False)
        if mine != theirs
    ]
    if not forms and letters:
        return f"in upper and lower case ({', '.join(letters[:4])})"
    odd = sorted({char for char in unicodedata.normalize("NFC", one) if _is_accented(char)})
    return (
        "in how accented letters are stored (" + ", ".join(map(shown, odd[:4])) + " as one "
        "character, or as a letter and an accent)"
    )


def _composed(*names: str) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", name) for name in names)


def _is_accented(char: str) -> bool:
    return unicodedata.normalize("NFD", char) != char


def one_place(folder: Path, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of names that are one and the same place below a folder.

    It is tried with empty folders on the disk itself, in the first folder above that is there: what
    a network disk makes of case and Unicode nothing else tells.

    Args:
        folder: need not be there yet.
        names: relative paths with ``/``.

    Raises:
        ResultsError: nothing can be written there.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(folded(name), []).append(name)
    doubtful = [sorted(group) for group in groups.values() if len(group) > 1]
    if not doubtful:
        return []
    pairs = []
    with _on_disk_of(folder) as scratch:
        for number, group in enumerate(doubtful):
            base = Path(scratch, str(number))
            taken: list[str] = []
            for name in group:
                if (base / name).exists():
                    same = next(one for one in taken if (base / one).samefile(base / name))
                    pairs.append((same, name))
                else:
                    (base / name).mkdir(parents=True)
                    taken.append(name)
    return pairs


def not_made(folder: Path, names: Iterable[str]) -> list[str]:
    """Return the names that cannot be folders below a folder, or would be called otherwise there.

    Args:
        folder: need not be there yet.
        names: relative paths with ``/``.

    Raises:
        ResultsError: nothing can be written there.
    """
    lost = []
    with _on_disk_of(folder) as scratch:
        for number, name in enumerate(names):
            place = Path(scratch, str(number))
            try:
                place.mkdir()
                for part in name.split("/"):
                    (place / part).mkdir()
                    if [folded(one) for one in os.listdir(place)] != [folded(part)]:  # noqa: PTH208
                        raise FileNotFoundError
                    place /= part
            except OSError:
                lost.append(name)
    return lost


@contextmanager
def _on_disk_of(folder: Path) -> Iterator[str]:
    """A folder for a while in the first one that is there, this one or one above it."""
    whole = folder.absolute()
    there = next(place for place in (whole, *whole.parents) if place.exists())
    with told(folder), tempfile.TemporaryDirectory(prefix=".mrxs-tiles-", dir=there) as scratch:
        yield scratch
