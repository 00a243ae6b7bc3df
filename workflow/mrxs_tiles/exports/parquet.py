"""``tiles.parquet``: ``tiles.tsv`` with types, and the slide's name in each row.

The schema is the same for every slide, so the files of all slides are read as one table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mrxs_tiles.files.manifest import TILES, plain
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


def write_parquet(path: Path, name: str, rows: Iterable[Sequence[str]]) -> None:
    """Write all tiles of one slide, kept and dropped; what is empty in the table is null.

    Args:
        path: the file.
        name: the slide's.
        rows: those of ``tiles.tsv``.

    Raises:
        ResultsError: it cannot be written.
    """
    with (
        in_place_of(path) as partial,
        partial.open("wb") as stream,
        pq.ParquetWriter(stream, SCHEMA, compression="zstd") as writer,
    ):
        for table in parquet_tables(name, rows):
            writer.write_table(table, row_group_size=GROUP)


def parquet_tables(name: str, rows: Iterable[Sequence[str]]) -> Iterator[pa.Table]:
    """The tiles of one slide with types, some at a time; as ``write_parquet`` takes them."""
    waiting = iter(rows)
    while group := list(islice(waiting, GROUP)):
        columns = zip(*group, strict=True)
        values = [[name] * len(group), *map(_typed, TILES, columns)]
        yield pa.table(values, schema=SCHEMA)


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
