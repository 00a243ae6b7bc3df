"""The command ``survey``: what a run on some slides will meet and cost, before it is begun.

For MIRAX from Slidedat.ini and Index.dat alone: no pixel is decoded. Writes
``results/survey.tsv``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mrxs_tiles.annotations.marks import marks_of
from mrxs_tiles.cutting.choose import drawn
from mrxs_tiles.errors import PassingError, RefusedSlideError, SlideError, as_size
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SURVEY_LOCK, alone
from mrxs_tiles.files.manifest import BAD, Record
from mrxs_tiles.files.store import make_folder
from mrxs_tiles.grid.grid import DROP, Bools, Grid
from mrxs_tiles.inspecting.estimate import Ground, cost, look_at_ground
from mrxs_tiles.inspecting.inspection import opened, refused
from mrxs_tiles.inspecting.slide_grid import can_hold_pixels, grid_of, stored_boxes
from mrxs_tiles.mirax.damage import COPY_AGAIN, damaged_files, unreadable_tiles
from mrxs_tiles.mirax.facts import best_level, facts_of
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from mrxs_tiles.mirax.locate import PERMIT, SlideFiles, locate, openable, parts_of
from mrxs_tiles.mirax.stamp import take_stamp
from mrxs_tiles.mirax.unchanged import explained
from mrxs_tiles.mirax.without_levels import usable_levels, with_levels
from mrxs_tiles.names import Slide
from mrxs_tiles.progress import SILENT_SECONDS, Progress
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.reader import SlideFacts
from mrxs_tiles.slide.resolution import scale_warnings, with_scale

log = logging.getLogger(__name__)


def survey(slides: Iterable[Slide], results: Path) -> list[Record]:
    """Look at the slides' indexes and write the table; returns its rows, sorted by name.

    Raises:
        ResultsError: the table cannot be written, or another process is at it.
    """
    make_folder(results)
    with alone(results / SURVEY_LOCK, f"The survey of {results} is being made"):
        named = sorted(slides, key=lambda slide: slide.name)
        with Progress("survey", len(named), "slides", delay=SILENT_SECONDS) as progress:
            rows = []
            for slide in named:
                rows.append(_row(slide))
                progress.done()
        cells = ([row[column] for column in manifest.SURVEY] for row in rows)
        manifest.write_table(results / manifest.SURVEY_TSV, manifest.SURVEY, cells)
    return rows


def summary(results: Path, rows: Sequence[Record], said: Iterable[str] = ()) -> list[str]:
    """What the command ends with on the terminal; ``said`` is what the search for slides found."""

    def total(column: str) -> float:
        return sum(row[column] or 0 for row in rows)

    def unknown(column: str) -> str:
        """How many slides that can be cut have no estimate."""
        count = sum(row[column] is None for row in rows if row["status"] != "failed")
        return f"{count:,} slide{'' if count == 1 else 's'}" if count else ""

    bad = [row for row in rows if row["status"] in BAD]
    room = as_size(1e9 * total("tile_gigabytes"))
    if some := unknown("tile_gigabytes"):
        known = f"{room} without {some} whose" if total("tile_gigabytes") else "whose"
        room = f"{known} size cannot be told"
    unless = ""
    if some := unknown("kept_estimate"):
        unless = f", without {some} of which nothing can be told beforehand"
    return [
        f"{len(rows):,} slide{'' if len(rows) == 1 else 's'}, {as_size(1e9 * total('gigabytes'))}: "
        f"{len(rows) - len(bad):,} sound, {len(bad):,} bad",
        f"about {total('kept_estimate'):,.0f} tiles to keep, {room}, "
        f"{total('core_hours'):.3g} core hours{unless}",
        *(f"  {row['slide']} ({row['status']}): {row['error']}" for row in bad),
        *(f"  {line}" for line in said),
        f"survey: {results / manifest.SURVEY_TSV}",
    ]


def _row(slide: Slide) -> Record:
    row: Record = dict.fromkeys(manifest.SURVEY)
    row |= {
        "slide": slide.name,
        "path": os.path.abspath(slide.path),
        "status": "ok",
        "error": "",
        "warnings": [],
    }
    if slide.refused:
        return row | {"status": "failed", "error": slide.refused}
    try:
        files = locate(slide.path)
        row["gigabytes"] = take_stamp(slide.path).size / 1e9
        _check_readable(files)
        if files.folder is None:
            return row | _by_opening(files, slide.settings)
        return row | _by_index(slide.name, files, files.folder, slide.settings)
    except SlideError as error:
        return row | {"status": "failed", "error": explained(slide.path, error)}


def _check_readable(files: SlideFiles) -> None:
    """See that whoever runs this may read all that is there.

    Raises:
        SlideError: a file may not be read.
    """
    for part in parts_of(files):
        if part.exists() and not os.access(part, os.R_OK):
            raise SlideError(f"{part.name} of {files.path.name} may not be read. {PERMIT}.")


def _by_opening(files: SlideFiles, settings: Settings, trouble: str = "") -> Record:
    """What OpenSlide says of a slide that has no index, or one with ``trouble``."""
    with openable(files) as path, opened(path, files.path, None, trouble) as reader:
        said = reader.facts()
        facts = with_scale(said, settings.slide_mpp)
        grid = grid_of(reader.best_level, facts, settings)
    asked = _asked(facts, grid, settings)
    warning = f"the MIRAX index is not understood ({trouble}), so nothing is estimated"
    warnings = [*([warning] if trouble else []), *scale_warnings(said, facts, settings)]
    return _facts(facts, asked.tiles) | {"warnings": [*warnings, *asked.warnings]}


class _Asked(NamedTuple):
    """The tiles of the region, or all, (cols, rows) bool; and what is odd about it."""

    tiles: Bools
    warnings: list[str]


def _asked(facts: SlideFacts, grid: Grid, settings: Settings) -> _Asked:
    marks = marks_of(replace(settings, labels=None), facts.size, facts.bounds, grid)
    whole = np.ones((grid.cols, grid.rows), bool)
    return _Asked(whole if marks.inside is None else marks.inside, list(marks.warnings))


def _by_index(name: str, files: SlideFiles, folder: Path, settings: Settings) -> Record:
    try:
        index = read_index(folder)
        levels = usable_levels(index)
        said = facts_of(with_levels(index, levels or 1))
        facts = with_scale(said, settings.slide_mpp)
    except RefusedSlideError as error:
        raise refused(files.path, error) from None
    except PassingError:
        raise
    except SlideError as error:
        return _by_opening(files, settings, str(error))
    if not levels:  # OpenSlide hashes the coarsest level's images at once
        raise refused(files.path, "; ".join(damaged_files(index)))
    grid = grid_of(partial(best_level, facts.levels.downsamples), facts, settings)
    asked, odd = _asked(facts, grid, settings)
    kept = grid.touched(stored_boxes(index, grid.level))
    if not settings.drop_blank:
        kept[:] = True
    ground = look_at_ground(index, facts)
    read = asked & (ground.tissue_fractions(grid) >= settings.min_tissue)
    if settings.edge == DROP:
        read &= grid.whole()
    lost = unreadable_tiles(index, grid) & read
    kept &= read & ~lost
    if settings.max_tiles is not None:
        kept = _drawn(name, kept, settings.max_tiles)
    return (
        _facts(facts, asked)
        | _areas(facts, ground)
        | _damage(index, facts, grid, asked, lost, [*scale_warnings(said, facts, settings), *odd])
        | cost(index, facts, grid, kept, settings)
    )


def _drawn(name: str, kept: Bools, most: int) -> Bools:
    """So many of the tiles; which ones, ``tile`` will draw by what tissue there really is."""
    found = np.zeros_like(kept)
    for address in drawn(name, ((int(col), int(row)) for col, row in np.argwhere(kept)), most):
        found[address] = True
    return found


def _facts(facts: SlideFacts, asked: Bools) -> Record:
    return {
        "width": facts.size[0],
        "height": facts.size[1],
        "mpp_x": facts.mpp_x,
        "mpp_y": facts.mpp_y,
        "objective": facts.objective,
        "tiles": int(asked.sum()),
    }


def _areas(facts: SlideFacts, ground: Ground) -> Record:
    """Scanned and tissue area; None where the scale, or what is tissue, is not known."""
    if facts.mpp_x is None or facts.mpp_y is None:
        return {}
    px_mm2 = facts.mpp_x * facts.mpp_y / 1e6
    tissue = ground.tissue
    return {
        "scanned_mm2": ground.places.px(ground.places.image >= 0) * px_mm2,
        "tissue_mm2": None if tissue is None else ground.places.px(tissue) * px_mm2,
    }


def _damage(
    index: MiraxIndex,
    facts: SlideFacts,
    grid: Grid,
    asked: Bools,
    lost: Bools,
    warnings: Sequence[str],
) -> Record:
    """Status, error and warnings, as ``inspect`` and ``tile`` will give them."""
    warnings = [*index.slidedat.partly_shown, *warnings]
    if not lost.any():
        return {"warnings": [*warnings, *damaged_files(index)]}
    listed = can_hold_pixels(facts, index, True, grid)
    tiles = int(asked.sum() if listed is None else (asked & listed).sum())
    why = "; ".join(damaged_files(index, grid.level))
    return {
        "status": "failed" if lost.sum() == tiles else "damaged",
        "warnings": warnings,
        "error": f"{lost.sum()} of {tiles} tiles cannot be read: {why}. {COPY_AGAIN}.",
    }
