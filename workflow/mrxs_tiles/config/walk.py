"""What lies below a folder: slides, data folders, and what is passed over or cannot be read."""

from __future__ import annotations

import glob
import heapq
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mrxs_tiles.errors import shown, some_of
from mrxs_tiles.files.alike import folded
from mrxs_tiles.progress import SILENT_SECONDS, Progress

# What OpenSlide may read beside MIRAX: to say so where a folder holds no .mrxs.
OTHER_SLIDES = frozenset(
    (".svs", ".tif", ".tiff", ".ndpi", ".vms", ".vmu", ".scn", ".svslide", ".bif", ".czi", ".dcm")
)
ARCHIVES = frozenset((".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".tar.gz"))
INI = "Slidedat.ini"
# Bins, snapshots and the like of Windows, macOS, Synology, QNAP, NetApp, Samba and others: what was
# deleted, or is there in an older state.
_SYSTEM = re.compile(
    r"[#@~$_]?(nas_)?recycle[drs]?([ ._-]?bin)?(_\w+)?"
    r"|papierkorb|trashbox|trash-\d+|[#@~$](trash(es|ed|box|can)?|deleted)|network trash folder"
    r"|[#@~$](recently-)?snapshots?|@gmt-[\d.-]+|#?previous versions"
    r"|@eadir|@__thumb|@(tmp|sharebin|sharesnap|sync[\w.-]*|database|appstore|cloudsync)|#work"
    r"|system volume information|lost\+found|found\.\d{3}|\$windows\.~\w+|temporary items|__macosx",
    re.IGNORECASE,
)
MOST_SHOWN = 6


@dataclass
class Walk:
    """What was found below a folder."""

    slides: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)  # suffixes
    archives: list[Path] = field(default_factory=list)
    data_folders: list[Path] = field(default_factory=list)  # without their .mrxs
    inner: list[Path] = field(default_factory=list)  # .mrxs that lie in a data folder
    passed_over: list[Path] = field(default_factory=list)  # bins and snapshots
    unread: list[tuple[Path, str]] = field(default_factory=list)  # folders, and why


def is_system(name: str) -> bool:
    """Whether a folder of that name is a bin, a snapshot or another one of the system's own."""
    return _SYSTEM.fullmatch(name) is not None


def walk(root: Path, entered: set[tuple[int, int]]) -> Walk:
    """Look for slides below a folder, but not in the folders entered already.

    Links to folders are followed, since slides are often gathered with them: after all real
    folders, and no folder twice. So a loop ends, and a slide to which two ways lead has the name
    of its real place.
    """
    with Progress("looking for slides", None, "folders", SILENT_SECONDS) as progress:
        return _walk(root, entered, progress)


def _walk(root: Path, entered: set[tuple[int, int]], progress: Progress) -> Walk:
    found = Walk()
    folders = [root]
    links: list[Path] = []
    while folders or links:
        folder = folders.pop() if folders else heapq.heappop(links)
        progress.done()
        try:
            identity = identity_of(folder)
            if identity in entered:
                continue
            entered.add(identity)
            inner = list(_enter(folder, found))
        except OSError as error:
            found.unread.append((folder, error.strerror or str(error)))
            continue
        for path, is_link in inner:
            if is_link:
                heapq.heappush(links, path)
            else:
                folders.append(path)
    return found


def identity_of(folder: Path) -> tuple[int, int]:
    """What is the same for all ways to a folder."""
    status = folder.stat()
    # some network disks of Windows number nothing: all their folders would be one
    return status.st_dev, status.st_ino or hash(os.path.realpath(folder))


def _enter(folder: Path, found: Walk) -> Iterator[tuple[Path, bool]]:
    """Note a folder's files, and give the folders to enter, and whether each is a link."""
    inner: list[tuple[Path, bool]] = []
    slides: list[Path] = []
    is_data = False
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path, is_link = Path(entry.path), entry.is_symlink()
            suffix = path.suffix.lower()
            if os.path.isdir(path) if is_link else entry.is_dir():  # noqa: PTH112
                if is_system(entry.name):
                    found.passed_over.append(path)
                else:
                    inner.append((path, is_link))
            elif suffix == ".mrxs" and (is_link or entry.is_file()):
                slides.append(path)
            elif suffix in OTHER_SLIDES:
                found.others[path.suffix] += 1
            elif suffix in ARCHIVES:
                found.archives.append(path)
            elif entry.name == INI:
                is_data = True
    if is_data:
        found.inner += slides
        found.data_folders.append(folder)
    else:
        found.slides += slides
    # data folders: each holds hundreds of files, and no slide
    exact = {path.stem for path in slides}
    like = {folded(stem) for stem in exact}
    for path, is_link in inner:
        if path.name in exact:
            continue
        if folded(path.name) in like and os.path.isfile(path / INI):  # noqa: PTH113 - never raises
            continue
        yield path, is_link


# --- a glob -----------------------------------------------------------------------------------


def folders_of(pattern: str) -> Iterator[str]:
    """The folders that a glob lists, of which it says nothing where one cannot be read."""
    parts = pattern.split("/")
    for count in range(1, len(parts)):
        head = "/".join(parts[:count])
        if glob.has_magic(parts[count]):
            inner = glob.has_magic(head)
            found = glob.iglob(f"{head}/", recursive=True)  # noqa: PTH207 - takes absolute ones
            yield from found if inner else [f"{head}/"]
    if glob.has_magic(parts[0]):
        yield "./"


def unread_by(pattern: str) -> list[tuple[Path, str]]:
    """The folders that a glob should look into and may not, and why."""
    found: dict[Path, str] = {}
    for folder in folders_of(pattern):
        try:
            with os.scandir(folder) as entries:
                next(entries, None)
        except OSError as error:
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                found[Path(os.path.abspath(folder))] = error.strerror or str(error)
    return sorted(found.items())


def system_part(path: Path, root: Path, named: Sequence[str]) -> Path | None:
    """The bin or snapshot below ``root`` in which a file lies, unless the glob itself names it."""
    parts = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    for count, part in enumerate(parts, 1):
        if is_system(part) and part not in named:
            return root.joinpath(*parts[:count])
    return None


# --- what is said of it -----------------------------------------------------------------------


def passed_over_note(folders: Sequence[Path], root: Path) -> str:
    """The line on bins and snapshots."""
    names = sorted({shown(os.path.relpath(folder, root)) for folder in folders})
    return (
        f"Passed over below {shown(root)}, as bins, snapshots or folders of the system: "
        f"{some_of(names, MOST_SHOWN)}. (Name one as slides to cut what lies there.)"
    )


def unread_trouble(folder: Path, why: str) -> str:
    """The sentence on a folder whose slides nobody knows."""
    return (
        f"The folder {shown(folder)} cannot be read ({why}): slides in it are missing here. Make "
        "it readable, or name slides without it."
    )
