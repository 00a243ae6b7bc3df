"""Cells of a sheet that are read as they stand, and are hardly what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from slide_places import faults, find, make, sheet


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(cells: list[str], **keys: object) -> list[str]:
    rows = [f"s{number}.mrxs;{cell}" for number, cell in enumerate(cells)]
    return list(find(sheet("\n".join(["path;patient", *rows])), carry=["patient"], **keys).notes)


def test_carried_cells_that_say_nothing() -> None:
    """What Excel, R and pandas write for nothing or an error is carried, and a line says where."""
    (note,) = said(["P1", "NA", "#NAME?", "", "########", "NaN"])
    assert note == (
        'Sheet "slides.csv", column "patient": rows 3, 4, 6, 7 have "########", "#NAME?", "NA", '
        '"NaN", carried as a value like others: leave a cell empty where there is none.'
    )
    for error in ("#NV", "#N/D", "#WERT!", "#DIV/0!", "#¡VALOR!", "#¿NOMBRE?", "#BEZUG!", "#N/A"):
        assert said([error])
    assert not said(["P1", "none", "#12", "#A", "-", "", "nano", "1,5"])


def test_carried_numbers_that_excel_has_shortened() -> None:
    """Long numbers that Excel shows as 1,23457E+17 may be many, and are not shown again."""
    (note,) = said(["1,23457E+17", "1.23457e+17", "5E+3", "1,5E-17"])
    assert note.startswith('Sheet "slides.csv", column "patient": rows 2, 3 have a long number')
    assert "make the column's format Text" in note


@pytest.mark.parametrize("name", ["#REF!", "1,23457E+17"])
def test_names_that_a_spreadsheet_made(name: str) -> None:
    """Such a cell is no slide's name; the row says so."""
    (fault,) = faults(sheet(f"path;slide\na.mrxs;{name}\n"))
    assert fault.startswith(f'Sheet "slides.csv", row 2, column slide is "{name}", which is a')


def test_a_file_that_is_cut_twice_in_the_same_way() -> None:
    """A file under two names is asked about, unless it is cut in two ways."""
    text = "path;slide;tile_size\na.mrxs;x;\n.\\a.mrxs;y;{}\nb.mrxs;z;\n"
    make("a.mrxs", "b.mrxs")
    (note,) = find(sheet(text.format(""))).notes
    assert note == (
        'Sheet "slides.csv", rows 2, 3 have one file, "a.mrxs", and cut it in the same way, as '
        '"x" and "y", so that its tiles count more than once: is another file meant?'
    )
    assert not find(sheet(text.format("256"))).notes


def test_a_path_of_windows_that_is_not_there() -> None:
    """It is the file's place, as where it is there: opening it says that it is not there."""
    make("sub/a.mrxs")
    found = find(sheet("path\nsub\\a.mrxs\nsub\\gone.mrxs\nC:\\x\\c.mrxs\n"))
    there = {slide.name: (slide.path, slide.refused[:9]) for slide in found}
    assert there["gone"] == (Path.cwd() / "sub/gone.mrxs", "")
    assert there["c"][1] == 'Slide "c"'


def test_annotations_of_another_slide() -> None:
    """One file of annotations in the rows of different slides is asked about; the config's is not.

    So is none of one slide that is cut in two ways, and no rectangle.
    """
    make("a.mrxs", "b.mrxs", "a.geojson", "b.geojson")
    text = "path;slide;{0}\na.mrxs;x;a.geojson\nb.mrxs;y;{1}\na.mrxs;z;{2}\n"
    for key in ("region", "labels"):
        (note,) = find(sheet(text.format(key, "a.geojson", "b.geojson"))).notes
        assert note == (
            f'Sheet "slides.csv", rows 2, 3 have the {key} "a.geojson" for different slides: was '
            "it drawn on each of them?"
        )
    ways = "path;slide;labels;tile_size\na.mrxs;x;a.geojson;\na.mrxs;z;a.geojson;256\n"
    assert not find(sheet(ways)).notes
    assert not find(sheet("path\na.mrxs\nb.mrxs\n"), labels="a.geojson").notes
    assert not find(sheet("path;region\na.mrxs;0,0,9,9\nb.mrxs;0,0,9,9\n")).notes
