"""Cut MIRAX whole-slide images into tiles, with a manifest that accounts for every tile."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrxs_tiles.results import Results

__version__ = "0.1.0"


def load(results: str | PathLike[str]) -> Results:
    """What a run left in its results: tables of slides and tiles, and the tiles' pictures.

    Raises:
        ResultsError: no slide is there, or a table cannot be read.
    """
    # here: pandas takes 40 MB and half a second that most who import this do not need
    from mrxs_tiles.results import load as load_results

    return load_results(results)
