"""``tiles.parquet``: ``tiles.tsv`` with types, and the slide's name in each row.

The schema is the same for every slide, so the files of all slides are read as one table. What
the sheet carries stands last, as ``sheet_{name}``, the same in each row of a slide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.checksums import Summed
from mrxs_tiles.files.manifest import SHEET_COLUMN, TILES, plain
from mrxs_tiles.files.store import in_place_of

GROUP = 20_000  # rows that are held in memory, and that a reader takes or leaves as one
_WHOLE = ("x", "y", "bytes")
_NUMBERS = ("tissue", "region", "label_fraction", "focus", "pen")
_TEXTS = ("label", "reason", "file", "crc32")


def _type(column: str) -> pa.DataType:
    if column == "kept":
        return pa.bool_()
    if column in _TEXTS:
        return pa.string()
    if column in _NUMBERS:
        return pa.float64()
    return pa.int64() if column in _WHOLE else pa.int32()


SCHEMA = pa.schema(
    [
        pa.field("slide", pa.string(), nullable=False),
        *(pa.field(column, _type(column)) for column in TILES),
    ]
)


def schema_with(sheet: Iterable[str]) -> pa.Schema:
    """The schema with the columns that the sheet carries."""
    return pa.schema(
        [*SCHEMA, *(pa.field(SHEET_COLUMN.format(name), pa.string()) for name in sheet)]
    )


def write_parquet(
    path: Path, name: str, rows: Iterable[Sequence[str]], sheet: Mapping[str, str] | None = None
) -> str:
    """Write all tiles of one slide, kept and dropped; what is empty in the table is null.

    Returns the file's CRC-32.

    Args:
        path: the file.
        name: the slide's.
        rows: those of ``tiles.tsv``.
        sheet: the columns of the sheet that go with the slide, and their cells.

    Raises:
        ResultsError: it cannot be written.
    """
    carried = sheet or {}
    with in_place_of(path) as partial, partial.open("wb") as stream:
        summed = Summed(stream)
        with pq.ParquetWriter(summed, schema_with(carried), compression="zstd") as writer:
            for table in parquet_tables(name, rows, carried):
                writer.write_table(table, row_group_size=GROUP)
    return summed.crc32


def parquet_tables(
    name: str, rows: Iterable[Sequence[str]], sheet: Mapping[str, str]
) -> Iterator[pa.Table]:
    """The tiles of one slide with types, some at a time; as ``write_parquet`` takes them."""
    waiting, schema = iter(rows), schema_with(sheet)
    while group := list(islice(waiting, GROUP)):
        columns = zip(*group, strict=True)
        values = [[name] * len(group), *map(_typed, TILES, columns)]
        values += [[cell or None] * len(group) for cell in sheet.values()]
        yield pa.table(values, schema=schema)


def carries(path: Path, sheet: Mapping[str, str]) -> bool:
    """Whether a file that is there has just these columns of a sheet, with these cells.

    Raises:
        ResultsError: it cannot be read.
    """
    names, found = _held(path)
    return names == list(sheet) and (
        not found or found == [cell or None for cell in sheet.values()]
    )


def held_columns(path: Path) -> dict[str, str]:
    """The columns of a sheet that a file has, and their cells; none where it has no row.

    Raises:
        ResultsError: it cannot be read.
    """
    names, found = _held(path)
    return {name: cell or "" for name, cell in zip(names, found, strict=bool(found))}


def _held(path: Path) -> tuple[list[str], list[str | None]]:
    """The names of a sheet's columns in a file, and their cells in its first row."""
    try:
        with pq.ParquetFile(path) as file:
            columns = file.schema_arrow.names[len(SCHEMA) :]
            first = next(iter(file.iter_batches(1, columns=columns)), None) if columns else None
            found = [] if first is None else [column[0].as_py() for column in first.columns]
    except (OSError, pa.ArrowException) as error:
        raise ResultsError(f"{path} cannot be read: {error}. Run export again.") from None
    prefix = SHEET_COLUMN.format("")
    return [name.removeprefix(prefix) for name in columns], found


def _typed(column: str, fields: Sequence[str]) -> list[Any]:
    read: Callable[[str], Any] = int
    if column in _TEXTS:
        read = plain
    elif column in _NUMBERS:
        read = float
    elif column == "kept":
        read = _is_one
    return [read(field) if field else None for field in fields]


def _is_one(field: str) -> bool:
    return field == "1"
