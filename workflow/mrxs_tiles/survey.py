"""The command ``survey``: what a run on some slides will meet and cost, before it is begun.

For MIRAX from Slidedat.ini and Index.dat alone: no pixel is decoded. Writes
``results/survey.tsv``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from mrxs_tiles import layout, manifest
from mrxs_tiles.canvas import best_level, facts_of
from mrxs_tiles.damage import COPY_AGAIN, damaged_files, unreadable_tiles
from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid import Bools, Grid
from mrxs_tiles.inspect_slide import opened
from mrxs_tiles.locate import SlideFiles, locate, openable, stamp
from mrxs_tiles.manifest import BAD, Record
from mrxs_tiles.mirax import MiraxIndex, read_index
from mrxs_tiles.names import Slide
from mrxs_tiles.reader import SlideFacts
from mrxs_tiles.resolution import with_scale
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide_grid import asked_for, can_hold_pixels, grid_of, stored_boxes
from mrxs_tiles.store import make_folder
from mrxs_tiles.stored_bytes import (
    FLAT_BYTES_PER_PX,
    JPEG_HEAD_BYTES,
    StoredMap,
    jpeg_bytes,
    stored_map,
    tissue_images,
)

log = logging.getLogger(__name__)

# What `tile` reads, tests and encodes on one core, measured by `make bench` at 3000 px.
PX_PER_CORE_SECOND = 8e7


def survey(slides: Iterable[Slide], results: Path) -> list[Record]:
    """Look at the slides' indexes and write the table; returns its rows, sorted by name.

    Raises:
        ResultsError: the table cannot be written.
    """
    make_folder(results)
    rows = [_row(slide) for slide in sorted(slides, key=lambda slide: slide.name)]
    cells = ([row[column] for column in manifest.SURVEY] for row in rows)
    manifest.write_table(results / manifest.SURVEY_TSV, manifest.SURVEY, cells)
    return rows


def summary(results: Path, rows: Sequence[Record]) -> list[str]:
    """What the command ends with on the terminal."""

    def total(column: str) -> float:
        return sum(row[column] or 0 for row in rows)

    bad = [row for row in rows if row["status"] in BAD]
    unknown = sum(row["tile_gigabytes"] is None for row in rows if row["status"] != "failed")
    some = f"{unknown:,} slide{'' if unknown == 1 else 's'}"
    unless = f", without {some} of which nothing, or no GB, can be told beforehand"
    return [
        f"{len(rows):,} slide{'' if len(rows) == 1 else 's'}, {total('gigabytes'):.3g} GB: "
        f"{len(rows) - len(bad):,} sound, {len(bad):,} bad",
        f"about {total('kept_estimate'):,.0f} tiles to keep, "
        f"{total('tile_gigabytes'):.3g} GB, {total('core_hours'):.3g} core hours"
        f"{unless if unknown else ''}",
        *(f"  {row['slide']} ({row['status']}): {row['error']}" for row in bad),
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
        row["gigabytes"] = stamp(slide.path)[1] / 1e9
        if files.folder is None:
            return row | _by_opening(files, slide.settings)
        return row | _by_index(files, files.folder, slide.settings)
    except SlideError as error:
        return row | {"status": "failed", "error": str(error)}


def _by_opening(files: SlideFiles, settings: Settings, trouble: str = "") -> Record:
    """What OpenSlide says of a slide that has no index, or one with ``trouble``."""
    with openable(files) as path, opened(path, files.path, None, trouble) as reader:
        facts = with_scale(reader.facts(), settings.slide_mpp)
        grid = grid_of(reader.best_level, facts, settings)
    asked = _asked(facts, grid, settings)
    warning = f"the MIRAX index is not understood ({trouble}), so nothing is estimated"
    return _facts(facts, asked) | {"warnings": [warning] if trouble else []}


def _asked(facts: SlideFacts, grid: Grid, settings: Settings) -> Bools:
    """The tiles of the region, or all, (cols, rows) bool."""
    inside = asked_for(facts, grid, settings.region, settings.region_origin)
    return np.ones((grid.cols, grid.rows), bool) if inside is None else inside


def _by_index(files: SlideFiles, folder: Path, settings: Settings) -> Record:
    try:
        index = read_index(folder)
        facts = with_scale(facts_of(index), settings.slide_mpp)
    except SlideError as error:
        return _by_opening(files, settings, str(error))
    if index.unreadable(len(index.images) - 1).any():  # OpenSlide hashes these images at once
        why = "; ".join(damaged_files(index))
        raise SlideError(f"{files.path.name} cannot be opened: {why}. {COPY_AGAIN}.")
    grid = grid_of(partial(best_level, facts.levels.downsamples), facts, settings)
    asked = _asked(facts, grid, settings)
    lost = unreadable_tiles(index, grid) & asked
    kept = grid.touched(stored_boxes(index, grid.level))
    if not settings.drop_blank:
        kept[:] = True
    kept &= asked & ~lost
    return (
        _facts(facts, asked)
        | _areas(index, facts)
        | _damage(index, facts, grid, asked, lost)
        | _cost(index, facts, grid, kept, settings)
    )


def _facts(facts: SlideFacts, asked: Bools) -> Record:
    return {
        "width": facts.size[0],
        "height": facts.size[1],
        "mpp_x": facts.mpp_x,
        "mpp_y": facts.mpp_y,
        "objective": facts.objective,
        "tiles": int(asked.sum()),
    }


def _areas(index: MiraxIndex, facts: SlideFacts) -> Record:
    """Scanned and tissue area; None where the scale, or what is tissue, is not known."""
    if facts.mpp_x is None or facts.mpp_y is None:
        return {}
    places = stored_map(index, 0, facts.size)
    tissue = tissue_images(index)
    px_mm2 = facts.mpp_x * facts.mpp_y / 1e6
    return {
        "scanned_mm2": places.scanned_px * px_mm2,
        "tissue_mm2": None if tissue is None else places.sum_px(tissue.astype(float)) * px_mm2,
    }


def _damage(index: MiraxIndex, facts: SlideFacts, grid: Grid, asked: Bools, lost: Bools) -> Record:
    """Status, error and warnings, as ``inspect`` and ``tile`` will give them."""
    warnings = list(index.slidedat.partly_shown)
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


def _cost(
    index: MiraxIndex, facts: SlideFacts, grid: Grid, kept: Bools, settings: Settings
) -> Record:
    """Tiles to keep, the room they take and the time to cut them."""
    places = stored_map(index, grid.level, facts.levels.sizes[grid.level])
    ring = (1 + 2 * settings.overlap / settings.tile_size) ** 2  # px that several tiles show
    return {
        "kept_estimate": int(kept.sum()),
        "tile_gigabytes": _gigabytes(index, facts, grid, kept, places, settings, ring),
        "core_hours": places.scanned_px * ring / PX_PER_CORE_SECOND / 3600,
    }


def _gigabytes(
    index: MiraxIndex,
    facts: SlideFacts,
    grid: Grid,
    kept: Bools,
    places: StoredMap,
    settings: Settings,
    ring: float,
) -> float | None:
    """GB of the kept tiles; None where they, or what is stored, are no JPEGs."""
    stored = _scanned_bytes(index, facts, grid, places, settings)
    if stored is None or settings.format != "jpg":
        return None
    share = ring * (layout.downsample(index, grid.level) / grid.downsample) ** 2
    all_px = sum(tile.tile_width * tile.tile_height for tile in grid.tiles(kept))
    empty_px = max(0.0, all_px - places.scanned_px * share)
    heads = int(kept.sum()) * JPEG_HEAD_BYTES
    return (stored * ring + empty_px * FLAT_BYTES_PER_PX + heads) / 1e9


def _scanned_bytes(
    index: MiraxIndex, facts: SlideFacts, grid: Grid, places: StoredMap, settings: Settings
) -> float | None:
    """Bytes of the scanned px at the tiles' scale: between those of the levels around it."""
    how = settings.quality, settings.subsampling
    finer = jpeg_bytes(index, grid.level, places, *how)
    step = grid.downsample / layout.downsample(index, grid.level)
    if not finer or step == 1:
        return finer
    coarser = None
    if grid.level + 1 < len(index.images):
        above = stored_map(index, grid.level + 1, facts.levels.sizes[grid.level + 1])
        coarser = jpeg_bytes(index, grid.level + 1, above, *how)
    if not coarser:
        return finer / step**2
    gap = facts.levels.downsamples[grid.level + 1] / facts.levels.downsamples[grid.level]
    return float(finer * (coarser / finer) ** (np.log(step) / np.log(gap)))
