"""The grid of tiles at any scale: what Deep Zoom, which knows powers of two only, cannot give.

The planes are those of ``grid``, ``z_`` the picture that is cut into tiles. Each tile begins
at the level-0 px nearest to its exact place, so that no error adds up from tile to tile, and
is resampled once from the nearest finer level. As much around it is read as the filter looks
at, so that tiles have no seams.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mrxs_tiles.grid.grid import Bounds, Downsamples, Grid, Levels, Span

FILTER_PX = 3  # px of the result on each side that Lanczos' window takes in


@dataclass(frozen=True, slots=True)
class ResampledAxis:
    """One direction of a grid whose tiles are resampled."""

    l0_slide: int  # length of the slide
    l0_origin: int  # where the grid starts
    l_slide: int  # length of the slide on the level that is read
    l0_l_downsample: float
    downsample: float
    z_length: int
    z_t_downsample: int  # side of a tile
    z_overlap: int

    @property
    def count(self) -> int:
        """How many columns (rows) there are."""
        return math.ceil(self.z_length / self.z_t_downsample)

    def span(self, t: int) -> Span:
        """Where column (row) ``t`` lies; ``t`` from 0 to ``count - 1``."""
        z_start = max(0, t * self.z_t_downsample - self.z_overlap)
        z_end = min((t + 1) * self.z_t_downsample + self.z_overlap, self.z_length)
        l0_start, l0_end = self._nearest(z_start), min(self._nearest(z_end), self.l0_slide)
        l_start = l0_start / self.l0_l_downsample
        l_end = l_start + (z_end - z_start) * self.downsample / self.l0_l_downsample
        margin = math.ceil(FILTER_PX * self.downsample / self.l0_l_downsample)
        l_first = min(max(0, math.floor(l_start) - margin), self.l_slide - 1)
        l_behind = max(l_first + 1, min(math.ceil(l_end) + margin, self.l_slide))
        l0_location = round(l_first * self.l0_l_downsample)  # OpenSlide takes whole px of level 0
        l_read = l0_location / self.l0_l_downsample
        return Span(
            l0_start=l0_start,
            l0_length=max(0, l0_end - l0_start),
            l0_location=l0_location,
            l_length=l_behind - l_first,
            z_length=z_end - z_start,
            l_box=(l_start - l_read, l_end - l_read),
        )

    def _nearest(self, z: int) -> int:
        """The level-0 px nearest to a place in the picture."""
        return self.l0_origin + math.floor(z * self.downsample + 0.5)


def make_resampled_grid(
    levels: Levels,
    tile_size: int,
    overlap: int,
    downsamples: Downsamples,
    area: Bounds | None,
    best_level: int,
) -> Grid:
    """A grid of tiles at any scale.

    Args:
        levels: the slide's levels.
        tile_size: side of a tile, px.
        overlap: px added on each inner side.
        downsamples: level-0 px per px of the tiles, across and down, at least 1.
        area: with ``limit_bounds``, the scanned area (x, y, width, height) in level-0 px.
        best_level: the nearest level that is not coarser than the tiles.
    """

    def axis(direction: int) -> ResampledAxis:
        l0_slide = levels.sizes[0][direction]
        l0_length = l0_slide if area is None else area[2 + direction]
        return ResampledAxis(
            l0_slide=l0_slide,
            l0_origin=0 if area is None else area[direction],
            l_slide=levels.sizes[best_level][direction],
            l0_l_downsample=levels.downsamples[best_level],
            downsample=downsamples[direction],
            z_length=math.ceil(l0_length / downsamples[direction]),
            z_t_downsample=tile_size,
            z_overlap=overlap,
        )

    return Grid(level=best_level, x=axis(0), y=axis(1))
