"""What the key ``slides`` names -> the slides: a folder, one slide, a glob or a sheet."""

from __future__ import annotations

import csv
import glob
import heapq
import io
import itertools
import os
import re
import stat
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from mrxs_tiles.config import Config, Settings, home_expanded, load_schema, override, unknown_name
from mrxs_tiles.errors import ConfigError, printable, shown

SHEETS = {".tsv": "\t", ".csv": ","}
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}
NO_SHEETS = frozenset((".xlsx", ".xls", ".ods", ".txt"))
PATH_COLUMNS = frozenset(("slide_id", "image_path", "filename", "filepath", "file_path", "file"))
# What OpenSlide may read beside MIRAX: to say so where a folder holds no .mrxs.
OTHER_SLIDES = frozenset(
    (".svs", ".tif", ".tiff", ".ndpi", ".vms", ".vmu", ".scn", ".svslide", ".bif", ".czi", ".dcm")
)
# The operating system's folders at the top of a disk; the bin can hold deleted slides.
SYSTEM_FOLDERS = frozenset(("$RECYCLE.BIN", "System Volume Information", "lost+found"))
# What the report writes beside the slides' folders.
RESERVED = frozenset(("report.tsv", "report.html", "report_files", "runtime.tsv", "survey.tsv"))
# To Snakemake braces are wildcards, also in the path of an input, and nothing escapes them; a
# line break ends its patterns; what is not UTF-8 it cannot write down.
UNFIT = re.compile(r"[{}\x00-\x1f\x7f-\x9f\ud800-\udfff]")
ESCAPED = re.compile(r"\[([*?[])\]")  # no wildcard in a glob, but that character itself
LONGEST_PART = 240  # bytes; file systems allow 255, and a log's name is longer than the slide's
ASK = "name a folder, one slide, a glob or a sheet (.tsv, .csv)."


@dataclass(frozen=True, slots=True)
class Slide:
    """One slide: its name, where it lies (absolute, links not resolved), how it is cut.

    ``refused`` is the sentence on why nothing can be done with it, else empty. The name and the
    path of a refused slide are there to be shown: bytes that are not UTF-8 are escaped in them.
    """

    name: str
    path: Path
    settings: Settings
    refused: str = ""


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
        slides = [_fit(slide) for slide in _look(config)]
        faults = _clashes(slides) + _misplaced(slides, config)
    except OSError as error:
        where = shown(error.filename or config.slides)
        raise ConfigError(
            f"slides is {shown(config.slides)}, and {where} cannot be read ({error.strerror}): "
            "make it readable, or name other slides."
        ) from error
    if faults:
        raise ConfigError(*faults)
    return sorted(slides, key=lambda slide: slide.name)


def name_fault(name: str) -> str:
    """Return what is wrong with a name as a place below the results, else an empty text.

    It completes a sentence: the name "a/../b" <holds the part "..">.
    """
    parts = name.split("/")
    odd = [part for part in parts if part in ("", ".", "..")]
    if name.startswith("/"):
        return "is an absolute path"
    if odd:
        return f"holds the part {shown(odd[0])}" if odd[0] else "holds an empty part"
    if parts[0] in RESERVED:
        return f"begins with {parts[0]}, which the report writes there"
    if max(len(part.encode("utf-8", "replace")) for part in parts) > LONGEST_PART:
        return f"has a part of more than {LONGEST_PART} bytes"
    return ""


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
        return _from_sheet(config, path)
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


# --- a sheet ----------------------------------------------------------------------------------


def _from_sheet(config: Config, sheet: Path) -> list[Slide]:
    label = f"Sheet {shown(config.slides)}"
    rows = _read_rows(label, sheet)
    if not rows:
        raise ConfigError(f"{label} is empty: write a header with the column path, and slides.")
    header = [name.strip() for name in rows.pop(min(rows))]
    if faults := _header_faults(label, header, sheet.suffix.lower()):
        raise ConfigError(*faults)
    if not rows:
        raise ConfigError(f"{label} has a header and no slides: write a row for each slide.")
    slides: list[Slide] = []
    for number, cells in rows.items():
        where = f"{label}, row {number}"
        if len(cells) != len(header):
            faults.append(
                f"{where} has {len(cells)} cells, and the header {len(header)}: "
                "write a cell for each column, if only an empty one."
            )
            continue
        row = dict(zip(header, cells, strict=True))
        slide, more = _read_row(where, row, sheet.parent, config.settings)
        slides.append(slide)
        faults += more
    if faults:
        raise ConfigError(*faults)
    return slides


def _read_rows(label: str, sheet: Path) -> dict[int, list[str]]:
    """Return the rows that are not blank, by their number in the file."""
    content = sheet.read_bytes()
    try:
        text = content.decode("utf-8-sig")  # Excel puts a byte order mark in front
    except UnicodeDecodeError as error:
        odd = error.start
    else:
        odd = content.find(b"\0")  # every other byte of English in UTF-16
    if odd >= 0:
        row = content.count(b"\n", 0, odd) + 1
        raise ConfigError(
            f"{label}, row {row} is not text in UTF-8: save it in UTF-8 (in Excel: CSV UTF-8)."
        )
    delimiter = SHEETS[sheet.suffix.lower()]
    rows: list[list[str]] = []
    try:
        # Quotation marks count in a .tsv, too: Excel, R and pandas write them there.
        rows.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ConfigError(
            f"{label}, row {len(rows) + 1} cannot be read ({error}): where a cell begins with a "
            'quotation mark, put the cell in quotation marks and double its own, """a"" b.mrxs".'
        ) from None
    return {number: row for number, row in enumerate(rows, 1) if any(map(str.strip, row))}


def _header_faults(label: str, header: list[str], suffix: str) -> list[str]:
    columns = list(load_schema("slides"))
    own = SEPARATORS[SHEETS[suffix]]
    for separator, word in SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            return [
                f"{label}: its columns are separated by {word}, those of a {suffix} by {own}: "
                f"save it with {own}."
            ]
    meant = next((name for name in header if name.lower() in PATH_COLUMNS | {"path"}), "")
    faults = []
    if "path" not in header:
        what = f"rename {meant} to path" if meant else "name the column of the slides' files path"
        names = ", ".join(shown(name) for name in header)
        faults.append(f"{label} has no column path, but {names}: {what}.")
        columns.append(meant)
    for number, name in enumerate(header, 1):
        if not name:
            faults.append(f"{label}: its column {number} has no name: name it, or remove it.")
        elif name not in columns:
            advice = unknown_name(name, load_schema("slides"))
            faults.append(f"{label}: its column {shown(name)} is not known: {advice}")
        elif name in header[: number - 1]:
            faults.append(f"{label}: its column {name} is there twice: remove one.")
    return faults


def _read_row(
    where: str, row: dict[str, str], folder: Path, settings: Settings
) -> tuple[Slide, list[str]]:
    cell, name = row.pop("path"), row.pop("slide", "")
    settings, faults = override(settings, row, where)
    if not cell.strip():
        faults.append(f"{where}, column path is empty: write the slide's file.")
    for column, text in (("path", cell), ("slide", name)):
        if text.strip() != text:
            faults.append(
                f"{where}, column {column} is {shown(text)}: remove the blanks around it."
            )
    path = Path(os.path.abspath(folder / home_expanded(cell)))
    name = name or path.stem
    if fault := name_fault(name):
        faults.append(
            f"{where}, column slide: the name {shown(name)} {fault}: write another, such as case/1."
        )
    return Slide(name, path, settings), faults


# --- all slides together ----------------------------------------------------------------------


def _fit(slide: Slide) -> Slide:
    """Refuse a slide that would keep Snakemake from working on all others."""
    name, path = shown(slide.name), shown(slide.path)
    another = "give the slide another name in the column slide of a sheet."
    if match := UNFIT.search(str(slide.path)):
        why = (
            f"its path {path} holds {_what(match.group())}, which Snakemake cannot carry: rename "
            "that file (and the data folder of a .mrxs with it) or folder."
        )
    elif match := UNFIT.search(slide.name):
        why = f"its name holds {_what(match.group())}, which Snakemake cannot carry: {another}"
    elif fault := name_fault(slide.name):
        why = f"its name {fault}: rename the file {path}, or {another}"
    else:
        return slide
    path_shown = Path(printable(str(slide.path)))
    return replace(
        slide, name=printable(slide.name), path=path_shown, refused=f"Slide {name}: {why}"
    )


def _what(char: str) -> str:
    if char in "{}":
        return shown(char)
    kind = "bytes that are not UTF-8" if char >= "\ud800" else "a control character"
    return f"{kind} ({shown(char)})"


def _clashes(slides: list[Slide]) -> list[str]:
    """Return a fault for each name that two slides have, or that lies inside another's folder."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for slide in slides:
        places[slide.name].append(shown(slide.path))
    advice = "rename one, or give names in the column slide of a sheet."
    faults = [
        f"{len(paths)} slides have the name {shown(name)}: {' and '.join(sorted(paths))}: {advice}"
        for name, paths in sorted(places.items())
        if len(paths) > 1
    ]
    faults.extend(
        f"The slide {shown(name)} ({paths[0]}) would lie in the results of the slide "
        f"{shown(name[: cut.start()])} ({places[name[: cut.start()]][0]}): {advice}"
        for name, paths in sorted(places.items())
        for cut in re.finditer("/", name)
        if name[: cut.start()] in places
    )
    return faults


def _misplaced(slides: list[Slide], config: Config) -> list[str]:
    """Return a fault if the results would be written over something that is not theirs."""
    results = config.results
    if results.exists() and not results.is_dir():
        return [f"results is {shown(results)}, which is a file: name a folder."]
    real = cache(os.path.realpath)
    for slide in slides:
        own = Path(real(slide.path.parent), slide.path.stem)
        mirax = slide.path.suffix.lower() == ".mrxs" and not slide.refused
        if mirax and Path(real(results), slide.name) == own:
            return [
                f"results is {shown(results)}, and so the results of the slide "
                f"{shown(slide.name)} would go into its own data folder {shown(own)}: "
                "name another folder."
            ]
    return []
