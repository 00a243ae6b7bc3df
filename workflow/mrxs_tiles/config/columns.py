"""The sheet's header: which columns are ours, which go with the slide, which are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mrxs_tiles.config.schema import load_schema, rules_of
from mrxs_tiles.config.sheet_text import HEADER_ROWS, SEPARATORS, Rows
from mrxs_tiles.errors import ConfigError, shown, some_of
from mrxs_tiles.wording import close_name, types

PATH_COLUMNS = frozenset(
    ("slide_id", "image_path", "slide_path", "filename", "filepath", "file_path", "file", "wsi")
)
SLIDES = re.compile(r"\.(mrxs|svs|tiff?|ndpi|scn|bif|czi|vms|vmu|dcm|svslide)$", re.IGNORECASE)
MOST_SHOWN = 12


@dataclass(frozen=True)
class Columns:
    """The header, understood: each name's place, and what is to be said."""

    count: int
    ours: Mapping[str, int]
    carry: Mapping[str, int]
    separator: str
    notes: tuple[str, ...]

    def of_row(self, where: str, cells: Sequence[str]) -> dict[str, str]:
        """The cells of our own columns; a row may lack its last cells if they are empty.

        Raises:
            ConfigError: it has more cells than the header, or may mean two things.
        """
        while len(cells) > self.count and not cells[-1]:
            cells = cells[:-1]
        if len(cells) > self.count:
            raise ConfigError(
                f"{where} has {len(cells)} cells, and the header {self.count}: write a cell for "
                f"each column{self._quotes()}."
            )
        if len(cells) < self.count and (number := self._split_number(cells)):
            raise ConfigError(
                f"{where} has {len(cells)} cells, and the header {self.count}, so {number} may be "
                "one number or two cells: put the number in quotation marks, or write every cell."
            )
        return {key: _at(cells, place) for key, place in self.ours.items()}

    def carried(self, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The columns that go with the slide, and their cells."""
        for name, place in self.carry.items():
            yield name, _at(cells, place)

    def _quotes(self) -> str:
        """What may be wrong where commas separate."""
        if self.separator != ",":
            return ""
        return "; where a cell holds a comma, put it in quotation marks"

    def _split_number(self, cells: Sequence[str]) -> str:
        """A number with a decimal comma that a comma-separated row has torn into two cells."""
        if self.separator != ",":
            return ""
        numeric = {"integer", "number"}
        for key, place in self.ours.items():
            two = cells[place : place + 2]
            number = key in rules_known() and numeric & set(types(rules_of(key)))
            if number and len(two) == 2 and all(re.fullmatch("[0-9]+", cell) for cell in two):
                return ",".join(two)
        return ""


def _at(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def rules_known() -> list[str]:
    """The columns that are keys with rules of their own."""
    return [name for name in load_schema("slides") if name not in ("path", "slide")]


def read_header(
    label: str, rows: Rows, carry: Sequence[str]
) -> tuple[Columns, dict[int, list[str]]]:
    """Return the columns, and the rows below the header.

    Raises:
        ConfigError: with a sentence for each fault.
    """
    number, notes = _header_row(label, rows)
    header = list(rows.cells[number])
    below = {row: cells for row, cells in rows.cells.items() if row > number}
    while not header[-1] and not any(_at(row, len(header) - 1) for row in below.values()):
        header.pop()  # Excel writes columns that were used once, or made wider
    names = [_canonical(name) for name in header]
    faults = [*_path_faults(label, header, names), *_twice(label, names, carry)]
    nameless, odd = _nameless(label, header, below)
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    taken = {name: _carry_place(name, header) for name in carry}
    absent = [name for name, place in taken.items() if place is None]
    if absent:
        there = ", ".join(shown(name) for name in header if name)
        faults += [
            f"carry names {shown(name)}, which {label} does not have as a column, but {there}."
            for name in absent
        ]
    if faults or odd:
        raise ConfigError(*faults, *odd)
    ours = {name: places[name] for name in load_schema("slides") if name in places}
    known = set(ours.values()) | {place for place in taken.values() if place is not None}
    unknown = [name for place, name in enumerate(header) if name and place not in known]
    notes += [*nameless, *_passed_over(label, unknown)]
    carried = {name: place for name, place in taken.items() if place is not None}
    return Columns(len(header), ours, carried, rows.separator, tuple(notes)), below


def _canonical(name: str) -> str:
    """The name of our column that a person means, else the name itself."""
    plain = re.sub(r"[\s\-]+", "_", name.lower())
    return plain if plain in load_schema("slides") else name


def _header_row(label: str, rows: Rows) -> tuple[int, list[str]]:
    """The number of the row that is the header, and what is to be said of those above it."""
    numbers = list(rows.cells)
    for place, number in enumerate(numbers[:HEADER_ROWS]):
        if "path" in map(_canonical, rows.cells[number]):
            if place == 0:
                return number, []
            above = f"row {numbers[0]}" if place == 1 else f"rows {numbers[0]} to {number - 1}"
            return number, [f"{label}: {above}, above the header, passed over."]
    return numbers[0], []


def _path_faults(label: str, header: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    if "path" in names:
        return
    low = [name.lower() for name in header]
    meant = next((name for name in header if name.lower() in PATH_COLUMNS), "")
    there = ", ".join(shown(name) for name in header)
    if "wsi" in low and "mpp" in low:
        yield (
            f"{label} has no column path, but {there}, as TRIDENT's: rename {meant} to path, and "
            "mpp, if it is the slide's own scale, to slide_mpp (the column mpp is what its tiles "
            "shall have)."
        )
    elif any(SLIDES.search(name) for name in header):
        yield (
            f"{label} has no header, but begins with {there}: write the names of the columns as "
            "its first line, path for the slides' files."
        )
    elif len(header) == 1 and (marks := [mark for mark in SEPARATORS if mark in header[0]]):
        yield (
            f"{label} has one column only, {there}: separate its columns by "
            f"{SEPARATORS[marks[0]]} outside quotation marks."
        )
    else:
        what = f"rename {meant} to path" if meant else "name the column of the slides' files path"
        yield f"{label} has no column path, but {there}: {what}."


def _twice(label: str, names: Sequence[str], carry: Sequence[str]) -> Iterator[str]:
    """A fault for each column that is read and is there twice."""
    for name in dict.fromkeys(names):
        if names.count(name) > 1 and (name in load_schema("slides") or name in carry):
            yield f"{label}: its column {name} is there twice: remove one."


def _nameless(
    label: str, header: Sequence[str], below: Mapping[int, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """What is to be said of columns without a name, and the faults."""
    notes, faults = [], []
    for place, name in enumerate(header):
        cells = [_at(row, place) for row in below.values()]
        if name or not any(cells):
            continue
        counted = [[str(number) for number in range(first, first + len(cells))] for first in (0, 1)]
        if place == 0 and cells in counted:
            notes.append(f"{label}: its first column, which numbers the rows, is passed over.")
        else:
            faults.append(f"{label}: its column {place + 1} has no name: name it, or remove it.")
    return notes, faults


def _carry_place(name: str, header: Sequence[str]) -> int | None:
    """The place of a column that is carried: its name in any case, where one fits."""
    if name in header:
        return header.index(name)
    like = [place for place, other in enumerate(header) if other.lower() == name.lower()]
    return like[0] if len(like) == 1 else None


def _passed_over(label: str, unknown: Sequence[str]) -> Iterator[str]:
    if not unknown:
        return

    def said(name: str) -> str:
        close = close_name(name, load_schema("slides"))
        return f"{shown(name)} (did you mean {close}?)" if close else shown(name)

    yield (
        f"{label}: passed over, since no keys of ours: {some_of(unknown, MOST_SHOWN, said)}. The "
        "key carry takes such columns into report.tsv."
    )
