"""What a run left in its results, for Python: ``mrxs_tiles.load``."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.tile_files import TileFiles

if TYPE_CHECKING:
    from PIL.Image import Image

_TEXT = ("slide", "path", "status", "warnings", "error", "reason", "file")
_WHOLE = ("col", "row", "x", "y", "width", "height", "tile_width", "tile_height", "kept")
_COUNTS = (
    *("width", "height", "levels", "tile_size", "overlap", "cols", "rows", "tiles", "kept"),
    *(*manifest.REASONS, "tile_bytes"),
)
_ESCAPE = re.compile(r"\\(.)")


def load(results: str | os.PathLike[str]) -> Results:
    """Load the tables of a run; pictures are read when they are asked for.

    Raises:
        ResultsError: no slide is there, or a table cannot be read.
    """
    return Results(Path(results))


class Results:
    """The slides and tiles of a run. Used as a context, it closes the files it opened."""

    def __init__(self, results: Path) -> None:
        """Read the table of slides.

        Raises:
            ResultsError: no slide is there, or the table cannot be read.
        """
        self._results = results
        self._files = TileFiles(results)
        self.slides: pd.DataFrame = _slides(results)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files that were opened."""
        self._files.close()

    @cached_property
    def tiles(self) -> pd.DataFrame:
        """All slides' tiles, kept and dropped, with the column ``slide`` before their own.

        Raises:
            ResultsError: a table cannot be read.
        """
        found = [(slide, self._results / slide / manifest.TILES_TSV) for slide in self.slides.slide]
        tables = [_tiles(path, slide) for slide, path in found if path.is_file()]
        if not tables:
            empty = io.StringIO("\t".join(manifest.TILES) + "\n")
            return _tiles(empty, "").astype({"slide": "str"})
        return pd.concat(tables, ignore_index=True)

    def open(self, row: Mapping[str, Any] | pd.Series[Any]) -> Image:
        """The picture of a tile, decoded; ``row``: one of ``tiles``, or its ``slide``, ``file``.

        Raises:
            ValueError: the tile was not kept, so it has no picture.
            OSError: the picture cannot be read.
        """
        from PIL import Image as Pictures

        picture = Pictures.open(io.BytesIO(self.read(row)))
        picture.load()
        return picture

    def read(self, row: Mapping[str, Any] | pd.Series[Any]) -> bytes:
        """The bytes of a tile's picture, as ``open`` takes it.

        Raises:
            ValueError: the tile was not kept, so it has no picture.
            OSError: the picture cannot be read.
        """
        if not row["file"]:
            raise ValueError(
                f"This tile of {row['slide']} has no picture: it was not kept, or cut with "
                "format: none."
            )
        return self._files.read(row["file"], row["slide"])


def _slides(results: Path) -> pd.DataFrame:
    """``report.tsv``, or the same made of each slide's records."""
    text: Path | io.StringIO = results / manifest.REPORT_TSV
    if not os.path.isfile(str(text)):  # noqa: PTH113 - Path.is_file() can raise
        from mrxs_tiles.report.report import table_text  # here: most results have the table

        text = io.StringIO(table_text(results))
    return _read(text, manifest.REPORT, _COUNTS)


def _tiles(path: Path | io.StringIO, slide: str) -> pd.DataFrame:
    table = _read(path, manifest.TILES, ("bytes",), _WHOLE)
    table["kept"] = table["kept"] == 1
    table.insert(0, "slide", slide)
    return table


def _read(
    source: Path | io.StringIO,
    columns: Sequence[str],
    may_miss: Sequence[str],
    whole: Sequence[str] = (),
) -> pd.DataFrame:
    """A table, typed: whole numbers (those of ``may_miss`` can be empty), texts, floats."""
    texts = [name for name in columns if name in _TEXT]
    types = dict.fromkeys(columns, "float64") | dict.fromkeys(texts, "str")
    types |= dict.fromkeys(may_miss, "Int64") | dict.fromkeys(whole, "int64")
    try:
        table: pd.DataFrame = pd.read_csv(
            source, sep="\t", quoting=3, na_values=[""], keep_default_na=False, dtype=types
        )
    except ValueError as error:
        raise ResultsError(f"{source} cannot be read: {error}. Run mrxs-tiles again.") from None
    if list(table) != list(columns):
        raise ResultsError(f"{source} has other columns than expected. Run mrxs-tiles again.")
    for name in texts:
        unescaped = table[name].fillna("").str.replace(_ESCAPE, _plain, regex=True)
        table[name] = unescaped.astype("str")
    return table


def _plain(found: re.Match[str]) -> str:
    return {"t": "\t", "n": "\n", "r": "\r"}.get(found[1], found[1])
