"""Sheets as Excel, LibreOffice, pandas, R and colleagues write them, read as they are meant."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from mrxs_tiles.config.slides import Found
from slide_places import faults, find, make, sheet

PATHS = ["a.mrxs", "b.mrxs"]


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make("slides/a.mrxs", "slides/b.mrxs")


def scales(found: Found) -> list[float | None]:
    return [slide.settings.mpp for slide in found]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("semi.csv", "path;mpp\nslides/a.mrxs;0,5\nslides/b.mrxs;0,25\n"),
        ("tabs.csv", "path\tmpp\nslides/a.mrxs\t0,5\nslides/b.mrxs\t.25\n"),
        ("bars.txt", "path|mpp\nslides/a.mrxs|0.5\nslides/b.mrxs|2.5e-1\n"),
        ("comma.tsv", "path,mpp\nslides/a.mrxs,0.5\nslides/b.mrxs,0.25\n"),
        ("quoted.csv", 'path,mpp\nslides/a.mrxs,"0,5"\nslides/b.mrxs,"0,250"\n'),
        ("sep.csv", "sep=;\r\npath;mpp\r\nslides/a.mrxs;0,5\r\nslides/b.mrxs;0.25\r\n"),
        ("sep2.csv", '"sep=,"\npath,mpp\nslides/a.mrxs,0.5\nslides/b.mrxs,0.25\n'),
        ("blanks.csv", " Path , MPP\n slides/a.mrxs , 0.5\nslides/b.mrxs\xa0,\u202f0.25\u200b\n"),
        ("signs.csv", "path,mpp\n\u202aslides/a.mrxs,0.5\n\u200eslides/b.mrxs\u202c,0.25\n"),
        ("empty.csv", "path,mpp,,\nslides/a.mrxs,0.5,,\nslides/b.mrxs,0.25,,\n,,,\n"),
        ("ragged.csv", "path,mpp\nslides/a.mrxs,0.5,\nslides/b.mrxs,0.25,,,\n"),
        ("index.csv", ",path,mpp\n0,slides/a.mrxs,0.5\n1,slides/b.mrxs,0.25\n"),
        ("r.csv", '"","path","mpp"\n"1","slides/a.mrxs",0.5\n"2","slides/b.mrxs",0.25\n'),
        ("title.csv", "# my slides,\n,\npath,mpp\nslides/a.mrxs,0.5\nslides/b.mrxs,0.25\n"),
        (
            "title;.csv",
            "My slides\npath;mpp;notes, free\nslides/a.mrxs;0,5;x\nslides/b.mrxs;.25;\n",
        ),
        ("cr.csv", "path,mpp\rslides/a.mrxs,0.5\rslides/b.mrxs,0.25\r"),
        ("windows.csv", "path,mpp\nslides\\a.mrxs,0.5\n.\\slides\\b.mrxs,0.25\n"),
        ("case.csv", "path,mpp\nSlides/A.mrxs,0.5\nslides/B.MRXS,0.25\n"),
    ],
)
def test_forms(name: str, text: str, tmp_path: Path) -> None:
    """Separators, decimal commas, blanks, empty cells, an index, titles: the same two slides."""
    found = find(sheet(text, name))
    assert [slide.path for slide in found] == [tmp_path / "slides" / name for name in PATHS]
    assert scales(found) == [0.5, 0.25]
    assert not any(slide.refused for slide in found)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"])
def test_encodings(encoding: str) -> None:
    """What Excel calls Unicode text, and what it writes in Western Europe, is read."""
    sheet("").write_bytes("path\tslide\r\na.mrxs\tMüller é\r\n".encode(encoding))
    found = find("slides.csv")
    assert [slide.name for slide in found] == ["Müller é"]
    assert len(found.notes) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("text", "encoding"), [("Петров", "cp1251"), ("Müller", "mac-roman"), ("山田", "shift-jis")]
)
def test_encodings_that_could_be_several(text: str, encoding: str) -> None:
    """Where other letters than the writer's would come out, the sheet is refused."""
    sheet("").write_bytes(f"path,slide\na.mrxs,{text}\n".encode(encoding))
    assert faults("slides.csv") == [
        'Sheet "slides.csv", row 2 is not text in UTF-8: save it in UTF-8 (in Excel: CSV UTF-8).'
    ]


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("tile_size", "256.0", 256),
        ("tile_size", "256,0", 256),
        ("ignore_classes", "null", ()),
        ("region_classes", "NULL", None),
        ("tile_size", "256.00", 256),
        ("overlap", "0.000", 0),
        ("mpp", "1.000", 1),
        ("tile_size", "NA", 3000),
        ("mpp", "nan", None),
        ("mpp", "None", None),
        ("downsample", "2,5", 2.5),
        ("limit_bounds", "TRUE", True),
        ("limit_bounds", "WAHR", True),
        ("limit_bounds", "1", True),
        ("limit_bounds", "0", False),
        ("limit_bounds", "1.0", True),
        ("format", "PNG", "png"),
        ("format", "none", "none"),
        ("subsampling", "444", "444"),
        ("region", "0,0,500,500", "0,0,500,500"),
    ],
)
def test_cells(column: str, cell: str, value: Any) -> None:
    """Numbers, yes and no, and nothing, as spreadsheets of all sorts write them."""
    (slide,) = find(sheet(f"path;{column}\na.mrxs;{cell}\n"))
    assert getattr(slide.settings, column) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("path,mpp,x\na,0,5\n", "column mpp is the number 0"),
        ("path,mpp\na,0,5\n", "row 2 has 3 cells, and the header 2"),
        ("path;tile_size\na;3.000\n", 'is "3.000", which may be a thousand: write 3000 or 3.'),
        ("path;max_tiles\na;1.000\n", 'column max_tiles is "1.000", which may be a thousand'),
        ("path,mpp,x,y\na,1,5\n", "so 1,5 may be one number or two cells: put the number in"),
        ('path,mpp\na,"1,000"\n', 'column mpp is "1,000"'),
        ('path,tile_size\na,"1,024"\n', 'column tile_size is "1,024"'),
        ("path,tile_size\na,256.5\n", 'column tile_size is "256.5"'),
        ("path,slide\na,NA\n", 'column slide is "NA", which may be a name or say that there is'),
        ("path,slide\nnan,\n", 'column path is "nan": write the slide\'s file.'),
        (
            "wsi,mpp\na,0.25\n",
            "as TRIDENT's: rename wsi to path, and mpp, if it is",
        ),
        ("a.mrxs\nb.mrxs\n", "has no header, but begins with"),
        ("path,slide\na,A\na,A\n", "2 rows of the sheet name"),
    ],
)
def test_what_could_be_meant_in_two_ways(text: str, told: str) -> None:
    """A sheet that could mean two things is refused, with what to write."""
    assert told in " ".join(faults(sheet(text)))


def test_columns_that_are_no_keys() -> None:
    """Other columns are passed over in one line, which says where a key was probably meant."""
    found = find(sheet("path,patient,tilesize,Unnamed: 0\na,P1,5,1\n"))
    assert found.notes == (
        'Sheet "slides.csv": passed over, since no keys of ours: "patient", "tilesize" (did you '
        'mean tile_size?), "Unnamed: 0". The key carry takes such columns into report.tsv.',
    )


def test_carried_columns() -> None:
    """What carry names goes with each slide, in its order, as text."""
    text = "path,Grade,patient,other\na,1,P 1,x\nb,,NA,y\n"
    found = find(sheet(text), carry=["patient", "grade"])
    assert [slide.carried for slide in found] == [
        (("patient", "P 1"), ("grade", "1")),
        (("patient", "NA"), ("grade", "")),
    ]
    assert '"other"' in found.notes[0]
    assert '"patient"' not in found.notes[0]


@pytest.mark.parametrize(
    ("slides", "carry", "told"),
    [
        ("slides.csv", ["patent"], 'carry names "patent", which Sheet "slides.csv" does not have'),
        ("slides.csv", ["Status"], 'carry names "Status", which is a key or a column of our own'),
        ("slides", ["patient"], "which is no sheet: only a sheet has columns"),
    ],
)
def test_carry_refused(slides: str, carry: list[str], told: str) -> None:
    """A column that is not there, or has a name of ours, is told."""
    sheet("path,patient\na,P1\n")
    assert told in faults(slides, carry=carry)[0]


def book(*rows: list[object], more: str = "") -> Path:
    workbook = Workbook()
    page = workbook.active
    assert page is not None
    for row in rows:
        page.append(row)
    if more:
        workbook.create_sheet(more)
    workbook.save("book.xlsx")
    return Path("book.xlsx")


def test_workbook() -> None:
    """Of a workbook the first worksheet is read, its numbers and yes and no as they are."""
    header: list[object] = ["Path", "mpp", "tile_size", "limit_bounds", "slide", None]
    path = book(header, ["a.mrxs", 0.5, 256, True, 7.0, None], [], [" b.mrxs", None], more="old")
    one, two = find(path)
    assert (one.name, one.settings.mpp, one.settings.tile_size) == ("7", 0.5, 256)
    assert one.settings.limit_bounds
    assert (two.name, two.settings.mpp) == ("b", None)
    assert find(path).notes == (
        'Sheet "book.xlsx" has 2 worksheets; only the first, "Sheet", is read.',
    )


def test_workbook_as_it_looks() -> None:
    """Leading zeros of a cell's format, cells joined across rows, and rows that Excel hides."""
    rows: list[list[object]] = [["path", "slide", "mpp"], ["a.mrxs", 7, 0.5], ["b.mrxs", 12, None]]
    workbook = load_workbook(book(*rows, ["c.mrxs", 100, 1]))
    page = workbook.active
    for row in (2, 3):
        page.cell(row, 2).number_format = "000"
    page.merge_cells("C2:C3")
    page.row_dimensions[4].hidden = True
    workbook.save("book.xlsx")
    found = find("book.xlsx")
    assert [(slide.name, slide.settings.mpp) for slide in found] == [
        *(("007", 0.5), ("012", 0.5), ("100", 1)),
    ]
    assert found.notes == (
        'Sheet "book.xlsx": row 4 is not shown in Excel (hidden, or filtered out) and read like '
        "the others: delete what is not meant.",
        'Sheet "book.xlsx": the cells C2:C3 are merged: their value counts for each of these rows.',
    )


def test_first_worksheet_is_another() -> None:
    """Where the first worksheet is no sheet of slides, it is said that there are more."""
    told = faults(book(["read", "me"], more="slides"))
    assert told[0].startswith('Sheet "book.xlsx" has no column path, but "read", "me"')
    assert told[1].endswith('has 2 worksheets; only the first, "Sheet", is read.')


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("book.xlsx", b"PK\x03\x04 no zip", "is not a workbook that can be read"),
        ("book.csv", b"\xd0\xcf\x11\xe0 old", "is a workbook of an old Excel"),
        ("book.xls.csv", b"\xd0\xcf\x11\xe0 old", "is a workbook of an old Excel"),
        ("book.xlsx", b"\xd0\xcf\x11\xe0 new", "is protected by a password: save it without"),
        (
            "book.xlsx",
            b"\xd0\xcf\x11\xe0 " + "Workbook".encode("utf-16-le"),
            "is a workbook of an old Excel",
        ),
        ("book.XLSM", b"\xd0\xcf\x11\xe0 new", "is protected by a password: save it without"),
        (
            "book.csv",
            b"\xd0\xcf\x11\xe0 " + "EncryptedPackage".encode("utf-16-le"),
            "is protected by a password: save it without",
        ),
        ("book.xlsx", b"path\na\n", "is not a workbook of Excel"),
    ],
)
def test_no_workbook(name: str, content: bytes, told: str) -> None:
    """What only looks like a workbook is told what to be."""
    sheet("", name).write_bytes(content)
    assert told in faults(name)[0]


def stored(path: Path, cell: str, results: str) -> Path:
    """The workbook with what Excel stores beside a formula."""
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    page = parts["xl/worksheets/sheet1.xml"].decode()
    parts["xl/worksheets/sheet1.xml"] = re.sub(
        f'<c r="{cell}"([^>]*)><f>([^<]*)</f><v ?/?>(</v>)?</c>',
        rf'<c r="{cell}"\1 t="str"><f>\2</f><v>{results}</v></c>',
        page,
    ).encode()
    assert parts["xl/worksheets/sheet1.xml"].decode() != page
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return path


def test_formulas() -> None:
    """A formula counts by its result, also an empty text; without one the sheet is refused."""
    path = book(["path", "mpp"], ["a.mrxs", "=1/2"])
    assert "cell B2 is a formula whose result is not stored" in faults(path)[0]
    assert "open and save it in Excel once" in faults(path)[0]
    (slide,) = find(stored(path, "B2", ""))
    assert slide.settings.mpp is None
    (slide,) = find(stored(book(["path", "mpp"], ["a.mrxs", "=1/2"]), "B2", "0.5"))
    assert slide.settings.mpp == 0.5


def test_workbook_under_another_name() -> None:
    """A workbook renamed to .csv is read for what it is."""
    book(["path"], ["a.mrxs"]).rename("x.csv")
    assert [slide.name for slide in find("x.csv")] == ["a"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_sheet_in_the_other_form(form: Any) -> None:
    """A name whose accents a Mac stores otherwise than the sheet is found on the disk."""
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "Blöcke é/Ü.mrxs")
    make(other)
    (slide,) = find(sheet(f"path\n{unicodedata.normalize(form, other)}\n"))
    assert slide.path == Path(other).absolute()


def test_two_that_fit() -> None:
    """Where two files differ only in case from the cell, neither is guessed."""
    make("A1.mrxs", "a1.MRXS")
    (slide,) = find(sheet("path\nA1.MRXS\n"))
    assert slide.path == Path("A1.MRXS").absolute()


def test_a_row_that_names_a_place_of_windows() -> None:
    """A drive or a share that is not here fails its slide alone, with what to write."""
    path = sheet("path\nC:\\s\\A1.mrxs\n\\\\nas\\x\\B.mrxs\nslides/a.mrxs\n")
    found = {slide.name: slide for slide in find(path)}
    assert sorted(found) == ["A1", "B", "a"]
    assert 'its path "C:\\s\\A1.mrxs" is a path of Windows' in found["A1"].refused
    assert "is a network share" in found["B"].refused
    assert not found["a"].refused
