"""Where the stored images lie, and which tiles can hold none."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator

from drawn_slides import STORED_ALIKE, each_kind
from in_process import NAME, Variant, look, table
from mrxs_tiles.errors import RefusedSlideError
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.facts import beyond_canvas, facts_of
from mrxs_tiles.mirax.index import read_index
from write_mirax import VARIANTS, WrittenSlide

every_variant = pytest.mark.parametrize("name", each_kind(VARIANTS))


@every_variant
def test_pieces_of_level_0(variant: Variant, name: str) -> None:
    """At level 0 each stored image is one piece, and lies where the writer says."""
    slide = variant(name)
    index = read_index(slide.folder)
    found = layout.pieces(index, 0, layout.scanned_positions(index))
    places = {image.index: slide.place(image) for image in slide.images if image.level == 0}
    numbers = index.images[0][found.image, 0].tolist()
    assert sorted(numbers) == sorted(places)
    for number, x, y in zip(numbers, found.x, found.y, strict=True):
        assert (x, y, found.width, found.height) == places[number]


WHOLE_PICTURES = [
    name
    for name, spec in VARIANTS.items()
    if spec.divisions != 3 and (spec.positions != "absent" or spec.overlap_x)
]


@pytest.mark.parametrize("name", WHOLE_PICTURES)
def test_places_at_other_levels(variant: Variant, name: str) -> None:
    """An image lies at its first picture's place, or is cut anew into all its pictures."""
    slide = variant(name)
    spec, index = slide.spec, read_index(slide.folder)
    for level in range(spec.levels):
        joined = max(1, 2**level // spec.divisions)  # camera pictures each way in one image
        places = set()
        for image in (image for image in slide.images if image.level == level):
            column, row = image.x // spec.divisions, image.y // spec.divisions
            if joined == 1:
                places.add((image.index, *(side / 2**level for side in slide.place(image)[:2])))
                continue
            within = slide.scanned[row : row + joined, column : column + joined]
            for down, across in np.argwhere(within):
                x, y = spec.locations[row + down, column + across]
                places.add((image.index, x / 2**level, y / 2**level))
        found = layout.pieces(index, level, layout.scanned_positions(index))
        numbers = index.images[level][found.image, 0]
        assert set(zip(numbers, found.x, found.y, strict=True)) == places
        assert len(numbers) == len(places)
        size = (spec.image_width / joined, spec.image_height / joined)
        assert (found.width, found.height) == size


def covered(pieces: layout.Pieces, size: tuple[int, int], grown: float) -> np.ndarray:
    """The px (height, width) that pieces touch, larger by `grown` px on every side.

    With `grown` below 0, only the px that lie in a smaller piece wholly.
    """
    low, high = (math.floor, math.ceil) if grown > 0 else (math.ceil, math.floor)
    mask = np.zeros((size[1], size[0]), bool)
    for x, y in zip(pieces.x, pieces.y, strict=True):
        left, top = (max(0, low(side - grown)) for side in (x, y))
        right, bottom = high(x + pieces.width + grown), high(y + pieces.height + grown)
        mask[top : max(top, bottom), left : max(left, right)] = True
    return mask


@pytest.mark.slow
@every_variant
def test_pieces_of_other_levels(variant: Variant, name: str) -> None:
    """At all levels the pieces cover what OpenSlide shows, to a px."""
    slide = variant(name)
    index = read_index(slide.folder)
    with OpenSlide(slide.path) as handle:
        for level, size in enumerate(handle.level_dimensions):
            shown = np.asarray(handle.read_region((0, 0), level, size))[:, :, 3] > 0
            found = layout.pieces(index, level, layout.scanned_positions(index))
            assert not (shown & ~covered(found, size, 1)).any()
            assert not (covered(found, size, -1) & ~shown).any()


def addresses(folder: Path) -> set[tuple[int, int]]:
    return {(int(r["col"]), int(r["row"])) for r in table(folder / NAME / "coordinates.tsv")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "downsample"),
    [
        *(
            (name, (1, 2, 8)[number % 3])
            for number, name in enumerate(VARIANTS)
            if name not in STORED_ALIKE
        ),
        *(("small_area", downsample) for downsample in (1, 2, 8)),
    ],
)
def test_tiles_without_row_are_empty(
    variant: Variant, name: str, downsample: int, tmp_path: Path
) -> None:
    """OpenSlide shows nothing at all in the tiles that have no row."""
    slide = variant(name)
    side = 160 // downsample
    look(slide.path, tmp_path, tile_size=side, downsample=downsample)
    listed = addresses(tmp_path)
    with OpenSlide(slide.path) as handle:
        generator = DeepZoomGenerator(handle, side, 0)
        level = generator.level_count - 1 - (downsample.bit_length() - 1)
        cols, rows = generator.level_tiles[level]
        unlisted = {(col, row) for col in range(cols) for row in range(rows)} - listed
        assert len(unlisted) + len(listed) == cols * rows
        for address in unlisted:
            region = handle.read_region(*generator.get_tile_coordinates(level, address))
            assert region.getchannel("A").getextrema() == (0, 0)
    if name in ("small_area", "nothing_scanned"):
        assert len(unlisted) > len(listed)


def near_a_picture(slide: WrittenSlide, box: tuple[int, int, int, int]) -> bool:
    """Whether a level-0 box is within one camera picture of one that was scanned."""
    x, y, width, height = box
    picture = np.array(slide.spec.picture)
    places = slide.spec.locations[slide.scanned]
    near = (places - picture < (x + width, y + height)).all(axis=1)
    near &= (places + 2 * picture > (x, y)).all(axis=1)
    return bool(near.any())


@pytest.mark.slow
@every_variant
def test_margin(variant: Variant, name: str, tmp_path: Path) -> None:
    """A tile has a row when it is within one camera picture of one that was scanned, else not."""
    slide = variant(name)
    side = 90
    look(slide.path, tmp_path, tile_size=side)
    listed = addresses(tmp_path)
    width, height = slide.width, slide.height
    for col in range(-(-width // side)):
        for row in range(-(-height // side)):
            x, y = col * side, row * side
            box = (x, y, min(side, width - x), min(side, height - y))
            assert ((col, row) in listed) == near_a_picture(slide, box)


def test_pictures_beyond_the_canvas_are_told(variant: Variant) -> None:
    """Images that reach far beyond the canvas lose px: told; jitter at its rim is not."""
    slide = variant("jpeg")
    index = read_index(slide.folder)
    size = facts_of(index).levels.sizes[0]
    assert beyond_canvas(index, size) == ""
    moved = index.positions.copy()
    moved[-1] += 300
    told = beyond_canvas(replace(index, positions=moved), size)
    assert re.fullmatch(r"\d+ of \d+ stored images reach beyond .* by up to 3\d\d px .*", told)
    with OpenSlide(slide.path) as opened:
        assert opened.dimensions == size


def test_astray_by_a_picture(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that all lie one to the right and down make two times two, to the pixel."""
    index = read_index(variant("jpeg").folder)
    side = index.slidedat.levels[0]
    step = (side.image_width, side.image_height)
    moved = replace(index, positions=layout.nominal_positions(index.slidedat) + step)
    monkeypatch.setattr(layout, "MOST_ASTRAY", 4)
    layout.scanned_positions(moved)
    monkeypatch.setattr(layout, "MOST_ASTRAY", 3.99)
    with pytest.raises(RefusedSlideError, match="from their places"):
        layout.scanned_positions(moved)
