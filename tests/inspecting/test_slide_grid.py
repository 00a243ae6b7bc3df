"""Which sizes of a slide have a grid."""

from __future__ import annotations

import pytest

from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.grid import Levels
from mrxs_tiles.inspecting.slide_grid import MOST_SIDE, grid_of
from mrxs_tiles.slide.reader import SlideFacts

SIDE = 30_000
SETTINGS = read_config({"tile_size": SIDE}).settings


def facts(width: int, height: int) -> SlideFacts:
    """A slide of one level that says nothing but its size."""
    return SlideFacts("mirax", Levels(((width, height),), (1.0,)), *[None] * 6)


@pytest.mark.parametrize("size", [(7, 7), (1, 1), (1, MOST_SIDE), (MOST_SIDE, MOST_SIDE)])
def test_sizes_that_slides_have(size: tuple[int, int]) -> None:
    """From one px to a metre, square ones too."""
    grid = grid_of(lambda _: 0, facts(*size), SETTINGS)
    assert (grid.cols, grid.rows) == tuple(-(-side // SIDE) for side in size)


@pytest.mark.parametrize("size", [(0, 7), (7, 0), (MOST_SIDE + 1, 7), (7, MOST_SIDE + 1)])
def test_sizes_that_none_has(size: tuple[int, int]) -> None:
    """What only a damaged slide says is refused with the numbers that it said."""
    with pytest.raises(SlideError, match=f"{size[0]} x {size[1]} px"):
        grid_of(lambda _: 0, facts(*size), SETTINGS)
