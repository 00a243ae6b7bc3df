"""The sheet's bytes -> rows of texts: as spreadsheets of all sorts write them.

Encodings, separators, Excel's own first line. What the cells mean is ``sheet``'s.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.config.workbook import book_cells
from mrxs_tiles.errors import ConfigError, printable, shown

SHEETS = frozenset((".tsv", ".csv", ".txt", ".xlsx", ".xlsm"))
WORKBOOKS = frozenset((".xlsx", ".xlsm"))
USUAL = {".tsv": "\t", ".csv": ","}
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
BLANKS = " \t\r\n\v\f\xa0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
# Signs that say which way letters run: Windows copies one with a path out of a file's properties.
BLANKS += "\u200e\u200f\u202a-\u202e\u2066-\u2069"
_AROUND = re.compile(f"^[{BLANKS}]+|[{BLANKS}]+$")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # of an .xlsx, in what an old Excel's file is
_OLD = "Workbook".encode("utf-16-le")  # what an .xls is, also under another name
HEADER_ROWS = 10  # titles may stand above the header
TOP = 100_000  # characters in which the header is looked for


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
        rows, said = book_cells(label, content)
        return Rows(_numbered(rows, 1), "", said)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        is_new = sheet.suffix.lower() in WORKBOOKS and _OLD not in content
        if is_new or _ENCRYPTED in content:
            raise ConfigError(
                f"{label} is protected by a password: save it without one (in Excel: File, Info, "
                "Protect Workbook, Encrypt with Password, and leave it empty), or as CSV UTF-8."
            )
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
