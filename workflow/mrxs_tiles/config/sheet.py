"""The slide sheet: a table whose rows name slides, and may cut each in its own way."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mrxs_tiles.config.carried_cells import odd_cells, odd_name
from mrxs_tiles.config.cells import NOTHING
from mrxs_tiles.config.columns import Columns, read_header
from mrxs_tiles.config.config import override
from mrxs_tiles.config.doubtful_rows import cut_twice, drawn_once
from mrxs_tiles.config.places import foreign, home_expanded, understood, windows_stem
from mrxs_tiles.config.sheet_text import read_rows
from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.files.alike import Listing, listing, nearest
from mrxs_tiles.names import Slide, name_fault
from mrxs_tiles.settings import Settings

NO_NAMES = NOTHING | {"null"}


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What all rows share."""

    label: str
    folder: Path
    columns: Columns
    settings: Settings
    names: Listing


def read_sheet(
    sheet: Path, settings: Settings, asked: str, carry: Sequence[str] = ()
) -> tuple[list[Slide], list[str]]:
    """Return the slides that a sheet lists, in its order, and what is to be said of it.

    A slide need not exist: opening it will fail, and that slide alone.

    Args:
        sheet: the file, absolute: a slide's path starts at its folder.
        settings: what holds where a row says nothing else.
        asked: how the config names the sheet, for the sentences.
        carry: columns that go with the slides.

    Raises:
        ConfigError: with a sentence for each fault of the header, or else of the rows.
        OSError: the file cannot be read.
    """
    label = f"Sheet {shown(asked)}"
    rows = read_rows(label, sheet)
    if not rows.cells:
        raise ConfigError(f"{label} is empty: write a header with the column path, and slides.")
    try:
        columns, cells = read_header(label, rows, carry)
    except ConfigError as error:
        raise ConfigError(*error.faults, *rows.notes) from None
    if not cells:
        raise ConfigError(f"{label} has a header and no slides: write a row for each slide.")
    shared = _Sheet(label, sheet.parent, columns, settings, cache(listing))
    slides: dict[int, Slide] = {}
    faults: list[str] = []
    for number, row in cells.items():
        try:
            slides[number] = _read_row(shared, f"{label}, row {number}", row)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(*faults)
    return [*slides.values()], [*rows.notes, *columns.notes, *_doubts(shared, slides)]


def _doubts(sheet: _Sheet, slides: Mapping[int, Slide]) -> Iterator[str]:
    """What is to be asked of rows that were read as they stand."""
    carried = {
        name: {number: dict(slide.carried)[name] for number, slide in slides.items()}
        for name in sheet.columns.carry
    }
    yield from odd_cells(sheet.label, carried)
    yield from cut_twice(sheet.label, slides)
    yield from drawn_once(sheet.label, slides, sheet.settings)


def _read_row(sheet: _Sheet, where: str, cells: Sequence[str]) -> Slide:
    row = sheet.columns.of_row(where, cells)
    text, name = row.pop("path"), row.pop("slide", "")
    settings, faults = override(sheet.settings, row, where, sheet.folder)
    place = _slashed(understood(text, sheet.folder))
    path, refused = _place(sheet, place)
    stem = windows_stem(place) if refused else Path(home_expanded(place)).stem
    faults += _cell_faults(where, text, name, stem)
    if not faults and (fault := name_fault(name or stem)):
        faults.append(
            f"{where}, column slide: the name {shown(name or stem)} {fault}: write another, such "
            "as case/1."
        )
    if faults:
        raise ConfigError(*faults)
    refused = f"Slide {shown(name or stem)}: {refused}" if refused else ""
    carried = tuple(sheet.columns.carried(cells))
    return Slide(name or stem, path, settings, refused, carried)


def _cell_faults(where: str, path: str, name: str, stem: str) -> Iterator[str]:
    if not path or (path.lower() in NO_NAMES and not name):
        yield f"{where}, column path is {shown(path) if path else 'empty'}: write the slide's file."
    elif name.lower() in NO_NAMES and name != stem:
        yield (
            f"{where}, column slide is {shown(name)}, which may be a name or say that there is "
            "none: leave the cell empty, or write another name."
        )
    elif odd := odd_name(name):
        yield (
            f"{where}, column slide is {shown(name)}, which {odd}: write the name as text, or "
            "leave the cell empty."
        )


def _slashed(place: str) -> str:
    """A path of Windows below the sheet's folder as it is written here, though it is not there."""
    turned = place.replace("\\", "/")
    return turned if foreign(place) and not foreign(turned) else place


def _place(sheet: _Sheet, place: str) -> tuple[Path, str]:
    """Where a cell's slide lies, and why it cannot be there on this system, if so."""
    path = Path(os.path.abspath(sheet.folder / home_expanded(place)))
    if (why := foreign(place)) and not os.path.lexists(path):
        return sheet.folder / place, f"its path {shown(place)} {why}"
    return nearest(path, sheet.names), ""
