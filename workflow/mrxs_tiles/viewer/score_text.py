"""A table of scores as text: what spreadsheets and pandas write around it, and for numbers."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mrxs_tiles.config.cells import COMMA
from mrxs_tiles.errors import ConfigError, printable, shown
from mrxs_tiles.wording import is_number

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LIKE_A_NUMBER = re.compile(
    r"[-+]?(?:[0-9]*[.,]?[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]{1,3}(?:[.,][0-9]{3})+[.,][0-9]+) ?%?"
)
_LOOKED_AT = 1000  # cells: what most of them are, a column is


def read_text(path: Path) -> pa.Table:
    """A CSV or TSV, typed; a slide's name stays text though it be a number.

    Blank rows, nameless columns without a cell, and one that numbers the rows (pandas' index) are
    left out.

    Raises:
        ConfigError: a row has more or fewer cells than the header, or a column has no name.
        OSError: it cannot be read.
        ValueError: it is no table.
    """
    content = path.read_bytes()
    if content.startswith(_UTF16):  # Excel's "Unicode text"
        content = content.decode("utf-16").encode()
    header = content.partition(b"\n")[0]
    delimiter = "\t" if b"\t" in header else ";" if b";" in header and b"," not in header else ","
    try:
        try:
            table = _typed(content, delimiter)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            # Windows' Western European; a name that was read wrongly is no slide's
            table = _typed(content.decode("cp1252", "replace").encode(), delimiter)
    except pa.ArrowInvalid as error:
        if "columns, got" not in str(error):
            raise
        raise ConfigError(
            f"The scores {shown(path)} cannot be read: {printable(str(error).splitlines()[0])}. "
            "Write a cell for each column of the header; a number with a decimal comma belongs in "
            "quotation marks, or its columns are separated by semicolons."
        ) from None
    return _without_blanks(path, table)


def _typed(content: bytes, delimiter: str) -> pa.Table:
    def read(point: str) -> pa.Table:
        return csv.read_csv(
            io.BytesIO(content),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=False),
            convert_options=csv.ConvertOptions(
                column_types={"slide": pa.string()}, strings_can_be_null=True, decimal_point=point
            ),
        )

    # what writes semicolons mostly writes decimal commas
    table = read("," if delimiter == ";" else ".")
    if delimiter == ";" and _texts(table):
        other = read(".")
        return other if len(_texts(other)) < len(_texts(table)) else table
    return table


def _texts(table: pa.Table) -> list[str]:
    return [one.name for one in table.schema if one.name != "slide" and is_text(one.type)]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _without_blanks(path: Path, table: pa.Table) -> pa.Table:
    named, columns = [], []
    for place, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if name.strip():
            named.append(name)
            columns.append(column)
        elif column.null_count < len(column) and not (place == 0 and _numbers_rows(column)):
            raise ConfigError(
                f"{shown(path)}: its column {place + 1} has no name: name it, or remove it."
            )
    table = pa.table(columns, names=named)
    cells = [pc.is_valid(column) for column in table.columns]
    holds = np.zeros(table.num_rows, bool)
    for column in cells:
        holds |= column.to_numpy()
    return table if holds.all() else table.filter(pa.array(holds))


def _numbers_rows(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_integer(column.type) or column.null_count:
        return False
    numbers = column.to_numpy()
    return any(np.array_equal(numbers, np.arange(len(column)) + first) for first in (0, 1))


def as_numbers(path: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The numbers of a column of texts, also with decimal commas; None: it is text.

    Raises:
        ConfigError: most cells are numbers, and one is none, or may be two.
    """
    some = [cell for cell in column.slice(0, _LOOKED_AT).to_pylist() if cell is not None]
    if sum(_LIKE_A_NUMBER.fullmatch(cell.strip()) is not None for cell in some) * 2 <= len(some):
        return None
    numbers: list[float | None] = []
    for row, cell in enumerate(column.to_pylist(), 1):
        text = cell.strip() if cell is not None else ""
        point = text.replace(",", ".") if COMMA.fullmatch(text) else text
        if text and ("_" in text or not is_number(point)):
            raise ConfigError(
                f"{shown(path)}: the column {shown(name)} is no text and no number: {shown(cell)} "
                f"in row {row}. Write numbers such as 0.5, and leave a cell empty where there is "
                "none."
            )
        numbers.append(float(point) if text else None)
    return pa.chunked_array([pa.array(numbers, pa.float64())])


def first_text(column: Sequence[str | None]) -> str:
    """The first text of a column, and its row, for a sentence."""
    found = next(((n, cell) for n, cell in enumerate(column, 1) if cell is not None), None)
    return f"holds {shown(found[1])} in row {found[0]}" if found else "is empty"
