"""Yellowed glass is no tissue: drawn scenes of which the tissue is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mrxs_tiles.pixels.glass import BLOCK, without_yellow
from mrxs_tiles.pixels.tissue import saturation, tissue_mask
from scene import Scene

STEP = 32  # level-0 px per px of the mask: 8 µm
PX_UM2 = 64.0
MILD, STRONG = (1.0, 0.98, 0.87), (1.0, 0.96, 0.78)  # of the light that yellow medium lets through
Shares = npt.NDArray[np.float64]


@pytest.fixture(scope="module", params=[1, 2])
def scene(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """A slide's overview, 4 x 5 mm, and where its tissue lies."""
    drawn = Scene(16_000, 20_000, seed=request.param)
    truth = drawn.tissue_mask(STEP)
    return drawn.overview(STEP)[: truth.shape[0], : truth.shape[1]], truth


def through(picture: np.ndarray, share: Shares, light: tuple[float, ...]) -> np.ndarray:
    """The picture seen through medium that lies on a share of each px, (height, width)."""
    seen = picture * (1 - share[..., None] * (1 - np.array(light)))
    return seen.round().clip(0, 255).astype(np.uint8)


def overlap(picture: np.ndarray, truth: np.ndarray) -> float:
    found = tissue_mask(picture, np.ones(truth.shape, bool), PX_UM2)
    return float((found & truth).sum() / (found | truth).sum())


def half(shape: tuple[int, ...]) -> Shares:
    return np.broadcast_to(np.arange(shape[1]) * 2.0 >= shape[1], shape).astype(float)


def gradient(shape: tuple[int, ...]) -> Shares:
    return np.broadcast_to(np.linspace(0, 1, shape[1]), shape)


@pytest.mark.parametrize("light", [MILD, STRONG])
@pytest.mark.parametrize("share", [half, gradient])
def test_yellowed_glass(
    scene: tuple[np.ndarray, np.ndarray], share: object, light: tuple[float, ...]
) -> None:
    """Half of it, or more and more from one side: it was taken for tissue, IoU 0.4 to 0.5."""
    picture, truth = scene
    assert callable(share)
    assert overlap(through(picture, share(truth.shape), light), truth) >= 0.94


@pytest.mark.parametrize("light", [MILD, STRONG])
def test_all_glass_yellow(scene: tuple[np.ndarray, np.ndarray], light: tuple[float, ...]) -> None:
    """Where no glass is clear the tissue is found, its pale parts too: it was 0.90 and 0.85."""
    picture, truth = scene
    assert overlap(through(picture, np.ones(truth.shape), light), truth) >= 0.95


def test_bubble_and_coverslip(scene: tuple[np.ndarray, np.ndarray]) -> None:
    """The rim of a bubble, yellow and dark, and a coverslip's grey edge, on half-yellowed glass."""
    picture, truth = scene
    height, width = truth.shape
    rows, cols = np.mgrid[:height, :width]
    away = np.hypot(rows - 0.5 * height, cols - 0.15 * width)
    rim = np.clip(1 - np.abs(away - 0.12 * width) / 5, 0, 1)
    seen = through(through(picture, half(truth.shape), MILD), rim, (0.9, 0.88, 0.75))
    edge = np.where(np.abs(cols - 0.97 * width) < 2, 1.0, 0.0)
    assert overlap(through(seen, edge, (0.8, 0.8, 0.8)), truth) >= 0.9


def test_pen_on_yellowed_glass(scene: tuple[np.ndarray, np.ndarray]) -> None:
    """A stroke is found as before, and hides nothing: `max_pen` is what drops it."""
    picture, truth = scene
    marked = through(picture, half(truth.shape), MILD)
    marked[50:62] = (0, 60, 230)
    stroke = np.zeros_like(truth)
    stroke[50:62] = True
    assert overlap(marked, truth | stroke) >= 0.9


def test_pale_tissue_is_no_glass() -> None:
    """Pink, however pale and even, is none; nor is glass that is as clear as usual."""
    picture = np.full((10 * BLOCK, 10 * BLOCK, 3), (240, 240, 242), np.uint8)
    scanned = np.ones(picture.shape[:2], bool)
    picture[3 * BLOCK : 6 * BLOCK, 3 * BLOCK : 6 * BLOCK] = (236, 221, 230)
    assert without_yellow(picture, scanned, saturation(picture)) is None
    small = picture[: BLOCK - 1, : BLOCK - 1]
    assert without_yellow(small, scanned[: BLOCK - 1, : BLOCK - 1], saturation(small)) is None


def test_clear_glass_stays_as_it_was(scene: tuple[np.ndarray, np.ndarray]) -> None:
    """Of a slide without yellowed glass nothing is taken away, px for px."""
    picture, truth = scene
    assert without_yellow(picture, np.ones(truth.shape, bool), saturation(picture)) is None
