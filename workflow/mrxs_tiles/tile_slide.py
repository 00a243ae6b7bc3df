"""The step ``tile``: read, test, encode and write the tiles that ``inspect`` listed.

Writes ``tiles/``, ``tiles.tsv``, ``tiles.png`` and ``tiles.json`` into ``results/{slide}``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles import manifest
from mrxs_tiles.cutter import Cutter, Fate, cut_all
from mrxs_tiles.damage import COPY_AGAIN, damaged_files, unreadable_tiles, why_unreadable
from mrxs_tiles.encode import Encode, make_encoder
from mrxs_tiles.errors import ResultsError, SlideError
from mrxs_tiles.filters import WHITE, Color
from mrxs_tiles.grid import Grid
from mrxs_tiles.judge import Judge
from mrxs_tiles.locate import SlideFiles, locate
from mrxs_tiles.lock import SLIDE_LOCK, SLIDE_TAKEN, alone
from mrxs_tiles.manifest import Record
from mrxs_tiles.mirax import MiraxIndex, read_index
from mrxs_tiles.order import Address, in_blocks
from mrxs_tiles.packing import packing
from mrxs_tiles.picture import Pictures
from mrxs_tiles.progress import Progress
from mrxs_tiles.reader import Reader
from mrxs_tiles.readers import MIRAX, OPENSLIDE, opened
from mrxs_tiles.resolution import with_scale
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide_grid import grid_of, grid_record, tile_mpp
from mrxs_tiles.space import check_space, estimate_bytes
from mrxs_tiles.stage import staged
from mrxs_tiles.store import TileFolder, discard_folder, make_folder, remove_files, write_file
from mrxs_tiles.tile_map import TileMap

log = logging.getLogger(__name__)

Fates = Mapping[Address, Fate]
Said = Mapping[Address, SlideError]
PYRAMID_SHARE = 1.4  # bytes of all levels for one of full resolution
TOO_LITTLE = Fate(0, "tissue")
UNREADABLE = Fate(0, "unreadable")


def tile(
    slide: str,
    path: Path,
    results: Path,
    settings: Settings,
    threads: int,
    stage: str | None = None,
) -> Record:
    """Cut the tiles of one inspected slide.

    Args:
        slide: its name, the folder below ``results``.
        path: its file.
        results: where everything goes.
        settings: how it is cut; the same as for ``inspect``.
        threads: how many tiles are cut at the same time.
        stage: the folder of a local disk to which the slide is copied first, or ``auto``.

    Returns:
        What ``tiles.json`` holds. A slide that cannot be read has status ``failed`` there,
        one that can be read in part ``damaged``; nothing is raised for it.

    Raises:
        ResultsError: ``inspect`` has not been run with these settings, the results cannot be
            written, or another process is at this slide.
        StageError: the slide cannot be copied to ``stage``.
    """
    if settings.deepzoom:
        from mrxs_tiles.viewer_page import openseadragon

        openseadragon()  # before hours of work: is it there?
    with alone(results / slide / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
        return _tile(slide, path, results, settings, threads, stage)


def _tile(
    slide: str, path: Path, results: Path, settings: Settings, threads: int, stage: str | None
) -> Record:
    folder = results / slide
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    tissue = {(int(row[0]), int(row[1])): float(row[8] or 1) for row in _coordinates(folder)}
    if inspected["status"] == "failed":
        return write_failed(slide, results, inspected["error"])
    try:
        with staged(locate(path), stage) as copy:
            files, index = copy.files, _index(copy.files, inspected)
            tile_px = settings.tile_size**2
            with opened(inspected["reader"], files, index, tile_px, threads) as reader:
                grid = _inspected_grid(folder, reader, inspected, settings, len(tissue))
                if not settings.drop_blank and len(tissue) < inspected["grid"]["tiles"]:
                    raise _other_settings(folder, "drop_blank")
                job = _Job(slide, folder, files, copy.check, index, reader, grid, inspected, tissue)
                return _cut(job, settings, threads)
    except SlideError as problem:
        return write_failed(slide, results, str(problem))


def write_failed(slide: str, results: Path, error: str) -> Record:
    """Write the files of a slide of which nothing can be cut.

    Raises:
        ResultsError: the results cannot be written.
    """
    make_folder(results / slide)
    record = failed_record(slide, error)
    with TileFolder(results / slide) as tiles:
        _publish(results / slide, tiles, {}, None, record)
    manifest.write_record(results / slide / manifest.TILES_JSON, record)
    return record


def failed_record(slide: str, error: str) -> Record:
    """What ``tiles.json`` holds for a slide of which nothing can be cut."""
    return _record(slide, "failed", error, [], 0, {})


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
    return read_index(files.folder)


def _is_damaged(inspected: Record) -> bool:
    """True where ``inspect`` found data files missing or cut short."""
    return bool(inspected.get("mirax", {}).get("missing"))


def _coordinates(folder: Path) -> Iterator[list[str]]:
    return manifest.read_table(folder / manifest.COORDINATES_TSV, manifest.COORDINATES)


def _inspected_grid(
    folder: Path, reader: Reader, inspected: Record, settings: Settings, listed: int
) -> Grid:
    if settings.reader == OPENSLIDE != inspected["reader"]:
        raise _other_settings(folder, "reader")
    facts = with_scale(reader.facts(), settings.slide_mpp)
    grid = grid_of(reader.best_level, facts, settings)
    now = grid_record(grid, facts, inspected["grid"]["tiles"], listed)
    for key, value in now.items():
        if inspected["grid"].get(key) != value:
            raise _other_settings(folder, key)
    return grid


def _other_settings(folder: Path, key: str) -> ResultsError:
    return ResultsError(
        f"{folder / manifest.COORDINATES_TSV} was written for another {key}. Run inspect again "
        "with the same settings as tile."
    )


def _cut(job: _Job, settings: Settings, threads: int) -> Record:
    """Cut, and put the results in place."""
    encode, warning = _encoder(job, settings)
    colour = settings.background or tuple(job.inspected["background"] or WHITE)
    index = job.index if _is_damaged(job.inspected) else None
    fates = {
        address: TOO_LITTLE for address, part in job.tissue.items() if part < settings.min_tissue
    }
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
        guess = (
            0 if encode is None else estimate_bytes(job.reader, job.grid, wanted, encode, colour)
        )
        guess += _viewer_bytes(job, settings, colour) if settings.deepzoom else 0
        check_space(job.folder, job.slide, guess)
        pictures = Pictures(job.reader, job.grid, colour, settings.drop_blank)
        cutter = Cutter(pictures, store, encode, _judge(job.inspected, settings, colour))
        cut, said = cut_all(cutter.cut, order, threads, progress.done, pictures.prepare)
        fates |= store.finished(cut)
        if said:
            job.check()
        error = _error(job, fates, said, index if lost else None)
        status = _status(fates)
        unlisted = job.inspected["grid"]["tiles"] - len(job.tissue)
        warnings = [warning] if warning else []
        record = _record(job.slide, status, error, warnings, unlisted, fates)
        _publish(job.folder, tiles, fates, job.inspected, record)
    if settings.deepzoom:
        _view(job, settings, colour, threads)
    manifest.write_record(job.folder / manifest.TILES_JSON, record)
    counts = record["counts"]
    log.info("%s: %d of %d tiles kept", job.slide, counts["kept"], counts["tiles"])
    return record


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


def _viewer_bytes(job: _Job, settings: Settings, background: Color) -> int:
    """About how many bytes the viewer will take: as the tiles look, so all that was scanned."""
    encode, _ = make_encoder("jpg", settings.quality, settings.subsampling)
    listed = estimate_bytes(job.reader, job.grid, list(job.tissue), encode, background)
    px = listed_px = len(job.tissue) * (settings.tile_size * job.grid.downsample) ** 2
    scanned, mpp_x, mpp_y = (job.inspected[key] for key in ("scanned_mm2", "mpp_x", "mpp_y"))
    if scanned and mpp_x and mpp_y:
        px = scanned * 1e6 / (mpp_x * mpp_y)
    full = listed * job.grid.downsample**2 * px / max(1, listed_px)
    return int(full * PYRAMID_SHARE)


def _view(job: _Job, settings: Settings, background: Color, threads: int) -> None:
    """Write the slide's viewer."""
    # here, since most runs need none of it
    from mrxs_tiles.deepzoom import SUFFIX, DeepZoom
    from mrxs_tiles.viewer import write_viewer

    encode, _ = make_encoder(SUFFIX, settings.quality, settings.subsampling)
    size = job.inspected["width"], job.inspected["height"]
    made = DeepZoom(size, background, encode)
    write_viewer(job.folder, job.reader, job.inspected, made, threads)


def _judge(inspected: Record, settings: Settings, background: Color) -> Judge:
    return Judge(
        drop_blank=settings.drop_blank,
        min_focus=settings.min_focus,
        max_pen=settings.max_pen,
        mpp=tile_mpp(inspected["grid"]),
        background=background,
    )


def _proven_unreadable(job: _Job, index: MiraxIndex | None) -> set[Address]:
    if index is None:
        return set()
    proven = unreadable_tiles(index, job.grid)
    return {(col, row) for col, row in job.tissue if proven[col, row]}


def _status(fates: Fates) -> str:
    read = [fate for fate in fates.values() if fate.reason != "tissue"]
    unreadable = sum(fate.reason == "unreadable" for fate in read)
    if not unreadable:
        return "ok"
    return "failed" if unreadable == len(read) else "damaged"


def _error(job: _Job, fates: Fates, said: Said, index: MiraxIndex | None) -> str:
    """The sentences on tiles that cannot be read, "" where all can."""
    unreadable = sum(fate.reason == "unreadable" for fate in fates.values())
    if not unreadable:
        return ""
    why = [] if index is None else list(damaged_files(index, job.grid.level))
    why += why_unreadable(job.files.folder, job.grid, said)
    return (
        f"{unreadable} of {len(fates)} tiles cannot be read: {'; '.join(why)}. {COPY_AGAIN} "
        "and run again: only this slide is cut again."
    )


def _record(
    slide: str, status: str, error: str, warnings: list[str], unlisted: int, fates: Fates
) -> Record:
    """What ``tiles.json`` holds; ``unlisted`` tiles were known to be unscanned."""
    reasons = Counter(fate.reason for fate in fates.values() if not fate.kept)
    reasons["unscanned"] += unlisted
    kept = sum(fate.kept for fate in fates.values())
    if status == "ok" and not kept:
        warnings = [*warnings, "no tile was kept"]
    return {
        "slide": slide,
        "status": status,
        "error": error,
        "warnings": warnings,
        "counts": {
            "tiles": len(fates) + unlisted,
            "kept": kept,
            **{reason: reasons[reason] for reason in manifest.REASONS},
        },
        "tile_bytes": sum(fate.bytes or 0 for fate in fates.values()),
    }


def _publish(
    folder: Path, tiles: TileFolder, fates: Fates, inspected: Record | None, record: Record
) -> None:
    """Put the tiles in place, then the table and the map; what told of others goes first."""
    remove_files(*(folder / name for name in (manifest.TILES_JSON, manifest.TILES_TSV)))
    remove_files(folder / manifest.TILE_MAP)
    remove_files(folder / manifest.VIEWER, folder / manifest.VIEWER_DZI)
    remove_files(*(folder / name for name in manifest.EXPORTS.values()))
    discard_folder(folder, manifest.VIEWER_FILES)
    tiles.publish()
    painter = None if inspected is None else _map_of(folder, inspected)
    rows = _fates_of_rows(folder, fates, painter) if fates else ()
    manifest.write_table(folder / manifest.TILES_TSV, manifest.TILES, rows)
    if inspected is not None and painter is not None:
        picture = painter.png(record["counts"], inspected["mpp_x"])
        write_file(folder / manifest.TILE_MAP, picture)


def _map_of(folder: Path, inspected: Record) -> TileMap | None:
    """A map to paint the tiles on; None where the thumbnail was deleted."""
    try:
        thumbnail = (folder / manifest.THUMBNAIL).read_bytes()
    except OSError:
        return None
    return TileMap(thumbnail, (inspected["width"], inspected["height"]))


def _fates_of_rows(
    folder: Path, fates: Fates, painter: TileMap | None
) -> Iterator[tuple[object, ...]]:
    """The rows of ``tiles.tsv``, each painted as it passes: a slide can have a million."""
    for row in _coordinates(folder):
        fate = fates[int(row[0]), int(row[1])]
        if painter is not None:
            x, y, width, height = map(int, row[2:6])
            painter.add(x, y, width, height, fate.reason)
        yield (*row, *fate)
