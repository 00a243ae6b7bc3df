"""Whether a tile's picture is kept: the tests in their order, and what they measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from mrxs_tiles.pixels.filters import Color, Pixels, is_blank, rgb
from mrxs_tiles.pixels.focus import FOCUS_MPP, sharpness
from mrxs_tiles.pixels.pen import PEN_MPP, pen_fraction
from mrxs_tiles.settings import Settings


class Verdict(NamedTuple):
    """Why a tile is dropped ("": it is kept), and what was measured of it."""

    reason: str
    focus: float | None = None
    pen: float | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """What a picture must be like.

    ``mpp``: µm per px of the tiles, across and down. ``min_focus`` 0 and ``max_pen`` 1 let
    everything pass, and are not measured.
    """

    drop_blank: bool
    min_focus: float
    max_pen: float
    mpp: tuple[float, float]
    background: Color

    def __call__(self, pixels: Pixels) -> Verdict:
        """Judge an opaque picture, (height, width, 4) in OpenSlide's order."""
        if self.drop_blank and is_blank(pixels):
            return Verdict("blank")
        focus = focus_of(pixels, self.mpp) if self.min_focus > 0 else None
        pen = pen_of(pixels, self.mpp, self.background) if self.max_pen < 1 else None
        if focus is not None and focus < self.min_focus:
            return Verdict("focus", focus, pen)
        if pen is not None and pen > self.max_pen:
            return Verdict("pen", focus, pen)
        return Verdict("", focus, pen)


def judge_for(settings: Settings, mpp: tuple[float, float], background: Color) -> Judge:
    """What the settings ask of pictures of ``mpp`` µm per px."""
    return Judge(
        drop_blank=settings.drop_blank,
        min_focus=settings.min_focus,
        max_pen=settings.max_pen,
        mpp=mpp,
        background=background,
    )


def focus_of(pixels: Pixels, mpp: tuple[float, float]) -> float:
    """The sharpness of a picture of ``mpp`` µm per px, at ``FOCUS_MPP``."""
    grey = Image.fromarray(_averaged(pixels, mpp, FOCUS_MPP)).convert("L")
    return sharpness(np.asarray(grey))


def pen_of(pixels: Pixels, mpp: tuple[float, float], background: Color) -> float:
    """The fraction of pen in a picture of ``mpp`` µm per px, at ``PEN_MPP``."""
    return pen_fraction(_averaged(pixels, mpp, PEN_MPP), background)


def _averaged(pixels: Pixels, mpp: tuple[float, float], wanted: float) -> Pixels:
    """The picture as RGB at the coarsest whole-number step that is not coarser than wanted."""
    across, down = (max(1, int(wanted / own * (1 + 1e-9))) for own in mpp)
    whole = np.ascontiguousarray(pixels)
    image = Image.frombuffer("RGBX", pixels.shape[1::-1], whole, "raw", "RGBX", 0, 1)
    small = np.asarray(image.reduce((across, down)))
    return rgb(small)
