"""The command ``preview``: what a few thresholds would keep of a slide; no tile is cut.

Writes ``counts.tsv``, ``min_tissue.png``, ``min_focus.png`` and ``max_pen.png`` into
``results/{slide}/preview``. Tissue and pen are counted in all tiles, on the small picture that
``tissue.png`` is made of; sharpness is measured in some tiles, as ``tile`` measures it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mrxs_tiles.cutting.cutter import Fate, cut_all
from mrxs_tiles.cutting.picture import Pictures
from mrxs_tiles.cutting.tile_map import TileMap
from mrxs_tiles.cutting.verdict import focus_of
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import make_own_folder, remove_files, write_file
from mrxs_tiles.grid.blocks import Address, in_blocks
from mrxs_tiles.grid.coverage import Floats, tile_fractions
from mrxs_tiles.grid.grid import DROP, Bools
from mrxs_tiles.inspecting.inspection import Inspection, inspected
from mrxs_tiles.inspecting.slide_grid import grid_record, stored_boxes, tile_mpp
from mrxs_tiles.mirax.readers import reading
from mrxs_tiles.pixels.contact_sheet import contact_sheet
from mrxs_tiles.pixels.filters import WHITE, Pixels, is_blank, rgb
from mrxs_tiles.pixels.pen import marked
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.thumbnail import make_thumbnail

log = logging.getLogger(__name__)

COUNTS, TISSUE_MAPS, FOCUS_TILES, PEN_MAPS = (
    *("counts.tsv", "min_tissue.png", "min_focus.png", "max_pen.png"),
)
COLUMNS = ("key", "threshold", "tiles", "kept", "measured")

TISSUE_THRESHOLDS = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
PEN_THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5)
FOCUS_SHARES = (0.01, 0.05, 0.1, 0.25, 0.5)  # of the measured tiles, that a threshold drops
SHOWN = 4  # thresholds that have a map
STRIP = 256  # rows of the small picture looked at together
MAP_PX = 380  # side of a map
SPOT_PX = 192  # side of what is shown of a tile
SPOTS_SHOWN = 32
# Tiles measured: some seconds' worth of px, and enough of them for a share of one in a hundred.
MOST_SAMPLED_PX, MOST_SAMPLED, LEAST_SAMPLED = 3e8, 128, 4


class Count(NamedTuple):
    """What one threshold keeps of the ``tiles`` that reach its test: a row of ``counts.tsv``."""

    key: str
    threshold: float
    tiles: int
    kept: int
    measured: int


@dataclass(frozen=True, slots=True)
class _Sharpness:
    """A measured tile, and a spot of it to be looked at."""

    focus: float
    spot: Image.Image


def preview(slide: str, path: Path, results: Path, settings: Settings, threads: int) -> Record:
    """Try thresholds on one slide and write what each would keep.

    Args:
        slide: its name, the folder below ``results``.
        path: its file.
        results: where everything goes.
        settings: how it would be cut; its own thresholds are among those that are tried.
        threads: how many tiles are measured at the same time.

    Returns:
        ``slide``, ``status``, ``error`` as in ``slide.json``, and the ``counts``.

    Raises:
        ResultsError: the results cannot be written.
    """
    folder = results / slide / manifest.PREVIEW
    make_own_folder(folder)
    remove_files(*(folder / name for name in (COUNTS, TISSUE_MAPS, FOCUS_TILES, PEN_MAPS)))
    try:
        with inspected(path, replace(settings, labels=None)) as seen:  # nothing here hangs on them
            counts = list(_try_all(folder, seen, settings, threads))
    except SlideError as error:
        return {"slide": slide, "status": "failed", "error": str(error), "counts": []}
    manifest.write_table(folder / COUNTS, COLUMNS, counts)
    log.info("\n".join(_lines(counts)))
    log.info("preview: %s", folder)
    return {"slide": slide, "status": "ok", "error": "", "counts": counts}


def _lines(counts: Sequence[Count]) -> Iterator[str]:
    for count in counts:
        kept = f"{'about ' if count.measured < count.tiles else ''}{count.kept:,}"
        yield f"{count.key} {count.threshold:.6g}: {kept} of {count.tiles:,} tiles kept"


def _try_all(folder: Path, seen: Inspection, settings: Settings, threads: int) -> Iterator[Count]:
    thumbnail, _ = make_thumbnail(
        seen.reader, seen.facts, seen.facts.background or WHITE, seen.overview
    )
    reached = _scanned(seen, settings)
    tissue = seen.tissue.fractions(seen.grid)
    yield from _try_map(
        *(folder / TISSUE_MAPS, seen, thumbnail, reached, "min_tissue"),
        {one: tissue >= one for one in _with_own(TISSUE_THRESHOLDS, settings.min_tissue)},
    )
    reached &= tissue >= settings.min_tissue
    sharp = _measured(seen, settings, _sample(seen, reached, settings.tile_size), threads)
    yield from _try_focus(folder / FOCUS_TILES, sharp, int(reached.sum()), settings.min_focus)
    pen = _pen_fractions(seen)
    own = settings.max_pen if settings.max_pen < 1 else PEN_THRESHOLDS[0]
    yield from _try_map(
        *(folder / PEN_MAPS, seen, thumbnail, reached, "max_pen"),
        {one: pen <= one for one in _with_own(PEN_THRESHOLDS, own)},
    )


def _with_own(thresholds: Iterable[float], own: float) -> list[float]:
    return sorted({*thresholds, own})


def _scanned(seen: Inspection, settings: Settings) -> Bools:
    """The tiles that would become pictures if nothing was dropped, (cols, rows)."""
    reached = np.ones((seen.grid.cols, seen.grid.rows), bool)
    if seen.listed is not None:
        reached &= seen.listed
    if settings.drop_blank and seen.index is not None:
        reached &= seen.grid.touched(stored_boxes(seen.index, seen.grid.level))
    elif settings.drop_blank:
        reached &= tile_fractions(seen.tissue.scanned, seen.tissue.downsample, seen.grid) > 0
    if settings.edge == DROP:
        reached &= seen.grid.whole()
    return reached


def _try_map(
    path: Path,
    seen: Inspection,
    thumbnail: bytes,
    reached: Bools,
    key: str,
    passed: dict[float, Bools],
) -> Iterator[Count]:
    """Count what thresholds keep of all tiles, and show a few of them as maps."""
    tiles = int(reached.sum())
    counts = [
        Count(key, threshold, tiles, int((reached & kept).sum()), tiles)
        for threshold, kept in passed.items()
    ]
    # what keeps or drops everything shows nothing
    telling = [count for count in counts if count.kept not in (0, tiles)] or counts[:1]
    reason = key.split("_")[1]
    pictures = []
    for count in telling[:: -(-len(telling) // SHOWN)]:
        painter = TileMap(thumbnail, seen.facts.size)
        for tile in seen.grid.tiles(reached):
            kept = passed[count.threshold][tile.col, tile.row]
            painter.add(tile.x, tile.y, tile.width, tile.height, "" if kept else reason)
        picture = painter.painted()
        picture.thumbnail((MAP_PX, MAP_PX), Image.Resampling.LANCZOS)
        pictures.append((picture, f"{key} {count.threshold:g}: {count.kept:,} of {tiles:,} kept"))
    write_file(path, contact_sheet(f"{key}: what is tinted would be dropped", pictures))
    yield from counts


def _try_focus(path: Path, sharp: Sequence[_Sharpness], tiles: int, own: float) -> Iterator[Count]:
    """Estimate what thresholds keep, and show measured tiles, the most blurred first."""
    values = np.array(sorted(one.focus for one in sharp))
    thresholds = {float(f"{np.quantile(values, share):.3g}") for share in FOCUS_SHARES if sharp}
    for threshold in sorted(thresholds | ({own} if own else set())):
        share = float((values >= threshold).mean()) if sharp else 1.0
        yield Count("min_focus", threshold, tiles, round(share * tiles), len(sharp))
    shown = sorted(sharp, key=lambda one: one.focus)
    picked = np.unique(np.linspace(0, len(shown) - 1, SPOTS_SHOWN).round().astype(int))
    pictures = [(shown[at].spot, f"focus {shown[at].focus:.4g}") for at in picked if shown]
    title = "min_focus: the middle of some tiles, the most blurred first"
    write_file(path, contact_sheet(title, pictures))


def _sample(seen: Inspection, reached: Bools, tile_size: int) -> list[list[Address]]:
    """Tiles spread evenly over those that reach the test."""
    found = np.argwhere(reached)
    most = max(LEAST_SAMPLED, min(MOST_SAMPLED, int(MOST_SAMPLED_PX / tile_size**2)))
    picked = np.unique(np.linspace(0, len(found) - 1, most).round().astype(int))
    addresses = [(int(col), int(row)) for col, row in found[picked if len(found) else []]]
    return in_blocks(addresses, seen.grid.stride)


def _measured(
    seen: Inspection, settings: Settings, sample: Sequence[Sequence[Address]], threads: int
) -> list[_Sharpness]:
    """The sharpness of some tiles, without those that are blank or cannot be read."""
    background = settings.background or seen.facts.background or WHITE
    mpp = tile_mpp(grid_record(seen.grid, seen.facts, 0, 0))
    found: dict[Address, _Sharpness] = {}

    def measure(address: Address) -> Fate:
        pixels = pictures.read(address)
        if pixels is not None and not (settings.drop_blank and is_blank(pixels)):
            found[address] = _Sharpness(focus_of(pixels, mpp), _spot(pixels))
        return Fate(0)

    with reading(seen.reader_name, seen.reader, seen.index, seen.grid.level) as reader:
        pictures = Pictures(reader, seen.grid, background, settings.drop_blank)
        pictures.expect(sample)
        cut_all(measure, sample, threads, lambda: None, pictures.prepare)
    return [found[address] for address in sorted(found)]


def _spot(pixels: Pixels) -> Image.Image:
    """The middle of a picture, (height, width, 4) in OpenSlide's order."""
    height, width = pixels.shape[:2]
    top, left = max(0, (height - SPOT_PX) // 2), max(0, (width - SPOT_PX) // 2)
    return Image.fromarray(rgb(pixels[top : top + SPOT_PX, left : left + SPOT_PX]))


def _pen_fractions(seen: Inspection) -> Floats:
    """About how much of each tile is pen, (cols, rows)."""
    overview = seen.overview
    found = np.zeros(overview.rgb.shape[:2], bool)
    background = seen.facts.background or WHITE
    for top in range(0, len(found), STRIP):  # in strips: its steps take 50 bytes a px
        found[top : top + STRIP] = marked(overview.rgb[top : top + STRIP], background)
    return tile_fractions(found, overview.downsample, seen.grid)
