"""The grid of Deep Zoom: full resolution, and powers of two below it.

The arithmetic is openslide-python's ``DeepZoomGenerator``'s, step by step and rounding by
rounding, because the tiles must come out byte for byte the same. The planes are ``grid``'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mrxs_tiles.grid.grid import Bounds, Grid, Levels, Span


@dataclass(frozen=True, slots=True)
class DeepZoomAxis:
    """One direction of a grid as Deep Zoom has it."""

    l0_slide: int  # length of the slide
    l0_origin: int  # where the grid starts
    l_length: int  # length of the cut area on the level that is read
    l0_l_downsample: float
    l_z_downsample: float
    z_length: int
    z_t_downsample: int  # side of a tile
    z_overlap: int

    @property
    def downsample(self) -> int:
        """Level-0 px per px of a tile, a power of two."""
        return round(self.l0_l_downsample * self.l_z_downsample)

    @property
    def count(self) -> int:
        """How many columns (rows) there are."""
        return math.ceil(self.z_length / self.z_t_downsample)

    def span(self, t: int) -> Span:
        """Where column (row) ``t`` lies; ``t`` from 0 to ``count - 1``."""
        z_before = self.z_overlap * (t != 0)
        z_after = self.z_overlap * (t != self.count - 1)
        z_start = self.z_t_downsample * t
        z_length = min(self.z_t_downsample, self.z_length - z_start) + z_before + z_after
        l_start = self.l_z_downsample * (z_start - z_before)
        l_length = int(
            min(math.ceil(self.l_z_downsample * z_length), self.l_length - math.ceil(l_start))
        )
        l0_z = self.downsample
        l0_start = self.l0_origin + l0_z * (z_start - z_before)
        # a last tile smaller than the overlap: the one before it must not reach beyond it
        z_shown = min(z_length, self.z_length - (z_start - z_before))
        return Span(
            l0_start=l0_start,
            l0_length=max(0, min(l0_z * z_shown, self.l0_slide - l0_start)),
            l0_location=int(self.l0_l_downsample * l_start + self.l0_origin),
            l_length=max(0, l_length),
            z_length=z_length,
        )


def largest_downsample(l0_size: tuple[int, int]) -> int:
    """The coarsest power of two that Deep Zoom knows for a slide: there it is 1 x 1 px."""
    return 1 << max(0, math.ceil(math.log2(max(1, *l0_size))))


def make_grid(
    levels: Levels,
    tile_size: int,
    overlap: int,
    downsample: int,
    area: Bounds | None,
    best_level: int,
) -> Grid:
    """The grid that ``DeepZoomGenerator(slide, tile_size, overlap, limit_bounds)`` has.

    Args:
        levels: the slide's levels.
        tile_size: side of a tile, px.
        overlap: px added on each inner side.
        downsample: level-0 px per px of the tiles, a power of two.
        area: with ``limit_bounds``, the scanned area (x, y, width, height) in level-0 px.
        best_level: OpenSlide's ``get_best_level_for_downsample(downsample)``.
    """

    def axis(direction: int) -> DeepZoomAxis:
        l0_slide = levels.sizes[0][direction]
        l0_length, l_length = l0_slide, levels.sizes[best_level][direction]
        if area is not None:
            # the generator scales every level by this ratio, level 0 too, and rounds up
            scale = area[2 + direction] / l0_slide
            l0_length, l_length = math.ceil(l0_slide * scale), math.ceil(l_length * scale)
        return DeepZoomAxis(
            l0_slide=l0_slide,
            l0_origin=0 if area is None else area[direction],
            l_length=l_length,
            l0_l_downsample=levels.downsamples[best_level],
            l_z_downsample=downsample / levels.downsamples[best_level],
            # halving and rounding up again and again is rounding up once
            z_length=math.ceil(l0_length / downsample),
            z_t_downsample=tile_size,
            z_overlap=overlap,
        )

    return Grid(level=best_level, x=axis(0), y=axis(1))
