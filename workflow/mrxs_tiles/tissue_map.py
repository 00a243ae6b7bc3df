"""The tissue of one slide: its mask, how much of each tile it covers, its area."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from mrxs_tiles.coverage import Floats, tile_sums
from mrxs_tiles.filters import WHITE
from mrxs_tiles.grid import Bools, Grid
from mrxs_tiles.overview import read_overview
from mrxs_tiles.reader import SlideFacts, SlideReader
from mrxs_tiles.resolution import ASSUMED_MPP
from mrxs_tiles.tissue import MASK_MPP, MOST_MASK_PX, tissue_mask


@dataclass(frozen=True, slots=True)
class TissueMap:
    """Where tissue lies: ``mask``, ``scanned``, ``unread`` (height, width) bool.

    ``downsample``: level-0 px per px of the mask; ``px_mm2``: mm² of one, None: not known.
    """

    mask: Bools
    scanned: Bools
    unread: Bools
    downsample: float
    px_mm2: float | None

    def fractions(self, grid: Grid) -> Floats:
        """Tissue px / all px of each tile, (cols, rows)."""
        covered = tile_sums(self.mask, (self.downsample, self.downsample), grid)
        (left, right), (top, bottom) = grid.edges(0), grid.edges(1)
        px = ((right - left)[:, None] * (bottom - top)[None, :]).clip(1) / self.downsample**2
        fractions: Floats = (covered / px).clip(0, 1)
        return fractions

    def png(self) -> bytes:
        """The mask as a PNG of one bit, white where tissue is."""
        out = io.BytesIO()
        Image.fromarray(self.mask).save(out, "PNG")
        return out.getvalue()

    def area_mm2(self, px: Bools) -> float | None:
        """The area of some px of the mask."""
        return None if self.px_mm2 is None else int(px.sum()) * self.px_mm2

    def warnings(self) -> Iterator[str]:
        """What to know before the mask is trusted."""
        if self.unread.any():
            yield "parts of the tissue mask could not be read, and count as tissue"
        elif self.scanned.any() and not self.mask.any():
            yield "no tissue was found: tissue.png is empty"
        elif self.scanned.any() and (self.mask >= self.scanned).all():
            yield "all that was scanned was taken for tissue: look at tissue.png"


def map_tissue(reader: SlideReader, facts: SlideFacts) -> TissueMap:
    """Find the tissue of a slide at about ``MASK_MPP``."""
    known = facts.mpp_x is not None and facts.mpp_y is not None
    l0_um2 = (facts.mpp_x or 1) * (facts.mpp_y or 1) if known else ASSUMED_MPP**2
    least = math.sqrt(facts.size[0] * facts.size[1] / MOST_MASK_PX)
    wanted = max(1.0, least, MASK_MPP / math.sqrt(l0_um2))
    overview = read_overview(reader, facts, wanted, facts.background or WHITE)
    px_um2 = l0_um2 * overview.downsample**2
    return TissueMap(
        mask=tissue_mask(overview.rgb, overview.scanned, px_um2) | overview.unread,
        scanned=overview.scanned | overview.unread,
        unread=overview.unread,
        downsample=overview.downsample,
        px_mm2=px_um2 / 1e6 if known else None,
    )
