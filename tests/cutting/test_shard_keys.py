"""Keys, headers and rows of shards: what each sample is called and says of itself."""

from __future__ import annotations

import json
import re
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrxs_tiles.cutting import samples
from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.samples import LONGEST_SLIDE, row_json, slide_key
from mrxs_tiles.files.manifest import TILES, field


@pytest.mark.long
@given(st.lists(st.text(max_size=90), unique=True, min_size=2, max_size=30))
def test_keys(names: list[str]) -> None:
    """No two slides share a key, none has a dot, and all fit a plain header."""
    keys = {slide_key(name) for name in names}
    assert len(keys) == len(names)
    for key in keys:
        assert "." not in key
        assert key.isascii()
        assert len(key) <= LONGEST_SLIDE


def test_keys_of_odd_names() -> None:
    """What is spelt out, and that what looks spelt out in a name is so itself."""
    assert slide_key("A-1_b") == "A-1_b"
    assert slide_key("sub/A 1.x") == "sub_x2F_A_x20_1_x2E_x"
    assert slide_key("a%2Fb") == "a_x25_2Fb"
    assert slide_key("é·") == "_xC3A9C2B7_"
    assert slide_key("a_x2F_b") == "a_x5F_x2F_b"
    assert slide_key("-rf") == "_x2D_rf"
    long = ["x" * 200 + end for end in ("a", "b")]
    assert slide_key(long[0])[:37] == "x" * 37
    assert slide_key(long[0]) != slide_key(long[1])


def test_no_name_takes_anothers_key() -> None:
    """A short name that is spelt as a long one is digested has another key, too."""
    long = slide_key("y" * 36 + "/" + "z" * 99)
    digest = long[-35:]
    assert digest.startswith("_x_")
    for short in (long, "y" * 31 + "/" + digest[1:]):
        assert slide_key(short) != long
        assert len(slide_key(short)) <= LONGEST_SLIDE


@given(st.text("_x2F/-.", max_size=14), st.text("_x2F/-.", max_size=14))
def test_keys_are_read_back(name: str, other: str) -> None:
    """What is spelt out can be read in one way only, so two names never share a key."""

    def read(found: re.Match[str]) -> str:
        return bytes.fromhex(found[1]).decode()

    assert re.sub("_x([0-9A-F]+)_", read, slide_key(name)) == name
    assert (slide_key(name) == slide_key(other)) == (name == other)
    assert re.fullmatch("[A-Za-z0-9_-]*", slide_key(name))
    assert not slide_key(name).startswith("-")


@given(st.text("aZ0%_-~.", min_size=1, max_size=99), st.integers(0, 5000))
def test_headers(name: str, size: int) -> None:
    """They are what Python's own module writes, and each member fills whole blocks."""
    info = tarfile.TarInfo(name)
    info.size = size
    content = b"x" * size
    whole = samples.member(name, content) + content + samples.padding(content)
    assert whole[:512] == info.tobuf(tarfile.USTAR_FORMAT)
    assert whole[512:].rstrip(b"\0") == b"x" * size
    assert len(whole) % 512 == 0


def test_row_json() -> None:
    """Types, and null where a cell is empty."""
    fate = Fate(1, "", None, 0.0, "tiles/t.tar#a.jpg", 9, "00c0ffee")
    row = (1, 2, 3, 4, 5, 6, 7, 8, 1 / 3, 0.5, "Tumor", None, *fate)
    assert json.loads(row_json('a "b" é', row)) == {
        "slide": 'a "b" é', "col": 1, "row": 2, "x": 3, "y": 4, "width": 5, "height": 6,
        "tile_width": 7, "tile_height": 8, "tissue": 0.333333, "region": 0.5, "label": "Tumor",
        "label_fraction": None, "kept": True, "reason": None, "focus": None, "pen": 0.0,
        "file": "tiles/t.tar#a.jpg", "bytes": 9, "crc32": "00c0ffee",
    }  # fmt: skip


CELLS = (
    st.none() | st.integers(0, 10**9) | st.floats(0, 1e9) | st.sampled_from(["", "tissue", 'q"\\'])
)


@given(st.text(), st.lists(CELLS, min_size=len(TILES), max_size=len(TILES)))
def test_row_json_is_json(slide: str, row: list[Any]) -> None:
    """Made by hand, it is to the byte what Python's own module writes."""
    values: dict[str, Any] = {"slide": slide}
    for name, value in zip(TILES, row, strict=True):
        values[name] = float(field(value)) if isinstance(value, float) else value
        values[name] = bool(value) if name == "kept" else None if value == "" else values[name]
    assert row_json(slide, row) == json.dumps(values, separators=(",", ":")).encode()
