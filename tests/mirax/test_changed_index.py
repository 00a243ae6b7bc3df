"""Whatever bytes, numbers or values of an index are changed, it is read or told."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiny_index import check_survived
from tiny_slide import ROOT
from write_mirax import WrittenSlide


@pytest.fixture(scope="module")
def scratch(whole: WrittenSlide, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of which the fuzzers damage one file after the other."""
    return Path(shutil.copytree(whole.folder, tmp_path_factory.mktemp("fuzzed") / "tiny"))


AT_LEISURE = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.long
@given(
    name=st.sampled_from(["Slidedat.ini", "Index.dat"]),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    kept=st.one_of(st.just(1.0), st.floats(0, 1)),
)
@AT_LEISURE
def test_bytes_flipped(
    whole: WrittenSlide, scratch: Path, name: str, flips: list[tuple[float, int]], kept: float
) -> None:
    """Whatever bytes are changed or cut off, there is an index or a sentence."""
    data = bytearray((whole.folder / name).read_bytes())
    for place, value in flips:
        data[int(place * (len(data) - 1))] = value
    (scratch / name).write_bytes(data[: round(kept * len(data))])
    try:
        check_survived(scratch)
    finally:
        shutil.copy(whole.folder / name, scratch / name)


INTS = st.one_of(st.integers(-3, 100), st.integers(-(2**31), 2**31 - 1))


@pytest.mark.long
@given(changes=st.lists(st.tuples(st.floats(0, 1), INTS), min_size=1, max_size=3))
@AT_LEISURE
def test_numbers_changed(
    whole: WrittenSlide, scratch: Path, changes: list[tuple[float, int]]
) -> None:
    """Whatever numbers of Index.dat are changed, there is an index or a sentence."""
    data = bytearray((whole.folder / "Index.dat").read_bytes())
    for place, number in changes:
        struct.pack_into("<i", data, ROOT + 4 * int(place * ((len(data) - ROOT) // 4 - 1)), number)
    (scratch / "Index.dat").write_bytes(data)
    try:
        check_survived(scratch)
    finally:
        shutil.copy(whole.folder / "Index.dat", scratch / "Index.dat")


VALUES = st.one_of(
    st.integers(-3, 40).map(str),
    st.sampled_from(
        ["", "0", "-1", "1.5", "1e3", "nan", "inf", "-inf", "1e308", "2147483647", "2147483648"]
    ),
    st.sampled_from(["9" * 5000, "٣", "1_0", "..", "a/b", "x" * 300, "\x1b[31m", "JPEG", "%(a)s"]),
    st.text(max_size=8),
)


@pytest.mark.long
@given(data=st.data(), value=VALUES, absent=st.booleans())
@AT_LEISURE
def test_values_changed(
    whole: WrittenSlide, scratch: Path, data: st.DataObject, value: str, absent: bool
) -> None:
    """Whatever one or two keys of Slidedat.ini say, there is an index or a sentence."""
    lines = (whole.folder / "Slidedat.ini").read_text("utf-8-sig").splitlines()
    if absent:  # no positions: they follow from the sizes and the overlap
        lines = [line.replace("VIMSLIDE_POSITION_BUFFER", "Other layer") for line in lines]
    for _ in range(data.draw(st.integers(1, 2))):
        number = data.draw(st.integers(0, len(lines) - 1))
        lines[number] = f"{lines[number].partition('=')[0]}={value}"
    text = "\r\n".join(lines)
    (scratch / "Slidedat.ini").write_bytes(text.encode("utf-8-sig", "replace"))
    try:
        check_survived(scratch)
    finally:
        shutil.copy(whole.folder / "Slidedat.ini", scratch / "Slidedat.ini")
