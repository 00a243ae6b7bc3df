"""Which tiles are blank or unscanned, and what stands behind: as Pillow and OpenSlide see it."""

from __future__ import annotations

import ctypes
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openslide import _convert
from PIL import Image

from mrxs_tiles.pixels.filters import Pixels, is_blank, is_unscanned, put_on_background, rgb

Color = tuple[int, int, int]

# Greys that Pillow's fixed-point arithmetic gives more than one colour, grouped by grey.
COLORS = np.array(list(itertools.product(range(120, 140), repeat=3)), np.uint8)
GREYS = np.asarray(Image.fromarray(COLORS[None]).convert("L"))[0]


def picture(rgb: np.ndarray) -> Pixels:
    """RGB (height, width, 3) as OpenSlide would give it, opaque."""
    pixels = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    pixels[:, :, :3] = rgb[:, :, ::-1]
    return pixels


def blank_for_pillow(pixels: Pixels) -> bool:
    rgb = Image.fromarray(np.ascontiguousarray(pixels[:, :, [2, 1, 0]]))
    low, high = rgb.convert("L").getextrema()
    return low == high


SIDES = st.one_of(st.integers(1, 9), st.integers(1, 300))
SEEDS = st.integers(0, 1 << 32)


@given(width=SIDES, height=SIDES, seed=SEEDS, colors=st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_blank_pictures_of_few_colours(width: int, height: int, seed: int, colors: int) -> None:
    """Pictures of one to three colours that differ by a grey value at most, anywhere in them."""
    random = np.random.default_rng(seed)
    near = COLORS[np.abs(GREYS.astype(int) - int(random.integers(122, 138))) <= 1]
    palette = near[random.integers(0, len(near), colors)]
    pixels = picture(palette[random.integers(0, colors, (height, width))])
    assert is_blank(pixels) == blank_for_pillow(pixels)


@given(width=SIDES, height=SIDES, seed=SEEDS)
@settings(max_examples=200, deadline=None)
def test_one_differing_pixel(width: int, height: int, seed: int) -> None:
    """One px that is another colour is found anywhere, if it has another grey."""
    random = np.random.default_rng(seed)
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = random.integers(0, 256, 3)
    assert is_blank(picture(rgb))
    row, column, band = random.integers(0, (height, width, 3))
    rgb[row, column, band] ^= 1
    pixels = picture(rgb)
    assert is_blank(pixels) == blank_for_pillow(pixels)


def test_equal_luma() -> None:
    """Colours that differ and have one grey make a blank picture, as they do for Pillow."""
    grey = 130
    same = COLORS[grey == GREYS]
    assert len(same) > 100
    pixels = picture(np.resize(same, (70, 90, 3)))
    assert blank_for_pillow(pixels)
    assert is_blank(pixels)


def test_all_greys() -> None:
    """Each step between two grey values is where Pillow has it."""
    random = np.random.default_rng(2)
    for color in random.integers(0, 255, (1000, 3), np.uint8):
        for step in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
            pixels = picture(np.array([[color, color + np.array(step, np.uint8)]]))
            assert is_blank(pixels) == blank_for_pillow(pixels)


@pytest.mark.parametrize("place", [(0, 0), (999, 1499), (500, 700), (0, 1499), (999, 0), (61, 62)])
def test_one_pixel_in_a_large_picture(place: tuple[int, int]) -> None:
    """In a picture of several strips, no place is forgotten."""
    rgb = np.full((1000, 1500, 3), 200, np.uint8)
    assert is_blank(picture(rgb))
    rgb[place] = 202
    assert not is_blank(picture(rgb))


def test_random_picture_is_not_blank() -> None:
    """Noise is not blank."""
    pixels = picture(np.random.default_rng(1).integers(0, 256, (50, 60, 3), np.uint8))
    assert not is_blank(pixels)


def test_alpha_does_not_count() -> None:
    """The fourth byte has no part in the grey."""
    pixels = picture(np.full((20, 20, 3), 90, np.uint8))
    pixels[3, 4, 3] = 7
    assert is_blank(pixels)


def with_openslide_and_pillow(pixels: Pixels, color: Color) -> np.ndarray:
    """RGB of a picture on a background as openslide-python's Deep Zoom makes it."""
    height, width = pixels.shape[:2]
    buffer = (ctypes.c_uint32 * (width * height)).from_buffer_copy(pixels.tobytes())
    _convert.argb2rgba(buffer)
    region = Image.frombuffer("RGBA", (width, height), buffer, "raw", "RGBA", 0, 1)
    behind = Image.new("RGB", region.size, color)
    return np.asarray(Image.composite(region, behind, region))


BACKGROUNDS = [
    (255, 255, 255), (0, 0, 0), (200, 180, 90), (1, 254, 127), (255, 0, 128),
]  # fmt: skip


@pytest.mark.parametrize("color", BACKGROUNDS)
@pytest.mark.parametrize("premultiplied", [True, False])
def test_all_alphas_and_values(color: Color, premultiplied: bool) -> None:
    """Every alpha with every value of every band comes out as openslide-python and Pillow do it."""
    alpha, value = np.mgrid[:256, :256].astype(np.uint8)
    # A value above its alpha cannot occur in a picture that is premultiplied; it must not matter.
    value = np.minimum(value, alpha) if premultiplied else value * (alpha > 0)
    for band in range(3):
        pixels = np.zeros((256, 256, 4), np.uint8)
        pixels[:, :, band], pixels[:, :, 3] = value, alpha
        if not premultiplied:
            pixels[:, :, :3] = value[:, :, None]
        wanted = with_openslide_and_pillow(pixels, color)
        put_on_background(pixels, color)
        assert np.array_equal(pixels[:, :, 2::-1], wanted)
        assert (pixels[:, :, 3] == 255).all()


@pytest.mark.long
@given(
    width=SIDES, height=SIDES, seed=SEEDS,
    color=st.tuples(*[st.integers(0, 255)] * 3),
    alphas=st.sampled_from([(0, 255), (255,), (0,), (254, 255), (0, 1, 128, 255), (77,)]),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_put_on_background(
    width: int, height: int, seed: int, color: Color, alphas: tuple[int, ...]
) -> None:
    """Pictures as slides have them, of few alphas, on any background."""
    random = np.random.default_rng(seed)
    alpha = random.choice(np.array(alphas, np.uint8), (height, width, 1))
    pixels = np.concatenate(
        [random.integers(0, alpha.astype(int) + 1, (height, width, 3)), alpha], axis=2
    )
    pixels = np.ascontiguousarray(pixels, np.uint8)
    wanted = with_openslide_and_pillow(pixels, color)
    put_on_background(pixels, color)
    assert np.array_equal(pixels[:, :, 2::-1], wanted)
    assert (pixels[:, :, 3] == 255).all()


@given(width=SIDES, height=SIDES, seed=SEEDS)
@settings(max_examples=100, deadline=None)
def test_unscanned(width: int, height: int, seed: int) -> None:
    """A picture is unscanned when alpha is 0 everywhere; a single px of any alpha says no."""
    pixels = np.zeros((height, width, 4), np.uint8)
    assert is_unscanned(pixels)
    random = np.random.default_rng(seed)
    row, column, alpha = random.integers((0, 0, 1), (height, width, 256))
    pixels[row, column, 3] = alpha
    assert not is_unscanned(pixels)


def test_black_is_scanned() -> None:
    """Black glass is not what was never scanned."""
    assert not is_unscanned(picture(np.zeros((30, 40, 3), np.uint8)))


def test_large_picture_on_background() -> None:
    """In a picture of several strips, no row is forgotten: opaque, empty and partial alike."""
    random = np.random.default_rng(3)
    alpha = np.repeat(random.choice(np.array([0, 90, 255], np.uint8), (900, 1)), 1500, axis=1)
    pixels = np.minimum(random.integers(0, 256, (900, 1500, 4), np.uint8), alpha[:, :, None])
    pixels[:, :, 3] = alpha
    wanted = with_openslide_and_pillow(pixels, (20, 40, 60))
    put_on_background(pixels, (20, 40, 60))
    assert np.array_equal(pixels[:, :, 2::-1], wanted)


@pytest.mark.long
@given(top=st.integers(0, 9), left=st.integers(0, 9), width=SIDES, height=SIDES, wide=st.booleans())
@settings(max_examples=100, deadline=None)
def test_order_of_colours(top: int, left: int, width: int, height: int, wide: bool) -> None:
    """Red, green, blue, as Pillow takes them out: of a part of a picture, and of many strips."""
    width *= 100 if wide else 1
    random = np.random.default_rng(width * height)
    whole = random.integers(0, 256, (top + height, left + width + 3, 4), np.uint8)
    part = whole[top:, left : left + width]
    size, raw = (width, height), np.ascontiguousarray(part)
    expected = np.asarray(Image.frombuffer("RGB", size, raw, "raw", "BGRX", 0, 1))
    found = rgb(part)
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous
    assert found.flags.writeable
