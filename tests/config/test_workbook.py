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
