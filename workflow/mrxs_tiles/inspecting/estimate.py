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
    tiles = _KeptTiles(index, facts, grid, kept, settings)
    return {
        "kept_estimate": int(kept.sum()),
        "tile_gigabytes": tiles.gigabytes(),
        "core_hours": tiles.seconds() / 3600,
    }


class _KeptTiles:
    """The tiles of a slide that are kept, as far as its index tells."""

    def __init__(
        self, index: MiraxIndex, facts: SlideFacts, grid: Grid, kept: Bools, settings: Settings
    ) -> None:
        self._index, self._facts, self._grid = index, facts, grid
        self._kept, self._settings = kept, settings
        self._shrinks = grid.downsample / layout.downsample(index, grid.level)
        self._places = self._map(grid.level)
        # of the level that is read
        self._scanned_px = self._places.tile_px(self._places.image >= 0, index, grid, kept)

    def _map(self, level: int) -> StoredMap:
        return stored_map(self._index, level, self._facts.levels.sizes[level])

    def seconds(self) -> float:
        """To cut them, of one core."""
        settings, shrinks = self._settings, self._shrinks
        each = ENCODING[settings.format]
        if settings.quality == 100:
            each = LOSSLESS.get(settings.format, each)
        if shrinks != 1:
            each += RESAMPLING
        if settings.min_focus > 0 or settings.max_pen < 1:
            each += MEASURING
        return self._scanned_px * (READING + each / shrinks**2)

    def gigabytes(self) -> float | None:
        """GB of them; None where they, or what is stored, are no JPEGs."""
        stored = self._stored_bytes()
        if stored is None or self._settings.format != "jpg":
            return None
        places = self._grid.tiles(self._kept)
        all_px = sum(tile.tile_width * tile.tile_height for tile in places)
        share = (1 / self._shrinks) ** 2
        empty_px = max(0.0, all_px - self._scanned_px * share)
        heads = int(self._kept.sum()) * JPEG_HEAD_BYTES
        return (stored + empty_px * FLAT_BYTES_PER_PX + heads) / 1e9

    def _stored_bytes(self) -> float | None:
        """Bytes of their scanned px: between those of the levels around their scale."""
        level = self._grid.level
        finer = self._bytes_of(level, self._places)
        if not finer or self._shrinks == 1:
            return finer
        coarser = None
        if level + 1 < len(self._index.images):
            coarser = self._bytes_of(level + 1, self._map(level + 1))
        if not coarser:
            return finer / self._shrinks**2
        downsamples = self._facts.levels.downsamples
        gap = downsamples[level + 1] / downsamples[level]
        return float(finer * (coarser / finer) ** (np.log(self._shrinks) / np.log(gap)))

    def _bytes_of(self, level: int, places: StoredMap) -> float | None:
        """Bytes of their px as a level stores them."""
        settings = self._settings
        per_px = jpeg_px_bytes(self._index, level, settings.quality, settings.subsampling)
        if per_px is None:
            return None
        return places.tile_px(places.spread(per_px), self._index, self._grid, self._kept)
