"""Excel's workbooks -> rows of texts, each cell as a person sees it there."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from mrxs_tiles.config.number_format import as_seen
from mrxs_tiles.errors import ConfigError, shown

LARGEST_BOOK = 500_000_000  # bytes, unpacked
MOST_SHOWN = 5
# openpyxl tells neither while it reads row by row, and it holds 50 times a sheet's size if it
# reads all at once.
_HIDDEN = re.compile(rb'<(?:\w+:)?row\b(?=[^>]*\shidden="(?:1|true)")[^>]*\sr="([0-9]+)"')
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*\sr="([0-9]+)"')
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)([0-9]+):[A-Z]+([0-9]+)"')


class _LooksOtherwise(Exception):  # noqa: N818 - no error of the workbook's
    """A cell, its number, and a format of which nobody knows how that looks."""


@dataclass(frozen=True, slots=True)
class _Page:
    """The first worksheet: its cells, rows that are not shown, cells joined across rows."""

    cells: list[list[str]]
    hidden: list[int]
    merged: list[tuple[str, int, int]]  # column, first row, last row
    names: list[str]  # of all worksheets
    empty: str  # a formula without a result


def book_cells(label: str, content: bytes) -> tuple[list[list[str]], tuple[str, ...]]:
    """Return the cells of a workbook's first worksheet by row, and what is to be said of it.

    Args:
        label: what the sentences call it.
        content: its bytes.

    Raises:
        ConfigError: it cannot be read, or would be read otherwise than it looks.
    """
    odd = f"{label} is not a workbook that can be read: save it again as .xlsx, or as CSV UTF-8."
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        raise ConfigError(odd) from None
    if size > LARGEST_BOOK:
        raise ConfigError(f"{label} unpacks to {size} bytes: save it as CSV UTF-8.")
    try:
        page = _read(content)
    except _LooksOtherwise as error:
        cell, value, number_format = error.args
        raise ConfigError(
            f"{label}, cell {cell} holds the number {value}, which its number format "
            f"{shown(number_format)} shows otherwise: write into the cell what is seen, as text, "
            "or save the sheet as CSV UTF-8."
        ) from None
    except Exception:  # noqa: BLE001 - what a broken workbook raises is openpyxl's, XML's or zlib's
        raise ConfigError(odd) from None
    if page.empty:
        raise ConfigError(
            f"{label}, cell {page.empty} is a formula whose result is not stored, as other "
            "programs than Excel write it: open and save it in Excel once, or save it as CSV UTF-8."
        )
    return page.cells, tuple(_notes(label, page))


def _read(content: bytes) -> _Page:
    # here: it takes as long as the rest of a dry run's imports, and few bring a workbook
    from openpyxl import load_workbook
    from openpyxl.utils import column_index_from_string

    book, as_written = (
        load_workbook(io.BytesIO(content), read_only=True, data_only=values)
        for values in (True, False)
    )
    page, formulas = book.worksheets[0], as_written.worksheets[0]
    for one in (page, formulas):
        one.reset_dimensions()  # programs write it wrongly, and rows beyond it would be left out
    rows = _one_width([[_text(cell) for cell in row] for row in page.iter_rows()])
    empty = _without_result(page.iter_rows(), formulas.iter_rows())
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        xml = packed.read(getattr(page, "_worksheet_path"))  # noqa: B009 - it has no stub
    numbers = [int(row) for row in _ROW.findall(xml)]
    if any(one >= other for one, other in pairwise(numbers)):
        raise ValueError  # openpyxl would leave out the later ones
    hidden = [int(row) for row in _HIDDEN.findall(xml)]
    merged = [
        (column.decode(), int(first), min(int(last), len(rows)))
        for column, first, last in _MERGED.findall(xml)
        if first != last
    ]
    for column, first, last in merged:
        place = column_index_from_string(column) - 1
        for row in rows[first:last] if rows and place < len(rows[0]) else ():
            row[place] = rows[first - 1][place]
    return _Page(rows, hidden, merged, [one.title for one in book.worksheets], empty)


def _one_width(rows: list[list[str]]) -> list[list[str]]:
    """The rows, each as wide as the last column that holds anything."""
    width = max((at for row in rows for at, text in enumerate(row, 1) if text), default=0)
    return [row[:width] + [""] * (width - len(row)) for row in rows]


def _notes(label: str, page: _Page) -> Iterator[str]:
    if len(page.names) > 1:
        yield (
            f"{label} has {len(page.names)} worksheets; only the first, {shown(page.names[0])}, "
            "is read."
        )
    if hidden := [
        row for row in page.hidden if row <= len(page.cells) and any(page.cells[row - 1])
    ]:
        yield (
            f"{label}: {_some([str(row) for row in hidden], 'row')} not shown in Excel (hidden, or "
            "filtered out) and read like the others: delete what is not meant."
        )
    if page.merged:
        ranges = [f"{column}{first}:{column}{last}" for column, first, last in page.merged]
        yield (
            f"{label}: the cells {', '.join(ranges[:MOST_SHOWN])}"
            f"{', ...' if len(ranges) > MOST_SHOWN else ''} are merged: their value counts for "
            "each of these rows."
        )


def _some(names: Sequence[str], what: str) -> str:
    """Such as: rows 3, 4 are."""
    named = ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")
    return f"{what} {named} is" if len(names) == 1 else f"{len(names)} {what}s ({named}) are"


def _without_result(values: Iterable[Sequence[Any]], written: Iterable[Sequence[Any]]) -> str:
    """The first cell, such as B2, with a formula that nobody has worked out; "" if there is none.

    One whose result is an empty text is stored as a text ("str").
    """
    pairs = (pair for rows in zip(values, written, strict=True) for pair in zip(*rows, strict=True))
    for value, formula in pairs:
        if formula.data_type == "f" and value.value is None and value.data_type != "str":
            return str(formula.coordinate)
    return ""


def _text(cell: Any) -> str:
    """A cell's value as it would be typed."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, (int, float)):
        seen = as_seen(value, cell.number_format)  # 007 by the format 000
        if seen is None:
            raise _LooksOtherwise(cell.coordinate, value, cell.number_format)
        return seen
    if isinstance(value, datetime) and value.time() == value.min.time():
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
