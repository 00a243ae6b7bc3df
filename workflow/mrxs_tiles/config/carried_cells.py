"""Cells that go with a slide as they stand, and may not be what was meant: a line names the rows.

A spreadsheet's errors and what programs write for "nothing" would be values like others, one
patient of many slides; a number that Excel has shortened is the same for many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mrxs_tiles.config.cells import NOTHING
from mrxs_tiles.errors import shown, some_of

# What Excel shows in any language, such as #N/A, #NAME? or #¡VALOR!, and ####.
ERROR = re.compile(r"#(?:N/?[ADV]|[¡¿]?[A-ZÀ-Ý]+(?:/0)?[!?]|#{2,})")
SHORTENED = re.compile(r"[0-9][.,][0-9]+[eE]\+(?:1[1-9]|[2-9][0-9])")  # 1,23457E+17
MOST_SHOWN = 5


def odd_name(name: str) -> str:
    """What is wrong with a slide's name that a spreadsheet has made, else an empty text."""
    if ERROR.fullmatch(name):
        return "is an error of the spreadsheet"
    return "is a long number that Excel has shortened" if SHORTENED.fullmatch(name) else ""


def odd_cells(label: str, columns: Mapping[str, Mapping[int, str]]) -> Iterator[str]:
    """A sentence for each column, and each kind of cells in it that may not be meant.

    Args:
        label: what they call the sheet.
        columns: by its name, the cells of a column that is carried, by the row's number.
    """
    for name, cells in columns.items():
        where = f"{label}, column {shown(name)}"
        odd = {row: cell for row, cell in cells.items() if _says_nothing(cell)}
        if odd:
            kinds = ", ".join(map(shown, sorted(set(odd.values()))[:MOST_SHOWN]))
            yield (
                f"{where}: {some_rows([*odd])} {kinds}, carried as a value like others: leave a "
                "cell empty where there is none."
            )
        if short := [row for row, cell in cells.items() if SHORTENED.fullmatch(cell)]:
            yield (
                f"{where}: {some_rows(short)} a long number that Excel has shortened, so that "
                "different ones may be the same here: make the column's format Text, and enter "
                "them again."
            )


def _says_nothing(cell: str) -> bool:
    return cell.lower() in NOTHING - {"none"} or ERROR.fullmatch(cell) is not None


def some_rows(numbers: list[int]) -> str:
    """Such as: row 3 has, rows 3, 4 have."""
    named = some_of([*map(str, numbers)], MOST_SHOWN)
    return f"row {named} has" if len(numbers) == 1 else f"rows {named} have"
