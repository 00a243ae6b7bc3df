"""What the steps wrote of each slide, as the report takes it: two records, and the row they make.

A slide that was not cut, is away, was refused, or whose records are not ours has them, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from mrxs_tiles.cutting import kept, publish, publishing
from mrxs_tiles.cutting.tile_record import failed_record, is_counted
from mrxs_tiles.errors import ResultsError, shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.alike import folded
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.made_by import differences
from mrxs_tiles.names import LOGS, name_fault
from mrxs_tiles.report.run_record import NamedBy, of_slide
from mrxs_tiles.report.sample_tiles import Tiles
from mrxs_tiles.report.shown_slide import Entry
from mrxs_tiles.report.text import slide_facts
from mrxs_tiles.steps import inspect as inspect_slide

# What comes of reading a record that is JSON, and not one of ours.
ODD = (ResultsError, KeyError, TypeError, AttributeError, ValueError)
WHOLE = (
    *("width", "height", "levels", "tile_size", "overlap", "cols", "rows"),
    *("tiles", "kept", *manifest.REASONS, "tile_bytes"),
)
MEASURED = ("mpp_x", "mpp_y", "objective", "downsample", "scanned_mm2", "tissue_mm2")
DIGESTS = ("quickhash", "index_sha256")


def find_inspected(results: Path) -> Iterator[str]:
    """The names of the slides that have a ``slide.json``; no slide lies inside another's.

    Or had one: a run that ended early has it put aside.
    """
    for folder, subfolders, files in os.walk(results):
        if Path(folder) == results and LOGS in subfolders:
            subfolders.remove(LOGS)
        aside = Path(folder, publishing.ASIDE, manifest.SLIDE_JSON)
        if manifest.SLIDE_JSON in files or (publishing.ASIDE in subfolders and aside.is_file()):
            subfolders.clear()
            yield Path(folder).relative_to(results).as_posix()
        subfolders[:] = [name for name in subfolders if name != publishing.ASIDE]


def read_records(results: Path, slide: str, path: str | None = None) -> tuple[Record, Record]:
    """What ``inspect`` and ``tile`` wrote of a slide, or that it is not what they write."""
    return _sound(slide, path, lambda: _as_written(results, slide, path))


def _sound(
    slide: str, path: str | None, read: Callable[[], tuple[Record, Record]]
) -> tuple[Record, Record]:
    """A slide's records; where they say other things than ours, those of a failed slide.

    They may have been edited, or be a strange program's: no other slide's row hangs on them.
    """
    records: tuple[Record, Record] | None = None
    try:
        records = read()
        _try_out(*records)
        if why := _of_another(slide, str(records[0]["slide"])):
            lost = inspect_slide.failed_record(slide, Path(path or slide), "")
            return lost | {"error": why}, failed_record(slide, why)
    except ODD as error:
        inspected = inspect_slide.failed_record(slide, Path(path or slide), "")
        name = manifest.SLIDE_JSON
        if records is not None:
            if path is None and isinstance(records[0].get("path"), str):
                inspected["path"] = records[0]["path"]
            with suppress(*ODD):
                _try_out(records[0], failed_record(slide, ""))
                name = manifest.TILES_JSON  # since the other one is sound
        what = str(error) if isinstance(error, ResultsError) else f"{slide}/{name} is not ours"
        why = (
            f"{what}: what a step writes there is missing or of another kind. Put the record back, "
            "or run mrxs-tiles verify --results DIR --repair and then the run again: only this "
            "slide is done again."
        )
        return inspected | {"error": why}, failed_record(slide, why)
    return records


def _of_another(slide: str, told: str) -> str:
    """Why a folder's records are no slide's of its name; "" where they are.

    A disk may give back a name in another case or Unicode form.
    """
    if folded(slide) == folded(told):
        return ""
    return (
        f"The folder {shown(slide)} holds the results of the slide {shown(told)}: it was "
        f"renamed or copied. Rename it to {shown(told)}, or put it somewhere else if that is "
        "there, too."
    )


def _try_out(inspected: Record, tiled: Record) -> None:
    """Take from records what the report takes.

    Raises:
        KeyError: and others of ``ODD``, where they are not ours.
    """
    row = row_of(inspected, tiled)
    if not is_counted(tiled):
        raise KeyError("counts")
    for name in WHOLE:
        if not isinstance(row[name], int | None):
            raise TypeError(name)
    for name in MEASURED:
        if not isinstance(row[name], int | float | None):
            raise TypeError(name)
    for name in DIGESTS:
        if not isinstance(inspected.get(name), str | None):
            raise TypeError(name)
    facts = [text for _, text in slide_facts(row, inspected, Tiles())]
    for text in (*facts, row["slide"], row["status"], row["error"], *row["warnings"]):
        if not isinstance(text, str):
            raise TypeError(text)
    list(differences("inspect", inspected))
    list(differences("tile", tiled))
    of_slide(Entry(row, inspected, tiled), [], NamedBy(None, None, {}))


def _as_written(results: Path, slide: str, path: str | None) -> tuple[Record, Record]:
    """What ``inspect`` and ``tile`` wrote of a slide, which may have been moved since."""
    file = results / slide / manifest.SLIDE_JSON
    if not file.is_file() and kept.earlier(results / slide) is not None:
        sentence = "A run ended before the slide was inspected: run inspect and tile for it."
        return _kept(results, slide, f"{kept.LATEST}: {sentence}")
    inspected = manifest.read_record(file)
    if path is not None and inspected["path"] != (now := os.path.abspath(path)):
        before = file.stat()
        inspected["path"] = now
        manifest.write_record(file, inspected)
        # as old as it was: to Snakemake a newer one would be a reason to cut the slide again
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    if inspected["status"] == "failed":
        return inspected, failed_record(slide, inspected["error"])
    try:
        return inspected, kept.last_said(results / slide)
    except ResultsError:
        sentence = "The slide was inspected, but not cut: run tile for it."
    if kept.earlier(results / slide) is None:
        return inspected, failed_record(slide, sentence)
    return _kept(results, slide, f"{kept.LATEST}: {sentence}")


def _kept(results: Path, slide: str, why: str) -> tuple[Record, Record]:
    """The records of a slide of which an earlier run's results are kept, and the reason."""
    folder = results / slide
    was = kept.earlier(folder)
    aside = folder / publishing.ASIDE / manifest.SLIDE_JSON
    inspected = manifest.read_record(aside if aside.is_file() else folder / manifest.SLIDE_JSON)
    if was is None:  # removed while the run went on
        return inspected, failed_record(slide, why)
    return inspected, was | {"status": manifest.KEPT, "error": why}


def away_records(results: Path, slide: str, path: str, why: str) -> tuple[Record, Record]:
    """The records of a slide that was left out, and why: those of an earlier run."""
    return _sound(slide, path, lambda: _kept(results, slide, why))


def refused_records(results: Path, slide: str, path: str, why: str) -> tuple[Record, Record]:
    """The records of a slide that no step could be run for; written, if its name allows."""
    if name_fault(slide):  # a folder of that name would be somewhere else
        failed = inspect_slide.failed_record(slide, Path(path), why)
        return failed, failed_record(slide, why)
    if kept.earlier(results / slide) is not None:  # by a run that did not refuse it
        failed = inspect_slide.failed_record(slide, Path(path), why)
        return failed, failed_record(slide, why)
    inspected = inspect_slide.write_failed(slide, Path(path), results, why)
    return inspected, publish.write_failed(slide, results, why)


def row_of(inspected: Record, tiled: Record) -> Record:
    """One slide's columns, from its two records."""
    row: Record = {name: inspected.get(name) for name in manifest.REPORT}
    levels = inspected["levels"]
    grid = inspected["grid"] or {}  # its mpp is the tiles', not the slide's
    row |= {name: grid.get(name) for name in (*manifest.TILING, "tiles")}
    row |= tiled["counts"]
    row["status"] = tiled["status"]
    row["levels"] = None if levels is None else len(levels)
    row["tile_bytes"] = tiled["tile_bytes"]
    row["kept_fraction"] = row["kept"] / row["tiles"] if row["tiles"] else None
    row["warnings"] = [*inspected["warnings"], *tiled["warnings"]]
    row["error"] = tiled["error"]
    if tiled["status"] == "failed" and not row["tiles"]:  # nothing is known of its tiles
        row |= dict.fromkeys(("tile_bytes", *tiled["counts"]))
    return {name: row[name] for name in manifest.REPORT}
