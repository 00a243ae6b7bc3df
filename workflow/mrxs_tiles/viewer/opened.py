"""A cut slide, opened to be shown: level 0 of it, whatever its tiles were cut from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.cutting.job import check_same, read_here
from mrxs_tiles.cutting.publish import coordinates
from mrxs_tiles.cutting.space import estimate_bytes
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.mirax.proof import choose
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE, reading
from mrxs_tiles.mirax.without_levels import openable_levels
from mrxs_tiles.pixels.encode import Encode, make_encoder
from mrxs_tiles.pixels.filters import WHITE, Color
from mrxs_tiles.pixels.pyramid import BLOCK_PX, TILE_PX
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.reader import CACHE_BYTES, Reader, SlideReader, cache_for
from mrxs_tiles.viewer.deepzoom import SUFFIX

PYRAMID_SHARE = 1.4  # bytes of all levels for one of full resolution


@dataclass(frozen=True, slots=True)
class Shown:
    """A slide that is open to be shown, and known to be the one that was inspected."""

    folder: Path  # results/{slide}
    inspected: Record  # what slide.json holds
    reader: Reader  # of level 0
    background: Color  # of what was never scanned: asked for, the slide's own, or white
    encode: Encode  # of a piece of the pyramid
    end_reading: Callable[[], None]  # and see that the slide is what it was at the beginning

    @property
    def size(self) -> tuple[int, int]:
        """Its width and height, level-0 px."""
        return self.inspected["width"], self.inspected["height"]

    def bytes(self) -> int:
        """About how many bytes its viewer takes: a few spots of its listed tiles are encoded."""
        seen = {
            ((int(x) + int(width) // 2) // TILE_PX, (int(y) + int(height) // 2) // TILE_PX)
            for _, _, x, y, width, height, *_ in coordinates(self.folder)
        }
        levels = self.reader.facts().levels
        grid = make_grid(levels, TILE_PX, 0, 1, area=None, best_level=0)
        inside = [at for at in sorted(seen) if at[0] < grid.x.count and at[1] < grid.y.count]
        guess = estimate_bytes(self.reader, grid, inside, self.encode, self.background)
        px = listed_px = len(inside) * TILE_PX**2
        scanned, mpp_x, mpp_y = (self.inspected[key] for key in ("scanned_mm2", "mpp_x", "mpp_y"))
        if scanned and mpp_x and mpp_y:
            px = scanned * 1e6 / (mpp_x * mpp_y)
        return int(guess * px / max(1, listed_px) * PYRAMID_SHARE)


@contextmanager
def opened_to_show(
    path: Path,
    folder: Path,
    inspected: Record,
    settings: Settings,
    threads: int,
    stage: str | None,
) -> Iterator[Shown]:
    """Open an inspected slide.

    Our own reader was proven on the level that the tiles are cut from: where that is another, it
    is proven on level 0 here.

    Args:
        path: its file.
        folder: ``results/{slide}``.
        inspected: what ``slide.json`` holds there.
        settings: its background and how its pictures are encoded; none of its grid.
        threads: that will read at the same time.
        stage: as in ``Source``.

    Raises:
        SlideError: it cannot be opened, or is not the slide that was inspected.
        StageError: it cannot be copied to ``stage``.
    """
    is_ours = inspected["reader"] == MIRAX and settings.reader != OPENSLIDE
    cache = CACHE_BYTES if is_ours else cache_for(BLOCK_PX**2, threads)
    background = settings.background or tuple(inspected["background"] or WHITE)
    encode, _ = make_encoder(SUFFIX, settings.quality, settings.subsampling)
    with (
        read_here(path, inspected, stage) as here,
        openable_levels(here.files, here.index) as place,
        SlideReader(place, cache) as slide,
    ):
        if is_ours and inspected["grid"]["level"]:
            is_ours = choose(settings.reader, here.index, 0, slide)[0] == MIRAX
        with reading(MIRAX if is_ours else OPENSLIDE, slide, here.index, 0) as reader:
            check_same(path, reader, here.index, inspected)
            yield Shown(folder, inspected, reader, background, encode, here.end_reading)
