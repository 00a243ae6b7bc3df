"""Tables of scores as spreadsheets, pandas and colleagues write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mrxs_tiles.errors import ConfigError, ResultsError
from mrxs_tiles.steps.heatmap import heatmap
from mrxs_tiles.viewer.matching import Grid, matched
from mrxs_tiles.viewer.scores import Scores, read_scores

HEADER = "slide,col,row,score\n"


def read(folder: Path, text: str | bytes, slide: str | None = None) -> Scores:
    path = folder / "s.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_scores(path, slide)


def refused(folder: Path, text: str, slide: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, slide)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'slide,col,row,score\nA,0,0,"0,5"\nA,1,0,"0,25"\n',
        "slide\tcol\trow\tscore\nA\t0\t0\t0,5\nA\t1\t0\t0,25\n",
        "slide;col;row;score\nA;0;0;0,5\nA;1;0;0.25\n",
        "slide;col;row;score\nA;0;0;0,5\nA;1;0;0.25\n".encode("utf-16"),
        "\ufeffslide;col;row;score;\r\nA;0;0;0,5;\r\n;;;;\r\nA;1;0;0,25;\r\n",
        ",slide,col,row,score\n0,A,0,0,0.5\n1,A,1,0,0.25\n",
        "slide,col,row,score,\nA,0,0,0.5,\n,,,,\nA,1,0,0.25,\n",
    ],
)
def test_read_as_meant(tmp_path: Path, text: str | bytes) -> None:
    """Decimal commas, UTF-16, blank rows, empty columns, pandas' index: the same two rows."""
    found = read(tmp_path, text)
    assert [found.slides[number] for number in found.slide] == ["A", "A"]
    assert found.address is not None
    assert [one.tolist() for one in found.address] == [[0, 1], [0, 0]]
    assert {name: list(one) for name, one in found.values.items()} == {"score": [0.5, 0.25]}
    assert not found.notes


def test_western_european(tmp_path: Path) -> None:
    """A name with an umlaut as an old Excel saves it."""
    assert read(tmp_path, (HEADER + "Übersicht,0,0,1\n").encode("cp1252")).slides == ["Übersicht"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("A,0,0,50%\n", 'the column "score" is no text and no number: "50%" in row 1. Write'),
        ('A,0,0,"1,234"\n', '"1,234" in row 1. Write numbers such as 0.5'),
        ("A,0,0,tumour\n", '("score" holds "tumour" in row 1)'),
        ("A,0,0,\n", '("score" is empty)'),
        ("A,0,0,0,5\n", "Expected 4 columns, got 5: A,0,0,0,5. Write a cell for each column"),
        ("A,0,0\n", "got 3: A,0,0. Write a cell for each column"),
        ("A,x,0,1\n", 'the column col is text, it holds "x" in row 1'),
    ],
)
def test_told_what_to_write(tmp_path: Path, rows: str, said: str) -> None:
    """What is no number is shown with its row, and what to write."""
    assert said in refused(tmp_path, HEADER + rows)


def test_a_column_without_a_name(tmp_path: Path) -> None:
    """One that holds something, and does not number the rows, is asked for its name."""
    said = refused(tmp_path, "slide,col,row,score,\nA,0,0,0.5,7\n")
    assert said.endswith("its column 5 has no name: name it, or remove it.")


def test_one_slide_for_all(tmp_path: Path) -> None:
    """``--slide`` and a table that names another one are not one of them silently."""
    assert read(tmp_path, HEADER + "A,0,0,1\n", "A").slides == ["A"]
    said = refused(tmp_path, HEADER + "A,0,0,1\nB,0,0,1\n", "A")
    assert "names B, and --slide says A: leave --slide out, or that column" in said


def test_numbers_beyond_all_tiles_and_colours(tmp_path: Path) -> None:
    """An address that no tile can have matches none; a score beyond float32 counts as none."""
    column = np.arange(2)
    grid = Grid(column, column * 0, column, column, column, column, column)
    text = "A,1e30,0,1\nA,0,0,1e300\nA,1,0,1e400\nA,99999999999999999999,0,1\n"
    read_rows = read(tmp_path, HEADER + text)
    found = matched("A", grid, read_rows, np.arange(4))
    assert np.isnan(found.values["score"]).all()
    assert found.notes == [
        "rows that match no tile: 2, ?_0 (row 1); ?_0 (row 4)",
        "infinite values of score, taken for none: 2",
    ]


def test_counted_from_one(tmp_path: Path) -> None:
    """Rows of which all had a tile if they began at 0 are asked about."""
    column, row = (one.ravel() for one in np.meshgrid(np.arange(3), np.arange(2)))
    grid = Grid(column, row, column, row, column, row, column)
    rows = [f"A,{one + 1},{other + 1},0.5\n" for one, other in zip(column, row, strict=True)]
    (note,) = matched("A", grid, read(tmp_path, HEADER + "".join(rows)), np.arange(6)).notes
    assert note.endswith(". All would if col and row began at 1 there: they begin at 0")
    rows[0] = "A,9,9,0.5\n"
    (note,) = matched("A", grid, read(tmp_path, HEADER + "".join(rows)), np.arange(6)).notes
    assert "began at 1" not in note


def test_what_is_not_there(tmp_path: Path) -> None:
    """A table or a folder of results that is not there is told as such."""
    with pytest.raises(ConfigError, match=r"There is no file .*s.csv"):
        read_scores(tmp_path / "s.csv")
    with pytest.raises(ResultsError, match="nowhere is no folder: name the one that was given"):
        heatmap(tmp_path / "s.csv", tmp_path / "nowhere")


def test_places_of_other_tiles(tmp_path: Path) -> None:
    """Where most rows match none, other tiles may be meant; where few do not, it is not asked."""
    column = np.arange(6)
    grid = Grid(column, column * 0, column * 128, column * 0, column, column, column)
    for step, asked in ((256, False), (300, True)):
        rows = [f"A,{step * one},0,0.5\n" for one in range(4)]
        found = read(tmp_path, "slide,x,y,score\n" + "".join(rows))
        (note,) = matched("A", grid, found, np.arange(4)).notes
        assert ("level-0 px from the slide's corner" in note) is asked
