"""Scores laid on the tiles of a slide: which row is of which tile, and which of none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyarrow import csv

from mrxs_tiles.errors import ConfigError, ResultsError, printable
from mrxs_tiles.files.manifest import TILES
from mrxs_tiles.viewer.scores import MOST_NAMED, Numbers, Scores, Whole

PLACES = ("col", "row", "x", "y", "width", "height", "kept")
Truths = npt.NDArray[np.bool_]
LARGEST_SCORE = float(np.finfo(np.float32).max)  # what the viewer's layer can hold
OTHER_TILES = (
    "Are they of tiles of another size or scale? x and y are level-0 px from the slide's corner, "
    "as in tiles.tsv"
)
_SHIFT = 32  # bits of one number in a key of two


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of a slide, in the order of ``tiles.tsv``; level-0 px."""

    col: Whole
    row: Whole
    x: Whole
    y: Whole
    width: Whole
    height: Whole
    kept: Whole  # 1 or 0

    def __len__(self) -> int:
        return len(self.col)


@dataclass(frozen=True, slots=True)
class Matched:
    """What was found for the tiles of one slide; NaN where there is no score."""

    grid: Grid
    values: dict[str, Numbers]
    notes: list[str]


def read_grid(table: Path) -> Grid:
    """The tiles of a ``tiles.tsv``.

    Raises:
        ResultsError: it cannot be read.
    """
    try:
        read = csv.read_csv(
            table,
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(include_columns=list(PLACES)),
        )
    except (OSError, ValueError, KeyError) as error:
        said = printable(str(error).splitlines()[0])
        raise ResultsError(f"{table} cannot be read: {said}. Run tile again.") from None
    if not set(PLACES) <= set(TILES) & set(read.column_names):
        raise ResultsError(f"{table} has other columns than expected. Run tile again.")
    return Grid(*(np.array(read[name].to_numpy(), np.int64) for name in PLACES))


def matched(slide: str, grid: Grid, scores: Scores, rows: Whole) -> Matched:
    """Lay the rows of a table that name a slide on its tiles.

    Args:
        slide: its name.
        grid: its tiles.
        scores: the table.
        rows: the numbers of its rows that name this slide.

    Raises:
        ConfigError: two rows are of one tile.
    """
    at, is_there = _places(grid, scores, rows)
    found = at[is_there]
    counts = np.bincount(found, minlength=len(grid))
    if (counts > 1).any():
        tile = int(np.flatnonzero(counts > 1)[0])
        first, other = (rows[is_there][found == tile][:2] + 1).tolist()
        raise ConfigError(
            f"Two rows are of tile {grid.col[tile]}_{grid.row[tile]} of {printable(slide)}, rows "
            f"{first} and {other}: leave one of them."
        )
    notes: list[str] = []
    if missed := int((~is_there).sum()):
        named = _named(scores, rows[~is_there][:MOST_NAMED])
        more = f" and {missed - MOST_NAMED:,} more" if missed > MOST_NAMED else ""
        asked = _counts_from_one(grid, scores, rows)
        if not asked and missed * 2 > len(rows):
            asked = f". {OTHER_TILES}"
        notes.append(f"rows that match no tile: {missed:,}, {named}{more}{asked}")
    values = {}
    for name, column in scores.values.items():
        laid = np.full(len(grid), np.nan)
        laid[found] = column[rows[is_there]]
        beyond = np.abs(laid) > LARGEST_SCORE
        if infinite := int(beyond.sum()):
            notes.append(f"infinite values of {name}, taken for none: {infinite:,}")
            laid[beyond] = np.nan
        if empty := int(np.isnan(laid[found]).sum()) - infinite:
            notes.append(f"rows without a number for {name}: {empty:,}")
        values[name] = laid
    return Matched(grid, values, notes)


def _counts_from_one(grid: Grid, scores: Scores, rows: Whole) -> str:
    """A question, where each row would have a tile if columns and rows counted from 1."""
    if scores.address is None or scores.place is not None:
        return ""
    _, is_there = _find((grid.col, grid.row), [one[rows] - 1 for one in scores.address])
    all_there = bool(is_there.all())
    return ". All would if col and row began at 1 there: they begin at 0" if all_there else ""


def _places(grid: Grid, scores: Scores, rows: Whole) -> tuple[Whole, Truths]:
    """Of each row the number of its tile, and whether it has one."""
    if scores.address is not None:
        wanted = [one[rows] for one in scores.address]
        at, is_there = _find((grid.col, grid.row), wanted)
        if scores.place is not None:  # tiles that were cut otherwise may have the same addresses
            for known, said in zip((grid.x, grid.y), scores.place, strict=True):
                is_there &= (known[at] == said[rows]) | (said[rows] == -1)
        return at, is_there
    assert scores.place is not None
    return _find((grid.x, grid.y), [one[rows] for one in scores.place])


def _find(known: tuple[Whole, Whole], wanted: list[Whole]) -> tuple[Whole, Truths]:
    keys, asked = (one[0] << _SHIFT | (one[1] & 0xFFFFFFFF) for one in (known, wanted))
    if not len(keys):
        return np.zeros(len(asked), np.int64), np.zeros(len(asked), bool)
    order = np.argsort(keys, kind="stable")
    at = order[np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)]
    return at, (keys[at] == asked) & (wanted[0] >= 0) & (wanted[1] >= 0)


def _named(scores: Scores, rows: Whole) -> str:
    """Some rows, by the tile that they name."""
    pair = scores.address or scores.place
    assert pair is not None
    between = "_" if scores.address else ", "
    words = []
    for row in rows.tolist():
        word = between.join(str(one[row]) if one[row] != -1 else "?" for one in pair)
        if scores.address and scores.place:
            word += f" at {scores.place[0][row]}, {scores.place[1][row]}"
        words.append(f"{word} (row {row + 1})")
    return "; ".join(words)
