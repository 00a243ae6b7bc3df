"""All tiles of a cohort as one dataset of pyarrow: from Parquet exports, else from the tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from mrxs_tiles.exports.parquet import SCHEMA, parquet_tables
from mrxs_tiles.files import manifest


def dataset(results: Path, slides: Sequence[str]) -> ds.Dataset:
    """The tiles of some slides, in their order; its schema is ``tiles.parquet``'s.

    Raises:
        ResultsError: a slide's ``tiles.tsv`` cannot be read.
    """
    exported = [results / slide / manifest.EXPORTS["parquet"] for slide in slides]
    files = [str(path) for path in exported if path.is_file()]
    others = [
        table
        for slide, path in zip(slides, exported, strict=True)
        if not path.is_file() and (results / slide / manifest.TILES_TSV).is_file()
        for table in _tables(results, slide)
    ]
    parts = [ds.dataset(files, schema=SCHEMA)] if files else []
    if others or not parts:
        parts.append(ds.dataset(pa.concat_tables([SCHEMA.empty_table(), *others])))
    return parts[0] if len(parts) == 1 else ds.dataset(parts)


def _tables(results: Path, slide: str) -> Sequence[pa.Table]:
    rows = manifest.read_table(results / slide / manifest.TILES_TSV, manifest.TILES)
    return list(parquet_tables(slide, rows))
