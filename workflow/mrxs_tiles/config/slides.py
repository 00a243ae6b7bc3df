"""What the key ``slides`` names -> the slides: a folder, one slide, a glob or a sheet."""

from __future__ import annotations

import glob
import heapq
import itertools
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mrxs_tiles.config.config import Config
from mrxs_tiles.config.sheet import SHEETS, read_sheet
from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.names import Slide, clashes, fit, name_fault
from mrxs_tiles.settings import Settings

__all__ = ["Slide", "find_slides", "misplaced", "name_fault"]

NO_SHEETS = frozenset((".xlsx", ".xls", ".ods", ".txt"))
# What OpenSlide may read beside MIRAX: to say so where a folder holds no .mrxs.
OTHER_SLIDES = frozenset(
    (".svs", ".tif", ".tiff", ".ndpi", ".vms", ".vmu", ".scn", ".svslide", ".bif", ".czi", ".dcm")
)
# The operating system's folders at the top of a disk; the bin can hold deleted slides.
SYSTEM_FOLDERS = frozenset(("$RECYCLE.BIN", "System Volume Information", "lost+found"))
ESCAPED = re.compile(r"\[([*?[])\]")  # no wildcard in a glob, but that character itself
ASK = "name a folder, one slide, a glob or a sheet (.tsv, .csv)."


@dataclass
class _Walk:
    """What was found below a folder."""

    slides: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)  # suffixes
    data_folders: list[Path] = field(default_factory=list)


def find_slides(config: Config) -> list[Slide]:
    """Return the slides that the config names, sorted by name.

    A slide of a sheet need not exist: opening it will fail, and that slide alone.

    Raises:
        ConfigError: nothing is found, the sheet is wrong, or slides are in each other's way.
    """
    try:
        slides = [fit(slide) for slide in _look(config)]
        faults = clashes(slides) + misplaced(slides, config.results)
    except OSError as error:
        where = shown(error.filename or config.slides)
        raise ConfigError(
            f"slides is {shown(config.slides)}, and {where} cannot be read ({error.strerror}): "
            "make it readable, or name other slides."
        ) from error
    if faults:
        raise ConfigError(*faults)
    return sorted(slides, key=lambda slide: slide.name)


def _look(config: Config) -> list[Slide]:
    path = Path(os.path.abspath(config.slides))
    asked = f"slides is {shown(config.slides)}"
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if glob.has_magic(config.slides):
            return _from_glob(config)
        raise ConfigError(f"{asked}, and there is no {shown(path)}: {ASK}") from None
    if stat.S_ISDIR(mode):
        return _from_folder(config, path)
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{asked}, which is neither a file nor a folder: {ASK}")
    if path.suffix.lower() in SHEETS:
        return read_sheet(path, config.settings, config.slides)
    if path.suffix.lower() in NO_SHEETS:
        raise ConfigError(
            f"{asked}, which is neither a slide nor a sheet: "
            "save the sheet as .tsv or .csv, in UTF-8, and name that."
        )
    _refuse_data_folder(config, path.parent)
    return [Slide(path.stem, path, config.settings)]


def _below(root: Path, path: Path, settings: Settings) -> Slide:
    return Slide(os.path.relpath(path, root).removesuffix(path.suffix), path, settings)


# --- a folder ---------------------------------------------------------------------------------


def _from_folder(config: Config, root: Path) -> list[Slide]:
    _refuse_data_folder(config, root)
    # A million tiles may lie in the results. If they are this folder, that has its own fault.
    results = {_identity(config.results)} if config.results.exists() else set()
    walk = _walk(root, results - {_identity(root)})
    if not walk.slides:
        raise ConfigError(_nothing_below(config, root, walk))
    return [_below(root, path, config.settings) for path in walk.slides]


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _walk(root: Path, entered: set[tuple[int, int]]) -> _Walk:
    """Look for slides below a folder, but not in the folders entered already.

    Links to folders are followed, since slides are often gathered with them: after all real
    folders, and no folder twice. So a loop ends, and a slide to which two ways lead has the name
    of its real place.
    """
    walk = _Walk()
    folders = [root]
    links: list[Path] = []
    while folders or links:
        folder = folders.pop() if folders else heapq.heappop(links)
        identity = _identity(folder)
        if identity not in entered:
            entered.add(identity)
            for path, is_link in _enter(folder, walk):
                if is_link:
                    heapq.heappush(links, path)
                else:
                    folders.append(path)
    return walk


def _enter(folder: Path, walk: _Walk) -> list[tuple[Path, bool]]:
    """Note a folder's files, and return the folders to enter, and whether each is a link."""
    inner: list[tuple[Path, bool]] = []
    own: set[str] = set()  # data folders: each holds hundreds of files, and no slide
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in SYSTEM_FOLDERS:
                continue
            path, is_link = Path(entry.path), entry.is_symlink()
            suffix = path.suffix.lower()
            if path.is_dir() if is_link else entry.is_dir():
                inner.append((path, is_link))
            elif suffix == ".mrxs" and (is_link or entry.is_file()):
                walk.slides.append(path)
                own.add(path.stem)
            elif suffix in OTHER_SLIDES:
                walk.others[path.suffix] += 1
            elif entry.name == "Slidedat.ini":
                walk.data_folders.append(folder)
    return [(path, is_link) for path, is_link in inner if path.name not in own]


def _refuse_data_folder(config: Config, folder: Path) -> None:
    """Raise if this is the data folder of a slide, which lies beside it."""
    if (folder / "Slidedat.ini").exists():
        for suffix in (".mrxs", ".MRXS"):
            slide = folder.with_name(folder.name + suffix)
            if slide.exists():
                raise ConfigError(
                    f"slides is {shown(config.slides)}, but {shown(folder)} is the data folder of "
                    f"a slide: name the file beside it, {shown(slide)}."
                )


def _nothing_below(config: Config, root: Path, walk: _Walk) -> str:
    found = f"slides is {shown(config.slides)}, and no file below {shown(root)} ends in .mrxs"
    if walk.data_folders:
        folder = min(walk.data_folders)
        return (
            f"{found}, but {shown(folder)} is the data folder of a slide: "
            f"copy the small file {shown(folder.name + '.mrxs')} beside it, too."
        )
    if walk.others:
        others = sorted(walk.others.items(), key=lambda other: (-other[1], other[0]))
        counts = ", ".join(f"{count} in {suffix}" for suffix, count in others)
        pattern = f"{glob.escape(config.slides)}/**/*{others[0][0]}"
        return (
            f"{found}, but other files may be slides ({counts}): "
            f"name them with a glob, {shown(pattern)}, or in a sheet."
        )
    return f"{found} (hidden files and folders are passed over): {ASK}"


# --- a glob -----------------------------------------------------------------------------------


def _from_glob(config: Config) -> list[Slide]:
    parts = config.slides.split("/")
    plain = itertools.takewhile(lambda part: not glob.has_magic(ESCAPED.sub("", part)), parts[:-1])
    root = Path(os.path.abspath(ESCAPED.sub(r"\1", "".join(f"{part}/" for part in plain))))
    found = glob.glob(config.slides, recursive=True)  # noqa: PTH207 - takes absolute ones, too
    paths = {Path(os.path.abspath(path)) for path in found}
    files: dict[tuple[str, str], Path] = {}
    real = cache(os.path.realpath)
    # `**` follows a link that leads back up dozens of times: the shortest way counts.
    for path in sorted(paths, key=lambda path: (len(path.parts), path)):
        if not path.is_dir():
            files.setdefault((real(path.parent), path.name), path)
    if not files:
        what = f"{len(paths)} folders but no file match it" if paths else "nothing matches it"
        raise ConfigError(
            f"slides is the glob {shown(config.slides)}, and {what}, looked for from "
            f"{shown(root)}: write one that ends in a file's name, such as *.mrxs."
        )
    return [_below(root, path, config.settings) for path in files.values()]


# --- the results --------------------------------------------------------------------------------


def misplaced(slides: list[Slide], results: Path) -> list[str]:
    """Return a fault if the results would be written over something that is not theirs."""
    if results.exists() and not results.is_dir():
        return [f"results is {shown(results)}, which is a file: name a folder."]
    real = cache(os.path.realpath)
    for slide in slides:
        if link := _link_below(results, slide.name):
            return [
                f"results is {shown(results)}, and {shown(link)} in it is a link: what is written "
                "and removed there would lie elsewhere. Remove the link, or name another folder."
            ]
        own = Path(real(slide.path.parent), slide.path.stem)
        mirax = slide.path.suffix.lower() == ".mrxs" and not slide.refused
        target = Path(real(results), slide.name)
        if mirax and (target == own or own in target.parents):
            return [
                f"results is {shown(results)}, and so the results of the slide "
                f"{shown(slide.name)} would go into its own data folder {shown(own)}: "
                "name another folder."
            ]
    return []


def _link_below(results: Path, name: str) -> Path | None:
    """The part of a slide's folder below the results that is a link, if there is one."""
    parts = name.split("/")
    places = (results.joinpath(*parts[:count]) for count in range(1, len(parts) + 1))
    return next((place for place in places if os.path.islink(place)), None)  # noqa: PTH114 - never raises
