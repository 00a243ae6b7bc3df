"""What cutting a MIRAX slide will cost, and where its tissue lies, from its index alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrxs_tiles.files.manifest import Record
from mrxs_tiles.grid.coverage import Floats, tile_fractions
from mrxs_tiles.grid.grid import Bools, Grid
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.stored_bytes import (
    FLAT_BYTES_PER_PX,
    JPEG_HEAD_BYTES,
    StoredMap,
    jpeg_px_bytes,
    stored_map,
    tissue_images,
)
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.reader import SlideFacts

# Seconds that one core takes for a px, measured as docs/costs.md says.
READING = 4.5e-9  # of the level that is read
# Of a tile. Lossless ones of quality 100 have figures of their own.
ENCODING = {"none": 0.0, "jpg": 3.5e-9, "tif": 3.4e-8, "png": 3.8e-8, "jxl": 4e-8, "webp": 4.5e-8}
LOSSLESS = {"jxl": 8e-9, "webp": 5.4e-8}
RESAMPLING = 8e-8  # of a tile at a scale between those of the levels
MEASURING = 1e-8  # of a tile: sharpness and pen


@dataclass(frozen=True, slots=True)
class Ground:
    """What level 0 shows where: ``tissue`` (rows, cols) bool, as ``places``; None: not known."""

    places: StoredMap
    tissue: Bools | None

    def tissue_fractions(self, grid: Grid) -> Floats:
        """About how much of each tile is tissue, (cols, rows); 1 where that is not known."""
        if self.tissue is None:
            return np.ones((grid.cols, grid.rows))
        return tile_fractions(self.tissue, float(self.places.cell), grid)


def look_at_ground(index: MiraxIndex, facts: SlideFacts) -> Ground:
    """Where level 0 was scanned, and where the lengths of its images show tissue.

    Raises:
        SlideError: an image belongs to no camera picture.
    """
    places, tissue = stored_map(index, 0, facts.size), tissue_images(index)
    return Ground(places, None if tissue is None else places.spread(tissue).astype(bool))


def cost(
    index: MiraxIndex, facts: SlideFacts, grid: Grid, kept: Bools, settings: Settings
) -> Record:
    """Tiles to keep, the room they take and the time to cut them."""
    places = stored_map(index, grid.level, facts.levels.sizes[grid.level])
    scanned_px = places.tile_px(places.image >= 0, index, grid, kept)
    return {
        "kept_estimate": int(kept.sum()),
        "tile_gigabytes": _gigabytes(index, facts, grid, kept, places, scanned_px, settings),
        "core_hours": _seconds(index, grid, scanned_px, settings) / 3600,
    }


def _seconds(index: MiraxIndex, grid: Grid, scanned_px: float, settings: Settings) -> float:
    """Of one core; ``scanned_px`` are those of the level that is read."""
    shrinks = grid.downsample / layout.downsample(index, grid.level)
    each = ENCODING[settings.format]
    if settings.quality == 100:
        each = LOSSLESS.get(settings.format, each)
    if shrinks != 1:
        each += RESAMPLING
    if settings.min_focus > 0 or settings.max_pen < 1:
        each += MEASURING
    return scanned_px * (READING + each / shrinks**2)


def _gigabytes(
    index: MiraxIndex,
    facts: SlideFacts,
    grid: Grid,
    kept: Bools,
    places: StoredMap,
    scanned_px: float,
    settings: Settings,
) -> float | None:
    """GB of the kept tiles; None where they, or what is stored, are no JPEGs."""
    stored = _stored_bytes(index, facts, grid, kept, places, settings)
    if stored is None or settings.format != "jpg":
        return None
    share = (layout.downsample(index, grid.level) / grid.downsample) ** 2
    all_px = sum(tile.tile_width * tile.tile_height for tile in grid.tiles(kept))
    empty_px = max(0.0, all_px - scanned_px * share)
    heads = int(kept.sum()) * JPEG_HEAD_BYTES
    return (stored + empty_px * FLAT_BYTES_PER_PX + heads) / 1e9


def _stored_bytes(
    index: MiraxIndex,
    facts: SlideFacts,
    grid: Grid,
    kept: Bools,
    places: StoredMap,
    settings: Settings,
) -> float | None:
    """Bytes of the kept tiles' scanned px: between those of the levels around their scale."""

    def at(level: int, places: StoredMap) -> float | None:
        per_px = jpeg_px_bytes(index, level, settings.quality, settings.subsampling)
        if per_px is None:
            return None
        return places.tile_px(places.spread(per_px), index, grid, kept)

    finer = at(grid.level, places)
    step = grid.downsample / layout.downsample(index, grid.level)
    if not finer or step == 1:
        return finer
    coarser = None
    if grid.level + 1 < len(index.images):
        size = facts.levels.sizes[grid.level + 1]
        coarser = at(grid.level + 1, stored_map(index, grid.level + 1, size))
    if not coarser:
        return finer / step**2
    gap = facts.levels.downsamples[grid.level + 1] / facts.levels.downsamples[grid.level]
    return float(finer * (coarser / finer) ** (np.log(step) / np.log(gap)))
