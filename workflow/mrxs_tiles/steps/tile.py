"""The step ``tile``: read, test, encode and write the tiles that ``inspect`` listed.

Writes ``tiles/``, ``tiles.tsv``, ``tiles.png`` and ``tiles.json`` into ``results/{slide}``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.cutting.cutter import Cutter, Fate, cut_all
from mrxs_tiles.cutting.packing import packing
from mrxs_tiles.cutting.picture import Pictures
from mrxs_tiles.cutting.publish import coordinates, publish, write_failed
from mrxs_tiles.cutting.space import check_space, estimate_bytes
from mrxs_tiles.cutting.stage import staged
from mrxs_tiles.cutting.tile_record import error_of, status_of, tile_record
from mrxs_tiles.cutting.verdict import judge_for
from mrxs_tiles.errors import PassingError, ResultsError, SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, alone
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import TileFolder
from mrxs_tiles.grid.blocks import Address, in_blocks
from mrxs_tiles.grid.grid import Grid
from mrxs_tiles.inspecting.slide_grid import asked_for, grid_of, grid_record, tile_mpp
from mrxs_tiles.mirax.damage import damaged_files, unreadable_tiles, why_unreadable
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from mrxs_tiles.mirax.locate import SlideFiles, locate
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE, opened
from mrxs_tiles.mirax.record import mirax_record
from mrxs_tiles.mirax.unchanged import PROMISE, changed, explained, since_begun, unchanged
from mrxs_tiles.pixels.encode import Encode, make_encoder
from mrxs_tiles.pixels.filters import WHITE, Color
from mrxs_tiles.progress import Progress
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.reader import Reader
from mrxs_tiles.slide.resolution import with_scale

log = logging.getLogger(__name__)

Said = Mapping[Address, SlideError]
TOO_LITTLE = Fate(0, "tissue")
UNREADABLE = Fate(0, "unreadable")


def tile(
    slide: str,
    path: Path,
    results: Path,
    settings: Settings,
    threads: int,
    stage: str | None = None,
    begun_with: str | None = None,
) -> Record:
    """Cut the tiles of one inspected slide.

    Args:
        slide: its name, the folder below ``results``.
        path: its file.
        results: where everything goes.
        settings: how it is cut; the same as for ``inspect``.
        threads: how many tiles are cut at the same time.
        stage: the folder of a local disk to which the slide is copied first, or ``auto``.
        begun_with: the slide's ``stamp`` when the run began; None: that is not known.

    Returns:
        What ``tiles.json`` holds. A slide that cannot be read has status ``failed`` there,
        one that can be read in part ``damaged``; nothing is raised for it.

    Raises:
        ResultsError: ``inspect`` has not been run with these settings, the results cannot be
            written, or another process is at this slide.
        StageError: the slide cannot be copied to ``stage``.
    """
    if settings.deepzoom:
        from mrxs_tiles.viewer.page import openseadragon

        openseadragon()  # before hours of work: is it there?
    with alone(results / slide / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
        record = _tile(slide, path, results, settings, threads, stage, begun_with)
    counts = record["counts"]
    log.info("%s: %d of %d tiles kept", slide, counts["kept"], counts["tiles"])
    return record


def _tile(
    slide: str,
    path: Path,
    results: Path,
    settings: Settings,
    threads: int,
    stage: str | None,
    begun_with: str | None,
) -> Record:
    folder = results / slide
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    tissue = {(int(row[0]), int(row[1])): float(row[8] or 1) for row in coordinates(folder)}
    if inspected["status"] == "failed":
        return write_failed(slide, results, inspected["error"])
    try:
        with staged(locate(path), stage) as copy, unchanged(copy.files):
            files, index = copy.files, _index(copy.files, inspected)
            tile_px = settings.tile_size**2
            with opened(inspected["reader"], files, index, tile_px, threads) as reader:
                _check_same(path, reader, index, inspected)
                grid = _inspected_grid(folder, reader, inspected, settings, tissue)
                job = _Job(slide, folder, files, copy.check, index, reader, grid, inspected, tissue)
                record = _cut(job, settings, threads)
    except SlideError as problem:
        return write_failed(slide, results, explained(path, problem, begun_with))
    if record["error"] and not record["error"].endswith(PROMISE):
        record["error"] += since_begun(path, begun_with)
    manifest.write_record(folder / manifest.TILES_JSON, record)
    return record


@dataclass(frozen=True, slots=True)
class _Job:
    """One slide that is open and about to be cut."""

    slide: str
    folder: Path
    files: SlideFiles
    check: Callable[[], None]  # that these files are to be believed
    index: MiraxIndex | None  # where it is needed
    reader: Reader
    grid: Grid
    inspected: Record
    tissue: Mapping[Address, float]  # the fraction of it, of each tile that has a row


def _index(files: SlideFiles, inspected: Record) -> MiraxIndex | None:
    """The index of a MIRAX slide, where our own reader or damage needs it."""
    if files.folder is None or not (inspected["reader"] == MIRAX or _is_damaged(inspected)):
        return None
    try:
        return read_index(files.folder)
    except PassingError:
        raise
    except SlideError as error:  # inspect has understood it
        raise changed(files.path, f"after it was inspected: {error}") from None


def _is_damaged(inspected: Record) -> bool:
    """True where ``inspect`` found data files missing or cut short."""
    return bool(inspected.get("mirax", {}).get("missing"))


def _check_same(path: Path, reader: Reader, index: MiraxIndex | None, inspected: Record) -> None:
    """See that this is the slide that ``inspect`` looked at, as far as can be told at once."""
    facts = reader.facts()
    same = facts.size == (inspected["width"], inspected["height"])
    if index is not None:
        same &= mirax_record(index) == inspected.get("mirax")
    if facts.quickhash and inspected["quickhash"]:
        same &= facts.quickhash == inspected["quickhash"]
    if not same:
        raise changed(path, "after it was inspected")


def _inspected_grid(
    folder: Path,
    reader: Reader,
    inspected: Record,
    settings: Settings,
    listed: Collection[Address],
) -> Grid:
    if settings.reader == OPENSLIDE != inspected["reader"]:
        raise _other_settings(folder, "reader")
    facts = with_scale(reader.facts(), settings.slide_mpp)
    grid = grid_of(reader.best_level, facts, settings)
    now = grid_record(grid, facts, inspected["grid"]["tiles"], len(listed))
    for key, value in now.items():
        if inspected["grid"].get(key) != value:
            raise _other_settings(folder, key)
    inside = asked_for(facts, grid, settings.region, settings.region_origin)
    tiles = grid.cols * grid.rows if inside is None else int(inside.sum())
    if tiles != now["tiles"] or not (inside is None or all(inside[at] for at in listed)):
        raise _other_settings(folder, "region")
    if not settings.drop_blank and len(listed) < tiles:
        raise _other_settings(folder, "drop_blank")
    return grid


def _other_settings(folder: Path, key: str) -> ResultsError:
    return ResultsError(
        f"{folder / manifest.COORDINATES_TSV} was written for another {key}. Run inspect again "
        "with the same settings as tile."
    )


def _cut(job: _Job, settings: Settings, threads: int) -> Record:
    """Cut, and put all but the record in place."""
    encode, warning = _encoder(job, settings)
    colour = settings.background or tuple(job.inspected["background"] or WHITE)
    index = job.index if _is_damaged(job.inspected) else None
    fates = {at: TOO_LITTLE for at, part in job.tissue.items() if part < settings.min_tissue}
    lost = _proven_unreadable(job, index) - fates.keys()
    fates |= dict.fromkeys(lost, UNREADABLE)
    wanted = [address for address in job.tissue if address not in fates]
    order = in_blocks(wanted, job.grid.stride)

    def row(at: Address, fate: Fate) -> tuple[object, ...]:
        return (*job.grid.tile(*at), job.tissue[at], *fate)

    with (
        TileFolder(job.folder) as tiles,
        packing(tiles, job.slide, settings, order, row) as store,
        Progress(job.slide, len(wanted)) as progress,
    ):
        # in here, since what a killed run left behind is gone now
        check_space(job.folder, job.slide, _guess(job, settings, wanted, encode, colour))
        pictures = Pictures(job.reader, job.grid, colour, settings.drop_blank)
        judge = judge_for(settings, tile_mpp(job.inspected["grid"]), colour)
        cutter = Cutter(pictures, store, encode, judge)
        cut, said = cut_all(cutter.cut, order, threads, progress.done, pictures.prepare)
        fates |= store.finished(cut)
        if said:
            job.check()
        error = error_of(fates, _why(job, said, index if lost else None))
        unlisted = job.inspected["grid"]["tiles"] - len(job.tissue)
        warnings = [warning] if warning else []
        record = tile_record(job.slide, status_of(fates), error, warnings, unlisted, fates)
        publish(job.folder, tiles, fates, job.inspected, record)
    if settings.deepzoom:
        # here, since most runs need none of it
        from mrxs_tiles.viewer.viewer import write_viewer

        seen = (job.inspected, record)
        refused = write_viewer(job.folder, job.reader, *seen, settings, colour, threads)
        if refused is not None and not error:
            raise refused
    return record


def _guess(
    job: _Job,
    settings: Settings,
    wanted: Sequence[Address],
    encode: Encode | None,
    colour: Color,
) -> int:
    """About how many bytes will be written."""
    guess = 0
    if encode is not None:
        guess += estimate_bytes(job.reader, job.grid, wanted, encode, colour)
    if settings.deepzoom:
        from mrxs_tiles.viewer.viewer import viewer_bytes

        listed = list(job.tissue)
        guess += viewer_bytes(job.reader, job.grid, listed, job.inspected, settings, colour)
    return guess


def _encoder(job: _Job, settings: Settings) -> tuple[Encode | None, str]:
    """What turns a tile's picture into its file, None where it has none; and a warning."""
    if settings.format == "none":
        return None, ""
    profile = None if settings.format == "jpg" else job.reader.color_profile()
    mpp = job.inspected["grid"]["mpp_x"], job.inspected["grid"]["mpp_y"]
    return make_encoder(
        *(settings.format, settings.quality, settings.subsampling),
        profile=profile,
        mpp=mpp if all(mpp) else None,
    )


def _proven_unreadable(job: _Job, index: MiraxIndex | None) -> set[Address]:
    if index is None:
        return set()
    proven = unreadable_tiles(index, job.grid)
    return {(col, row) for col, row in job.tissue if proven[col, row]}


def _why(job: _Job, said: Said, index: MiraxIndex | None) -> Iterator[SlideError]:
    """Why tiles cannot be read."""
    if index is not None:
        yield from map(SlideError, damaged_files(index, job.grid.level))
    yield from why_unreadable(job.files.folder, job.grid, said)
