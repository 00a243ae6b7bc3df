"""A few telling tiles of a slide for its page, and the middle values of those that were kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrxs_tiles.files import manifest
from mrxs_tiles.pixels.reasons import KEPT

if TYPE_CHECKING:
    from pandas import DataFrame, Series

KEPT_SHOWN, DROPPED_SHOWN = 4, 2
# What a reason's tiles are ordered by before some are picked. Of tiles that were never scanned
# or cannot be read the thumbnail shows plain background: there is nothing to be seen.
ORDERED_BY = {KEPT: "tissue", "tissue": "tissue", "blank": "tissue", "focus": "focus", "pen": "pen"}
COLUMNS = (
    *("col", "row", "x", "y", "width", "height", "tile_width", "tile_height", "tissue"),
    *("kept", "reason", "focus", "pen", "file"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One tile that is shown."""

    fate: str  # "kept", or the reason
    col: int
    row: int
    box: tuple[int, int, int, int]  # level-0 px: x, y, width, height
    pixels: int  # of its picture
    measure: str  # the column that it was picked by, and its value there
    value: float | None
    file: str  # below results/{slide}; "" where it has none


@dataclass(frozen=True, slots=True)
class Tiles:
    """What the page tells of a slide's tiles beyond their counts."""

    tissue: float | None = None  # median of the kept tiles
    focus: float | None = None
    samples: tuple[Sample, ...] = ()


def look_at_tiles(folder: Path) -> Tiles:
    """Read a slide's ``tiles.tsv``; what cannot be read has nothing to tell."""
    import pandas as pd  # here, as in the report

    try:
        table = pd.read_csv(
            folder / manifest.TILES_TSV,
            sep="\t",
            quoting=3,
            usecols=list(COLUMNS),
            dtype={"reason": str, "file": str, "tissue": float, "focus": float, "pen": float},
            keep_default_na=False,
            na_values=[""],
        )
    except (OSError, ValueError):
        return Tiles()
    fates = table["reason"].fillna("").where(table["kept"] != 1, KEPT)
    kept = table[fates == KEPT]
    samples = [
        _sample(fate, rows.iloc[at], measure)
        for fate, measure, count in _asked_for(kept)
        for rows in [table[fates == fate].sort_values([measure, "col", "row"], na_position="first")]
        for at in _spread(len(rows), count)
    ]
    once = {(one.col, one.row): one for one in samples}  # by what it was picked by last
    return Tiles(_median(kept, "tissue"), _median(kept, "focus"), tuple(once.values()))


def _asked_for(kept: DataFrame) -> list[tuple[str, str, int]]:
    """What is shown: a fate, what its tiles are ordered by, and how many of them."""
    asked = [
        (fate, measure, KEPT_SHOWN if fate == KEPT else DROPPED_SHOWN)
        for fate, measure in ORDERED_BY.items()
    ]
    if kept["focus"].notna().any():  # half of the kept ones by that
        half = KEPT_SHOWN // 2
        asked[0:1] = [(KEPT, "tissue", half), (KEPT, "focus", KEPT_SHOWN - half)]
    return asked


def _spread(found: int, wanted: int) -> list[int]:
    """Places spread over a row of ``found``, its first and last among them."""
    if not found:
        return []
    places = np.unique(np.linspace(0, found - 1, wanted).round().astype(int))
    return [int(place) for place in places]


def _sample(fate: str, row: Series[Any], measure: str) -> Sample:
    value = row[measure]
    return Sample(
        fate=fate,
        col=int(row["col"]),
        row=int(row["row"]),
        box=(int(row["x"]), int(row["y"]), int(row["width"]), int(row["height"])),
        pixels=int(row["tile_width"]) * int(row["tile_height"]),
        measure=measure,
        value=None if np.isnan(value) else float(value),
        file=row["file"] if isinstance(row["file"], str) else "",
    )


def _median(table: DataFrame, column: str) -> float | None:
    values = table[column].dropna()
    return float(values.median()) if len(values) else None
