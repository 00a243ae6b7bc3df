"""What the table of slides counts and is not in their folders: told as a warning of Python's."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from mrxs_tiles.errors import ResultsError, printable
from mrxs_tiles.files import manifest

WHAT_TO_DO = "mrxs-tiles verify --results DIR says what is missing: copy it again, or cut it anew"


def warn_of_absent(table: Path, slide: str) -> None:
    """Warn that a slide's table, which was written, is not there: its rows are left out."""
    _warn(f"{printable(slide)}: {table.name} is not there, so its rows are left out. {WHAT_TO_DO}")


def warn_of_others(slide: str, tiles: pd.DataFrame, told: object) -> None:
    """Warn where a slide's tiles are not those that ``report.tsv`` speaks of."""
    kept = int(tiles["kept"].sum())
    if not pd.isna(told) and kept != told:  # type: ignore[call-overload]
        _warn(
            f"{printable(slide)}: {kept:,} tiles are kept, and report.tsv says {told}: it was cut "
            "anew since. Make the report again (mrxs-tiles report --results DIR)"
        )


def was_labelled(folder: Path) -> bool:
    """Whether a slide was cut with labels."""
    try:
        grid = manifest.read_record(folder / manifest.SLIDE_JSON).get("grid")
    except ResultsError:
        return False
    return isinstance(grid, dict) and bool(grid.get("labels"))


def _warn(said: str) -> None:
    warnings.warn(said, stacklevel=5)
