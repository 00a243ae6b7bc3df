"""Cut MIRAX whole-slide images into tiles, with a manifest that accounts for every tile."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from mrxs_tiles.pixels.filters import Pixels
    from mrxs_tiles.report.results import Results

__version__ = "0.1.0"
RELEASED = "2026-12-01"  # that version, or when it is to be


def load(results: str | PathLike[str]) -> Results:
    """What a run left in its results: tables of slides and tiles, and the tiles' pictures.

    Raises:
        ResultsError: no slide is there, or a table cannot be read.
    """
    # here: pandas takes 40 MB and half a second that most who import this do not need
    from mrxs_tiles.report.results import load as load_results

    return load_results(results)


@overload
def tiles(
    path: str | PathLike[str],
    *,
    threads: int | None = ...,
    batch: None = ...,
    slide: str | None = ...,
    **keys: object,
) -> Iterator[tuple[dict[str, Any], Pixels]]: ...


@overload
def tiles(
    path: str | PathLike[str],
    *,
    threads: int | None = ...,
    batch: int,
    slide: str | None = ...,
    **keys: object,
) -> Iterator[tuple[list[dict[str, Any]], Pixels]]: ...


def tiles(
    path: str | PathLike[str],
    *,
    threads: int | None = None,
    batch: int | None = None,
    slide: str | None = None,
    **keys: object,
) -> Iterator[tuple[Any, Pixels]]:
    """A slide's kept tiles one after another, with no file written: see ``steps.tiles``.

    ``batch``: None, each tile's row and picture, (height, width, 3) uint8; else lists of so many
    rows and one array, (n, height, width, 3), which wants tiles of one size (``edge``).
    """
    from mrxs_tiles.steps.tiles import batches
    from mrxs_tiles.steps.tiles import tiles as given

    found = given(path, threads=threads, slide=slide, **keys)
    return found if batch is None else batches(found, batch)
