"""The grid of an open slide: which of its tiles can hold pixels, what the record says of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mrxs_tiles import layout
from mrxs_tiles.damage import COPY_AGAIN
from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid import Bools, Bounds, Grid, largest_downsample, make_grid
from mrxs_tiles.manifest import Record
from mrxs_tiles.mirax import MiraxIndex
from mrxs_tiles.reader import SlideFacts
from mrxs_tiles.region import tiles_in


def grid_of(
    best_level: Callable[[int], int],
    facts: SlideFacts,
    tile_size: int,
    overlap: int,
    downsample: int,
    limit_bounds: bool,
) -> Grid:
    """The grid of a slide; ``best_level`` gives the level that is read for a downsample.

    Raises:
        SlideError: the slide has no size, or is smaller than one pixel at that downsample.
    """
    if min(facts.size) < 1:
        raise SlideError(
            f"The slide says that it is {facts.size[0]} x {facts.size[1]} px. {COPY_AGAIN}."
        )
    most = largest_downsample(facts.size)
    if downsample > most:
        raise SlideError(
            f"downsample {downsample} is too much for this slide of {facts.size[0]} x "
            f"{facts.size[1]} px: at {most} it is one pixel. Set downsample to {most} or less."
        )
    area = facts.bounds if limit_bounds else None
    return make_grid(facts.levels, tile_size, overlap, downsample, area, best_level(downsample))


def asked_for(
    facts: SlideFacts, grid: Grid, region: str | None, region_origin: str
) -> Bools | None:
    """Which tiles lie in the region, (cols, rows) bool; None: there is none.

    Raises:
        SlideError: the region cannot be used, or no tile lies in it.
    """
    if region is None:
        return None
    bounds = facts.bounds or (0, 0, 0, 0)
    origin = (bounds[0], bounds[1]) if region_origin == "bounds" else (0, 0)
    return tiles_in(grid, facts.size, region, origin)


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
        return grid.touched(_box(facts.bounds, 2 * grid.downsample))
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


def grid_record(grid: Grid, tiles: int, listed: int) -> Record:
    """What ``slide.json`` says of the grid.

    ``tiles`` were asked for: all, or those in the region; ``listed`` of them have a row.
    """
    return {
        "tile_size": grid.x.z_t_downsample,
        "overlap": grid.x.z_overlap,
        "downsample": grid.downsample,
        "cols": grid.cols,
        "rows": grid.rows,
        "tiles": tiles,
        "listed": listed,
        "x0": grid.x.l0_origin,
        "y0": grid.y.l0_origin,
    }
