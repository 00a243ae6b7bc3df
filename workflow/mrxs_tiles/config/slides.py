"""What the key ``slides`` names -> the slides: a folder, one slide, a glob or a sheet."""

from __future__ import annotations

import glob
import itertools
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import overload

from mrxs_tiles.config.config import Config
from mrxs_tiles.config.not_taken import ASK, not_taken, nothing_below
from mrxs_tiles.config.results_place import fit_for_disk, misplaced, same_on_disk
from mrxs_tiles.config.sheet import read_sheet
from mrxs_tiles.config.sheet_text import SHEETS
from mrxs_tiles.config.walk import (
    ARCHIVES,
    INI,
    Walk,
    identity_of,
    passed_over_note,
    system_part,
    unread_by,
    unread_trouble,
    walk,
)
from mrxs_tiles.errors import ConfigError, ResultsError, shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.alike import alike, folded, listing, nearest
from mrxs_tiles.names import Slide, clashes, fit, name_fault
from mrxs_tiles.settings import Settings

__all__ = ["Found", "Slide", "find_slides", "name_fault"]

NO_SHEETS = frozenset((".xls", ".xlsb", ".ods", ".numbers"))
PARTS = frozenset((".dat", ".ini"))  # of a MIRAX slide, in its data folder
ESCAPED = re.compile(r"\[([*?[])\]")  # no wildcard in a glob, but that character itself


@dataclass(frozen=True)
class Found(Sequence[Slide]):
    """The slides that the config names, sorted by name, and what is to be said of the search.

    ``notes`` are said once; ``troubles`` are what keeps slides from being found: the others are
    cut, and the run ends with an error.
    """

    slides: tuple[Slide, ...]
    notes: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.slides)

    @overload
    def __getitem__(self, index: int) -> Slide: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Slide]: ...
    def __getitem__(self, index: int | slice) -> Slide | Sequence[Slide]:
        """The slide at a place, or some of them."""
        return self.slides[index]


def find_slides(config: Config) -> Found:
    """Return the slides that the config names.

    A slide of a sheet need not exist: opening it will fail, and that slide alone.

    Raises:
        ConfigError: nothing is found, the sheet is wrong, or slides are in each other's way.
    """
    try:
        found = _look(config)
        slides = [fit(slide) for slide in found]
        faults = clashes(slides) + misplaced(slides, config.results)
        if not faults:
            slides = fit_for_disk(slides, config.results)
            faults = same_on_disk(slides, config.results)
    except OSError as error:
        if isinstance(error, ResultsError):
            raise
        where = shown(error.filename or config.slides)
        raise ConfigError(
            f"slides is {shown(config.slides)}, and {where} cannot be read ({error.strerror}): "
            "make it readable, or name other slides."
        ) from error
    if faults:
        raise ConfigError(*faults)
    return Found(tuple(sorted(slides, key=lambda slide: slide.name)), found.notes, found.troubles)


def _look(config: Config) -> Found:
    path = Path(os.path.abspath(config.slides))
    asked = f"slides is {shown(config.slides)}"
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if glob.has_magic(config.slides):
            return _without_sheet(config, _from_glob(config))
        path = nearest(path)
        if not path.exists():
            file = nearest(path.with_name(f"{path.name}.mrxs"))
            what = f"name {shown(file)}, the slide's file." if file.is_file() else ASK
            raise ConfigError(f"{asked}, and there is no {shown(path)}: {what}") from None
        mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _without_sheet(config, _from_folder(config, path))
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{asked}, which is neither a file nor a folder: {ASK}")
    suffix = path.suffix.lower()
    if suffix in SHEETS:
        slides, notes = read_sheet(path, config.settings, config.slides, config.carry)
        return Found(tuple(slides), tuple(notes))
    if suffix in NO_SHEETS:
        raise ConfigError(
            f"{asked}, which is neither a slide nor a sheet: "
            "save the sheet as .tsv, .csv or .xlsx, and name that."
        )
    if suffix in ARCHIVES:
        raise ConfigError(f"{asked}, which is an archive: unpack it, and name what was in it.")
    _refuse_data_folder(config, path.parent)
    return _without_sheet(config, Found((Slide(path.stem, path, config.settings),)))


def _without_sheet(config: Config, found: Found) -> Found:
    """What was found otherwise than in a sheet: there is nothing to carry."""
    if config.carry:
        raise ConfigError(
            f"carry is {', '.join(config.carry)}, but slides is {shown(config.slides)}, which is "
            "no sheet: only a sheet has columns. Name a sheet, or leave carry empty."
        )
    return found


def _below(root: Path, path: Path, settings: Settings) -> Slide:
    return Slide(name_below(path, root), path, settings)


def name_below(path: PurePath, root: PurePath) -> str:
    """The name of a slide: its path below a folder without suffix, with ``/`` on every system."""
    return path.relative_to(root).as_posix().removesuffix(path.suffix)


# --- a folder ---------------------------------------------------------------------------------


def _from_folder(config: Config, root: Path) -> Found:
    _refuse_data_folder(config, root)
    # A million tiles may lie in the results. If they are this folder, that has its own fault.
    results = {identity_of(config.results)} if config.results.exists() else set()
    seen = walk(root, results - {identity_of(root)})
    troubles = [unread_trouble(*unread) for unread in sorted(seen.unread)]
    if not seen.slides:
        raise ConfigError(nothing_below(config.slides, root, seen), *troubles)
    notes = not_taken(config.slides, root, seen)
    paths = [*seen.slides, *_without_file(seen, root, config.results)]
    slides = tuple(_below(root, path, config.settings) for path in paths)
    return Found(slides, tuple(notes), tuple(troubles))


def _without_file(seen: Walk, root: Path, results: Path) -> Iterator[Path]:
    """Where the small file of each data folder should be that has none.

    Such a slide must not vanish from a cohort: that its file is not there will be said of it. Where
    beside it lie as many files without their folders, each of these was renamed or its folder was,
    which is said of the file; unless an earlier run knew a slide of the folder's name.
    """
    if not seen.data_folders:
        return
    beside = ((path.parent, path.with_suffix("")) for path in seen.slides)
    names = cache(listing)
    homeless = Counter(
        parent
        for parent, own in beside
        if not (os.path.isdir(own) or alike(own, names))  # noqa: PTH112 - never raises
    )
    orphans = Counter(folder.parent for folder in seen.data_folders)
    for folder in sorted(seen.data_folders):
        known = results / os.path.relpath(folder, root) / manifest.SLIDE_JSON
        if homeless[folder.parent] < orphans[folder.parent] or known.is_file():
            yield folder.with_name(f"{folder.name}.mrxs")


def _refuse_data_folder(config: Config, folder: Path) -> None:
    """Raise if this is the data folder of a slide, which lies beside it."""
    if (folder / INI).exists():
        for suffix in (".mrxs", ".MRXS"):
            slide = folder.with_name(folder.name + suffix)
            if slide.exists():
                raise ConfigError(
                    f"slides is {shown(config.slides)}, but {shown(folder)} is the data folder of "
                    f"a slide: name the file beside it, {shown(slide)}."
                )


# --- a glob -----------------------------------------------------------------------------------


def slashed(pattern: str, divides: str = os.sep) -> str:
    """A glob with ``/`` between its parts, as ``glob`` takes it everywhere."""
    return pattern.replace(divides, "/")


def _from_glob(config: Config) -> Found:
    pattern = slashed(config.slides)
    parts = pattern.split("/")
    plain = itertools.takewhile(lambda part: not glob.has_magic(ESCAPED.sub("", part)), parts[:-1])
    root = Path(os.path.abspath(ESCAPED.sub(r"\1", "".join(f"{part}/" for part in plain))))
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - takes absolute ones, too
    paths = {Path(os.path.abspath(path)) for path in found}
    troubles = tuple(unread_trouble(*unread) for unread in unread_by(pattern))
    files: dict[tuple[str, str], Path] = {}
    passed_over: set[Path] = set()
    real = cache(os.path.realpath)
    is_data = cache(lambda folder: os.path.isfile(folder / INI))  # noqa: PTH113 - never raises

    def is_part(path: Path) -> bool:
        """`**` finds 230 data files of each slide, too."""
        return path.suffix.lower() in PARTS and is_data(path.parent)

    # `**` follows a link that leads back up dozens of times: the shortest way counts.
    for path in sorted(paths, key=lambda path: (len(path.parts), path)):
        if system := system_part(path, root, parts):
            passed_over.add(system)
        elif not os.path.isdir(path) and not is_part(path):  # noqa: PTH112 - never raises
            files.setdefault((real(path.parent), path.name), path)
    notes = [passed_over_note(sorted(passed_over), root)] if passed_over else []
    if not files:
        what = f"{len(paths)} folders but no file match it" if paths else "nothing matches it"
        raise ConfigError(
            f"slides is the glob {shown(config.slides)}, and {what}, looked for from "
            f"{shown(root)}: write one that ends in a file's name, such as *.mrxs.",
            *notes,
            *troubles,
        )
    orphans = _without_match(config, list(files.values()), root, parts)
    slides = [_below(root, path, config.settings) for path in (*files.values(), *orphans)]
    return Found(tuple(slides), tuple(notes), troubles)


def _without_match(
    config: Config, files: Sequence[Path], root: Path, parts: Sequence[str]
) -> Iterator[Path]:
    """Where a glob would have found the files of data folders that have none."""
    pattern = slashed(config.slides)
    if not pattern.lower().endswith(".mrxs"):
        return
    seen = Walk(slides=[path for path in files if path.suffix.lower() == ".mrxs"])
    stems = {folded(str(path.with_suffix(""))) for path in files}
    own = {path.with_suffix("") for path in files}
    for name in glob.iglob(pattern[: -len(".mrxs")], recursive=True):  # noqa: PTH207 - as above
        folder = Path(os.path.abspath(name))
        beside = (folder.with_name(folder.name + suffix) for suffix in (".mrxs", ".MRXS", ".Mrxs"))
        # in a slide's own folder once more: that is said of the slide
        known = (
            folded(str(folder)) in stems
            or folder.parent in own
            or any(map(os.path.lexists, beside))
        )
        is_data = os.path.isfile(folder / INI)  # noqa: PTH113 - never raises
        if not known and is_data and not system_part(folder, root, parts):
            seen.data_folders.append(folder)
    yield from _without_file(seen, root, config.results)
