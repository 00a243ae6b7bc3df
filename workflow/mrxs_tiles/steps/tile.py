"""The step ``tile``: read, test, encode and write the tiles that ``inspect`` listed.

Writes ``tiles/``, ``tiles.tsv``, ``tiles.png`` and ``tiles.json`` into ``results/{slide}``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from mrxs_tiles.cutting import begun, kept, keys, publishing
from mrxs_tiles.cutting.choose import Choice, choose
from mrxs_tiles.cutting.cutter import Cutter, Fate, cut_all
from mrxs_tiles.cutting.job import WHERE_IT_LIES, Job, Source, opened_job
from mrxs_tiles.cutting.packing import packing
from mrxs_tiles.cutting.picture import Pictures, resampling_warning
from mrxs_tiles.cutting.publish import publish, write_failed
from mrxs_tiles.cutting.space import check_space, estimate_bytes
from mrxs_tiles.cutting.tile_record import error_of, failed_record, status_of, tile_record
from mrxs_tiles.cutting.verdict import judge_for
from mrxs_tiles.errors import PassingError, SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, alone
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.inspecting.inspection import inspected
from mrxs_tiles.inspecting.slide_grid import tile_mpp
from mrxs_tiles.mirax.damage import damaged_files, why_unreadable
from mrxs_tiles.mirax.unchanged import PROMISE, explained, since_begun
from mrxs_tiles.pixels.encode import Encode, make_encoder
from mrxs_tiles.progress import Progress
from mrxs_tiles.settings import Settings, without_places
from mrxs_tiles.steps.inspect import inspect

log = logging.getLogger(__name__)

UNMARKED = (None, "", None)  # without annotations


def tile(
    slide: str,
    path: Path,
    results: Path,
    settings: Settings,
    threads: int,
    source: Source = WHERE_IT_LIES,
) -> Record:
    """Cut the tiles of one inspected slide.

    Args:
        slide: its name, the folder below ``results``.
        path: its file.
        results: where everything goes.
        settings: how it is cut; the same as for ``inspect``.
        threads: how many tiles are cut at the same time.
        source: whether the slide is copied to a local disk first, since when it is known, and
            what its shards carry of the sheet.

    Returns:
        What ``tiles.json`` holds. A slide that cannot be read has status ``failed`` there,
        one that can be read in part ``damaged``, one of which an earlier run's results stay
        ``kept``; nothing is raised for it.

    Raises:
        ResultsError: ``inspect`` has not been run with these settings, the results cannot be
            written, or another process is at this slide.
        StageError: the slide cannot be copied to ``source.stage``.
    """
    if kept.is_to_be_replaced(results / slide):
        # what an earlier run saw of the slide was kept with its tiles
        inspect(slide, path, results, settings, source.begun_with)
    with alone(results / slide / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
        if source.by_workflow:
            begun.begin(results / slide)
        record = _tile(slide, path, results, settings, threads, source)
        kept.forget_asked(results / slide)
    log.info("%s: %s", slide, manifest.kept_in_words(record["status"], record["counts"]))
    return record


def _tile(
    slide: str, path: Path, results: Path, settings: Settings, threads: int, source: Source
) -> Record:
    """Open, cut and record, or write that it cannot be done."""
    folder = results / slide
    seen = manifest.read_record(folder / manifest.SLIDE_JSON)
    if seen["status"] == "failed":
        return write_failed(slide, results, seen["error"], source.stops)
    try:
        with opened_job(path, folder, seen, settings, threads, source.stage) as job:
            record = _cut(job, threads, source)
    except SlideError as problem:
        if kept.earlier(folder) is not None:
            problem = _own_fault(path, settings, problem)
        said = explained(path, problem, source.begun_with)
        failed = failed_record(slide, said)
        was = kept.keep(folder, problem, failed, settings, source.stops)
        return was or write_failed(slide, results, said, source.stops)
    if record["error"] and not record["error"].endswith(PROMISE):
        record["error"] += since_begun(path, source.begun_with)
    return publishing.finish(folder, record, source.stops)


def _own_fault(path: Path, settings: Settings, problem: SlideError) -> SlideError:
    """What is wrong with a slide itself, which is not what the earlier run has inspected."""
    if isinstance(problem, PassingError):
        try:
            with inspected(path, settings):
                pass
        except SlideError as fault:
            return fault
    return problem


def _cut(job: Job, threads: int, source: Source) -> Record:
    """Choose, cut and publish: all but the record is in place then.

    What can fail by the slide is done before anything of an earlier run is touched.
    """
    encode, warning = _encoder(job)
    choice = choose(job)
    if choice.lost:  # known before hours of work
        error = error_of(choice.fates, len(job.tissue), _why(job, choice, {}))
        kept.refuse_damage(job.folder, job.settings, error, source.stops)
    with TileFolder(job.folder) as tiles:
        # in here, since what a killed run left behind is gone now
        check_space(job.folder, job.slide, _guess(job, choice.wanted, encode))
        cut, said = _cut_chosen(job, choice, tiles, encode, threads, source.sheet)
        fates = choice.fates | cut
        error = error_of(fates, len(fates), _why(job, choice, said))
        if said:
            job.here.check()
        job.here.end_reading()
        if error:
            kept.refuse_damage(job.folder, job.settings, error, source.stops)
        unlisted = job.inspected["grid"]["tiles"] - len(job.tissue)
        warnings = [text for text in (warning, resampling_warning(job.grid, choice.wanted)) if text]
        record = tile_record(job.slide, status_of(fates), error, warnings, unlisted, fates)
        record["keys"] = keys.keys_digest(job.settings, job.inspected)
        decided = {key: value for key, value in asdict(job.settings).items() if key != "deepzoom"}
        record["settings"] = without_places(decided)
        publish(job.folder, tiles, fates, job.inspected, record)
    return record


def _cut_chosen(
    job: Job,
    choice: Choice,
    tiles: TileFolder,
    encode: Encode | None,
    threads: int,
    sheet: Mapping[str, str],
) -> tuple[dict[Address, Fate], Mapping[Address, SlideError]]:
    """The fates of the tiles that are read, and what was said of those that cannot be."""

    def row(at: Address, fate: Fate) -> tuple[object, ...]:
        return (*job.grid.tile(*at), job.tissue[at], *job.marks.get(at, UNMARKED), *fate)

    with (
        packing(tiles, job.slide, job.settings, choice.groups, row, sheet) as store,
        Progress(job.slide, len(choice.wanted)) as progress,
    ):
        pictures = Pictures(job.reader, job.grid, job.background, job.settings.drop_blank)
        judge = judge_for(job.settings, tile_mpp(job.inspected["grid"]), job.background)
        pictures.expect(choice.groups)
        cutter = Cutter(pictures, store, encode, judge)
        cut, said = cut_all(cutter.cut, choice.groups, threads, progress.done, pictures.prepare)
        return store.finished(cut), said


def _guess(job: Job, wanted: Sequence[Address], encode: Encode | None) -> int:
    """About how many bytes will be written."""
    if encode is None:
        return 0
    return estimate_bytes(job.reader, job.grid, wanted, encode, job.background)


def _encoder(job: Job) -> tuple[Encode | None, str]:
    """What turns a tile's picture into its file, None where it has none; and a warning."""
    settings = job.settings
    if settings.format == "none":
        return None, ""
    profile = None if settings.format == "jpg" else job.reader.color_profile()
    mpp = job.inspected["grid"]["mpp_x"], job.inspected["grid"]["mpp_y"]
    return make_encoder(
        *(settings.format, settings.quality, settings.subsampling),
        profile=profile,
        mpp=mpp if all(mpp) else None,
    )


def _why(job: Job, choice: Choice, said: Mapping[Address, SlideError]) -> Iterator[SlideError]:
    """Why tiles cannot be read."""
    if choice.lost and job.damaged_index is not None:
        yield from map(SlideError, damaged_files(job.damaged_index, job.grid.level))
    yield from why_unreadable(job.here.files.folder, job.grid, said)
