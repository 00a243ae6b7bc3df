"""Slides that the next run of the workflow does again, though no file of theirs has changed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from mrxs_tiles.cutting import begun, kept, publishing
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, alone
from mrxs_tiles.files.store import remove_files
from mrxs_tiles.mirax.unchanged import PROMISE

# Set by `mrxs-tiles run --recut`: `tile` is forced for all, but no slide was asked for by name.
WHOLE_STAYS = "MRXS_TILES_WHOLE_STAYS"
RECORDS = (manifest.TILES_JSON, manifest.SLIDE_JSON)  # the last step's first


def keep_promises(results: Path, slides: Iterable[str]) -> None:
    """Have the next run do again each slide whose sentence says so, or whose `inspect` broke off.

    For Snakemake an output of each step must be missing: ``coordinates.tsv``, since all that it
    says stands in ``tiles.tsv`` too, and ``tiles.json``. What tells of tiles is only put aside. And
    ``viewer.json``, where that makes the promise.

    Raises:
        ResultsError: one cannot be removed.
    """
    for slide in slides:
        folder = results / slide
        begun.tidy(folder)
        if _error(folder, manifest.VIEWER_JSON).endswith(PROMISE):
            remove_files(folder / manifest.VIEWER_JSON)
        error = _error(folder, *RECORDS)
        if not ((folder / begun.INSPECTING).exists() or error.endswith(PROMISE)):
            continue
        if kept.earlier(folder) is None:
            remove_files(folder / manifest.COORDINATES_TSV, folder / manifest.TILES_JSON)
        else:
            kept.set_aside(folder, manifest.COORDINATES_TSV, manifest.TILES_JSON)


def keep_promises_now(results: Path, slides: Iterable[str]) -> None:
    """The same before a run, where no hook has ended the run before: as a module of another.

    Slides that somebody is at are left alone.

    Raises:
        ResultsError: something cannot be removed.
    """
    for slide in slides:
        folder = results / slide
        if not (publishing.is_amid(folder) or _error(folder, *RECORDS).endswith(PROMISE)):
            continue
        try:
            with alone(folder / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
                keep_promises(results, [slide])
        except ResultsError:
            if os.access(folder, os.W_OK):  # it is taken
                continue
            raise


def _error(folder: Path, *records: str) -> str:
    """The sentence on a slide in the first of some records that is there."""
    for name in records:
        try:
            return str(manifest.read_record(folder / name).get("error", ""))
        except ResultsError:
            continue
    return ""


def asked_again(
    forced: Collection[str], everything: bool, slides: Iterable[str], results: Path
) -> set[str]:
    """The names of the slides that are to be cut again whatever is left of them.

    None where a whole cohort is cut by today's version: that is no wish to lose what can no longer
    be read.

    Args:
        forced: what Snakemake's ``--forcerun`` names, rules or files.
        everything: that of ``--forceall``.
        slides: the names of all.
        results: where everything goes.
    """
    if os.environ.get(WHOLE_STAYS):
        return set()
    if everything or {"inspect", "tile"} & set(forced):
        return set(slides)
    if not forced:
        return set()
    files = {os.path.abspath(file) for file in forced}
    outputs = (manifest.TILES_JSON, manifest.TILES_TSV)
    return {
        slide
        for slide in slides
        if any(os.path.abspath(results / slide / name) in files for name in outputs)
    }


def note_asked(results: Path, slides: Iterable[str]) -> None:
    """Leave word for the jobs of slides that are asked for again, wherever they run.

    Raises:
        ResultsError: it cannot be noted.
    """
    for slide in slides:
        kept.ask_again(results / slide)
