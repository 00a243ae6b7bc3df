"""``verify --repair``: the next run does again what is wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mrxs_tiles.cutting import kept
from mrxs_tiles.errors import printable, some_of
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import REPORT_LOCK, SLIDE_LOCK, SLIDE_TAKEN, alone
from mrxs_tiles.files.store import remove_files, told
from mrxs_tiles.files.tile_folder import discard_folder
from mrxs_tiles.files.whole import Look
from mrxs_tiles.report.verify_slide import Found
from mrxs_tiles.system import replace

MOST_NAMED = 10  # files in one line
HARMED_TSV = "report.tsv.harmed"


def repair(results: Path, harmed: Iterable[Found]) -> list[str]:
    """Make the next run do again what is wrong, and nothing else; returns a line for each slide.

    The records that say that a slide is done are put aside; nothing else of it is touched before
    there is something in its place. Of files for other programs alone these are removed, and so is
    what is too many.

    Raises:
        ResultsError: something cannot be moved, or another process is at a slide.
    """
    said = []
    for found in harmed:
        folder = results / found.slide
        with alone(folder / SLIDE_LOCK, SLIDE_TAKEN.format(found.slide)):
            if _needs_no_cutting(found):
                said.append(f"{printable(found.slide)}: {'; '.join(_repair_beside(folder, found))}")
                continue
            kept.set_aside(folder, manifest.COORDINATES_TSV, manifest.TILES_JSON)
            # where there was nothing to put aside
            remove_files(folder / manifest.COORDINATES_TSV, folder / manifest.TILES_JSON)
            said.append(f"{printable(found.slide)}: cut again by the next run")
    return said


def repair_report(results: Path, look: Look, said: Iterable[str]) -> list[str]:
    """Make the next run, or ``report``, write the report anew where something is wrong with it.

    Its table, which alone knows what was carried of a sheet, is put aside; all else is made anew
    of what lies there.

    Args:
        results: where everything lies.
        look: what was found of the report's files.
        said: what was found beside them.

    Raises:
        ResultsError: something cannot be moved, or another process is at the report.
    """
    if look.is_whole and not [*said]:
        return []
    bad = {name for name in (*look.changed, *look.superfluous) if not name.endswith("/")}
    told_of = "the report: made anew by the next run, or now by mrxs-tiles report"
    with alone(results / REPORT_LOCK, f"The report of {results} is being written"):
        if manifest.REPORT_TSV in bad:
            with told(results):
                replace(results / manifest.REPORT_TSV, results / HARMED_TSV)
            told_of += (
                f" (with --slides SHEET --carry COLUMN where it held columns of a sheet; it is put "
                f"aside as {HARMED_TSV})"
            )
        # without its page it is made anew whatever else of it is whole
        remove_files(*(results / name for name in {*bad, manifest.REPORT_HTML}))
    return [told_of]


def _needs_no_cutting(found: Found) -> bool:
    """Whether nothing is wrong with the tiles, but that there may be files too many."""
    look = found.look
    in_shards = any("#" in name for name in look.superfluous)
    return not (look.missing or look.changed or found.said or in_shards)


def _remove(folder: Path, names: Sequence[str]) -> Iterator[str]:
    """Remove what has the name of a file or folder of ours, and no record knows."""
    for name in names:
        if name.endswith("/"):
            discard_folder(folder, name.rstrip("/"))
        else:
            remove_files(folder / name)
    if names:
        count = f"{len(names):,} superfluous file{'' if len(names) == 1 else 's'}"
        yield f"{count} removed: {some_of(names, MOST_NAMED)}"


def _is_of_model(name: str) -> bool:
    of_heatmap = name == manifest.HEATMAP_JSON or bool(manifest.score_of(name))
    return name == manifest.FEATURES_H5 or of_heatmap


def _repair_beside(folder: Path, found: Found) -> Iterator[str]:
    """Put right what lies beside tiles that are whole."""
    yield from _remove(folder, found.look.superfluous)
    if not found.exports.is_whole:
        yield _repair_exports(folder, found.exports)
    if not (found.viewer.missing or found.viewer.changed):
        yield from _remove(folder, found.viewer.superfluous)
    else:
        remove_files(*(folder / name for name in (manifest.VIEWER_JSON, *manifest.VIEWER_PAGE)))
        discard_folder(folder, manifest.VIEWER_FILES)
        yield "its viewer is gone: the next run with deepzoom, or mrxs-tiles viewer, makes it again"


def _repair_exports(folder: Path, look: Look) -> str:
    bad = {*look.changed, *look.superfluous}
    if manifest.EXPORTS_JSON in bad:  # it is not known what the others are
        bad |= {*manifest.EXPORTS.values()}
    # what a model made of the tiles nobody but its user can make again
    theirs = sorted(name for name in {*bad, *look.missing} if _is_of_model(name))
    remove_files(*(folder / name for name in bad - {*theirs}))
    if theirs:
        return f"{', '.join(theirs)} is to be written again by what wrote it"
    return "exported again by the next run"
