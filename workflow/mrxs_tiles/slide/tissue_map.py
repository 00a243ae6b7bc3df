"""The tissue of one slide: its mask, how much of each tile it covers, its area."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mrxs_tiles.grid.coverage import Floats, tile_fractions
from mrxs_tiles.grid.grid import Bools, Grid
from mrxs_tiles.pixels.filters import WHITE
from mrxs_tiles.pixels.picture_file import saved
from mrxs_tiles.pixels.tissue import MASK_MPP, MOST_MASK_PX, find_tissue
from mrxs_tiles.slide.overview import Overview, read_overview
from mrxs_tiles.slide.reader import Reader, SlideFacts
from mrxs_tiles.slide.resolution import ASSUMED_MPP


@dataclass(frozen=True, slots=True)
class TissueMap:
    """Where tissue lies: ``mask``, ``scanned``, ``unread`` (height, width) bool.

    ``downsample``: level-0 px per px of the mask; ``px_mm2``: mm² of one, None: not known.
    ``yellowed``: some even yellow was taken for glass.
    """

    mask: Bools
    scanned: Bools
    unread: Bools
    downsample: float
    px_mm2: float | None
    yellowed: bool = False

    def fractions(self, grid: Grid) -> Floats:
        """Tissue px / all px of each tile, (cols, rows)."""
        return tile_fractions(self.mask, self.downsample, grid)

    def png(self) -> bytes:
        """The mask as a PNG of one bit, white where tissue is."""
        return saved(Image.fromarray(self.mask), "png")

    def area_mm2(self, px: Bools) -> float | None:
        """The area of some px of the mask."""
        return None if self.px_mm2 is None else int(np.count_nonzero(px)) * self.px_mm2

    def warnings(self) -> Iterator[str]:
        """What to know before the mask is trusted."""
        if self.yellowed:
            yield "parts of the glass look yellowed, and count as no tissue: look at tissue.png"
        if self.unread.any():
            yield "parts of the tissue mask could not be read, and count as tissue"
        elif self.scanned.any() and not self.mask.any():
            yield "no tissue was found: tissue.png is empty"
        elif self.scanned.any() and (self.mask >= self.scanned).all():
            yield "all that was scanned was taken for tissue: look at tissue.png"


def tissue_overview(reader: Reader, facts: SlideFacts) -> Overview:
    """The slide at the coarsest scale of at most ``MASK_MPP``."""
    least = math.sqrt(facts.size[0] * facts.size[1] / MOST_MASK_PX)
    wanted = max(1.0, least, MASK_MPP / math.sqrt(_l0_um2(facts)))
    return read_overview(reader, facts, wanted, facts.background or WHITE)


def map_tissue(facts: SlideFacts, overview: Overview) -> TissueMap:
    """Find the tissue in what ``tissue_overview`` gave."""
    px_um2 = _l0_um2(facts) * overview.downsample**2
    mask, yellowed = find_tissue(overview.rgb, overview.scanned, px_um2)
    known = facts.mpp_x is not None and facts.mpp_y is not None
    return TissueMap(
        mask=mask | overview.unread,
        scanned=overview.scanned | overview.unread,
        unread=overview.unread,
        downsample=overview.downsample,
        px_mm2=px_um2 / 1e6 if known else None,
        yellowed=yellowed,
    )


def _l0_um2(facts: SlideFacts) -> float:
    """µm² of a level-0 px, as far as the slide says."""
    if facts.mpp_x is None or facts.mpp_y is None:
        return ASSUMED_MPP**2
    return facts.mpp_x * facts.mpp_y
