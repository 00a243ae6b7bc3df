"""Tables of a run's results -> data frames whose columns have their types."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest

_TEXT = (
    "slide",
    "path",
    "status",
    "warnings",
    "error",
    "label",
    "reason",
    "file",
    "crc32",
    "class",
)
# texts that are missing where there is nothing to say
_MAY_BE_NULL = ("label", "reason", "file", "crc32")
_WHOLE = ("col", "row", "x", "y", "width", "height", "tile_width", "tile_height", "kept")
_COUNTS = (
    *("width", "height", "levels", "tile_size", "overlap", "cols", "rows", "tiles", "kept"),
    *(*manifest.REASONS, "tile_bytes"),
)


def slides_table(results: Path) -> pd.DataFrame:
    """``report.tsv``, or the same made of each slide's records.

    Raises:
        ResultsError: no slide is there, or the table cannot be read.
    """
    text: Path | io.StringIO = results / manifest.REPORT_TSV
    if not os.path.isfile(str(text)):  # noqa: PTH113 - Path.is_file() can raise
        from mrxs_tiles.report.report import table_text  # here: most results have the table

        text = io.StringIO(table_text(results))
    return _read(text, manifest.REPORT, _COUNTS)


def labels_table(path: Path | io.StringIO, slide: str) -> pd.DataFrame:
    """A slide's ``labels.tsv``, with its name before.

    Raises:
        ResultsError: it cannot be read.
    """
    table = _read(path, manifest.LABELS, (), ("col", "row"))
    table.insert(0, "slide", pd.Series(slide, index=table.index, dtype="str"))
    return table


def tiles_table(path: Path | io.StringIO, slide: str, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of a slide's ``tiles.tsv``, with its name before.

    Raises:
        ResultsError: it cannot be read.
    """
    table = _read(path, manifest.TILES, ("bytes",), _WHOLE, columns)
    if "kept" in table:
        table["kept"] = table["kept"] == 1
    table.insert(0, "slide", pd.Series(slide, index=table.index, dtype="str"))
    return table


def _read(
    source: Path | io.StringIO,
    columns: Sequence[str],
    may_miss: Sequence[str],
    whole: Sequence[str] = (),
    wanted: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A table, typed: whole numbers (those of ``may_miss`` can be empty), texts, floats."""
    texts = [name for name in wanted or columns if name in _TEXT]
    types = dict.fromkeys(columns, "float64") | dict.fromkeys(texts, "str")
    types |= dict.fromkeys(may_miss, "Int64") | dict.fromkeys(whole, "int64")
    try:
        header = [str(name) for name in _csv(source, nrows=0)]
        if isinstance(source, io.StringIO):
            source.seek(0)
        # behind the report's own columns stand those of the user's sheet, as text
        behind = header[len(columns) :] if columns is manifest.REPORT else []
        absent = [name for name in manifest.ADDED if name in columns and name not in header]
        if header != [*(name for name in columns if name not in absent), *behind]:
            raise ResultsError(f"{source} has other columns than expected. Run mrxs-tiles again.")
        used = [*(columns if wanted is None else wanted), *behind]
        types |= dict.fromkeys(behind, "str")
        there = [name for name in used if name not in absent]
        table: pd.DataFrame = _csv(source, dtype=types, usecols=there)
    except ValueError as error:
        raise ResultsError(f"{source} cannot be read: {error}. Run mrxs-tiles again.") from None
    for name in absent:  # an earlier version wrote it
        table[name] = pd.Series(None, index=table.index, dtype=types[name])
    table = table[used] if absent else table
    for name in (*texts, *behind):
        is_null = name in _MAY_BE_NULL or name in behind
        column = table[name] if is_null else table[name].fillna("")
        table[name] = column.map(manifest.plain, na_action="ignore").astype("str")
    return table


def _csv(source: Path | io.StringIO, **how: Any) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_csv(
        source, sep="\t", quoting=3, na_values=[""], keep_default_na=False, **how
    )
    return table
