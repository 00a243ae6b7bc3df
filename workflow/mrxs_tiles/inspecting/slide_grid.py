"""The grid of an open slide: which of its tiles can hold pixels, what the record says of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mrxs_tiles.errors import SlideError
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Bools, Bounds, Grid
from mrxs_tiles.grid.resampled import make_resampled_grid
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.damage import COPY_AGAIN
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.slide.reader import SlideFacts
from mrxs_tiles.slide.resolution import ASSUMED_MPP, downsamples_of

MOST_SIDE = 1 << 22  # px; a metre of glass at 0.25 µm: a damaged slide says anything
# Beyond these the tables of a grid's tiles fill the memory of a usual machine.
MOST_TILES, MOST_ALONG_A_SIDE = 1 << 23, 1 << 18


def grid_of(best_level: Callable[[float], int], facts: SlideFacts, settings: GridSettings) -> Grid:
    """The grid of a slide; ``best_level`` gives the level that is read for a downsample.

    Raises:
        SlideError: the slide has no size, or cannot be cut at the scale that is asked for.
    """
    if not 1 <= min(facts.size) <= max(facts.size) <= MOST_SIDE:
        raise SlideError(
            f"The slide says that it is {facts.size[0]} x {facts.size[1]} px. {COPY_AGAIN}."
        )
    across, down = downsamples_of(facts, settings)
    area = facts.bounds if settings.limit_bounds else None
    level = best_level(min(across, down))
    side, overlap = settings.tile_size, settings.overlap
    if across == down and math.log2(across).is_integer():
        grid = make_grid(facts.levels, side, overlap, int(across), area, level)
    else:
        scale = (across, down)
        grid = make_resampled_grid(facts.levels, side, overlap, scale, area, level)
    return _bounded(replace(grid, edge=settings.edge))


def _bounded(grid: Grid) -> Grid:
    """The grid itself, where it can be held.

    Raises:
        SlideError: a tiny tile, or a slide that says it is as large as a field.
    """
    if max(grid.cols, grid.rows) > MOST_ALONG_A_SIDE or grid.cols * grid.rows > MOST_TILES:
        raise SlideError(
            f"The grid would have {grid.cols} x {grid.rows} tiles, of which at most {MOST_TILES}, "
            f"and {MOST_ALONG_A_SIDE} along a side, can be dealt with. Set a larger tile_size or "
            f"downsample. {COPY_AGAIN} if it is smaller than that."
        )
    return grid


def can_hold_pixels(
    facts: SlideFacts, index: MiraxIndex | None, is_mirax: bool, grid: Grid
) -> Bools | None:
    """Which tiles the index, or else the bounds, do not show to be empty; None: any."""
    if index is not None:
        margin_x, margin_y = layout.camera_picture(index)
        margins = (-margin_x, -margin_y, margin_x, margin_y)
        return grid.touched(stored_boxes(index, grid.level) + margins)
    if facts.bounds is not None and not is_mirax:
        # pixels of a coarser level may stand over the scanned area's edge by one of theirs
        return grid.touched(_box(facts.bounds, math.ceil(2 * grid.downsample)))
    return None


def stored_boxes(index: MiraxIndex, level: int) -> npt.NDArray[np.float64]:
    """Where a level's stored images lie, (n, 4): left, top, right, bottom in level-0 px.

    Raises:
        SlideError: an image belongs to no camera picture.
    """
    places = layout.pieces(index, level, layout.scanned_positions(index))
    left, top = places.x, places.y
    right, bottom = left + places.width, top + places.height
    return np.stack([left, top, right, bottom], axis=1) * layout.downsample(index, level)


def _box(bounds: Bounds, margin: int) -> npt.NDArray[np.float64]:
    x, y, width, height = bounds
    if not width or not height:
        return np.empty((0, 4))
    return np.array([[x - margin, y - margin, x + width + margin, y + height + margin]], float)


def grid_record(grid: Grid, facts: SlideFacts, tiles: int, listed: int) -> Record:
    """What ``slide.json`` says of the grid.

    ``tiles`` were asked for: all, or those in the region; ``listed`` of them have a row.
    """
    across, down = grid.x.downsample, grid.y.downsample
    return {
        "tile_size": grid.x.z_t_downsample,
        "overlap": grid.x.z_overlap,
        "edge": grid.edge,
        "downsample": grid.downsample,
        "mpp_x": None if facts.mpp_x is None else facts.mpp_x * across,
        "mpp_y": None if facts.mpp_y is None else facts.mpp_y * down,
        "magnification": None if facts.objective is None else facts.objective / grid.downsample,
        "level": grid.level,
        "cols": grid.cols,
        "rows": grid.rows,
        "tiles": tiles,
        "listed": listed,
        "x0": grid.x.l0_origin,
        "y0": grid.y.l0_origin,
    }


def tile_mpp(record: Record) -> tuple[float, float]:
    """µm per px of the tiles, across and down, by a ``grid_record``; a guess where not known."""
    assumed = ASSUMED_MPP * record["downsample"]
    return record["mpp_x"] or assumed, record["mpp_y"] or assumed
