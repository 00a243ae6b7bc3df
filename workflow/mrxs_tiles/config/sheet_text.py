"""The sheet's bytes -> rows of texts: as spreadsheets of all sorts write them.

Encodings, separators, Excel's own first line and its workbooks. What the cells mean is ``sheet``'s.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mrxs_tiles.errors import ConfigError, printable, shown

SHEETS = frozenset((".tsv", ".csv", ".txt", ".xlsx", ".xlsm"))
WORKBOOKS = frozenset((".xlsx", ".xlsm"))
USUAL = {".tsv": "\t", ".csv": ","}
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
BLANKS = " \t\r\n\v\f\xa0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
_AROUND = re.compile(f"^[{BLANKS}]+|[{BLANKS}]+$")
HEADER_ROWS = 10  # titles may stand above the header
TOP = 100_000  # characters in which the header is looked for
LARGEST_BOOK = 500_000_000  # bytes, unpacked


@dataclass(frozen=True, slots=True)
class Rows:
    """What a sheet holds: by number in the file, the rows that are not blank, each its cells."""

    cells: dict[int, list[str]]
    separator: str  # "": a workbook
    notes: tuple[str, ...] = ()


def read_rows(label: str, sheet: Path) -> Rows:
    """Read a sheet of any kind in ``SHEETS``; blanks around cells are gone.

    Args:
        label: what the sentences call it.
        sheet: the file.

    Raises:
        ConfigError: it is no table.
        OSError: it cannot be read.
    """
    content = sheet.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        return _from_workbook(label, content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ConfigError(f"{label} is a workbook of an old Excel: save it as .xlsx or CSV UTF-8.")
    if sheet.suffix.lower() in WORKBOOKS:
        raise ConfigError(f"{label} is not a workbook of Excel: save it again as .xlsx or .tsv.")
    text, notes = _decoded(label, content)
    return _from_text(label, text, USUAL.get(sheet.suffix.lower(), ""), notes)


def stripped(text: str) -> str:
    """A text without blanks around it, also those that are not seen: Word's, the web's."""
    return _AROUND.sub("", text)


# --- text -----------------------------------------------------------------------------------------


def _decoded(label: str, content: bytes) -> tuple[str, list[str]]:
    """The text of a file: UTF-8, what its first bytes say, else Windows' Western European."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return _surely(label, content, encoding), []
    zeros = [content[start::2].count(0) for start in (0, 1)]
    if sum(zeros) > len(content) / 4:  # every other byte of English in UTF-16
        return _surely(label, content, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"), []
    try:
        text = content.decode("utf-8-sig")
        odd = text.find("\0")
        row = text.count("\n", 0, odd) + 1
    except UnicodeDecodeError as error:
        odd, row = error.start, content.count(b"\n", 0, error.start) + 1
        text = content.decode("cp1252", "replace")
        if not _UNLIKELY.search(text):
            cell = text.splitlines()[row - 1] if row <= len(text.splitlines()) else ""
            return text, [
                f"{label} is not UTF-8 and was read as Windows' Western European (cp1252), such as "
                f"its row {row}: {shown(cell[:80])}. Save it as CSV UTF-8 if that is wrong."
            ]
    if odd >= 0:
        raise ConfigError(
            f"{label}, row {row} is not text in UTF-8: save it in UTF-8 (in Excel: CSV UTF-8)."
        )
    return text, []


# What stands in no name, and is what other encodings' letters look like in cp1252.
_UNLIKELY = re.compile(
    "[\x00\x81\x8d\x8f\x90\x9d¤¦¬¯\xb8¶ƒ‡†‰¿¡¨ŠŽšžŸŒœˆ\u02dc\u2039\u203a\u201a\u201e\ufffd]|[À-ÿ]{3}"
)


def _surely(label: str, content: bytes, encoding: str) -> str:
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigError(
            f"{label}, row 1 is not text in UTF-8: save it in UTF-8 (in Excel: CSV UTF-8)."
        )
    return text


def _from_text(label: str, text: str, usual: str, notes: list[str]) -> Rows:
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r'"?sep=(.)"?[,;\t]*\r?', first, re.IGNORECASE)
    skipped = 0
    if named and named[1] in SEPARATORS:
        usual, text, skipped = named[1], rest, 1
        separator = usual
    else:
        separator = _separator(text, usual)
    rows: list[list[str]] = []
    try:
        # Quotation marks count in a .tsv, too: Excel, R and pandas write them there.
        lines = io.StringIO(text, newline="")
        rows.extend(csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise ConfigError(
            f"{label}, row {len(rows) + 1 + skipped} cannot be read ({printable(str(error))}): "
            "where a cell begins with a quotation mark, put the cell in quotation marks and double "
            'its own, """a"" b.mrxs".'
        ) from None
    return Rows(_numbered(rows, skipped + 1), separator, tuple(notes))


def _separator(text: str, usual: str) -> str:
    """What stands between the cells: that with which a line at the top has a cell ``path``."""
    lines = [line for line in text[:TOP].splitlines() if stripped(line)][:HEADER_ROWS]
    marks = [usual, *(mark for mark in SEPARATORS if mark != usual)] if usual else [*SEPARATORS]
    for line in lines:
        for mark in marks:
            cells = [stripped(cell).strip('"').lower() for cell in line.split(mark)]
            if len(cells) > 1 and "path" in map(stripped, cells):
                return mark
    bare = re.sub(r'"(?:[^"]|"")*"', "", lines[0] if lines else "")
    counts = Counter({mark: bare.count(mark) for mark in marks})
    return max(marks, key=lambda mark: counts[mark]) if counts.total() else usual or ","


def _numbered(rows: Iterable[list[str]], first: int) -> dict[int, list[str]]:
    cells = ((number, list(map(stripped, row))) for number, row in enumerate(rows, first))
    return {number: row for number, row in cells if any(row)}


# --- a workbook -----------------------------------------------------------------------------------


def _from_workbook(label: str, content: bytes) -> Rows:
    # here: it takes as long as the rest of a dry run's imports, and few bring a workbook
    from openpyxl import load_workbook

    odd = f"{label} is not a workbook that can be read: save it again as .xlsx, or as CSV UTF-8."
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        raise ConfigError(odd) from None
    if size > LARGEST_BOOK:
        raise ConfigError(f"{label} unpacks to {size} bytes: save it as CSV UTF-8.")
    try:
        book, as_written = (
            load_workbook(io.BytesIO(content), read_only=True, data_only=values)
            for values in (True, False)
        )
        page = book.worksheets[0]
        rows = [[_cell(value) for value in row] for row in page.iter_rows(values_only=True)]
        empty = _without_result(page.iter_rows(), as_written.worksheets[0].iter_rows())
    except Exception:  # noqa: BLE001 - what a broken workbook raises is openpyxl's, XML's or zlib's
        raise ConfigError(odd) from None
    if empty:
        raise ConfigError(
            f"{label}, cell {empty} is a formula whose result is not stored, as other programs "
            "than Excel write it: open and save it in Excel once, or save it as CSV UTF-8."
        )
    names = [one.title for one in book.worksheets]
    notes = []
    if len(names) > 1:
        notes.append(
            f"{label} has {len(names)} worksheets; only the first, {shown(names[0])}, is read."
        )
    return Rows(_numbered(rows, 1), "", tuple(notes))


def _without_result(values: Iterable[Sequence[Any]], written: Iterable[Sequence[Any]]) -> str:
    """The first cell, such as B2, with a formula that nobody has worked out; "" if there is none.

    One whose result is an empty text is stored as a text ("str").
    """
    pairs = (pair for rows in zip(values, written, strict=True) for pair in zip(*rows, strict=True))
    for value, formula in pairs:
        if formula.data_type == "f" and value.value is None and value.data_type != "str":
            return str(formula.coordinate)
    return ""


def _cell(value: object) -> str:
    """A cell's value as it would be typed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime) and value.time() == value.min.time():
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
