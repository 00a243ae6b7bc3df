"""The grid is Deep Zoom's, rounding by rounding, and covers everything exactly once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

from fake_slide import FakeSlide, slides, spans
from mrxs_tiles.grid.deep_zoom import largest_downsample, make_grid
from mrxs_tiles.grid.grid import Grid, Levels, Tile, thumbnail_size

Box = tuple[int, int, int, int]
MOST_TILES = 400


@dataclass
class Drawn:
    """A grid and what it was made for."""

    grid: Grid
    generator: DeepZoomGenerator
    level: int  # the generator's
    area: Box  # what the grid covers, level-0 px
    slide: FakeSlide


@st.composite
def grids(draw: st.DrawFn, at_full_resolution: bool = False) -> Drawn:
    """Grids of not too many tiles, and the generators they must equal."""
    slide, limit_bounds = draw(slides()), draw(st.booleans())
    sizes = DeepZoomGenerator(slide, limit_bounds=limit_bounds).level_dimensions[::-1]
    exponent = draw(st.integers(0, 0 if at_full_resolution else len(sizes) - 1))
    width, height = sizes[exponent]
    least = max(math.isqrt(width * height // MOST_TILES), width // 100, height // 100) + 1
    tile_size = draw(st.integers(least, least + 700))
    if draw(st.booleans()):  # a last tile of few px, fewer than the overlap
        side = draw(st.sampled_from([width, height])) - draw(st.integers(1, 9))
        tile_size = max(least, side // draw(st.integers(1, 9)))
    overlap = draw(
        st.one_of(st.just(0), st.integers(0, min(9, tile_size)), st.integers(0, tile_size))
    )
    generator = DeepZoomGenerator(slide, tile_size, overlap, limit_bounds)
    level, downsample = generator.level_count - 1 - exponent, 1 << exponent
    bounds = slide.bounds if limit_bounds else None
    levels = Levels(slide.level_dimensions, slide.level_downsamples)
    best = slide.get_best_level_for_downsample(downsample)
    grid = make_grid(levels, tile_size, overlap, downsample, bounds, best)
    # The generator's own size: it scales and rounds up, and so may take one px more than asked.
    area = (*(bounds or (0, 0))[:2], *generator.level_dimensions[-1])
    return Drawn(grid, generator, level, area, slide)


@pytest.mark.long
@given(drawn=grids())
@settings(max_examples=250, deadline=None)
def test_same_as_deep_zoom(drawn: Drawn) -> None:
    """What is read for each tile is what DeepZoomGenerator reads, and comes out as large."""
    grid, generator, level = drawn.grid, drawn.generator, drawn.level
    assert (grid.cols, grid.rows) == generator.level_tiles[level]
    for col in range(grid.cols):
        for row in range(grid.rows):
            region = grid.region(col, row)
            location, slide_level, size = generator.get_tile_coordinates(level, (col, row))
            # Rounding can leave nothing to read, less than nothing for Deep Zoom.
            readable = tuple(max(0, side) for side in size)
            assert (region.location, region.level, region.size) == (
                *(location, slide_level),
                readable,
            )
            assert region.z_size == generator.get_tile_dimensions(level, (col, row))


@pytest.mark.long
@given(drawn=grids())
@settings(max_examples=250, deadline=None)
def test_covers_all_once(drawn: Drawn) -> None:
    """The tiles, less their overlap, lie edge to edge, and cover the area and nothing else."""
    grid, downsample = drawn.grid, drawn.grid.downsample
    tiles = list(grid.tiles())
    assert [tile[:2] for tile in tiles] == [
        (col, row) for col in range(grid.cols) for row in range(grid.rows)
    ]
    for direction, axis in enumerate((grid.x, grid.y)):
        start, slide_end = drawn.area[direction], drawn.slide.dimensions[direction]
        # the last px of the picture may stand over the area's edge, never over the slide's
        picture_px = math.ceil(drawn.area[2 + direction] / downsample)
        end = min(start + picture_px * downsample, slide_end)
        overlap, side = axis.z_overlap * downsample, axis.z_t_downsample * downsample
        found = spans(tiles, direction)
        for number, (low, high) in found.items():
            inner = start + side * number
            after = overlap if number < len(found) - 1 else 0
            assert low == inner - (overlap if number else 0)
            assert high == max(low, min(inner + side + after, end))


@pytest.mark.long
@given(drawn=grids(at_full_resolution=True))
@settings(max_examples=250, deadline=None)
def test_coordinates_are_what_is_shown(drawn: Drawn) -> None:
    """At full resolution a tile covers what is read for it, but for what lies off the slide."""
    width, height = drawn.slide.dimensions
    for tile in drawn.grid.tiles():
        (x, y), _, size = drawn.generator.get_tile_coordinates(drawn.level, tile[:2])
        on_slide = min(size[0], width - x), min(size[1], height - y)
        assert ((tile.x, tile.y), (tile.width, tile.height)) == ((x, y), on_slide)
        assert (tile.tile_width, tile.tile_height) == size


@pytest.mark.long
@given(drawn=grids())
@settings(max_examples=200, deadline=None)
def test_picture_size(drawn: Drawn) -> None:
    """A tile's picture is as large as Pillow makes it of what is read."""
    for tile in drawn.grid.tiles():
        _, _, size = drawn.generator.get_tile_coordinates(drawn.level, tile[:2])
        most = drawn.generator.get_tile_dimensions(drawn.level, tile[:2])
        wanted = (0, 0)
        if min(size) > 0:
            picture = Image.new("1", size)
            picture.thumbnail(most)
            wanted = picture.size
        assert (tile.tile_width, tile.tile_height) == wanted


@pytest.mark.long
@given(drawn=grids(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_wanted_tiles(drawn: Drawn, data: st.DataObject) -> None:
    """Only the wanted tiles come, in the same order, each as in the whole grid."""
    grid = drawn.grid
    seed = data.draw(st.integers(0, 1 << 32))
    wanted = np.random.default_rng(seed).integers(0, 2, (grid.cols, grid.rows)).astype(bool)
    assert list(grid.tiles(wanted)) == [tile for tile in grid.tiles() if wanted[tile[:2]]]
    assert list(grid.tiles(np.zeros_like(wanted))) == []


def shares_area(tile: Tile, box: np.ndarray) -> bool:
    left, top, right, bottom = box.tolist()
    across = min(tile.x + tile.width, right) - max(tile.x, left)
    down = min(tile.y + tile.height, bottom) - max(tile.y, top)
    return across > 0 and down > 0


@pytest.mark.long
@given(drawn=grids(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_touched(drawn: Drawn, data: st.DataObject) -> None:
    """The touched tiles are those that share area with a box, found one by one."""
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    width, height = drawn.slide.dimensions
    count = data.draw(st.integers(0, 5))
    far = (width * 1.3, height * 1.3) * 2
    boxes = random.uniform(-0.3, 1, (count, 4)) * far
    if data.draw(st.booleans()):
        boxes = np.floor(boxes)  # edges that meet the tiles'
    boxes[:, 2:] = np.maximum(boxes[:, :2] + random.choice([0.4, 1, 50.5]), boxes[:, 2:])
    touched = drawn.grid.touched(boxes)
    assert touched.shape == (drawn.grid.cols, drawn.grid.rows)
    for tile in drawn.grid.tiles():
        assert touched[tile[:2]] == any(shares_area(tile, box) for box in boxes)


def test_last_tile_smaller_than_overlap() -> None:
    """Where the last tile is smaller than the overlap, no tile reaches over the scanned area."""
    levels = Levels(((1000, 1000),), (1.0,))
    grid = make_grid(levels, 100, 20, 1, (0, 0, 305, 100), 0)
    assert [(tile.x, tile.width, tile.tile_width) for tile in grid.tiles()] == [
        (0, 120, 120),
        (80, 140, 140),
        (180, 125, 125),
        (280, 25, 25),
    ]


def table(size: tuple[int, int], tile_size: int, overlap: int, downsample: int) -> list[Box]:
    """x, y, width, height of all tiles of a slide of one level."""
    grid = make_grid(Levels((size,), (1.0,)), tile_size, overlap, downsample, None, 0)
    return [tile[2:6] for tile in grid.tiles()]


def test_small_grid() -> None:
    """Ten by seven px in tiles of four: the last column and row are narrower."""
    assert table((10, 7), 4, 0, 1) == [
        (0, 0, 4, 4), (0, 4, 4, 3),
        (4, 0, 4, 4), (4, 4, 4, 3),
        (8, 0, 2, 4), (8, 4, 2, 3),
    ]  # fmt: skip


def test_small_grid_with_overlap() -> None:
    """With an overlap of one, each tile reaches one px over its inner edges."""
    assert table((10, 7), 4, 1, 1) == [
        (0, 0, 5, 5), (0, 3, 5, 4),
        (3, 0, 6, 5), (3, 3, 6, 4),
        (7, 0, 3, 5), (7, 3, 3, 4),
    ]  # fmt: skip


def test_small_grid_downsampled() -> None:
    """At half resolution a tile of two px covers four, and what is cut off the slide's edge."""
    assert table((9, 4), 2, 0, 2) == [(0, 0, 4, 4), (4, 0, 4, 4), (8, 0, 1, 4)]


def test_grid_of_scanned_area() -> None:
    """A grid that is limited to the scanned area counts from the slide's corner all the same."""
    grid = make_grid(Levels(((100, 80),), (1.0,)), 30, 0, 1, (20, 10, 50, 30), 0)
    assert [tile[2:6] for tile in grid.tiles()] == [(20, 10, 30, 30), (50, 10, 20, 30)]


def test_empty_area() -> None:
    """Where nothing was scanned the grid has no tile."""
    grid = make_grid(Levels(((100, 80),), (1.0,)), 30, 0, 4, (0, 0, 0, 0), 0)
    assert (grid.cols, grid.rows, list(grid.tiles())) == (0, 0, [])
    assert grid.touched(np.array([[0.0, 0, 100, 80]])).shape == (0, 0)


SIDES = st.one_of(st.integers(1, 40), st.integers(1, 1500))


@pytest.mark.long
@given(size=st.tuples(SIDES, SIDES), most=st.tuples(SIDES, SIDES))
@settings(max_examples=600, deadline=None)
def test_thumbnail_size(size: tuple[int, int], most: tuple[int, int]) -> None:
    """The size is the one that Pillow's thumbnail gives."""
    picture = Image.new("L", size)
    picture.thumbnail(most)
    assert thumbnail_size(size, most) == picture.size


@given(size=st.tuples(*[st.one_of(st.integers(1, 70), st.integers(1, 1 << 20))] * 2))
@settings(max_examples=200, deadline=None)
def test_largest_downsample(size: tuple[int, int]) -> None:
    """The coarsest downsample is the one at which Deep Zoom's picture is a single px."""
    generator = DeepZoomGenerator(FakeSlide((size,), (1.0,)))
    assert largest_downsample(size) == 1 << (generator.level_count - 1)
