"""Slides of any size and pyramid that hold no pixel, as DeepZoomGenerator asks of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hypothesis import strategies as st

from mrxs_tiles.grid.grid import Bounds, Tile


@dataclass
class FakeSlide:
    """As much of an OpenSlide object as DeepZoomGenerator asks."""

    level_dimensions: tuple[tuple[int, int], ...]
    level_downsamples: tuple[float, ...]
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def dimensions(self) -> tuple[int, int]:
        """Those of level 0."""
        return self.level_dimensions[0]

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """As openslide.c does it: the last level that is not coarser."""
        if downsample < self.level_downsamples[0]:
            return 0
        for level, known in enumerate(self.level_downsamples[1:], 1):
            if downsample < known:
                return level - 1
        return len(self.level_downsamples) - 1

    @property
    def bounds(self) -> Bounds | None:
        """The scanned area, where the properties tell it."""
        found = [self.properties.get(f"openslide.bounds-{key}") for key in BOUNDS_KEYS]
        return None if None in found else tuple(map(int, found))


BOUNDS_KEYS = ("x", "y", "width", "height")


@st.composite
def slides(draw: st.DrawFn, most: int = 3000) -> FakeSlide:
    """Slides of any odd size and pyramid, some with a scanned area."""
    width, height = draw(st.integers(1, most)), draw(st.integers(1, most))
    sizes = [(width, height)]
    for factor in draw(st.lists(st.sampled_from([2, 2, 3, 4]), max_size=4)):
        # Some formats round the sizes of their levels up, most down.
        up = draw(st.integers(0, 1)), draw(st.integers(0, 1))
        size = tuple(
            (side + add * (factor - 1)) // factor for side, add in zip(sizes[-1], up, strict=True)
        )
        if min(size) < 1:
            break
        sizes.append(size)
    # As OpenSlide does where the file does not say: the mean of both directions.
    downsamples = [(width / size[0] + height / size[1]) / 2 for size in sizes]
    if draw(st.booleans()):
        whole = [float(2 ** round(math.log2(downsample))) for downsample in downsamples]
        downsamples = whole if whole == sorted(set(whole)) else downsamples
    properties = {}
    if draw(st.booleans()):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        area = (x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
        properties = {
            f"openslide.bounds-{key}": str(side)
            for key, side in zip(BOUNDS_KEYS, area, strict=True)
        }
    return FakeSlide(tuple(sizes), tuple(downsamples), properties)


def spans(tiles: list[Tile], direction: int) -> dict[int, tuple[int, int]]:
    """Start and end of each column (0) or row (1), which must be the same all along it."""
    found: dict[int, tuple[int, int]] = {}
    for tile in tiles:
        start, length = tile[2 + direction], tile[4 + direction]
        assert found.setdefault(tile[direction], (start, start + length)) == (start, start + length)
    return found
