"""Where a MIRAX slide's stored images lie on the canvas, as OpenSlide lays them.

Camera pictures lie where the position table says; the stored images cut from one picture
lie edge to edge. An image of a higher level that joins several camera pictures is cut into
one *piece* per picture again, since these do not lie edge to edge.

Planes: ``image_`` the grid of level-0 stored images, ``position_`` the grid of camera
pictures, ``l0_`` level-0 px, ``l_`` px of one level (fractions of a pixel from level 1 on).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mrxs_tiles.errors import RefusedSlideError, SlideError
from mrxs_tiles.mirax.index import Int64s, MiraxIndex, nominal_positions

Bools = npt.NDArray[np.bool_]

# Stored images by which pictures may lie beside their places, across times down. OpenSlide looks
# at so many more for each region, 50 ns each; a picture a million px away holds it for minutes.
MOST_ASTRAY = 1 << 18


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces that make up one level.

    ``image`` (n,) is the row in ``MiraxIndex.images[level]`` that each piece is cut from;
    ``x``, ``y`` (n,) float64 its top left corner, ``width`` and ``height`` its size, all in
    px of the level. ``cut_x``, ``cut_y`` (n,): which piece of its image it is, across and down.
    ``cuts``: pieces in one image, each way. ``stride``: level-0 images from one image's place in
    OpenSlide's grid of the level to the next.
    """

    image: Int64s
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    width: float
    height: float
    cut_x: Int64s
    cut_y: Int64s
    cuts: int
    stride: int


def scanned_positions(index: MiraxIndex) -> Bools:
    """Which camera pictures are on the slide, bool (positions_y, positions_x).

    Those with a stored image at level 0, but for the ones that lie at 0, 0 without being
    the first: so the scanner marks what it never took.
    """
    slidedat = index.slidedat
    shape = (slidedat.positions_y, slidedat.positions_x)
    stored = np.zeros(shape, bool)
    image = index.images[0][:, 0]
    row = image // slidedat.images_x // slidedat.divisions
    col = image % slidedat.images_x // slidedat.divisions
    whole = (row < shape[0]) & (col < shape[1])
    if not whole.all():
        raise SlideError("the index holds an image that belongs to no camera picture")
    stored[row, col] = True
    placed = (index.positions != 0).any(axis=1).reshape(shape)
    if placed.size:
        placed[0, 0] = True
    scanned: Bools = stored & placed
    _check_astray(index, scanned)
    return scanned


def _check_astray(index: MiraxIndex, scanned: Bools) -> None:
    """Raise where camera pictures lie so far from where they should that OpenSlide would hang."""
    if index.slidedat.position_record is None or not scanned.any():
        return
    base = index.slidedat.levels[0]
    astray = (index.positions - nominal_positions(index.slidedat))[scanned.ravel()]
    spread = astray.max(0).clip(0) - astray.min(0).clip(None, 0)
    across, down = (spread / (base.image_width, base.image_height) + 1).tolist()
    if across * down > MOST_ASTRAY:
        raise RefusedSlideError(
            f"camera pictures lie up to {np.abs(astray).max()} px from their places"
        )


def pieces(index: MiraxIndex, level: int, scanned: Bools) -> Pieces:
    """The pieces of a level, given which camera pictures are on the slide.

    Raises:
        SlideError: an image belongs to no camera picture.
    """
    slidedat = index.slidedat
    at, base, divisions = slidedat.levels[level], slidedat.levels[0], slidedat.divisions
    pictures = max(1, at.concat // divisions)  # camera pictures joined in one image, each way
    split = slidedat.position_record is not None or base.overlap_x != 0 or base.overlap_y != 0
    cuts, merged = (pictures, 1) if split else (1, pictures)
    image = index.images[level][:, 0]
    image_x, image_y = image % slidedat.images_x, image // slidedat.images_x
    # no more of them than there are camera pictures, whatever the level says it joins
    step_y, step_x = (np.arange(min(cuts, side)) * divisions for side in scanned.shape)
    # (images, cuts down, cuts across): each piece's place in the grid of level-0 images
    piece_y, piece_x = np.broadcast_arrays(
        image_y[:, None, None] + step_y[:, None], image_x[:, None, None] + step_x[None, :]
    )
    inside = (piece_x < slidedat.images_x) & (piece_y < slidedat.images_y)
    number = np.broadcast_to(np.arange(len(image))[:, None, None], piece_x.shape)[inside]
    piece_x, piece_y = piece_x[inside], piece_y[inside]
    position_x, position_y = piece_x // divisions, piece_y // divisions
    if ((position_x >= scanned.shape[1]) | (position_y >= scanned.shape[0])).any():
        raise SlideError("the index holds an image that belongs to no camera picture")
    shown = _any_of(scanned, merged)[position_y, position_x]
    number, piece_x, piece_y = number[shown], piece_x[shown], piece_y[shown]
    l0_x, l0_y = _l0_corners(index, piece_x, piece_y)
    return Pieces(
        image=number,
        x=l0_x / at.concat,
        y=l0_y / at.concat,
        width=at.image_width / cuts,
        height=at.image_height / cuts,
        cut_x=(piece_x - image_x[number]) // divisions,
        cut_y=(piece_y - image_y[number]) // divisions,
        cuts=cuts,
        stride=min(at.concat, divisions) if split else at.concat,
    )


def _l0_corners(index: MiraxIndex, image_x: Int64s, image_y: Int64s) -> tuple[Int64s, Int64s]:
    """Where level-0 images lie, level-0 px: in their camera picture edge to edge."""
    slidedat, base, divisions = index.slidedat, index.slidedat.levels[0], index.slidedat.divisions
    position_x, position_y = image_x // divisions, image_y // divisions
    corner = index.positions[position_y * slidedat.positions_x + position_x]
    return (
        corner[:, 0] + base.image_width * (image_x - position_x * divisions),
        corner[:, 1] + base.image_height * (image_y - position_y * divisions),
    )


def _any_of(scanned: Bools, side: int) -> Bools:
    """For each position: whether any of the ``side`` x ``side`` from there on is scanned."""
    if side == 1:
        return scanned
    total = np.zeros((scanned.shape[0] + 1, scanned.shape[1] + 1), np.int64)
    total[1:, 1:] = scanned.cumsum(0).cumsum(1)
    top, left = np.arange(scanned.shape[0])[:, None], np.arange(scanned.shape[1])[None, :]
    bottom = np.minimum(top + side, scanned.shape[0])
    right = np.minimum(left + side, scanned.shape[1])
    count = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    found: Bools = count > 0
    return found


def camera_picture(index: MiraxIndex) -> tuple[float, float]:
    """Width and height of one camera picture in level-0 px."""
    base = index.slidedat.levels[0]
    divisions = index.slidedat.divisions
    return float(base.image_width * divisions), float(base.image_height * divisions)


def downsample(index: MiraxIndex, level: int) -> int:
    """Level-0 px per px of a level."""
    levels = index.slidedat.levels
    return levels[level].concat // levels[0].concat
