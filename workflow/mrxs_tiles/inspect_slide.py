"""The step ``inspect``: what the slide is, and where its tiles lie.

Writes ``slide.json``, ``coordinates.tsv``, ``thumbnail.jpg`` and ``tissue.png`` into
``results/{slide}``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mrxs_tiles import layout, manifest
from mrxs_tiles.damage import COPY_AGAIN, damaged_files, has_16_bit_png
from mrxs_tiles.errors import SlideError
from mrxs_tiles.filters import WHITE
from mrxs_tiles.grid import Bools, Grid
from mrxs_tiles.locate import SlideFiles, is_mirax, locate, openable
from mrxs_tiles.manifest import Record
from mrxs_tiles.mirax import MiraxIndex, read_index
from mrxs_tiles.reader import SlideFacts, SlideReader
from mrxs_tiles.resolution import with_scale
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.slide_grid import asked_for, can_hold_pixels, grid_of, grid_record
from mrxs_tiles.slidedat import INI_NAME
from mrxs_tiles.store import make_folder, remove_files, write_file
from mrxs_tiles.thumbnail import make_thumbnail
from mrxs_tiles.tissue_map import TissueMap, map_tissue

log = logging.getLogger(__name__)


def inspect(slide: str, path: Path, results: Path, settings: GridSettings) -> Record:
    """Look at one slide and write what it is and the tiles of its grid.

    Args:
        slide: its name, the folder below ``results``.
        path: its file.
        results: where everything goes.
        settings: where its tiles lie.

    Returns:
        What ``slide.json`` holds. A slide that cannot be opened has status ``failed`` and
        its error there; nothing is raised for it.

    Raises:
        ResultsError: the results cannot be written.
    """
    folder = results / slide
    make_folder(folder)
    # The records say that their step is done: neither may be there while the tables change.
    remove_files(folder / manifest.TILES_JSON, folder / manifest.SLIDE_JSON)
    try:
        files = locate(path)
        index, trouble = _index_of(files)
        with (
            openable(files) as openable_path,
            opened(openable_path, path, index, trouble) as reader,
        ):
            said = reader.facts()
            seen = _Seen(files, with_scale(said, settings.slide_mpp), said, index, trouble)
            grid = grid_of(reader.best_level, seen.facts, settings)
            inside = asked_for(seen.facts, grid, settings.region, settings.region_origin)
            picture, whole = make_thumbnail(reader, seen.facts, seen.facts.background or WHITE)
            tissue = map_tissue(reader, seen.facts)
    except SlideError as error:
        return write_failed(slide, path, results, str(error))
    seen, full = _wanted(seen, grid) if settings.drop_blank else (seen, None)
    wanted = _both(inside, full)
    tiles, listed = _count(grid, inside), _count(grid, wanted)
    record = _record(slide, path, seen, grid_record(grid, seen.facts, tiles, listed), tissue)
    record["warnings"] += [] if whole else ["parts of the thumbnail could not be read"]
    fractions = tissue.fractions(grid)
    write_file(folder / manifest.THUMBNAIL, picture)
    write_file(folder / manifest.TISSUE, tissue.png())
    manifest.write_table(
        folder / manifest.COORDINATES_TSV,
        manifest.COORDINATES,
        ((*tile, fractions[tile[:2]]) for tile in grid.tiles(wanted)),
    )
    manifest.write_record(folder / manifest.SLIDE_JSON, record)
    log.info("%s: %d of %d tiles can hold pixels", slide, listed, tiles)
    return record


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found out about one slide; ``said`` are the facts without the user's scale."""

    files: SlideFiles
    facts: SlideFacts
    said: SlideFacts
    index: MiraxIndex | None
    trouble: str


def write_failed(slide: str, path: Path, results: Path, error: str) -> Record:
    """Write the files of a slide that cannot be opened.

    Raises:
        ResultsError: the results cannot be written.
    """
    folder = results / slide
    make_folder(folder)
    remove_files(folder / manifest.THUMBNAIL, folder / manifest.TISSUE)
    record = failed_record(slide, path, error)
    manifest.write_table(folder / manifest.COORDINATES_TSV, manifest.COORDINATES, ())
    manifest.write_record(folder / manifest.SLIDE_JSON, record)
    return record


def failed_record(slide: str, path: Path, error: str) -> Record:
    """What ``slide.json`` holds for a slide that cannot be opened."""
    unknown = (
        *("vendor", "width", "height", "levels", "mpp_x", "mpp_y", "objective", "bounds"),
        *("background", "scanned_mm2", "tissue_mm2", "quickhash", "reader", "grid"),
    )
    return {
        "slide": slide,
        "path": os.path.abspath(path),
        "status": "failed",
        "error": error,
        "warnings": [],
        **dict.fromkeys(unknown),
    }


def _wanted(seen: _Seen, grid: Grid) -> tuple[_Seen, Bools | None]:
    """Which tiles get a row; None: all. An index that proves odd here is not gone by."""
    try:
        is_mirax_slide = seen.files.folder is not None
        return seen, can_hold_pixels(seen.facts, seen.index, is_mirax_slide, grid)
    except SlideError as error:
        return replace(seen, index=None, trouble=str(error)), None


def _both(one: Bools | None, other: Bools | None) -> Bools | None:
    """The tiles that are in both; None: all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _count(grid: Grid, tiles: Bools | None) -> int:
    return grid.cols * grid.rows if tiles is None else int(tiles.sum())


def _index_of(files: SlideFiles) -> tuple[MiraxIndex | None, str]:
    """The MIRAX index, or what is wrong with it."""
    if files.folder is None:
        return None, ""
    try:
        index = read_index(files.folder)
        layout.pieces(index, 0, layout.scanned_positions(index))
    except SlideError as error:
        return None, str(error)
    return index, ""


def opened(openable_path: Path, path: Path, index: MiraxIndex | None, trouble: str) -> SlideReader:
    """Open a slide of which the index, or what is wrong with it, is known.

    Raises:
        SlideError: OpenSlide does not open it; says why as far as the index tells.
    """
    try:
        return SlideReader(openable_path)
    except SlideError as error:
        if not is_mirax(path):
            raise SlideError(
                f"{path.name} is not a slide that OpenSlide can read: it says '{error}'. "
                "Check that it is a slide and was copied whole."
            ) from None
        known = "; ".join(damaged_files(index)) if index is not None else trouble
        why = known or f"OpenSlide says '{error}'"
        raise SlideError(f"{path.name} cannot be opened: {why}. {COPY_AGAIN}.") from None


def _record(
    slide: str,
    path: Path,
    seen: _Seen,
    grid: Record,
    tissue: TissueMap,
) -> Record:
    facts = seen.facts
    record: Record = {
        "slide": slide,
        "path": os.path.abspath(path),
        "status": "ok",
        "error": "",
        "warnings": [*_warnings(seen), *tissue.warnings()],
        "vendor": facts.vendor,
        "width": facts.size[0],
        "height": facts.size[1],
        "levels": [
            {"width": size[0], "height": size[1], "downsample": downsample}
            for size, downsample in zip(facts.levels.sizes, facts.levels.downsamples, strict=True)
        ],
        "mpp_x": facts.mpp_x,
        "mpp_y": facts.mpp_y,
        "objective": facts.objective,
        "bounds": None if facts.bounds is None else list(facts.bounds),
        "background": None if facts.background is None else list(facts.background),
        "scanned_mm2": tissue.area_mm2(tissue.scanned),
        "tissue_mm2": tissue.area_mm2(tissue.mask),
        "quickhash": facts.quickhash,
        "reader": "openslide",
        "grid": grid,
    }
    if seen.index is not None:
        record["mirax"] = _mirax_record(seen.index)
    return record


def _mirax_record(index: MiraxIndex) -> Record:
    slidedat = index.slidedat
    base = slidedat.levels[0]
    return {
        "version": slidedat.version,
        "slide_type": slidedat.slide_type,
        "image_format": base.image_format,
        "image_width": base.image_width,
        "image_height": base.image_height,
        "images_x": slidedat.images_x,
        "images_y": slidedat.images_y,
        "divisions": slidedat.divisions,
        "positions": len(index.positions),
        "positions_scanned": int(layout.scanned_positions(index).sum()),
        "stored_images": [len(images) for images in index.images],
        "data_files": [
            {"name": name, "bytes": size}
            for name, size in zip(slidedat.data_files, index.file_bytes, strict=True)
        ],
        "missing": list(index.missing),
    }


def _warnings(seen: _Seen) -> Iterator[str]:
    facts = seen.facts
    if seen.trouble:
        yield (
            f"the MIRAX index is not understood ({seen.trouble}); OpenSlide opens the slide, "
            "so every tile of the grid is read"
        )
    if seen.index is not None:
        yield from seen.index.slidedat.partly_shown
        yield from damaged_files(seen.index)
        if has_16_bit_png(seen.index):
            yield "the stored images have 16 bits per colour; OpenSlide shows 8"
    own = (seen.said.mpp_x, seen.said.mpp_y)
    if (facts.mpp_x, facts.mpp_y) != own and None not in own:
        yield (
            f"the scale is slide_mpp, {facts.mpp_x:.6g} µm per px; the slide itself says "
            f"{own[0]:.6g} x {own[1]:.6g}"
        )
    if facts.mpp_x is None or facts.mpp_y is None:
        where = f"{INI_NAME} gives no MICROMETER_PER_PIXEL" if seen.index else "it gives no mpp"
        yield f"the slide's scale is not known: {where}"
