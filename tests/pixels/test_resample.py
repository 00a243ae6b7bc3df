"""Resampling gives Pillow's bytes, by the kernel and without it, and stays within its arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from in_process import cut
from kernels import built, sanitized, stops
from mrxs_tiles import native
from mrxs_tiles.pixels import resample as module
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.pixels.resample import Box, Kernel, Size, resampler, thumbnail, with_pillow
from tiny_slide import TINY
from write_mirax import write_mirax

NAME = "pixels/resample"
DRAWN = 10_000


@pytest.fixture
def kernel() -> Kernel:
    """The kernel, where it is built."""
    built(NAME)
    library = native.load(NAME)
    assert library is not None
    return Kernel(library)


@pytest.fixture
def chosen_anew() -> Iterator[None]:
    """What resamples is chosen in this test, and again after it."""
    resampler.cache_clear()
    yield
    resampler.cache_clear()


def drawn(seed: int, number: int, most: int) -> Iterator[tuple[Pixels, Box, Size]]:
    """Pictures, boxes and sizes: fractional, whole, all of it, empty, at the rim, enlarged."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (most, most, 4), np.uint8)
    noise[: most // 3] = rng.choice([0, 255], (most // 3, most, 4))  # where sums are clipped
    for _ in range(number):
        height, width = (int(side) for side in rng.integers(1, most, 2, endpoint=True))
        ends = np.sort(rng.random((2, 2)) * (width, height), axis=0)
        ends = (ends, ends.round(), ends.round(1), [[0, 0], [width, height]])[rng.integers(4)]
        left, top, right, bottom = (float(end) for end in np.ravel(ends))
        size = int(rng.integers(1, most)), int(rng.integers(1, most))
        yield noise[:height, :width], (left, top, right, bottom), size


def check(resample: Kernel, cases: Iterator[tuple[Pixels, Box, Size]]) -> int:
    number = 0
    for pixels, box, size in cases:
        found, wanted = resample(pixels, box, size), with_pillow(pixels, box, size)
        assert np.array_equal(found, wanted), (pixels.shape, box, size)
        number += 1
    return number


@pytest.mark.slow
def test_drawn_boxes_are_pillows(kernel: Kernel) -> None:
    """Ten thousand boxes of small pictures, most of them with strides, come out as Pillow's."""
    assert check(kernel, drawn(1, DRAWN, 64)) == DRAWN


def test_large_pictures_are_pillows(kernel: Kernel) -> None:
    """So do pictures of the size of tiles."""
    check(kernel, drawn(2, 60, 700))


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 1), (1, 1)),
        ((1, 5000), (3, 7)),
        ((5000, 1), (7, 3)),
        ((9000, 2), (2, 10)),
        ((2, 9000), (10, 2)),
        ((1, 1), (300, 1)),
        ((4000, 40), (39, 41)),
        ((40, 4000), (41, 39)),
        ((4001, 7), (1, 1)),
    ],
)
def test_extreme_shapes_are_pillows(
    kernel: Kernel, shape: tuple[int, int], size: tuple[int, int]
) -> None:
    """Very tall and very flat ones too: there Pillow goes down first, then across."""
    pixels = np.random.default_rng(3).integers(0, 256, (*shape, 4), np.uint8)
    height, width = shape
    boxes = ((0, 0, width, height), (width * 0.3, height * 0.2, width * 0.9, height * 0.8))
    assert check(kernel, ((pixels, box, size) for box in boxes)) == 2


@pytest.mark.slow
@pytest.mark.needs("cc")
def test_plain_c_is_pillows(tmp_path: Path) -> None:
    """What is compiled for processors without AVX2 gives the same bytes."""
    library = native.build(NAME, tmp_path, ("-DNO_CLONES",))
    assert check(Kernel(ctypes.CDLL(str(library))), drawn(4, 500, 64)) == 500


def test_thumbnail_is_pillows() -> None:
    """A tile that Deep Zoom takes from a finer level is what ``Image.thumbnail`` makes of it."""
    rng = np.random.default_rng(5)
    for _ in range(500):
        height, width = (int(side) for side in rng.integers(1, 300, 2))
        pixels = rng.integers(0, 256, (height, width, 4), np.uint8)
        image = Image.fromarray(pixels[..., 2::-1].copy())
        most = int(rng.integers(1, 120)), int(rng.integers(1, 120))
        image.thumbnail(most, Image.Resampling.LANCZOS)
        found = thumbnail(pixels, most)
        assert np.array_equal(found[..., 2::-1], np.asarray(image))
        assert (found[..., 3] == 255).all()


def test_what_is_no_box_pillow_refuses(kernel: Kernel) -> None:
    """The kernel leaves to Pillow, and its words, what neither can do."""
    pixels = np.zeros((5, 5, 4), np.uint8)
    for box, size in (
        ((0, 0, 6, 5), (2, 2)),
        ((-1, 0, 5, 5), (2, 2)),
        ((3, 0, 2, 5), (2, 2)),
        ((0, 0, 5, 5), (0, 2)),
    ):
        with pytest.raises(ValueError, match=r"box|height and width"):
            kernel(pixels, box, size)


@pytest.mark.usefixtures("chosen_anew")
def test_tiles_are_the_same_without_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles of a scale between levels have the same bytes by the kernel and by Pillow."""
    built(NAME)
    slide = write_mirax(tmp_path / "a.mrxs", TINY).path
    keys = {"tile_size": 64, "downsample": 1.7, "format": "png"}
    fast = cut(slide, tmp_path / "fast", **keys)
    resampler.cache_clear()
    monkeypatch.setattr(native, "load", lambda _: None)
    plain = cut(slide, tmp_path / "plain", **keys)
    assert resampler() == (with_pillow, "")
    assert plain.files == fast.files
    assert len(fast.files) > 1
    assert not fast.tiled["warnings"]


@pytest.mark.usefixtures("chosen_anew")
def test_a_kernel_that_differs_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel's bytes are not Pillow's, Pillow resamples, and the record says so."""
    built(NAME)
    original = Kernel.__call__

    def wrong(self: Kernel, pixels: Pixels, box: Box, size: Size) -> Pixels:
        return original(self, pixels, box, size) ^ 1

    monkeypatch.setattr(Kernel, "__call__", wrong)
    slide = write_mirax(tmp_path / "a.mrxs", TINY).path
    done = cut(slide, tmp_path / "out", tile_size=64, downsample=1.7)
    assert done.tiled["warnings"] == [module.DIFFERENT]
    whole = cut(slide, tmp_path / "whole", tile_size=64)
    assert not whole.tiled["warnings"]  # nothing was resampled


FUZZ = """
import ctypes, sys
import numpy as np
from mrxs_tiles.pixels.resample import Kernel
kernel = Kernel(ctypes.CDLL(sys.argv[1]))
rng = np.random.default_rng(6)
for number in range(1500):
    height, width = (int(n) for n in rng.integers(1, 90, 2))
    # rows with something between them, in memory that ends with the picture's last px
    gap, before = (int(n) for n in rng.integers(0, 9, 2))
    stride = 4 * width + gap
    memory = rng.integers(0, 256, before + stride * (height - 1) + 4 * width, np.uint8)
    pixels = np.lib.stride_tricks.as_strided(memory[before:], (height, width, 4), (stride, 4, 1))
    ends = np.sort(rng.random((2, 2)) * (width, height), axis=0).ravel()
    kernel(pixels, tuple(map(float, ends)), tuple(int(n) for n in rng.integers(1, 90, 2)))
"""
WILD = """
import ctypes, sys
from ctypes import byref
import numpy as np
from mrxs_tiles.pixels.resample import Kernel, _Axis
library = ctypes.CDLL(sys.argv[1])
Kernel(library)
rng = np.random.default_rng(7)
refused = 0
for number in range(1500):
    axes, kept = [], []
    for _ in range(2):
        length, out, taps = (int(n) for n in rng.integers(1, 12, 3))
        first, count = rng.integers(-1, 12, (2, out)).astype(np.int32)
        if number % 3:  # of which many fit
            first %= length
            count = np.clip(count, 1, np.minimum(taps, length - first)).astype(np.int32)
        weights = rng.integers(-(2**31), 2**31, (out, taps)).astype(np.int32)
        kept += [first, count, weights]
        places = [array.ctypes.data for array in kept[-3:]]
        axes.append(_Axis(length, out, taps, *places))
    across, down = axes
    pixels = np.zeros((down.length, across.length, 4), np.uint8)
    out = np.zeros((down.out, across.out, 4), np.uint8)
    needed = library.room_needed(byref(across), byref(down))
    room = np.zeros(max(1, needed - (number % 5 == 0)), np.uint8)
    refused += library.resample(
        pixels.ctypes.data, pixels.strides[0], byref(across), byref(down),
        out.ctypes.data, out.strides[0], room.ctypes.data, room.size,
    ) != 0
assert 250 < refused < 1250, refused
"""
BEYOND = """
import ctypes, sys
import numpy as np
from mrxs_tiles.pixels.resample import Kernel
memory = np.zeros((20, 20, 4), np.uint8)
beyond = np.lib.stride_tricks.as_strided(memory, (21, 20, 4), (80, 4, 1))
Kernel(ctypes.CDLL(sys.argv[1]))(beyond, (0, 0, 20, 21), (9, 9))
"""


@pytest.mark.slow
def test_nothing_outside_its_arrays(tmp_path: Path) -> None:
    """Sizes, strides, boxes, and weights that nobody worked out: no read or write goes astray."""
    library, env = sanitized(NAME, tmp_path)
    assert "heap-buffer-overflow" in stops(BEYOND, library, env), "the sanitizer is not at work"
    assert not stops(FUZZ + WILD, library, env)
