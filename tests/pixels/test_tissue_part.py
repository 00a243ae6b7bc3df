"""The mask is sought where something was scanned, and comes out as in the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.pixels import tissue
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.pixels.tissue import find_tissue, saturation

GLASS = ((240, 240, 238), (245, 240, 215), (250, 245, 228))  # clear, and yellowed


def drawn(seed: int) -> tuple[Pixels, Bools]:
    """A picture of spots on glass, and some rectangles of it that were scanned."""
    random = np.random.default_rng(seed)
    width, height = (int(random.integers(1, most)) for most in random.choice([12, 60, 500], 2))
    grain = int(random.integers(2, 12))
    small = random.integers(0, 256, (height // grain + 1, width // grain + 1, 3), np.uint8)
    small[random.random(small.shape[:2]) < random.random()] = GLASS[random.integers(len(GLASS))]
    picture = np.array(Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST))
    scanned = np.zeros((height, width), bool)
    for _ in range(int(random.integers(0, 4))):
        top, bottom = sorted(random.integers(0, height + 1, 2))
        left, right = sorted(random.integers(0, width + 1, 2))
        scanned[top:bottom, left:right] = True
    picture[~scanned] = 255
    return picture, scanned


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), px_um2=st.sampled_from([64, 1 / 16, 9, 400, 2500]))
def test_mask_is_that_of_the_whole(seed: int, px_um2: float) -> None:
    """However little was scanned, and however small a px is, the mask is the whole picture's."""
    picture, scanned = drawn(seed)
    found, yellowed = find_tissue(picture, scanned, px_um2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tissue, "_around", lambda scanned, _: (slice(None),) * 2 if scanned.any() else None
        )
        whole, was_yellowed = find_tissue(picture, scanned, px_um2)
    assert np.array_equal(found, whole)
    assert yellowed == was_yellowed


def test_saturation_by_definition() -> None:
    """Saturation is that of HSV: the spread of the channels by the brightest, of 255."""
    rgb = np.random.default_rng(1).integers(0, 256, (50, 70, 3), np.uint8)
    most, least = rgb.max(axis=2).astype(int), rgb.min(axis=2).astype(int)
    wanted = np.where(
        most < tissue.LEAST_BRIGHTNESS, 0, (most - least) * 255 // np.maximum(most, 1)
    )
    assert np.array_equal(saturation(rgb), wanted)
