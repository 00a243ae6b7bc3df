r"""The tables: tabs between fields, ``\t`` in them, six digits, nothing for what is not known."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import (
    field,
    read_record,
    read_table,
    write_record,
    write_table,
)

COORDINATES = "col row x y width height tile_width tile_height tissue region label label_fraction"
TILES = f"{COORDINATES} kept reason focus pen file bytes crc32"
REPORT = (
    "slide path status width height mpp_x mpp_y objective levels tile_size overlap downsample "
    "cols rows tiles kept edge tissue surplus unreadable unscanned blank focus pen kept_fraction "
    "tile_bytes scanned_mm2 tissue_mm2 warnings error"
)


def test_columns() -> None:
    """The columns are those that other programs read, in their order."""
    assert " ".join(manifest.COORDINATES) == COORDINATES
    assert " ".join(manifest.TILES) == TILES
    assert " ".join(manifest.REPORT) == REPORT
    assert " ".join(manifest.REASONS) == (
        "edge tissue surplus unreadable unscanned blank focus pen"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ([], ""),
        (0, "0"),
        (-12, "-12"),
        (12345678901, "12345678901"),
        (0.5, "0.5"),
        (0.0, "0"),
        (1.0, "1"),
        (1 / 3, "0.333333"),
        (123456.789, "123457"),
        (1234567.0, "1.23457e+06"),
        (0.0000123456789, "1.23457e-05"),
        ("plain", "plain"),
        ("a b; c", "a b; c"),
        ("a\tb", r"a\tb"),
        ("a\nb", r"a\nb"),
        ("a\\b", r"a\\b"),
        ("\\t", r"\\t"),
        ("\\\n\t", r"\\\n\t"),
        ("a \"quote\" and 'one'", "a \"quote\" and 'one'"),
        (["one", "two words"], "one; two words"),
        (("a\tb", 1.0, None), r"a\tb; 1; "),
        ("Präparat 3, 切片", "Präparat 3, 切片"),
    ],
)
def test_field(value: object, text: str) -> None:
    """Each kind of value has one form."""
    assert field(value) == text


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_six_digits(value: float) -> None:
    """A float is printed as C's %.6g does it, and read again is the same to six digits."""
    text = field(value)
    assert text == "%.6g" % value  # noqa: UP031 - the contract's own words
    assert math.isclose(float(text), value, rel_tol=5.1e-6)


def unescaped(text: str) -> str:
    """What another program makes of a field."""
    known = {r"\t": "\t", r"\n": "\n", r"\\": "\\", r"\r": "\r"}
    return re.sub(r"\\.", lambda found: known[found[0]], text)


VALUES = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.text("\t\n\r\\tnr \"';,", max_size=10),
)


@given(rows=st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=8))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    """Any text comes back, and every row is one line, every field between two tabs."""
    path = tmp_path / "table.tsv"
    write_table(path, ("a", "b", "c"), rows)
    lines = path.read_bytes().split(b"\n")
    assert lines[0] == b"a\tb\tc"
    assert len(lines) == len(rows) + 2
    assert lines[-1] == b""
    assert all(line.count(b"\t") == 2 for line in lines[1:-1])
    found = [tuple(map(unescaped, row)) for row in read_table(path, ("a", "b", "c"))]
    assert found == rows


def test_values_round_trip(tmp_path: Path) -> None:
    """A row of all kinds of values stands in the file as the contract has it."""
    path = tmp_path / "table.tsv"
    write_table(path, ("a", "b", "c", "d"), [(1, None, 0.25, "x\ty"), ("", 2, [], ["p", "q"])])
    assert path.read_bytes() == b"a\tb\tc\td\n1\t\t0.25\tx\\ty\n\t2\t\tp; q\n"
    assert list(read_table(path, ("a", "b", "c", "d"))) == [
        ["1", "", "0.25", r"x\ty"],
        ["", "2", "", "p; q"],
    ]


def test_empty_table(tmp_path: Path) -> None:
    """A table without rows is its header."""
    path = tmp_path / "table.tsv"
    write_table(path, ("a", "b"), ())
    assert path.read_bytes() == b"a\tb\n"
    assert list(read_table(path, ("a", "b"))) == []


@pytest.mark.parametrize("header", ["a", "a\tc", "b\ta", "a\tb\tc", "", "a\tb\r"])
def test_other_columns(tmp_path: Path, header: str) -> None:
    """A table of other columns is refused with both; it was written by another version."""
    path = tmp_path / "table.tsv"
    path.write_bytes(f"{header}\n1\t2\n".encode())
    with pytest.raises(ResultsError) as caught:
        list(read_table(path, ("a", "b")))
    assert str(caught.value) == (
        f"{path} has the columns {' '.join(header.split(chr(9)))}, not a b. "
        "Run the step before this one again."
    )


def test_no_table(tmp_path: Path) -> None:
    """A table that is not there is told, with what to do."""
    path = tmp_path / "table.tsv"
    with pytest.raises(ResultsError) as caught:
        list(read_table(path, ("a", "b")))
    assert str(caught.value) == f"{path} is not there. Run the step before this one first."


NAME_OF_BYTES = "slide \udcff.mrxs"  # as Python holds a file name that is no UTF-8


def test_name_that_is_no_unicode(tmp_path: Path) -> None:
    """A file name that is no Unicode text stands in the files in a readable form."""
    write_table(tmp_path / "t.tsv", ("path",), [(NAME_OF_BYTES,)])
    assert "udcff" in (tmp_path / "t.tsv").read_text("utf-8")
    write_record(tmp_path / "t.json", {"path": NAME_OF_BYTES})
    assert "udcff" in (tmp_path / "t.json").read_text("utf-8")


SCALARS = [
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e9, 1e9),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=10),
]
JSONS = st.recursive(
    st.one_of(SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text('a"\\\n', max_size=4), inner, max_size=3),
    ),
    max_leaves=8,
)


@pytest.mark.long
@given(record=st.dictionaries(st.text("slide_", max_size=5), JSONS, max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_round_trip(tmp_path: Path, record: dict[str, Any]) -> None:
    """A record comes back as it was, its keys in their order, and is JSON for all others."""
    path = tmp_path / "record.json"
    write_record(path, record)
    assert list(read_record(path).items()) == list(record.items())
    assert json.loads(path.read_bytes()) == record
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"{}}"])
def test_no_json(tmp_path: Path, content: bytes) -> None:
    """What is no JSON is told, with what to do."""
    path = tmp_path / "slide.json"
    path.write_bytes(content)
    with pytest.raises(ResultsError) as caught:
        read_record(path)
    assert str(caught.value) == f"{path} is no JSON. Run the step before this one again."


def test_no_record(tmp_path: Path) -> None:
    """A record that is not there is told, with what to do."""
    path = tmp_path / "slide.json"
    with pytest.raises(ResultsError) as caught:
        read_record(path)
    assert str(caught.value) == f"{path} is not there. Run the step before this one first."


def test_row_of_too_few_fields(tmp_path: Path) -> None:
    """A table that was edited or cut short is told, with the number of fields."""
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\n1\t2\n3\n")
    with pytest.raises(ResultsError, match=r"a\.tsv has a row of 1 fields, not 2"):
        list(read_table(path, ("a", "b")))


def test_folder_in_a_files_place(tmp_path: Path) -> None:
    """What cannot be read, whyever, is a sentence."""
    with pytest.raises(ResultsError, match="cannot be read: Is a directory"):
        list(read_table(tmp_path, ("a", "b")))
    with pytest.raises(ResultsError, match="cannot be read: Is a directory"):
        read_record(tmp_path)
