"""The Deep Zoom pyramid: DeepZoomGenerator's sizes, its bytes at full size, its looks below."""

from __future__ import annotations

import io
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

from in_process import Variant
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.pixels.encode import make_encoder
from mrxs_tiles.pixels.filters import Color, Pixels
from mrxs_tiles.pixels.pyramid import BLOCK_PX, TILE_PX, Pyramid, level_count
from mrxs_tiles.slide.reader import Reader, SlideReader
from mrxs_tiles.viewer.deepzoom import LEAST_PX, Builder, DeepZoom, Written
from running import copy_slide
from write_mirax import WrittenSlide

WHITE = (255, 255, 255)
PER_TILE = TILE_PX // LEAST_PX
Tiles = dict[tuple[int, int, int], bytes]


def pyramid_of(
    picture: Pixels, background: Color, threads: int, order: random.Random
) -> tuple[Tiles, int]:
    """All tiles of a picture, its blocks added in any order; how many are written twice."""
    height, width = picture.shape[:2]
    tiles: Tiles = {}
    twice = [0]

    def write(level: int, col: int, row: int, pixels: Pixels) -> None:
        twice[0] += (level, col, row) in tiles
        tiles[level, col, row] = pixels.tobytes()

    pyramid = Pyramid((width, height), background, write)
    blocks = list(pyramid.blocks())
    assert len(blocks) == len(set(blocks)) == -(-width // BLOCK_PX) * -(-height // BLOCK_PX)
    order.shuffle(blocks)
    flat = np.array([*background[::-1], 255], np.uint8)

    def add(block: object) -> None:
        x, y, wide, high = pyramid.box(block)  # type: ignore[arg-type]
        part = np.ascontiguousarray(picture[y : y + high, x : x + wide])
        pyramid.add(block, None if (part == flat).all() else part)  # type: ignore[arg-type]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(add, blocks))
    return tiles, twice[0]


def by_halving(picture: Pixels, background: Color) -> Tiles:
    """The same, from the whole picture halved again and again."""
    tiles: Tiles = {}
    flat = np.array([*background[::-1], 255], np.uint8)
    for level in range(level_count(picture.shape[1::-1]) - 1, -1, -1):
        height, width = picture.shape[:2]
        for row in range(-(-height // TILE_PX)):
            for col in range(-(-width // TILE_PX)):
                tile = picture[row * TILE_PX :, col * TILE_PX :][:TILE_PX, :TILE_PX]
                if not (tile == flat).all():
                    tiles[level, col, row] = tile.tobytes()
        size = (width, height)
        whole = Image.frombuffer("RGBX", size, np.ascontiguousarray(picture), "raw", "RGBX", 0, 1)
        picture = np.asarray(whole.reduce(2))
    return tiles


@given(
    width=st.one_of(st.integers(1, 70), st.integers(1, 3 * BLOCK_PX)),
    height=st.one_of(st.integers(1, 70), st.integers(1, 2 * BLOCK_PX + 3)),
    seed=st.integers(0, 1 << 16), threads=st.integers(1, 4),
    background=st.sampled_from([WHITE, (0, 0, 0), (12, 200, 7)]),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_is_the_whole_halved(
    width: int, height: int, seed: int, threads: int, background: Color
) -> None:
    """Whatever the size and the order of blocks, each tile is the whole picture's, written once."""
    rng = np.random.default_rng(seed)
    picture = np.empty((height, width, 4), np.uint8)
    picture[:] = (*background[::-1], 255)
    for _ in range(3):
        x, y = rng.integers(0, width), rng.integers(0, height)
        spot = picture[y : y + 300, x : x + 700]
        spot[..., :3] = rng.integers(0, 256, (*spot.shape[:2], 3), np.uint8)
    tiles, twice = pyramid_of(picture, background, threads, random.Random(seed))  # noqa: S311
    assert twice == 0
    assert tiles == by_halving(picture, background)


def built(path: Path, folder: Path, threads: int = 2, own: bool = True) -> Written:
    """The pyramid of a slide, below `folder`."""
    encode, _ = make_encoder("jpg", 75, "420")
    folder.mkdir(parents=True)
    with ExitStack() as opened:
        slide = opened.enter_context(SlideReader(path))
        files = opened.enter_context(TileFolder(folder, "viewer_files"))
        reader: Reader = slide
        if own:
            reader = opened.enter_context(MiraxReader(read_index(path.with_suffix("")), slide))
        size = slide.facts().size
        builder = Builder(reader, DeepZoom(size, WHITE, encode), files)
        assert builder.build(threads, lambda: None) is None
        written = builder.written
        files.publish()
    return written


def check_with_deepzoom(path: Path, folder: Path, written: Written) -> None:
    """Compare all levels with DeepZoomGenerator's.

    At coarse levels that one stretches the slide to whole px (3,100 px to 13 x 256), while here, as
    in other writers and in what viewers expect, the last px is a part of one: so px are compared
    over all coarser levels together, where the finer ones weigh most.
    """
    with OpenSlide(path) as slide:
        zoom = DeepZoomGenerator(slide, TILE_PX, 0, limit_bounds=False)
        top = zoom.level_count - 1
        assert len(written) == zoom.level_count
        there = {str(file.relative_to(folder)) for file in folder.rglob("*.jpg")}
        assert there == {
            f"viewer_files/{level}/{col}_{row}.jpg"
            for level, addresses in written.items()
            for col, row in addresses
        }
        differences = []
        for level in range(zoom.level_count):
            for col, row in np.ndindex(*zoom.level_tiles[level]):
                expected = zoom.get_tile(level, (col, row))
                if (col, row) not in written[level]:
                    lightest = min(low for low, _ in expected.getextrema())
                    assert lightest >= (255 if level == top else 250)
                    continue
                file = folder / "viewer_files" / str(level) / f"{col}_{row}.jpg"
                if level == top:
                    out = io.BytesIO()
                    expected.save(out, "JPEG")
                    assert file.read_bytes() == out.getvalue()
                    continue
                with Image.open(file) as found:
                    assert found.size == zoom.get_tile_dimensions(level, (col, row))
                    ours = np.asarray(found.convert("L")).astype(int)
                theirs = np.asarray(expected.convert("L")).astype(int)
                height, width = (min(a, b) for a, b in zip(ours.shape, theirs.shape, strict=True))
                differences.append(np.abs(ours[:height, :width] - theirs[:height, :width]).ravel())
        assert np.concatenate(differences).mean() <= 2


@pytest.fixture(scope="module")
def large(variant: Variant) -> WrittenSlide:
    return variant("large")


@pytest.mark.slow
@pytest.mark.parametrize("own", [True, False])
def test_of_a_slide(large: WrittenSlide, tmp_path: Path, own: bool) -> None:
    """Sizes as DeepZoomGenerator says, its bytes at full size, nearly its pictures below."""
    written = built(large.path, tmp_path / "a", own=own)
    check_with_deepzoom(large.path, tmp_path / "a", written)


@pytest.mark.parametrize("name", ["jpeg", "jpeg_plain", "no_positions_overlap", "full"])
def test_of_variants(variant: Variant, tmp_path: Path, name: str) -> None:
    """The same for slides of other kinds."""
    path = variant(name).path
    written = built(path, tmp_path / "a")
    check_with_deepzoom(path, tmp_path / "a", written)


def test_of_nothing(variant: Variant, tmp_path: Path) -> None:
    """A slide of which nothing was scanned has no picture at all."""
    written = built(variant("nothing_scanned").path, tmp_path / "a")
    assert not any(written.values())
    assert not list((tmp_path / "a").rglob("*.jpg"))


@pytest.mark.long
@pytest.mark.parametrize("own", [True, False])
def test_of_damage(large: WrittenSlide, tmp_path: Path, own: bool) -> None:
    """What cannot be read is background, to 64 px, and all else is the same."""
    whole = built(large.path, tmp_path / "whole", own=own)
    path = copy_slide(large.path, tmp_path / "slides" / "a.mrxs")
    image = next(i for i in large.images if (i.level, i.x, i.y) == (0, 6, 5))
    with (path.with_suffix("") / large.data_path(image).name).open("r+b") as stream:
        stream.seek(image.offset)
        stream.write(bytes(image.length))
    built(path, tmp_path / "damaged", threads=3, own=own)
    top = max(whole)
    x, y, width, height = large.place(image)
    touched = {
        (col, row)
        for col in range(x // TILE_PX, (x + width - 1) // TILE_PX + 1)
        for row in range(y // TILE_PX, (y + height - 1) // TILE_PX + 1)
    }
    cells = np.zeros((large.height // LEAST_PX + 9, large.width // LEAST_PX + 9), bool)
    last = (x + width - 1) // LEAST_PX, (y + height - 1) // LEAST_PX
    cells[y // LEAST_PX : last[1] + 1, x // LEAST_PX : last[0] + 1] = True  # what cannot be read
    shown = 0
    for col, row in whole[top]:
        name = Path("viewer_files") / str(top) / f"{col}_{row}.jpg"
        expected, found = (tmp_path / of / name for of in ("whole", "damaged"))
        if (col, row) not in touched:
            assert found.read_bytes() == expected.read_bytes()
            continue
        before, now = (np.asarray(Image.open(file)) for file in (expected, found))
        for at in np.ndindex(-(-before.shape[0] // LEAST_PX), -(-before.shape[1] // LEAST_PX)):
            # but for the rim, to which a JPEG's decoder spreads the neighbours' colour
            inside = tuple(slice(LEAST_PX * i + 2, LEAST_PX * (i + 1) - 2) for i in at)
            lost = cells[row * PER_TILE + at[0], col * PER_TILE + at[1]]
            assert (now[inside] == (WHITE if lost else before[inside])).all()
            shown += not lost
    assert shown


def test_any_number_of_threads(large: WrittenSlide, tmp_path: Path) -> None:
    """The same bytes on one thread and on five."""
    for threads in (1, 5):
        built(large.path, tmp_path / str(threads), threads)
    one, five = (
        {
            file.relative_to(tmp_path / name): file.read_bytes()
            for file in (tmp_path / name).rglob("*.jpg")
        }
        for name in ("1", "5")
    )
    assert one == five
