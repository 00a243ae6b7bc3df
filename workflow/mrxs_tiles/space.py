"""Whether the disk has room for a slide's tiles, guessed before the first is cut."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrxs_tiles.encode import Encode
from mrxs_tiles.errors import ResultsError, SlideError
from mrxs_tiles.filters import Color, is_blank, is_unscanned, put_on_background
from mrxs_tiles.grid import Grid
from mrxs_tiles.reader import SlideReader
from mrxs_tiles.store import free_bytes

log = logging.getLogger(__name__)

SAMPLES = 16  # tiles looked into
SAMPLE_PX = 256  # side of what is encoded of each
DISK_BLOCK = 4096  # bytes; a file's last one is half empty on average


def estimate_bytes(
    reader: SlideReader,
    grid: Grid,
    addresses: Sequence[tuple[int, int]],
    encode: Encode,
    background: Color,
) -> int:
    """About how many bytes some tiles will take: a spot in the middle of a few is encoded."""
    step = max(1, len(addresses) // SAMPLES)
    sampled_px = sampled_bytes = total_px = 0
    for number, address in enumerate(addresses):
        (x, y), level, (width, height), _, (tile_width, tile_height) = grid.region(*address)
        total_px += tile_width * tile_height
        if number % step or not tile_width:
            continue
        spot = np.empty((min(height, SAMPLE_PX), min(width, SAMPLE_PX), 4), np.uint8)
        across = int((width - spot.shape[1]) // 2 * grid.x.l0_l_downsample)
        down = int((height - spot.shape[0]) // 2 * grid.y.l0_l_downsample)
        try:
            reader.read((x + across, y + down), level, spot)
        except SlideError:
            continue  # told when the tile itself is cut
        sampled_px += spot.shape[0] * spot.shape[1]
        if not is_unscanned(spot):
            put_on_background(spot, background)
            sampled_bytes += 0 if is_blank(spot) else len(encode(spot))
    pictures = sampled_bytes / max(1, sampled_px) * total_px
    return int(pictures + len(addresses) * DISK_BLOCK / 2)


def check_space(folder: Path, slide: str, wanted: int) -> None:
    """Say so when the disk of ``folder`` has less room than a slide's tiles will take.

    Raises:
        ResultsError: with both figures.
    """
    free = free_bytes(folder)
    log.info("%s: about %.3g GB of tiles, %.3g GB free", slide, wanted / 1e9, free / 1e9)
    if wanted > free:
        raise ResultsError(
            f"The tiles of {slide} will take about {wanted / 1e9:.3g} GB, but the disk of "
            f"{folder} has {free / 1e9:.3g} GB free. Free space there, or set another folder "
            "with results."
        )
