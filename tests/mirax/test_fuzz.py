"""Whatever a slide's index holds: only our own errors come out, in bounded time and memory."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files.manifest import field
from mrxs_tiles.inspecting.slide_grid import can_hold_pixels, grid_of
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.damage import damaged_files, has_16_bit_png, unreadable_tiles
from mrxs_tiles.mirax.facts import facts_of
from mrxs_tiles.mirax.image_places import Finder, places_of
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.locate import SlideFiles
from mrxs_tiles.mirax.reader import not_understood
from mrxs_tiles.mirax.slidedat import read_slidedat
from mrxs_tiles.names import Slide
from mrxs_tiles.steps import survey
from mutations import (
    FEW,
    MANY,
    bounded,
    damaged,
    damaged_lines,
    damaged_numbers,
)
from tiny_slide import ROOT, TINY
from write_mirax import WrittenSlide, write_mirax

INI, INDEX = "Slidedat.ini", "Index.dat"
ABSENT = {b"VIMSLIDE_POSITION_BUFFER": b"Other layer"}  # positions that follow from the sizes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """A slide of a few kilobytes, stored as JPEG: estimates read its lengths."""
    spec = replace(TINY, image_format="JPEG")
    return write_mirax(tmp_path_factory.mktemp("whole") / "tiny.mrxs", spec)


@pytest.fixture(scope="module")
def scratch(whole: WrittenSlide, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it, of which one file after the other is damaged."""
    folder = tmp_path_factory.mktemp("scratch") / "tiny"
    shutil.copy(whole.path, folder.with_suffix(".mrxs"))
    return Path(shutil.copytree(whole.folder, folder))


# --- a slide's index --------------------------------------------------------------------------


def check_index(folder: Path) -> None:
    """All that is worked out from an index works, or SlideError says in one line why not."""
    try:
        with bounded():
            read_slidedat(folder)
            index = read_index(folder)
            scanned = layout.scanned_positions(index)
            for level in range(len(index.images)):
                layout.pieces(index, level, scanned)
            assert all(map(str.isprintable, damaged_files(index)))
            has_16_bit_png(index)
            not_understood(index)
            Finder(places_of(index)).touching(0, 0, 3000, 3000)
            facts = facts_of(index)
            grid = grid_of(lambda _: 0, facts, read_config({}).settings)
            can_hold_pixels(facts, index, True, grid)
            unreadable_tiles(index, grid)
    except SlideError as error:
        said = str(error)
    else:
        said = ""
    assert said.isprintable()
    check_survey(folder)


def check_survey(folder: Path) -> None:
    """The row of ``survey.tsv``, but for what OpenSlide would be asked."""
    slide = Slide("tiny", folder.with_suffix(".mrxs"), read_config({}).settings)

    def asked(_files: SlideFiles, _settings: object, trouble: str = "") -> dict[str, Any]:
        raise SlideError(trouble)

    with mock.patch.object(survey, "_by_opening", asked), bounded():
        row = survey._row(slide)
    assert row["status"] in ("ok", "damaged", "failed")
    assert all(field(value).isprintable() for value in row.values())


def check_damaged(whole: WrittenSlide, scratch: Path, name: str, content: bytes) -> None:
    (scratch / name).write_bytes(content)
    try:
        check_index(scratch)
    finally:
        shutil.copy(whole.folder / name, scratch / name)


def any_ini(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    content = (whole.folder / INI).read_bytes()
    if data.draw(st.booleans()):
        for old, new in ABSENT.items():
            content = content.replace(old, new)
    damage = data.draw(st.sampled_from([damaged_lines, damaged_lines, damaged]))
    check_damaged(whole, scratch, INI, data.draw(damage(content)))


def any_index(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    content = (whole.folder / INDEX).read_bytes()
    one = data.draw(st.sampled_from([damaged_numbers(content, ROOT), damaged(content)]))
    check_damaged(whole, scratch, INDEX, data.draw(one))


@pytest.mark.long
@FEW
@given(data=st.data())
def test_any_ini(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """Whatever Slidedat.ini holds, there is an index or a sentence."""
    any_ini(whole, scratch, data)


@pytest.mark.long
@FEW
@given(data=st.data())
def test_any_index(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """Whatever Index.dat holds, there is an index or a sentence."""
    any_index(whole, scratch, data)


@pytest.mark.torture
@MANY
@given(data=st.data())
def test_any_ini_at_length(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """The same, often."""
    any_ini(whole, scratch, data)


@pytest.mark.torture
@MANY
@given(data=st.data())
def test_any_index_at_length(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """The same, often."""
    any_index(whole, scratch, data)


SIZES = {
    b"IMAGENUMBER_X": (1, 2, 5, 6, 4096, 10**5, 10**6, 16 * 10**6, 2**31 - 1),
    b"IMAGENUMBER_Y": (1, 2, 3, 4, 4096, 10**5, 10**6, 16 * 10**6, 2**31 - 1),
    b"CameraImageDivisionsPerSide": (1, 2, 3, 4, 4096, 10**6, 2**31 - 1),
    b"OVERLAP_X": (0, 2.5, 47, -1, -1e6, 1e6, -2e9, 2e9),
    b"OVERLAP_Y": (0, 3, 39, -1, -1e6, 1e6, -2e9, 2e9),
    b"DIGITIZER_WIDTH": (1, 24, 3000, 65535),
    b"DIGITIZER_HEIGHT": (1, 20, 3000, 65535),
    b"IMAGE_CONCAT_FACTOR": (0, 1, 2, 15, 30),
}


def any_size(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """Numbers that are right alone, and describe a slide of another size, even one of no bounds."""
    content = (whole.folder / INI).read_bytes()
    if data.draw(st.integers(0, 3)):
        for old, new in ABSENT.items():
            content = content.replace(old, new)
    lines = content.split(b"\r\n")
    for key in data.draw(st.lists(st.sampled_from(sorted(SIZES)), max_size=5, unique=True)):
        value = data.draw(st.sampled_from(SIZES[key]))
        places = [number for number, line in enumerate(lines) if line.startswith(key + b"=")]
        for place in places[:: data.draw(st.sampled_from([1, 8]))]:  # each level, or the finest
            lines[place] = b"%s=%s" % (key, str(value).encode())
    check_damaged(whole, scratch, INI, b"\r\n".join(lines))


@pytest.mark.long
@FEW
@given(data=st.data())
def test_any_size(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """However large a slide says it is, there is an answer in bounded time and memory."""
    any_size(whole, scratch, data)


@pytest.mark.torture
@MANY
@given(data=st.data())
def test_any_size_at_length(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """The same, often."""
    any_size(whole, scratch, data)


# --- what was found ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [{b"IMAGENUMBER_Y": 4096, b"OVERLAP_X": -2e9}, {b"OVERLAP_X": -2e9, b"OVERLAP_Y": -2e9}]
)
def test_grid_that_no_memory_holds(
    whole: WrittenSlide, scratch: Path, size: dict[bytes, float]
) -> None:
    """A slide that says it is as large as a field is a sentence."""
    content = (whole.folder / INI).read_bytes()
    for key, value in size.items():
        old = next(line for line in content.split(b"\r\n") if line.startswith(key))
        content = content.replace(old, b"%s=%s" % (key, str(value).encode()))
    for old, new in ABSENT.items():
        content = content.replace(old, new)
    (scratch / INI).write_bytes(content)
    try:
        with (
            bounded(),
            pytest.raises(
                SlideError,
                match=r"at most 8388608, and 262144 along a side|The slide says that it is \d+ x",
            ),
        ):
            grid_of(lambda _: 0, facts_of(read_index(scratch)), read_config({}).settings)
    finally:
        shutil.copy(whole.folder / INI, scratch / INI)


def test_name_of_a_data_file_is_printed_as_it_may_be(whole: WrittenSlide, scratch: Path) -> None:
    """What Slidedat.ini calls a data file does not reach the terminal as it stands."""
    content = (whole.folder / INI).read_bytes()
    (scratch / INI).write_bytes(content.replace(b"FILE_0=Data0000.dat", b"FILE_0=\x1b[31m.dat"))
    try:
        said = list(damaged_files(read_index(scratch)))
    finally:
        shutil.copy(whole.folder / INI, scratch / INI)
    assert said == ["\\x1b[31m.dat is missing (24 stored images lost)"]


def test_camera_pictures_in_no_row(whole: WrittenSlide, scratch: Path) -> None:
    """A slide of no row of camera pictures, each a milliard long, takes no memory."""
    content = (whole.folder / INI).read_bytes()
    sizes = {b"IMAGENUMBER_X": 2**31 - 1, b"IMAGENUMBER_Y": 1, b"CameraImageDivisionsPerSide": 2}
    for key, value in sizes.items():
        old = next(line for line in content.split(b"\r\n") if line.startswith(key))
        content = content.replace(old, b"%s=%d" % (key, value))
    for old, new in ABSENT.items():
        content = content.replace(old, new)
    (scratch / INI).write_bytes(content)
    try:
        with bounded(), pytest.raises(SlideError, match="camera pictures, more than"):
            read_index(scratch)
    finally:
        shutil.copy(whole.folder / INI, scratch / INI)
