"""The columns of the user's sheet that go with the slides, as a report has them behind its own.

``report.tsv`` is where they are kept: who has no sheet (`load`, a step on the command line) takes
them from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mrxs_tiles.cutting.sheet_in_shards import held_sheet
from mrxs_tiles.errors import ResultsError, printable, shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import EXPORTS
from mrxs_tiles.names import name_fault
from mrxs_tiles.wording import ALIKE, usual_spellings

Carried = dict[str, dict[str, str]]


def carried_before(results: Path) -> Carried | None:
    """By slide, the columns behind ours of a ``report.tsv`` that is there.

    None: there is none that can be read. What was carried is not known then, which is not nothing.
    """
    file, ours = results / manifest.REPORT_TSV, len(manifest.REPORT)
    try:
        with file.open(encoding="utf-8", newline="\n") as stream:
            header = stream.readline().rstrip("\n").split("\t")
        if header[:ours] != list(manifest.REPORT):
            return None
        rows = (list(map(manifest.plain, row)) for row in manifest.read_table(file, header))
        return {row[0]: dict(zip(header[ours:], row[ours:], strict=True)) for row in rows}
    except (OSError, ValueError):  # as for ``read_report``
        return None


def is_known(carried: Mapping[str, Mapping[str, str]], slide: str) -> bool:
    """Whether a report that is there knows a cell of a slide.

    That it has none may mean that it was made where nobody knew the sheet.
    """
    return any(carried.get(slide, {}).values())


def of_slide(carried: Mapping[str, Mapping[str, str]] | None, slide: str) -> dict[str, str]:
    """The columns of one slide: the same for all, empty where the sheet does not name it."""
    carried = carried or {}
    names = next(iter(carried.values()), {})
    return {name: carried.get(slide, {}).get(name, "") for name in names}


def spelled_otherwise(cells: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """By slide, what is to be asked of cells that differ from others' only in spelling.

    Who splits by such a column (``patient``) would take one for two. Another slide is named and no
    cell: the page shows warnings, and is to hold no patient's name.
    """
    asked: dict[str, list[str]] = {}
    for column in next(iter(cells.values()), {}):
        counts = Counter(row[column] for row in cells.values())
        first = {row[column]: slide for slide, row in reversed([*cells.items()])}
        usual = usual_spellings(counts)
        for slide, row in cells.items():
            if row[column] in usual:
                asked.setdefault(slide, []).append(
                    f"the sheet's {shown(column)} differs from that of "
                    f"{printable(first[usual[row[column]]])} {ALIKE}: "
                    "is one meant? Then write it in one way in the sheet"
                )
    return asked


def sheet_of(slide: str, results: Path) -> dict[str, str]:
    """The sheet's columns of a slide, as the last report has them, else as what lies there has."""
    carried = carried_before(results) or {}
    wanted = of_slide(carried, slide)
    if is_known(carried, slide):
        return wanted
    held: dict[str, str] = {}
    with suppress(ResultsError):  # what is harmed is written anew
        held = held_sheet(results, slide)
        file = results / slide / EXPORTS["parquet"]
        if not held and file.is_file():
            from mrxs_tiles.exports.parquet import held_columns  # here: most need no pyarrow

            held = held_columns(file)
    return held if any(held.values()) else wanted


def export_again(results: Path) -> None:
    """Write those files for other programs anew that hold what a sheet said before."""
    carried = carried_before(results) or {}
    for slide in carried:
        file = results / slide / EXPORTS["parquet"]
        if not name_fault(slide) and file.is_file():
            # here: most have no such file, and need no pyarrow
            from mrxs_tiles.exports.parquet import carries
            from mrxs_tiles.steps.export import export

            sheet = of_slide(carried, slide)
            if not carries(file, sheet):
                export(slide, results, ["parquet"], sheet)
