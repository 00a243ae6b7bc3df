"""Damage in Slidedat.ini is told in one sentence, or survived."""

from __future__ import annotations

import shutil
import struct
import tracemalloc
from pathlib import Path

import pytest
from openslide import OpenSlide

from in_process import cut
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from tiny_index import check_survived, edit_ini, entry_offset, said_of
from write_mirax import WrittenSlide

NUMBER = "not a whole number from 1 to 2147483647"
INI_DAMAGE = {
    "no section": (
        "[HIERARCHICAL]", "[SOMETHING]",
        "Slidedat.ini has no section [HIERARCHICAL]",
    ),
    "no level": (
        "[LAYER_0_LEVEL_2_SECTION]", "[LAYER_0_LEVEL_9_SECTION]",
        "Slidedat.ini has no section [LAYER_0_LEVEL_2_SECTION]",
    ),
    "no key": (
        "IMAGENUMBER_X=6", "IMAGENUMBER=6",
        "Slidedat.ini has no IMAGENUMBER_X in [GENERAL]",
    ),
    "no number": (
        "IMAGENUMBER_X=6", "IMAGENUMBER_X=six",
        f"Slidedat.ini says IMAGENUMBER_X=six in [GENERAL], {NUMBER}",
    ),
    "empty number": (
        "IMAGENUMBER_Y=4", "IMAGENUMBER_Y=",
        f"Slidedat.ini says IMAGENUMBER_Y= in [GENERAL], {NUMBER}",
    ),
    "negative number": (
        "IMAGENUMBER_X=6", "IMAGENUMBER_X=-6",
        f"Slidedat.ini says IMAGENUMBER_X=-6 in [GENERAL], {NUMBER}",
    ),
    "no divisions": (
        "PerSide=2", "PerSide=0",
        f"Slidedat.ini says CameraImageDivisionsPerSide=0 in [GENERAL], {NUMBER}",
    ),
    "too many pictures": (
        "IMAGENUMBER_X=6", "IMAGENUMBER_X=60000000",
        "Slidedat.ini names 60000000 camera pictures, more than 1048576",
    ),
    "decimal comma": (
        "OVERLAP_X=2.5", "OVERLAP_X=2,5",
        "Slidedat.ini says OVERLAP_X=2,5 in [LAYER_0_LEVEL_0_SECTION], not a number",
    ),
    "decimal comma of the scale": (
        "MICROMETER_PER_PIXEL_Y=0.2325", "MICROMETER_PER_PIXEL_Y=0,2325",
        "Slidedat.ini says MICROMETER_PER_PIXEL_Y=0,2325 in [LAYER_0_LEVEL_0_SECTION], "
        "not a number",
    ),
    "other format": (
        "IMAGE_FORMAT=PNG", "IMAGE_FORMAT=PNX",
        "Slidedat.ini says IMAGE_FORMAT=PNX in [LAYER_0_LEVEL_0_SECTION]; "
        "OpenSlide reads JPEG, PNG, BMP24",
    ),
    "a format that is not decoded": (
        "IMAGE_FORMAT=PNG", "IMAGE_FORMAT=JPEGXR",
        "its images are JPEGXR (IMAGE_FORMAT in Slidedat.ini)",
    ),
    "other hierarchy": (
        "HIER_0_NAME=Slide zoom level", "HIER_0_NAME=Slide filter level",
        "Slidedat.ini says HIER_0_NAME=Slide filter level, not 'Slide zoom level'",
    ),
    "file outside": (
        "FILE_0=Data0000.dat", "FILE_0=../x.dat",
        "Slidedat.ini says FILE_0=../x.dat, not a file of the slide's folder",
    ),
    "index outside": (
        "INDEXFILE=Index.dat", r"INDEXFILE=C:\Index.dat",
        "Slidedat.ini names an absolute path in INDEXFILE",
    ),
    "other index": (
        "INDEXFILE=Index.dat", "INDEXFILE=Other.dat",
        "Other.dat is missing",
    ),
    "no line": (
        "[GENERAL]\r\n", "[GENERAL]\r\nnonsense\r\n",
        "line 2 of Slidedat.ini is neither a [section] nor key=value",
    ),
    "no first section": (
        "[GENERAL]\r\n", "",
        "line 1 of Slidedat.ini is neither a [section] nor key=value",
    ),
    "a level that joins nothing": (
        "IMAGE_CONCAT_FACTOR=1", "IMAGE_CONCAT_FACTOR=0",
        "Slidedat.ini says IMAGE_CONCAT_FACTOR=0 in [LAYER_0_LEVEL_1_SECTION], "
        "not a whole number from 1 to 30",
    ),
    "other slide": (
        "SLIDE_ID=", "SLIDE_ID=0",
        "Index.dat belongs to another slide: its SLIDE_ID differs",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), INI_DAMAGE.values(), ids=INI_DAMAGE)
def test_damaged_ini(tiny: WrittenSlide, old: str, new: str, sentence: str) -> None:
    """What is wrong in Slidedat.ini is told in one sentence."""
    edit_ini(tiny.folder, old, new)
    assert said_of(tiny.folder) == sentence


def test_no_ini(tiny: WrittenSlide) -> None:
    """A folder without Slidedat.ini is told."""
    (tiny.folder / "Slidedat.ini").unlink()
    assert said_of(tiny.folder) == "Slidedat.ini cannot be read (No such file or directory)"


def test_utf_16(tiny: WrittenSlide) -> None:
    """An ini in UTF-16, which OpenSlide refuses, is told."""
    path = tiny.folder / "Slidedat.ini"
    path.write_bytes(path.read_text("utf-8-sig").encode("utf-16"))
    assert said_of(tiny.folder) == "Slidedat.ini is UTF-16, not UTF-8"


def test_large_ini(tiny: WrittenSlide) -> None:
    """An ini of a mebibyte is read, one byte more is refused, as by OpenSlide."""
    path = tiny.folder / "Slidedat.ini"
    data = path.read_bytes()
    path.write_bytes(data.ljust((1 << 20) - 1, b"#") + b"\n")
    assert isinstance(read_index(tiny.folder), MiraxIndex)
    path.write_bytes(data.ljust(1 << 20, b"#") + b"\n")
    assert said_of(tiny.folder) == "Slidedat.ini is larger than 1048576 bytes"


@pytest.mark.parametrize(("across", "down"), [(6, 4), (20_000, 4), (6, 20_000)])
def test_level_that_joins_millions(tiny: WrittenSlide, across: int, down: int) -> None:
    """A level said to join more images than there are takes no more memory than the slide."""
    edit_ini(tiny.folder, "VIMSLIDE_POSITION_BUFFER", "Other layer")
    edit_ini(tiny.folder, "IMAGENUMBER_X=6", f"IMAGENUMBER_X={across}")
    edit_ini(tiny.folder, "IMAGENUMBER_Y=4", f"IMAGENUMBER_Y={down}")
    edit_ini(tiny.folder, "IMAGE_CONCAT_FACTOR=1", "IMAGE_CONCAT_FACTOR=14")
    path = tiny.folder / "Index.dat"
    data = bytearray(path.read_bytes())
    for level in (1, 2):  # the one image that is left lies at 0
        struct.pack_into("<3i", data, entry_offset(data, level), 1, 0, 0)
    path.write_bytes(data)
    tracemalloc.start()
    try:
        check_survived(tiny.folder)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "-1e300"])
def test_overlap_that_is_no_length(tiny: WrittenSlide, value: str) -> None:
    """An overlap that is a number and no length, where positions follow from it, is survived."""
    edit_ini(tiny.folder, "VIMSLIDE_POSITION_BUFFER", "Other layer")
    edit_ini(tiny.folder, "OVERLAP_X=2.5", f"OVERLAP_X={value}")
    check_survived(tiny.folder)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["500", "1e300", "inf", "nan"])
def test_slide_of_no_size(tiny: WrittenSlide, value: str, tmp_path: Path) -> None:
    """A slide that OpenSlide opens with a width below 0 has failed; it does not end the run."""
    edit_ini(tiny.folder, "OVERLAP_X=2.5", f"OVERLAP_X={value}")
    path = Path(shutil.copy(tiny.path, tiny.folder.with_suffix(".mrxs")))
    with OpenSlide(path) as handle:
        assert handle.dimensions[0] < 0
    found = cut(path, tmp_path / "results")
    assert (found.inspected["status"], found.tiled["status"]) == ("failed", "failed")
    assert found.inspected["error"].isprintable()
    assert (found.rows, found.files) == ([], {})


@pytest.mark.parametrize("count", ["9" * 5000, "-9", "two", "2.0", "٣", ""])
def test_further_hierarchy(tiny: WrittenSlide, count: str) -> None:
    """A further hierarchy that says anything of its size is survived; OpenSlide does not ask."""
    edit_ini(tiny.folder, "HIER_COUNT=1", f"HIER_COUNT=2\r\nHIER_1_NAME=x\r\nHIER_1_COUNT={count}")
    check_survived(tiny.folder)


def test_sentence_is_one_line(tiny: WrittenSlide) -> None:
    """What a damaged ini says is not sent to the terminal as it stands."""
    edit_ini(tiny.folder, "HIER_0_NAME=Slide", "HIER_0_NAME=\x1b[31m\x07Slide")
    assert said_of(tiny.folder).isprintable()


def test_what_a_z_stack_shows(tiny: WrittenSlide) -> None:
    """Of two focus levels one is not shown, and that is said; of one there is nothing to say."""
    more = "HIER_COUNT=2\r\nHIER_1_NAME=Microscope focus level\r\nHIER_1_COUNT="
    edit_ini(tiny.folder, "HIER_COUNT=1", f"{more}2")
    (said,) = read_index(tiny.folder).slidedat.partly_shown
    assert said.startswith("the slide has 2 focus levels")
    edit_ini(tiny.folder, "HIER_1_COUNT=2", "HIER_1_COUNT=1")
    assert read_index(tiny.folder).slidedat.partly_shown == ()
