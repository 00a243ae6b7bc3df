"""What OpenSlide says of a MIRAX slide, worked out from its index without opening the slide."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from mrxs_tiles.grid.grid import Bounds, Levels
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.slidedat import Slidedat
from mrxs_tiles.slide.reader import SlideFacts

JITTER_PX = 64  # what positions at the canvas's rim may be off without a word, level-0 px


def facts_of(index: MiraxIndex) -> SlideFacts:
    """A slide's size, levels, scale and bounds as OpenSlide gives them; no hash, no colour.

    Raises:
        SlideError: an image belongs to no camera picture.
    """
    slidedat = index.slidedat
    levels = _levels(index)
    return SlideFacts(
        vendor="mirax",
        levels=levels,
        mpp_x=_positive(slidedat.mpp_x),
        mpp_y=_positive(slidedat.mpp_y),
        objective=_objective(slidedat.objective),
        bounds=_bounds(index, levels.sizes[0]),
        background=None,
        quickhash=None,
    )


def best_level(downsamples: Sequence[float], downsample: float) -> int:
    """OpenSlide's ``get_best_level_for_downsample``: the coarsest level that is fine enough."""
    fine = [level for level, own in enumerate(downsamples) if own <= downsample]
    return max(fine, default=0)


def _levels(index: MiraxIndex) -> Levels:
    slidedat = index.slidedat
    base = slidedat.levels[0]
    width = _side(slidedat, slidedat.images_x, base.image_width, base.overlap_x)
    height = _side(slidedat, slidedat.images_y, base.image_height, base.overlap_y)
    concats = [level.concat for level in slidedat.levels]
    sizes = tuple((width // concat, height // concat) for concat in concats)
    return Levels(sizes, tuple(float(concat) for concat in concats))


def _side(slidedat: Slidedat, images: int, length: int, overlap: float) -> int:
    """Level-0 px along one side; cut to whole px at every camera picture, as OpenSlide does."""
    whole, rest = divmod(images, slidedat.divisions)
    ends = [slidedat.divisions * length] * whole + [rest * length] * (rest > 0)
    total = 0
    for picture in ends[:-1]:
        total = int(total + picture - overlap)
    return total + ends[-1]


def _bounds(index: MiraxIndex, size: tuple[int, int]) -> Bounds | None:
    """The box around all stored images; None where it is the whole canvas, as in OpenSlide."""
    places = layout.pieces(index, 0, layout.scanned_positions(index))
    if not len(places.x):
        return 0, 0, 0, 0
    left, top = math.floor(places.x.min()), math.floor(places.y.min())
    right = math.ceil(np.max(places.x) + places.width)
    bottom = math.ceil(np.max(places.y) + places.height)
    if (left, top) == (0, 0) and right >= size[0] and bottom >= size[1]:
        return None
    return left, top, right - left, bottom - top


def beyond_canvas(index: MiraxIndex, size: tuple[int, int]) -> str:
    """A sentence where stored images reach so far beyond the canvas that px are lost; else "".

    OpenSlide makes the canvas by the number of images, whatever the positions say. Positions
    that jitter by some px at its rim are usual and not told.

    ``size``: the canvas's, level-0 px.
    """
    places = layout.pieces(index, 0, layout.scanned_positions(index))
    if not len(places.x):
        return ""
    over_x = np.maximum(-places.x, places.x + places.width - size[0])
    over_y = np.maximum(-places.y, places.y + places.height - size[1])
    over = np.maximum(over_x, over_y)
    if not (lost := int((over > JITTER_PX).sum())):
        return ""
    return (
        f"{lost} of {len(over)} stored images reach beyond the slide's canvas, by up to "
        f"{math.ceil(over.max())} px at full resolution: OpenSlide shows nothing there, so these "
        "px are in no tile"
    )


def _positive(number: float) -> float | None:
    return number if 0 < number < math.inf else None


def _objective(text: str | None) -> float | None:
    """The number at the head of ``20x``."""
    found = re.match(r"\s*[0-9]+(\.[0-9]+)?", text or "")
    return _positive(float(found[0])) if found else None
