"""Slides that the next run of the workflow does again, though no file of theirs has changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.store import remove_files
from mrxs_tiles.mirax.unchanged import PROMISE


def keep_promises(results: Path, slides: Iterable[str]) -> None:
    """Have the next run do again each slide whose sentence says so.

    For Snakemake an output must be missing: ``coordinates.tsv``, since all that it says stands in
    ``tiles.tsv`` too.

    Raises:
        ResultsError: one cannot be removed.
    """
    for slide in slides:
        folder = results / slide
        if _error(folder).endswith(PROMISE):
            remove_files(folder / manifest.COORDINATES_TSV)


def _error(folder: Path) -> str:
    """The sentence on a slide, by the last step that it came to."""
    for name in (manifest.TILES_JSON, manifest.SLIDE_JSON):
        try:
            return str(manifest.read_record(folder / name).get("error", ""))
        except ResultsError:
            continue
    return ""
