"""The step ``report``: one row a slide.

Writes ``results/report.tsv``, ``results/runtime.tsv``, and ``results/report.html`` with its
pictures in ``report_files``.
"""

from __future__ import annotations

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mrxs_tiles.cutting import kept, publish
from mrxs_tiles.cutting.sheet_in_shards import held_sheet, renew_sheet
from mrxs_tiles.cutting.tile_record import failed_record, is_counted
from mrxs_tiles.errors import ResultsError, printable, shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import REPORT_LOCK, alone
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import make_folder, write_file
from mrxs_tiles.made_by import differences
from mrxs_tiles.names import LOGS, name_fault
from mrxs_tiles.report.carried import carried_before, is_known, of_slide
from mrxs_tiles.report.page import Entry, write_page
from mrxs_tiles.report.run_record import NamedBy, known_config, run_record, write_run
from mrxs_tiles.report.runtime import renew_runtime
from mrxs_tiles.report.sample_tiles import Tiles
from mrxs_tiles.report.text import slide_facts
from mrxs_tiles.steps import inspect as inspect_slide

# Begins the warning on a slide that is there under several names.
TWIN = "the same slide, by its "

if TYPE_CHECKING:
    from pandas import DataFrame

log = logging.getLogger(__name__)

MOST_NAMED = 10  # slides in one line
# What comes of reading a record that is JSON, and not one of ours.
ODD = (ResultsError, KeyError, TypeError, AttributeError, ValueError)
WHOLE = (
    *("width", "height", "levels", "tile_size", "overlap", "cols", "rows"),
    *("tiles", "kept", *manifest.REASONS, "tile_bytes"),
)


def report(
    results: Path,
    slides: Iterable[str] | Mapping[str, str] | None = None,
    refused: Iterable[tuple[str, str, str]] = (),
    config: Mapping[str, object] | None = None,
    benchmarks: Path | None = None,
    carried: Mapping[str, Mapping[str, str]] | None = None,
    away: Iterable[tuple[str, str, str]] = (),
    sheet: Path | None = None,
    unfinished: str = "",
) -> None:
    """Write the tables of all slides and the page that shows them.

    Args:
        results: where everything goes.
        slides: their names, perhaps with where each lies now; None: all that have a
            ``slide.json`` below ``results``.
        refused: name, path and why, of slides that no step could be run for.
        config: keys and values that the page shows; None: those that an earlier report knew.
        benchmarks: the folder with what Snakemake measured; None: no ``runtime.tsv``.
        carried: by slide, the columns of the sheet that go into the table, and into the JSON of
            shards where others are in it; None: those that a table that is there has.
        away: name, path and why, of slides that were left out and whose results are kept.
        sheet: that names the slides; None: none, or that of the report that is there.
        unfinished: what the page says of a run that did not come to its end.

    Raises:
        ResultsError: no slide is there, a table or the page cannot be written, or another
            process is at them.
    """
    make_folder(results)
    with alone(results / REPORT_LOCK, f"The report of {results} is being written"):
        entries = _all_entries(results, slides, refused, away)
        rows = [entry.row for entry in entries]
        keys = known_config(results) if config is None else config
        columns = (carried_before(results) or {}) if carried is None else carried
        for row in rows:
            known = carried is not None or is_known(columns, str(row["slide"]))
            _carry_into_shards(results, row, columns, known)
        text = _tsv(_carrying(_table(rows), columns))
        write_file(results / manifest.REPORT_TSV, text.encode("utf-8", "backslashreplace"))
        renew_runtime(results, rows, benchmarks)
        # of an unfinished run the others may be its own
        others = "" if unfinished else unnamed(results, (row["slide"] for row in rows))
        write_page(results, entries, keys, others, unfinished)
        write_run(results, entries, keys, sheet)


def _carry_into_shards(
    results: Path, row: Record, carried: Mapping[str, Mapping[str, str]], known: bool
) -> None:
    """Where other columns of the sheet are in a slide's shards, put these there.

    ``known``: these were asked for, or are what a report said; else none that are there go.
    """
    slide = str(row["slide"])
    if name_fault(slide):  # its folder would be somewhere else
        return
    wanted = of_slide(carried, slide)
    try:
        held = {} if known else held_sheet(results, slide)
        if any(held.values()) and held != wanted:
            names = ",".join(held)
            row["warnings"].append(
                f"its shards hold columns of a sheet that the report does not know ({names}), and "
                f"keep them: name the sheet (mrxs-tiles report --slides SHEET --carry {names}), or "
                "take them out (--carry none)"
            )
            return
        written = renew_sheet(results, slide, wanted)
    except ResultsError as error:  # all other slides' are written
        row["warnings"].append(f"its shards hold the sheet's columns as they were before: {error}")
        return
    if written:
        log.info("%s: the sheet's columns written anew in %d shards", slide, written)


def _all_entries(
    results: Path,
    slides: Iterable[str] | Mapping[str, str] | None,
    refused: Iterable[tuple[str, str, str]],
    away: Iterable[tuple[str, str, str]],
) -> list[Entry]:
    names = find_inspected(results) if slides is None else slides
    paths = slides if isinstance(slides, Mapping) else {}
    records = [_read_records(results, name, paths.get(name)) for name in names]
    records += [_refuse(results, *slide) for slide in refused]
    return _entries(results, records + [_away(results, *slide) for slide in away])


def table_text(results: Path) -> str:
    """What ``report.tsv`` would hold of all slides that have a ``slide.json``.

    Raises:
        ResultsError: no slide is there, or a record cannot be read.
    """
    records = [_read_records(results, name) for name in find_inspected(results)]
    return _tsv(_table(entry.row for entry in _entries(results, records)))


def _entries(results: Path, records: Sequence[tuple[Record, Record]]) -> list[Entry]:
    """A row for each slide, by name."""
    if not records:
        raise ResultsError(f"{results} holds no slide.json. Run inspect and tile first.")
    entries = [Entry(_row(inspected, tiled), inspected, tiled) for inspected, tiled in records]
    for entry, (inspected, tiled) in zip(entries, records, strict=True):
        entry.row["warnings"] += _made_by_others(results, inspected, tiled)
    _name_twins(entries)
    return sorted(entries, key=lambda entry: str(entry.row["slide"]))


def _made_by_others(results: Path, inspected: Record, tiled: Record) -> Iterator[str]:
    """A sentence for each step that would perhaps make something else now: the user decides.

    And why a viewer that was asked for could not be made.
    """
    records = [("inspect", inspected), ("tile", tiled)]
    if not name_fault(slide := str(inspected["slide"])):
        folder = results / slide
        others = {"viewer": manifest.VIEWER_JSON, "export": manifest.EXPORTS_JSON}
        for step, name in (others | {"heatmap": manifest.HEATMAP_JSON}).items():
            with suppress(ResultsError):
                records.append((step, manifest.read_record(folder / name)))
    for step, record in records:
        if step == "viewer" and (error := record.get("error")):
            yield str(error)
        if differs := ", ".join(differences(step, record)):
            how = "mrxs-tiles run --recut, " if step == "tile" else ""
            how += f"snakemake --forcerun {step}"
            how = "mrxs-tiles heatmap" if step == "heatmap" else how
            yield f"{differs}: it stays until it is asked for again ({how})"


def _name_twins(entries: Iterable[Entry]) -> None:
    """Warn of each slide that is there under another name too: it would count twice.

    One file that a sheet names twice is cut in two ways on purpose. A copy from which names were
    taken has another quickhash, and the same index.
    """
    told: set[str] = set()
    for by, field in (("quickhash", "quickhash"), ("Index.dat", "index_sha256")):
        groups: defaultdict[str, list[Record]] = defaultdict(list)
        for entry in entries:
            digest = entry.inspected.get(field)
            if digest and str(entry.row["slide"]) not in told:
                groups[digest].append(entry.row)
        for rows in groups.values():
            told |= _warn_of_twins(rows, by)


def _warn_of_twins(rows: Sequence[Record], by: str) -> set[str]:
    """Warn each of those that are one slide of the others; returns the names of the warned."""
    told = set()
    first = sorted(rows, key=lambda row: str(row["slide"]))[: MOST_NAMED + 1]
    paths = Counter(row["path"] for row in rows)
    for row in rows:
        # not all of a thousand copies with each: that is a million names
        twins = [str(one["slide"]) for one in first if one["path"] != row["path"]]
        if left := len(rows) - paths[row["path"]]:
            named = ", ".join(map(shown, twins[:MOST_NAMED]))
            more = left - len(twins[:MOST_NAMED])
            more_named = f" and {more:,} more" if more else ""
            row["warnings"].append(f"{TWIN}{by}, as {named}{more_named}")
            told.add(str(row["slide"]))
    return told


def find_inspected(results: Path) -> Iterator[str]:
    """The names of the slides that have a ``slide.json``; no slide lies inside another's.

    Or had one: a run that ended early has it put aside.
    """
    for folder, subfolders, files in os.walk(results):
        if Path(folder) == results and LOGS in subfolders:
            subfolders.remove(LOGS)
        aside = Path(folder, kept.ASIDE, manifest.SLIDE_JSON)
        if manifest.SLIDE_JSON in files or (kept.ASIDE in subfolders and aside.is_file()):
            subfolders.clear()
            yield Path(folder).relative_to(results).as_posix()
        subfolders[:] = [name for name in subfolders if name != kept.ASIDE]


def _read_records(results: Path, slide: str, path: str | None = None) -> tuple[Record, Record]:
    """What ``inspect`` and ``tile`` wrote of a slide, or that it is not what they write."""
    return _sound(slide, path, lambda: _as_written(results, slide, path))


def _sound(
    slide: str, path: str | None, read: Callable[[], tuple[Record, Record]]
) -> tuple[Record, Record]:
    """A slide's records; where they say other things than ours, those of a failed slide.

    They may have been edited, or be a strange program's: no other slide's row hangs on them.
    """
    inspected = inspect_slide.failed_record(slide, Path(path or slide), "")
    name = manifest.SLIDE_JSON
    try:
        records = read()
        if path is None and isinstance(records[0].get("path"), str):
            inspected["path"] = records[0]["path"]
        _try_out(records[0], failed_record(slide, ""))
        name = manifest.TILES_JSON
        _try_out(*records)
    except ODD as error:
        what = str(error) if isinstance(error, ResultsError) else f"{slide}/{name} is not ours"
        why = (
            f"{what}: what a step writes there is missing or of another kind. Put the record back, "
            "or run mrxs-tiles verify --results DIR --repair and then the run again: only this "
            "slide is done again."
        )
        return inspected | {"error": why}, failed_record(slide, why)
    return records


def _try_out(inspected: Record, tiled: Record) -> None:
    """Take from records what the report takes.

    Raises:
        KeyError: and others of ``ODD``, where they are not ours.
    """
    row = _row(inspected, tiled)
    if not is_counted(tiled):
        raise KeyError("counts")
    for name in WHOLE:
        if not isinstance(row[name], int | None):
            raise TypeError(name)
    for text in (row["slide"], row["path"], row["status"], row["error"], *row["warnings"]):
        if not isinstance(text, str):
            raise TypeError(text)
    list(slide_facts(row, inspected, Tiles()))
    list(differences("inspect", inspected))
    list(differences("tile", tiled))
    run_record([Entry(row, inspected, tiled)], {}, NamedBy(None, None, {}))


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
    aside = folder / kept.ASIDE / manifest.SLIDE_JSON
    inspected = manifest.read_record(aside if aside.is_file() else folder / manifest.SLIDE_JSON)
    if was is None:  # removed while the run went on
        return inspected, failed_record(slide, why)
    return inspected, was | {"status": manifest.KEPT, "error": why}


def _away(results: Path, slide: str, path: str, why: str) -> tuple[Record, Record]:
    return _sound(slide, path, lambda: _kept(results, slide, why))


def _refuse(results: Path, slide: str, path: str, why: str) -> tuple[Record, Record]:
    """The records of a slide that no step could be run for; written, if its name allows."""
    if name_fault(slide):  # a folder of that name would be somewhere else
        failed = inspect_slide.failed_record(slide, Path(path), why)
        return failed, failed_record(slide, why)
    if kept.earlier(results / slide) is not None:  # by a run that did not refuse it
        failed = inspect_slide.failed_record(slide, Path(path), why)
        return failed, failed_record(slide, why)
    inspected = inspect_slide.write_failed(slide, Path(path), results, why)
    return inspected, publish.write_failed(slide, results, why)


def _row(inspected: Record, tiled: Record) -> Record:
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


def _table(rows: Iterable[Record]) -> DataFrame:
    import pandas as pd  # here: it takes 40 MB and half a second that no other step needs

    table = pd.DataFrame(list(rows), columns=list(manifest.REPORT), dtype=object)
    return table.astype(dict.fromkeys(WHOLE, "Int64"))


def _carrying(table: DataFrame, carried: Mapping[str, Mapping[str, str]]) -> DataFrame:
    """The table with the sheet's own columns behind ours."""
    cells = [of_slide(carried, str(slide)) for slide in table["slide"]]
    for name in cells[0]:
        table[name] = [row[name] for row in cells]
    return table


def _tsv(table: DataFrame) -> str:
    text = table.astype(object).where(table.notna(), None).map(manifest.field)
    lines = ["\t".join(table.columns)]
    lines += ["\t".join(row) for row in text.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def read_report(results: Path) -> list[dict[str, str]]:
    """The rows of ``report.tsv`` as text; empty where there is none that can be read."""
    try:
        table = results / manifest.REPORT_TSV
        rows = list(manifest.read_table(table, manifest.REPORT, more=True))  # and what is carried
        return [dict(zip(manifest.REPORT, row, strict=True)) for row in rows]
    except (OSError, ValueError):  # it is made again in any case
        return []


def unnamed(results: Path, slides: Iterable[str]) -> str:
    """The sentence on results of slides that are not among these; "" where there are none."""
    named = set(slides)
    others = sorted(name for name in find_inspected(results) if name not in named)
    if not others:
        return ""
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return (
        f"results of {len(others):,} slide{'' if len(others) == 1 else 's'} that this run does not "
        f"name: {', '.join(map(printable, others[:MOST_NAMED]))}{more}"
    )
