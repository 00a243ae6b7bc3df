"""Whether the disk has room for a slide's tiles, guessed before the first is cut."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrxs_tiles.errors import ResultsError, SlideError, as_size
from mrxs_tiles.files.store import free_bytes
from mrxs_tiles.grid.grid import Grid, Region
from mrxs_tiles.pixels.encode import Encode
from mrxs_tiles.pixels.filters import Color, Pixels, is_blank, is_unscanned, put_on_background
from mrxs_tiles.pixels.resample import resample
from mrxs_tiles.slide.reader import Extent, Reader

log = logging.getLogger(__name__)

SAMPLES = 16  # tiles looked into
SAMPLE_PX = 256  # side of what is encoded of each
# Bytes; a file's last one is half empty on average. In a shard a tile's two headers, its row and
# what fills up blocks of 512 are as much.
DISK_BLOCK = 4096


def estimate_bytes(
    reader: Reader,
    grid: Grid,
    addresses: Sequence[tuple[int, int]],
    encode: Encode,
    background: Color,
) -> int:
    """About how many bytes some tiles will take: a spot in the middle of a few is encoded."""
    total_px = 0
    for address in addresses:
        width, height = grid.region(*address).tile_size
        total_px += width * height
    some = (grid.region(*at) for at in addresses[:: max(1, len(addresses) // SAMPLES)])
    spots = [(region, _spot(region, grid)) for region in some if region.tile_size[0]]
    reader.expect(grid.level, [extent for _, extent in spots])
    sampled_px = sampled_bytes = 0
    for region, (location, (width, height)) in spots:
        spot = np.empty((height, width, 4), np.uint8)
        try:
            reader.read(location, region.level, spot)
        except SlideError:
            continue  # told when the tile itself is cut
        unscanned = is_unscanned(spot)
        put_on_background(spot, background)
        spot = _as_in_tile(spot, region)
        sampled_px += spot.shape[0] * spot.shape[1]
        sampled_bytes += 0 if unscanned or is_blank(spot) else len(encode(spot))
    pictures = sampled_bytes / max(1, sampled_px) * total_px
    return int(pictures + len(addresses) * DISK_BLOCK / 2)


def _spot(region: Region, grid: Grid) -> Extent:
    """The middle of what is read for a tile."""
    (x, y), (width, height) = region.location, region.size
    size = min(width, SAMPLE_PX), min(height, SAMPLE_PX)
    across = int((width - size[0]) // 2 * grid.x.l0_l_downsample)
    down = int((height - size[1]) // 2 * grid.y.l0_l_downsample)
    return (x + across, y + down), size


def _as_in_tile(spot: Pixels, region: Region) -> Pixels:
    """A spot of what is read, as small as it is in the tile."""
    if region.box is None:
        return spot
    height, width = spot.shape[:2]
    scale = (region.box[2] - region.box[0]) / region.tile_size[0]
    size = max(1, round(width / scale)), max(1, round(height / scale))
    return resample(spot, (0, 0, width, height), size)


def check_space(folder: Path, slide: str, wanted: int) -> None:
    """Say so when the disk of ``folder`` has less room than a slide's tiles will take.

    Raises:
        ResultsError: with both figures.
    """
    free = free_bytes(folder)
    log.info("%s: about %s of tiles, %s free", slide, as_size(wanted), as_size(free))
    if wanted > free:
        raise ResultsError(
            f"The tiles of {slide} will take about {as_size(wanted)}, but the disk of "
            f"{folder} has {as_size(free)} free. Free space there, or set another folder "
            "with results."
        )
