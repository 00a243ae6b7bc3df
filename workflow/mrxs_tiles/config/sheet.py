"""The slide sheet: a table whose rows name slides, and may cut each in its own way."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from mrxs_tiles.config.config import home_expanded, override
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.errors import ConfigError, printable, shown
from mrxs_tiles.names import Slide, name_fault
from mrxs_tiles.settings import Settings
from mrxs_tiles.wording import unknown_name

SHEETS = {".tsv": "\t", ".csv": ","}
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}
PATH_COLUMNS = frozenset(("slide_id", "image_path", "filename", "filepath", "file_path", "file"))


def read_sheet(sheet: Path, settings: Settings, asked: str) -> list[Slide]:
    """Return the slides that a sheet lists, in its order.

    A slide need not exist: opening it will fail, and that slide alone.

    Args:
        sheet: the file, absolute: a slide's path starts at its folder.
        settings: what holds where a row says nothing else.
        asked: how the config names the sheet, for the sentences.

    Raises:
        ConfigError: with a sentence for each fault of the header, or else of the rows.
        OSError: the file cannot be read.
    """
    label = f"Sheet {shown(asked)}"
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
        slide, more = _read_row(where, row, sheet.parent, settings)
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
            f"{label}, row {len(rows) + 1} cannot be read ({printable(str(error))}): "
            "where a cell begins with a quotation mark, put the cell in quotation marks and double "
            'its own, """a"" b.mrxs".'
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
    settings, faults = override(settings, row, where, folder)
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
