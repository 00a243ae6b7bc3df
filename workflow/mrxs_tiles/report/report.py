"""The step ``report``: one row a slide.

Writes ``results/report.tsv``, ``results/runtime.tsv``, and ``results/report.html`` with its
pictures in ``report_files``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mrxs_tiles.cutting.sheet_in_shards import held_sheet, renew_sheet
from mrxs_tiles.errors import ResultsError, some_of
from mrxs_tiles.files import manifest
from mrxs_tiles.files.beside import read_beside
from mrxs_tiles.files.lock import REPORT_LOCK, alone
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import make_folder, write_file
from mrxs_tiles.made_by import differences
from mrxs_tiles.names import name_fault
from mrxs_tiles.report.carried import carried_before, is_known, of_slide, spelled_otherwise
from mrxs_tiles.report.labelled import labels_spelled_otherwise
from mrxs_tiles.report.page import write_page
from mrxs_tiles.report.pieces import Pieces
from mrxs_tiles.report.records import (
    WHOLE,
    away_records,
    find_inspected,
    read_records,
    refused_records,
    row_of,
)
from mrxs_tiles.report.run_record import known_config, write_run
from mrxs_tiles.report.runtime import renew_runtime
from mrxs_tiles.report.shown_slide import Entry
from mrxs_tiles.report.slides_of_report import ALL_THAT_ARE_THERE, Reported
from mrxs_tiles.report.twins import name_twins

if TYPE_CHECKING:
    from pandas import DataFrame

log = logging.getLogger(__name__)

MOST_NAMED = 10  # slides in one line


def report(
    results: Path,
    reported: Reported = ALL_THAT_ARE_THERE,
    config: Mapping[str, object] | None = None,
    benchmarks: Path | None = None,
    unfinished: str = "",
) -> None:
    """Write the tables of all slides and the page that shows them.

    Args:
        results: where everything goes.
        reported: which slides, and what is told of them.
        config: keys and values that the page shows; None: those that an earlier report knew.
        benchmarks: the folder with what Snakemake measured; None: no ``runtime.tsv``.
        unfinished: what the page says of a run that did not come to its end.

    Raises:
        ResultsError: no slide is there, a table or the page cannot be written, or another
            process is at them.
    """
    make_folder(results)
    with alone(results / REPORT_LOCK, f"The report of {results} is being written"):
        entries = _all_entries(results, reported)
        rows = [entry.row for entry in entries]
        cells = _carried_cells(results, reported, rows)
        labels = labels_spelled_otherwise(entries)
        for row in rows:
            row["warnings"] += labels.get(str(row["slide"]), [])
        text = _tsv(_carrying(_table(rows), cells))
        write_file(results / manifest.REPORT_TSV, text.encode("utf-8", "backslashreplace"))
        renew_runtime(results, rows, benchmarks)
        # of an unfinished run the others may be its own; and where none is named, all are there
        is_all = bool(unfinished) or reported.slides is None
        others = "" if is_all else unnamed(results, (row["slide"] for row in rows))
        keys = known_config(results) if config is None else config
        pieces = Pieces(results)
        write_page(results, entries, pieces, keys, others, unfinished)
        write_run(results, entries, pieces, keys, reported.sheet)
        pieces.keep()


def _carried_cells(
    results: Path, reported: Reported, rows: Sequence[Record]
) -> dict[str, dict[str, str]]:
    """By slide, what it carries of the sheet; the rows' warnings tell what is odd in it."""
    carried = reported.carried
    columns = (carried_before(results) or {}) if carried is None else carried
    cells = {str(row["slide"]): of_slide(columns, str(row["slide"])) for row in rows}
    asked = spelled_otherwise(cells)
    for row in rows:
        slide = str(row["slide"])
        row["warnings"] += asked.get(slide, [])
        known = carried is not None or is_known(columns, slide)
        _carry_into_shards(results, row, cells[slide], known)
    return cells


def _carry_into_shards(results: Path, row: Record, wanted: Mapping[str, str], known: bool) -> None:
    """Where other columns of the sheet are in a slide's shards, put these there.

    ``known``: these were asked for, or are what a report said; else none that are there go.
    """
    slide = str(row["slide"])
    if name_fault(slide):  # its folder would be somewhere else
        return
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


def _all_entries(results: Path, reported: Reported) -> list[Entry]:
    names = find_inspected(results) if reported.slides is None else reported.slides
    paths = reported.slides if isinstance(reported.slides, Mapping) else {}
    records = [read_records(results, name, paths.get(name)) for name in names]
    records += [refused_records(results, *slide) for slide in reported.refused]
    return _entries(results, records + [away_records(results, *slide) for slide in reported.away])


def table_text(results: Path) -> str:
    """What ``report.tsv`` would hold of all slides that have a ``slide.json``.

    Raises:
        ResultsError: no slide is there, or a record cannot be read.
    """
    records = [read_records(results, name) for name in find_inspected(results)]
    return _tsv(_table(entry.row for entry in _entries(results, records)))


def _entries(results: Path, records: Sequence[tuple[Record, Record]]) -> list[Entry]:
    """A row for each slide, by name."""
    if not records:
        raise ResultsError(f"{results} holds no slide.json. Run inspect and tile first.")
    entries = [Entry(row_of(inspected, tiled), inspected, tiled) for inspected, tiled in records]
    for entry, (inspected, tiled) in zip(entries, records, strict=True):
        entry.row["warnings"] += _made_by_others(results, inspected, tiled)
    name_twins(entries)
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
            if not (folder / name).exists():
                continue
            try:
                records.append((step, read_beside(folder / name)))
            except ResultsError as fault:
                yield str(fault).replace(f"{folder / name}", f"{slide}/{name}")
    for step, record in records:
        if step == "viewer" and (error := record.get("error")):
            yield str(error)
        if differs := ", ".join(differences(step, record)):
            how = "mrxs-tiles run --recut, " if step == "tile" else ""
            how += f"snakemake --forcerun {step}"
            how = "mrxs-tiles heatmap" if step == "heatmap" else how
            yield f"{differs}: it stays until it is asked for again ({how})"


def _table(rows: Iterable[Record]) -> DataFrame:
    import pandas as pd  # here: it takes 40 MB and half a second that no other step needs

    table = pd.DataFrame(list(rows), columns=list(manifest.REPORT), dtype=object)
    return table.astype(dict.fromkeys(WHOLE, "Int64"))


def _carrying(table: DataFrame, cells: Mapping[str, Mapping[str, str]]) -> DataFrame:
    """The table with the sheet's own columns, by slide, behind ours."""
    of_rows = [cells[str(slide)] for slide in table["slide"]]
    for name in of_rows[0]:
        table[name] = [row[name] for row in of_rows]
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
    return (
        f"results of {len(others):,} slide{'' if len(others) == 1 else 's'} that this run does not "
        f"name: {some_of(others, MOST_NAMED)}"
    )
