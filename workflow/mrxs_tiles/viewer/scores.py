"""A model's numbers of tiles, read: CSV, TSV, Parquet, or the attention that CLAM writes.

CLAM's ``create_heatmaps.py`` leaves ``{slide}_blockmap.h5``: ``attention_scores``, a number or a
row of them for each tile, and ``coords``, level-0 px of the tiles' top left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from mrxs_tiles.errors import ConfigError, printable, shown, some_of
from mrxs_tiles.files.manifest import SHEET_COLUMN, TILES
from mrxs_tiles.viewer.score_text import as_numbers, first_text, is_text, read_text

ADDRESS, PLACE = ("col", "row"), ("x", "y")
BLOCKMAP = "_blockmap"  # behind the slide's name in CLAM's files
COORDS, ATTENTION = "coords", ("attention_scores", "attention")
SCORE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_NAMED = 10
LARGEST = 2**31  # no tile has such an address, and no slide so many px
PARQUET, HDF5, TABLE = (".parquet", ".pq"), (".h5", ".hdf5"), (".csv", ".tsv", ".txt")
_SHEET = SHEET_COLUMN.format("")

Whole = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(slots=True)
class Scores:
    """A row for each tile that is named."""

    slides: list[str]  # that are named
    slide: Whole  # of each row: its number among them
    address: tuple[Whole, Whole] | None  # column and row; -1 where none is given
    place: tuple[Whole, Whole] | None  # level-0 px of the top left; -1 where none is given
    values: dict[str, Numbers]  # by the score's name; NaN where there is none
    notes: list[str] = field(default_factory=list)  # what was left out


def read_scores(path: Path, slide: str | None = None) -> Scores:
    """Read a table of scores.

    Args:
        path: a ``.csv``, ``.tsv``, ``.parquet`` or CLAM's ``.h5``.
        slide: whose tiles they are, where the table does not say; it counts before the name of
            CLAM's file.

    Raises:
        ConfigError: it cannot be read, or is no such table.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in HDF5:
            return _of_clam(path, slide or path.stem.removesuffix(BLOCKMAP))
        if suffix in PARQUET:
            return _of_table(path, parquet.read_table(path), slide)
        if suffix in TABLE:
            return _of_table(path, read_text(path), slide)
    except ConfigError:
        raise
    except FileNotFoundError:
        raise ConfigError(f"There is no file {shown(path)}: name the table of scores.") from None
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are ValueErrors
        said = printable(str(error).splitlines()[0])
        raise ConfigError(f"The scores {shown(path)} cannot be read: {said}") from None
    raise ConfigError(
        f"The scores are {shown(path)}: give a .csv, .tsv or .parquet table, or CLAM's .h5."
    )


def _of_table(path: Path, table: pa.Table, slide: str | None) -> Scores:
    names = table.column_names
    if odd := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{shown(path)} has more than one column {shown(odd[0])}.")
    if "slide" not in names and slide is None:
        raise ConfigError(
            f"{shown(path)} has no column slide but {_listed(names)}: name the one that says which "
            "slide a tile is of so, or give one slide for all with --slide."
        )
    pairs = [pair for pair in (ADDRESS, PLACE) if {*pair} <= {*names}]
    if not pairs:
        raise ConfigError(
            f"{shown(path)} has neither the columns col and row nor x and y (level-0 px of a "
            f"tile's top left) but {_listed(names)}: they say which tile a row is of."
        )
    slides, numbers = _slides(table, slide)
    if slide is not None and (others := [name for name in slides if name not in ("", slide)]):
        raise ConfigError(
            f"{shown(path)} has a column slide that names {_listed(others)}, and --slide says "
            f"{printable(slide)}: leave --slide out, or that column."
        )
    at = {pair: (_whole(path, table, pair[0]), _whole(path, table, pair[1])) for pair in pairs}
    values, notes = _values(path, table)
    return Scores(slides, numbers, at.get(ADDRESS), at.get(PLACE), values, notes)


def _slides(table: pa.Table, slide: str | None) -> tuple[list[str], Whole]:
    """The slides that are named, and of each row its slide's number."""
    if "slide" not in table.column_names:
        return [str(slide)], np.zeros(table.num_rows, np.int64)
    column = pc.fill_null(table["slide"].cast(pa.string()), "").combine_chunks()
    coded = column.dictionary_encode() if not pa.types.is_dictionary(column.type) else column
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64)


def _whole(path: Path, table: pa.Table, name: str) -> Whole:
    """A column of whole numbers; -1 where it is empty, or larger than any tile's."""
    column = _numbers(path, table, name)
    known = np.abs(column) < LARGEST
    odd = known & (column != np.floor(column))
    if odd.any():
        place = int(np.flatnonzero(odd)[0])
        raise ConfigError(
            f"{shown(path)}: {name} of row {place + 1} is {column[place]:g}, no whole number."
        )
    return np.where(known, column, -1).astype(np.int64)


def _numbers(path: Path, table: pa.Table, name: str) -> Numbers:
    column = _as_numbers(path, name, table[name]) if table[name].null_count < len(table) else None
    if column is None and table[name].null_count == len(table):
        return np.full(len(table), np.nan)
    if column is None:
        said = first_text(table[name].to_pylist())
        raise ConfigError(f"{shown(path)}: the column {name} is text, it {said}.")
    return _floats(column)


def _floats(column: pa.ChunkedArray) -> Numbers:
    # what is empty is NaN
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _values(path: Path, table: pa.Table) -> tuple[dict[str, Numbers], list[str]]:
    """The scores of a table, and what of it was left out."""
    ours = {"slide", *ADDRESS, *PLACE, *TILES}
    others = [name for name in table.column_names if name not in ours]
    others = [name for name in others if not name.startswith(_SHEET)]
    columns = {name: _as_numbers(path, name, table[name]) for name in others}
    scored = [name for name, column in columns.items() if column is not None]
    left = [name for name in others if name not in scored]
    texts = [f"{shown(name)} {first_text(table[name].to_pylist())}" for name in left[:MOST_NAMED]]
    _check_names(path, scored, table.column_names, texts)
    notes = [f"left out, since they hold no numbers: {_listed(left)}"] if left else []
    found = {name: _floats(column) for name, column in columns.items() if column is not None}
    return found, notes


def _as_numbers(path: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if is_text(column.type):
        return as_numbers(path, name, column)
    kinds = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal
    return column if any(is_a(column.type) for is_a in kinds) else None


def _check_names(path: Path, scored: list[str], columns: list[str], texts: list[str]) -> None:
    if not scored:
        others = f" ({', '.join(texts)})" if texts else ""
        raise ConfigError(
            f"{shown(path)} holds no score, a column of numbers beside those of tiles.tsv, but "
            f"{_listed(columns)}{others}."
        )
    if odd := [name for name in scored if not SCORE_NAME.fullmatch(name)]:
        raise ConfigError(
            f"{shown(path)}: {_listed(odd)} cannot name a file. Rename what is a score to letters, "
            "digits, - and _ (at most 64), and leave other columns of numbers out."
        )
    lowered = [name.lower() for name in scored]
    if odd := [name for name in scored if lowered.count(name.lower()) > 1]:
        raise ConfigError(f"{shown(path)}: {_listed(odd)} would be one file on some systems.")


def _listed(names: list[str]) -> str:
    return some_of(names, MOST_NAMED)


def _of_clam(path: Path, slide: str) -> Scores:
    with h5py.File(path) as file:
        found: dict[str, Any] = {
            name: np.array(file[name])
            for name in (COORDS, *ATTENTION)
            if isinstance(file.get(name), h5py.Dataset)
        }
    name = next((one for one in ATTENTION if one in found), None)
    if COORDS not in found or name is None:
        raise ConfigError(
            f"{shown(path)} is no attention of CLAM: it has no {COORDS} and {ATTENTION[0]}."
        )
    coords = found[COORDS]
    scores = found[name].reshape(found[name].shape[0], -1).astype(np.float64)
    if coords.shape != (len(scores), 2):
        raise ConfigError(
            f"{shown(path)}: {COORDS} is {coords.shape}, and there are {len(scores)} scores."
        )
    place = coords[:, 0].astype(np.int64), coords[:, 1].astype(np.int64)
    names = ["attention"]
    if scores.shape[1] > 1:
        names = [f"attention_{number}" for number in range(scores.shape[1])]
    values = {one: scores[:, number] for number, one in enumerate(names)}
    return Scores([slide], np.zeros(len(scores), np.int64), None, place, values)
