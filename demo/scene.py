"""What lies under the microscope: a canvas of any size, cut out as pixels only where asked for.

Every pixel is a function of its place alone, in whole numbers, so that a rectangle looks the same
however it is cut, and nothing larger than the rectangle is held in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.signedinteger]
Pair = npt.NDArray[np.float32]  # x, y

GLASS = (240, 240, 242)
TISSUE_SIDE = 2048  # px after which the tissue's texture repeats
NOISE_SIDE = 512  # px after which the glass's noise repeats
PATCH = 320
PATCH_STEP = 256
FEATHER = 64
OUTLINE_STEP = 16  # level-0 px between two points of the lattice that holds the outlines
STAIN_STEP = 512  # level-0 px between two points of the lattice that holds the stain's strength
EDGE = 16  # steps in which tissue fades into glass
FADE = 12  # level-0 px over which it does
FAR = 1000  # level-0 px from an outline: farther is as good


@dataclass(frozen=True)
class Scene:
    """A few pieces of tissue on glass; `width`, `height` and all lengths in level-0 px."""

    width: int
    height: int
    seed: int = 0
    pieces: int = 3
    plain: bool = False  # glass in exactly one colour, as after a scanner's white balance

    def region(self, x: int, y: int, width: int, height: int) -> Pixels:
        """The pixels of a level-0 rectangle, (height, width, 3); it may reach over the canvas."""
        return self._pixels(np.arange(x, x + width), np.arange(y, y + height), 1)

    def overview(self, downsample: int) -> Pixels:
        """The whole canvas, smaller by `downsample` (a power of two up to 256)."""
        columns = np.arange(self.width // downsample) * downsample
        rows = np.arange(self.height // downsample) * downsample
        return self._pixels(columns, rows, downsample)

    def tissue_mask(self, downsample: int) -> npt.NDArray[np.bool_]:
        """Where tissue lies: (height, width), each cell judged at its centre, the last cut off."""
        centre = downsample // 2
        columns = np.arange(centre, self.width, downsample)
        rows = np.arange(centre, self.height, downsample)
        return self._cover(columns, rows) * 2 >= EDGE

    def _pixels(self, columns: Numbers, rows: Numbers, downsample: int) -> Pixels:
        cover = self._cover(columns, rows)
        if not cover.any():
            return self._glass(columns, rows)
        tissue = self._tissue(columns, rows, downsample)
        if cover.min() == EDGE:
            return tissue
        weight = cover.astype(np.uint16)[:, :, None]
        mixed = tissue * weight + self._glass(columns, rows) * (EDGE - weight)
        return (mixed // EDGE).astype(np.uint8)

    def _glass(self, columns: Numbers, rows: Numbers) -> Pixels:
        if self.plain:
            return np.full((len(rows), len(columns), 3), GLASS, np.uint8)
        return _wrapped(_noise(), columns + 211 * self.seed, rows + 97 * self.seed)

    def _tissue(self, columns: Numbers, rows: Numbers, downsample: int) -> Pixels:
        # Each seed starts elsewhere in the texture.
        columns_in_it, rows_in_it = columns + 811 * self.seed, rows + 397 * self.seed
        pixels = _wrapped(
            _texture(downsample), columns_in_it // downsample, rows_in_it // downsample
        )
        strength = _between(self._stain, columns, rows, STAIN_STEP).astype(np.uint16)
        return ((pixels * strength[:, :, None]) >> 8).astype(np.uint8)

    def _cover(self, columns: Numbers, rows: Numbers) -> Numbers:
        """How much of each pixel is tissue, 0 to EDGE."""
        depth = _between(self._outline, columns, rows, OUTLINE_STEP)
        return np.clip(depth * EDGE // FADE + EDGE // 2, 0, EDGE)

    @cached_property
    def _outline(self) -> Numbers:
        """Level-0 px inside (> 0) or outside the nearest outline, on a coarse lattice."""
        random = np.random.default_rng([self.seed, 1])
        shape = (self.height // OUTLINE_STEP + 2, self.width // OUTLINE_STEP + 2)
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        depth = np.full(shape, -FAR, np.float32)
        for piece in range(self.pieces):
            (centre_x, centre_y), (radius_x, radius_y) = _place(self, piece, random)
            across = (columns * np.float32(OUTLINE_STEP) - centre_x) * (radius_y / radius_x)
            down = rows * np.float32(OUTLINE_STEP) - centre_y
            reach = radius_y * _raggedness(np.arctan2(down, across), random)
            np.maximum(depth, reach - np.hypot(across, down), out=depth)
        return np.clip(np.rint(depth), -FAR, FAR).astype(np.int32)

    @cached_property
    def _stain(self) -> Numbers:
        """The tissue's brightness, of 256, on a coarse lattice."""
        random = np.random.default_rng([self.seed, 2])
        shape = (self.height // STAIN_STEP + 2, self.width // STAIN_STEP + 2)
        return random.integers(190, 256, shape, dtype=np.int32)


def _place(scene: Scene, piece: int, random: np.random.Generator) -> tuple[Pair, Pair]:
    """Centre and mean radii of a piece: spread along the longer side, shaken a little."""
    along = (piece + 0.5) / scene.pieces + random.uniform(-0.02, 0.02)
    aside = 0.5 + random.uniform(-0.08, 0.08)
    long, short = max(scene.width, scene.height), min(scene.width, scene.height)
    narrow = min(long / scene.pieces, short) * random.uniform(0.36, 0.44)
    wide = min(narrow * random.uniform(1.2, 1.9), short * 0.36)
    centre = np.array([short * aside, long * along], np.float32)
    radii = np.array([wide, narrow], np.float32)
    turned = scene.width > scene.height
    return (centre[::-1], radii[::-1]) if turned else (centre, radii)


def _raggedness(
    angle: npt.NDArray[np.float32], random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """The outline's distance from its centre, 1 on average, by direction."""
    shape = np.ones_like(angle)
    for wave in (2, 3, 5, 8, 13, 21):
        size = np.float32(random.uniform(0.4, 1.0) * 0.3 / wave)
        shape += size * np.sin(np.float32(wave) * angle + np.float32(random.uniform(0, 6.28)))
    return shape


def _between(lattice: Numbers, columns: Numbers, rows: Numbers, step: int) -> Numbers:
    """A lattice's values in between, in whole numbers: the same however a rectangle is cut."""
    columns = np.clip(columns, 0, (lattice.shape[1] - 1) * step - 1)
    rows = np.clip(rows, 0, (lattice.shape[0] - 1) * step - 1)
    column, row = columns // step, rows // step
    right = (columns % step).astype(np.int32)
    below = (rows % step).astype(np.int32)[:, None]
    strip: Numbers = lattice[:, column] * (step - right) + lattice[:, column + 1] * right
    mixed: Numbers = strip[row] * (step - below) + strip[row + 1] * below
    mixed //= step * step
    return mixed


def _wrapped(texture: Pixels, columns: Numbers, rows: Numbers) -> Pixels:
    """Pixels of a texture repeated without end."""
    height, width = texture.shape[:2]
    wrapped: Pixels = texture[rows % height].take(columns % width, axis=1)
    return wrapped


@cache
def _noise() -> Pixels:
    """Glass as a sensor sees it."""
    noise = np.random.default_rng(3).normal(GLASS, 1.5, (NOISE_SIDE, NOISE_SIDE, 3))
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)


@cache
def _texture(downsample: int) -> Pixels:
    """Real tissue, cut up, turned, and laid out anew with soft seams, so that it repeats late."""
    if downsample > 1:
        side = TISSUE_SIDE // downsample
        blocks = _texture(1).reshape(side, downsample, side, downsample, 3)
        shrunk: Pixels = blocks.mean(axis=(1, 3)).astype(np.uint8)
        return shrunk
    from skimage import data

    # The left edge of the picture is an empty lumen that would look like a hole.
    source = data.immunohistochemistry()[:, 56:].astype(np.float32)
    random = np.random.default_rng(4)
    # Rising and falling again within FEATHER px, so that overlapping patches add up to one.
    ramp = np.minimum(np.arange(0.5, PATCH), np.arange(PATCH, 0, -1) - 0.5).clip(max=FEATHER)
    weight = (np.outer(ramp, ramp) / FEATHER**2).astype(np.float32)[:, :, None]
    total = np.zeros((TISSUE_SIDE + FEATHER, TISSUE_SIDE + FEATHER, 3), np.float32)
    for y in range(0, TISSUE_SIDE, PATCH_STEP):
        for x in range(0, TISSUE_SIDE, PATCH_STEP):
            total[y : y + PATCH, x : x + PATCH] += _patch(source, random) * weight
    total[:FEATHER] += total[TISSUE_SIDE:]
    total[:, :FEATHER] += total[:, TISSUE_SIDE:]
    return np.asarray(total[:TISSUE_SIDE, :TISSUE_SIDE]).astype(np.uint8)


def _patch(source: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    top = random.integers(source.shape[0] - PATCH + 1)
    left = random.integers(source.shape[1] - PATCH + 1)
    patch = np.rot90(source[top : top + PATCH, left : left + PATCH], int(random.integers(4)))
    turned: npt.NDArray[np.float32] = patch[:, ::-1] if random.integers(2) else patch
    return turned
