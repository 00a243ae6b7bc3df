"""All tiles of a cohort as one dataset of pyarrow: from Parquet exports, else from the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from mrxs_tiles.exports.parquet import carries, parquet_tables, schema_with
from mrxs_tiles.files import manifest
from mrxs_tiles.report.absent import warn_of_absent


def dataset(results: Path, slides: Mapping[str, Mapping[str, str]]) -> ds.Dataset:
    """The tiles of some slides, in their order; its schema is ``tiles.parquet``'s.

    Args:
        results: where everything lies.
        slides: their names, and of each what the sheet carries, the same columns for all.

    Raises:
        ResultsError: a slide's table cannot be read.
    """
    schema = schema_with(next(iter(slides.values()), {}))
    files: list[str] = []
    others: list[pa.Table] = []
    for slide, sheet in slides.items():
        path = results / slide / manifest.EXPORTS["parquet"]
        if path.is_file() and (not sheet or carries(path, sheet)):
            files.append(str(path))
        elif (results / slide / manifest.TILES_TSV).is_file():
            others += _tables(results, slide, sheet)
        else:
            warn_of_absent(results / slide / manifest.TILES_TSV, slide)
    parts = [ds.dataset(files, schema=schema)] if files else []
    if others or not parts:
        parts.append(ds.dataset(pa.concat_tables([schema.empty_table(), *others])))
    return parts[0] if len(parts) == 1 else ds.dataset(parts)


def _tables(results: Path, slide: str, sheet: Mapping[str, str]) -> Sequence[pa.Table]:
    rows = manifest.read_table(results / slide / manifest.TILES_TSV, manifest.TILES)
    return list(parquet_tables(slide, rows, sheet))
