"""The step ``inspect``: what the slide is, and where its tiles lie.

Writes ``slide.json``, ``coordinates.tsv``, ``thumbnail.jpg``, ``tissue.png`` and, where labels are
asked for, ``labels.tsv`` into ``results/{slide}``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mrxs_tiles.cutting import begun, kept
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.checksums import sha256_of
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, alone
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import make_folder, remove_files, settle, write_file
from mrxs_tiles.inspecting.inspection import Inspection, inspected
from mrxs_tiles.inspecting.slide_grid import grid_record
from mrxs_tiles.made_by import FIELD, made_by
from mrxs_tiles.mirax.damage import damaged_files, has_16_bit_png
from mrxs_tiles.mirax.facts import beyond_canvas
from mrxs_tiles.mirax.ini import INI_NAME
from mrxs_tiles.mirax.locate import locate
from mrxs_tiles.mirax.record import mirax_record
from mrxs_tiles.mirax.stamp import take_stamp
from mrxs_tiles.mirax.unchanged import explained, unchanged
from mrxs_tiles.pixels.filters import WHITE
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.slide.resolution import scale_warnings
from mrxs_tiles.slide.thumbnail import make_thumbnail

PICTURES = (manifest.THUMBNAIL, manifest.TISSUE)

log = logging.getLogger(__name__)


def inspect(
    slide: str,
    path: Path,
    results: Path,
    settings: GridSettings,
    begun_with: str | None = None,
    by_workflow: bool = False,
) -> Record:
    """Look at one slide and write what it is and the tiles of its grid.

    Args:
        slide: its name, the folder below ``results``.
        path: its file.
        results: where everything goes.
        settings: where its tiles lie.
        begun_with: its ``stamp`` when the run began; None: that is not known.
        by_workflow: when it fails for its disk, Snakemake puts back what lay there before.

    Returns:
        What ``slide.json`` holds. A slide that cannot be opened has status ``failed`` and
        its error there; nothing is raised for it. Where an earlier run's tiles are there, it
        stays as it is, and what is returned has status ``kept`` and the error.

    Raises:
        ResultsError: the results cannot be written, or another process is at this slide.
    """
    make_folder(results / slide)
    if by_workflow:
        begun.begin_inspecting(results / slide)
    with alone(results / slide / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
        record = _inspect(slide, path, results, settings, begun_with)
        begun.end_inspecting(results / slide)
        if record["status"] == manifest.KEPT and not by_workflow:  # there `tile` says it
            kept.keep_uninspected(results / slide, record["error"])
    return record


def _inspect(
    slide: str, path: Path, results: Path, settings: GridSettings, begun_with: str | None
) -> Record:
    folder = results / slide
    try:
        with unchanged(locate(path)), inspected(path, settings) as seen:
            picture, whole = make_thumbnail(
                seen.reader, seen.facts, seen.facts.background or WHITE, seen.overview
            )
    except SlideError as error:
        said = explained(path, error, begun_with)
        return _kept(folder, said) or write_failed(slide, path, results, said)
    kept.set_aside(folder)
    record = _record(slide, path, seen, settings)
    record["warnings"] += [] if whole else ["parts of the thumbnail could not be read"]
    fractions = seen.tissue.fractions(seen.grid)
    rows = (
        (*tile, fractions[tile[:2]], *seen.marks.of(*tile[:2]))
        for tile in seen.grid.tiles(seen.listed)
    )
    table = folder / manifest.COORDINATES_TSV
    record["tables"] = {
        manifest.THUMBNAIL: write_file(folder / manifest.THUMBNAIL, picture),
        manifest.TISSUE: write_file(folder / manifest.TISSUE, seen.tissue.png()),
        manifest.COORDINATES_TSV: manifest.write_table(table, manifest.COORDINATES, rows),
    }
    labels = folder / manifest.LABELS_TSV
    if settings.labels is None:
        remove_files(labels)
    else:
        of_classes = seen.marks.class_rows(seen.listed)
        record["tables"][labels.name] = manifest.write_table(labels, manifest.LABELS, of_classes)
    settle(folder, *record["tables"])
    manifest.write_record(folder / manifest.SLIDE_JSON, record)
    kept.restore_if_same(folder)
    grid = record["grid"]
    log.info("%s: %d of %d tiles can hold pixels", slide, grid["listed"], grid["tiles"])
    return record


def _kept(folder: Path, said: str) -> Record | None:
    """The earlier run's record with today's fault; None: no results of it are there."""
    was = kept.earlier(folder)
    if was is None:
        return None
    kept.restore(folder)
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    return inspected | {"status": manifest.KEPT, "error": f"{kept.AWAY}: {said}"}


def write_failed(slide: str, path: Path, results: Path, error: str) -> Record:
    """Write the files of a slide that cannot be opened.

    Raises:
        ResultsError: the results cannot be written.
    """
    folder = results / slide
    make_folder(folder)
    kept.set_aside(folder)
    remove_files(*(folder / name for name in (*PICTURES, manifest.LABELS_TSV)))
    record = failed_record(slide, path, error)
    table = folder / manifest.COORDINATES_TSV
    record["tables"] = {
        manifest.COORDINATES_TSV: manifest.write_table(table, manifest.COORDINATES, ())
    }
    settle(folder, manifest.COORDINATES_TSV)
    manifest.write_record(folder / manifest.SLIDE_JSON, record)
    return record


def failed_record(slide: str, path: Path, error: str) -> Record:
    """What ``slide.json`` holds for a slide that cannot be opened."""
    unknown = (
        *("vendor", "width", "height", "levels", "mpp_x", "mpp_y", "objective", "bounds"),
        *(
            "background",
            "scanned_mm2",
            "tissue_mm2",
            "quickhash",
            "index_sha256",
            "reader",
            "reader_reason",
            "lost",
            "grid",
        ),
    )
    return {
        "slide": slide,
        "path": os.path.abspath(path),
        "status": "failed",
        "error": error,
        "warnings": [],
        **dict.fromkeys(unknown),
        FIELD: made_by("inspect"),
    }


def _record(slide: str, path: Path, seen: Inspection, settings: GridSettings) -> Record:
    facts, tissue = seen.facts, seen.tissue
    tiles, listed = seen.count(seen.marks.inside), seen.count(seen.listed)
    record: Record = {
        "slide": slide,
        "path": os.path.abspath(path),
        "status": "ok",
        "error": "",
        "warnings": [*_warnings(seen, settings), *seen.marks.warnings, *tissue.warnings()],
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
        "index_sha256": _index_sha256(seen),
        "reader": seen.reader_name,
        "reader_reason": seen.reader_reason,
        "lost": list(take_stamp(path).lost),
        "grid": grid_record(seen.grid, facts, tiles, listed) | seen.marks.record,
    }
    if seen.index is not None:
        record["mirax"] = mirax_record(seen.index)
    record[FIELD] = made_by("inspect")
    return record


def _index_sha256(seen: Inspection) -> str | None:
    """The digest of a MIRAX slide's index: its copies have it, also where names were taken out."""
    if seen.index is None or seen.files.folder is None:
        return None
    with suppress(OSError):
        return sha256_of(seen.files.folder / seen.index.slidedat.index_name)
    return None


def _warnings(seen: Inspection, settings: GridSettings) -> Iterator[str]:
    facts = seen.facts
    if seen.trouble:
        yield (
            f"the MIRAX index is not understood ({seen.trouble}); OpenSlide opens the slide, "
            "so every tile of the grid is read"
        )
    if seen.index is not None:
        yield from seen.index.slidedat.partly_shown
        yield from damaged_files(seen.index)
        if left := len(seen.index.images) - len(facts.levels.sizes):
            yield f"the coarsest {left} of its {len(seen.index.images)} levels cannot be used"
        if has_16_bit_png(seen.index):
            yield "the stored images have 16 bits per colour; OpenSlide shows 8"
        if lost := beyond_canvas(seen.index, facts.size):
            yield lost
    yield from scale_warnings(seen.said, facts, settings)
    if facts.mpp_x is None or facts.mpp_y is None:
        where = f"{INI_NAME} gives no MICROMETER_PER_PIXEL" if seen.index else "it gives no mpp"
        yield f"the slide's scale is not known: {where}"
