"""Workbooks as other programs than Excel write them, and cells that look otherwise than stored."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from slide_places import faults, find, make

PAGE = "xl/worksheets/sheet1.xml"


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make("slides/a.mrxs", "slides/b.mrxs", "slides/c.mrxs")


def book(*rows: list[object], merged: str = "", formats: dict[str, str] | None = None) -> Path:
    workbook = Workbook()
    page = workbook.active
    assert page is not None
    for row in rows:
        page.append(row)
    if merged:
        page.merge_cells(merged)
    for cell, number_format in (formats or {}).items():
        page[cell].number_format = number_format
    workbook.save("book.xlsx")
    return Path("book.xlsx")


def rewritten(path: Path, pattern: str, text: str) -> Path:
    """The workbook, something in its first worksheet's XML written otherwise."""
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name).decode() for name in packed.namelist()}
    page = re.sub(pattern, text, parts[PAGE])
    assert page != parts[PAGE]
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in (parts | {PAGE: page}).items():
            packed.writestr(name, content)
    return path


DIMENSION = '<dimension ref="[^"]*" ?/>'


@pytest.mark.parametrize("ref", ["A1", "A1:B2", "B2:B3", "A1:XFD1048576"])
def test_wrong_dimension(ref: str) -> None:
    """What the workbook says of its size loses no row and no column."""
    rows: list[list[object]] = [["path", "x", "mpp"], ["a.mrxs", 1, 0.5], ["b.mrxs", 1, 0.25]]
    path = rewritten(book(*rows, ["c.mrxs"]), DIMENSION, f'<dimension ref="{ref}"/>')
    assert [(slide.name, slide.settings.mpp) for slide in find(path)] == [
        *(("a", 0.5), ("b", 0.25), ("c", None)),
    ]


@pytest.mark.parametrize("number", ["2", "1"])
def test_rows_out_of_order(number: str) -> None:
    """Rows that stand in another order than their numbers, or twice, are not lost in silence."""
    path = book(["path"], ["a.mrxs"], ["b.mrxs"])
    told = faults(rewritten(path, '<row r="3"', f'<row r="{number}"'))
    assert "is not a workbook that can be read: save it again" in told[0]


def test_merged_in_a_short_row() -> None:
    """A merged cell's value stays in its column where a row ends before it."""
    path = book(["path", "tile_size", "mpp"], ["a.mrxs", 256, 0.5], ["b.mrxs"], merged="C2:C3")
    path = rewritten(path, DIMENSION, "")
    assert [(slide.settings.tile_size, slide.settings.mpp) for slide in find(path)] == [
        *((256, 0.5), (3000, 0.5)),
    ]


def test_merged_where_nothing_is() -> None:
    """Empty cells that are merged beside or below the table change nothing."""
    path = book(["path"], ["a.mrxs"], ["b.mrxs"], merged="F2:F9")
    assert [slide.name for slide in find(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("number_format", "value", "seen"),
    [
        ('"S"000', 7, "S007"),
        ("\\S000", 7, "S007"),
        ('"case "0" b"', 12, "case 12 b"),
        ("000-000", 7012, "007-012"),
        ("00\\.00", 7, "00.07"),
        ('[Red]"S"000_)', 7, "S007"),
        ('"S"000;"T"000', -7, "T007"),
        ('000;-000;"none yet"', 0, "none yet"),
        ("[$S-407]000", 7, "S007"),
        ('General" b"', 7, "7 b"),
        ("#,##0", 1234, "1234"),
        ("000", -7, "-007"),
        ("General", 7, "7"),
        ("0.00", 7, "7"),
        ('"S"@', 7, "S7"),
        ('"S"0.0', 7.5, "S7.5"),
        ('"S"00.0', 7, "S07.0"),
        ('"S"000', 7.6, "S008"),
        ('"S"0', 1234567890123457, "S1234567890123457"),
        ("0.0", 7.25, "7.25"),
    ],
)
def test_numbers_as_they_look(number_format: str, value: float, seen: str) -> None:
    """A name that a cell's number format writes out is the name that is seen in Excel."""
    path = book(["path", "slide"], ["a.mrxs", value], formats={"B2": number_format})
    assert [slide.name for slide in find(path)] == [seen]


@pytest.mark.parametrize("number_format", ['[>99]"S"000;"T"000', '"S"0,', "[<5]0;000", ";;;"])
def test_numbers_that_look_otherwise(number_format: str) -> None:
    """A cell whose look cannot be told from its format is named, with what to do."""
    path = book(["path", "slide"], ["a.mrxs", 7], formats={"B2": number_format})
    (told,) = faults(path)
    assert 'Sheet "book.xlsx", cell B2 holds the number 7, which its number format' in told
    assert "write into the cell what is seen, as text, or save the sheet as CSV UTF-8." in told


def test_a_unit_in_the_format() -> None:
    """A number with a unit by its format is as it is with a typed one: told."""
    path = book(["path", "tile_size"], ["a.mrxs", 256], formats={"B2": '0" px"'})
    assert '"256 px"' in " ".join(faults(path))
