"""Slidedat.ini and Index.dat are read as OpenSlide reads them, and damage in them is told."""

from __future__ import annotations

import math
import shutil
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator

from in_process import NAME, Variant, cut, look, table
from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from tiny_slide import ROOT, TINY
from write_mirax import VARIANTS, WrittenSlide, write_mirax

every_variant = pytest.mark.parametrize("name", VARIANTS)


# --- what is read -----------------------------------------------------------------------------


@every_variant
def test_stored_images(variant: Variant, name: str) -> None:
    """Each level's images are those that were written, where they were written."""
    slide = variant(name)
    index = read_index(slide.folder)
    assert len(index.images) == slide.spec.levels
    for level, stored in enumerate(index.images):
        assert sorted(map(tuple, stored.tolist())) == sorted(
            (image.index, image.offset, image.length, image.file_number)
            for image in slide.images
            if image.level == level
        )


@every_variant
def test_positions(variant: Variant, name: str) -> None:
    """The camera pictures lie where they were put; those never scanned are known."""
    slide = variant(name)
    index = read_index(slide.folder)
    told = slide.spec.locations if slide.spec.positions == "absent" else slide.positions
    assert np.array_equal(index.positions, told.reshape(-1, 2))
    assert np.array_equal(layout.scanned_positions(index), slide.scanned)


@every_variant
def test_data_files(variant: Variant, name: str) -> None:
    """All data files are known by name and size, and none is missing."""
    slide = variant(name)
    index = read_index(slide.folder)
    paths = sorted(slide.folder.glob("Data*.dat"))
    assert index.slidedat.data_files == tuple(path.name for path in paths)
    assert index.file_bytes == tuple(path.stat().st_size for path in paths)
    assert index.missing == ()


def test_missing(variant: Variant, tmp_path: Path) -> None:
    """A data file that is absent or a byte too short is missing; the one that is whole is not."""
    slide = variant("eight_divisions")
    folder = Path(shutil.copytree(slide.folder, tmp_path / "slide"))
    (folder / "Data0003.dat").unlink()
    last = max((i for i in slide.images if i.file_number == 5), key=lambda image: image.offset)
    with (folder / "Data0005.dat").open("r+b") as stream:
        stream.truncate(last.offset + last.length - 1)
    index = read_index(folder)
    assert index.missing == ("Data0003.dat", "Data0005.dat")
    for level, stored in enumerate(index.images):
        lost = {tuple(entry) for entry in stored[index.unreadable(level)].tolist()}
        assert lost == {
            (image.index, image.offset, image.length, image.file_number)
            for image in slide.images
            if image.level == level and (image.file_number == 3 or image == last)
        }


@every_variant
def test_camera_picture(variant: Variant, name: str) -> None:
    """A camera picture and the levels' downsamples are the spec's."""
    slide = variant(name)
    index = read_index(slide.folder)
    assert layout.camera_picture(index) == slide.spec.picture
    downsamples = [layout.downsample(index, level) for level in range(slide.spec.levels)]
    assert downsamples == [2**level for level in range(slide.spec.levels)]


# --- where it lies ----------------------------------------------------------------------------


@every_variant
def test_pieces_of_level_0(variant: Variant, name: str) -> None:
    """At level 0 each stored image is one piece, and lies where the writer says."""
    slide = variant(name)
    index = read_index(slide.folder)
    found = layout.pieces(index, 0, layout.scanned_positions(index))
    places = {image.index: slide.place(image) for image in slide.images if image.level == 0}
    numbers = index.images[0][found.image, 0].tolist()
    assert sorted(numbers) == sorted(places)
    for number, x, y in zip(numbers, found.x, found.y, strict=True):
        assert (x, y, found.width, found.height) == places[number]


WHOLE_PICTURES = [
    name
    for name, spec in VARIANTS.items()
    if spec.divisions != 3 and (spec.positions != "absent" or spec.overlap_x)
]


@pytest.mark.parametrize("name", WHOLE_PICTURES)
def test_places_at_other_levels(variant: Variant, name: str) -> None:
    """An image lies at its first picture's place, or is cut anew into all its pictures."""
    slide = variant(name)
    spec, index = slide.spec, read_index(slide.folder)
    for level in range(spec.levels):
        joined = max(1, 2**level // spec.divisions)  # camera pictures each way in one image
        places = set()
        for image in (image for image in slide.images if image.level == level):
            column, row = image.x // spec.divisions, image.y // spec.divisions
            if joined == 1:
                places.add((image.index, *(side / 2**level for side in slide.place(image)[:2])))
                continue
            within = slide.scanned[row : row + joined, column : column + joined]
            for down, across in np.argwhere(within):
                x, y = spec.locations[row + down, column + across]
                places.add((image.index, x / 2**level, y / 2**level))
        found = layout.pieces(index, level, layout.scanned_positions(index))
        numbers = index.images[level][found.image, 0]
        assert set(zip(numbers, found.x, found.y, strict=True)) == places
        assert len(numbers) == len(places)
        size = (spec.image_width / joined, spec.image_height / joined)
        assert (found.width, found.height) == size


def covered(pieces: layout.Pieces, size: tuple[int, int], grown: float) -> np.ndarray:
    """The px (height, width) that pieces touch, larger by `grown` px on every side.

    With `grown` below 0, only the px that lie in a smaller piece wholly.
    """
    low, high = (math.floor, math.ceil) if grown > 0 else (math.ceil, math.floor)
    mask = np.zeros((size[1], size[0]), bool)
    for x, y in zip(pieces.x, pieces.y, strict=True):
        left, top = (max(0, low(side - grown)) for side in (x, y))
        right, bottom = high(x + pieces.width + grown), high(y + pieces.height + grown)
        mask[top : max(top, bottom), left : max(left, right)] = True
    return mask


@every_variant
def test_pieces_of_other_levels(variant: Variant, name: str) -> None:
    """At all levels the pieces cover what OpenSlide shows, to a px."""
    slide = variant(name)
    index = read_index(slide.folder)
    with OpenSlide(slide.path) as handle:
        for level, size in enumerate(handle.level_dimensions):
            shown = np.asarray(handle.read_region((0, 0), level, size))[:, :, 3] > 0
            found = layout.pieces(index, level, layout.scanned_positions(index))
            assert not (shown & ~covered(found, size, 1)).any()
            assert not (covered(found, size, -1) & ~shown).any()


def addresses(folder: Path) -> set[tuple[int, int]]:
    return {(int(r["col"]), int(r["row"])) for r in table(folder / NAME / "coordinates.tsv")}


@pytest.mark.parametrize("downsample", [1, 2, 8])
@every_variant
def test_tiles_without_row_are_empty(
    variant: Variant, name: str, downsample: int, tmp_path: Path
) -> None:
    """OpenSlide shows nothing at all in the tiles that have no row."""
    slide = variant(name)
    side = 160 // downsample
    look(slide.path, tmp_path, tile_size=side, downsample=downsample)
    listed = addresses(tmp_path)
    with OpenSlide(slide.path) as handle:
        generator = DeepZoomGenerator(handle, side, 0)
        level = generator.level_count - 1 - (downsample.bit_length() - 1)
        cols, rows = generator.level_tiles[level]
        unlisted = {(col, row) for col in range(cols) for row in range(rows)} - listed
        assert len(unlisted) + len(listed) == cols * rows
        for address in unlisted:
            region = handle.read_region(*generator.get_tile_coordinates(level, address))
            assert region.getchannel("A").getextrema() == (0, 0)
    if name in ("small_area", "nothing_scanned"):
        assert len(unlisted) > len(listed)


def near_a_picture(slide: WrittenSlide, box: tuple[int, int, int, int]) -> bool:
    """Whether a level-0 box is within one camera picture of one that was scanned."""
    x, y, width, height = box
    picture = np.array(slide.spec.picture)
    places = slide.spec.locations[slide.scanned]
    near = (places - picture < (x + width, y + height)).all(axis=1)
    near &= (places + 2 * picture > (x, y)).all(axis=1)
    return bool(near.any())


@every_variant
def test_margin(variant: Variant, name: str, tmp_path: Path) -> None:
    """A tile has a row when it is within one camera picture of one that was scanned, else not."""
    slide = variant(name)
    side = 90
    look(slide.path, tmp_path, tile_size=side)
    listed = addresses(tmp_path)
    width, height = slide.width, slide.height
    for col in range(-(-width // side)):
        for row in range(-(-height // side)):
            x, y = col * side, row * side
            box = (x, y, min(side, width - x), min(side, height - y))
            assert ((col, row) in listed) == near_a_picture(slide, box)


# --- damage -----------------------------------------------------------------------------------


NUMBER = "not a whole number from 1 to 2147483647"


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """A slide of a few kilobytes, its positions plain."""
    return write_mirax(tmp_path_factory.mktemp("tiny") / "tiny.mrxs", TINY)


@pytest.fixture
def tiny(whole: WrittenSlide, tmp_path: Path) -> WrittenSlide:
    """A copy of it that may be damaged."""
    folder = Path(shutil.copytree(whole.folder, tmp_path / "tiny"))
    return WrittenSlide(whole.path, folder, whole.spec, whole.scene, whole.images, whole.others)


def said_of(folder: Path) -> str:
    with pytest.raises(SlideError) as caught:
        read_index(folder)
    return str(caught.value)


def edit_ini(folder: Path, old: str, new: str) -> None:
    path = folder / "Slidedat.ini"
    text = path.read_bytes().decode("utf-8-sig")
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode("utf-8-sig"))


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
        "IMAGE_FORMAT=PNG", "IMAGE_FORMAT=JPEGXR",
        "Slidedat.ini says IMAGE_FORMAT=JPEGXR in [LAYER_0_LEVEL_0_SECTION]; "
        "OpenSlide reads JPEG, PNG, BMP24",
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
        r"Slidedat.ini says INDEXFILE=C:\Index.dat, not a file of the slide's folder",
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


def entry_offset(data: bytes, level: int) -> int:
    """Where in Index.dat the first page of a level's images begins."""
    (levels,) = struct.unpack_from("<i", data, ROOT)
    (record,) = struct.unpack_from("<i", data, levels + 4 * level)
    (page,) = struct.unpack_from("<i", data, record + 4)
    return int(page)


def position_offset(data: bytes) -> int:
    """Where in Index.dat the page of the camera positions begins."""
    (others,) = struct.unpack_from("<i", data, ROOT + 4)
    (record,) = struct.unpack_from("<i", data, others)
    (page,) = struct.unpack_from("<i", data, record + 4)
    return int(page)


IMPOSSIBLE, ENTRY = "Index.dat has an impossible entry", "image, offset, length, file"
LEVEL_0 = "the list of images of level 0"
POSITIONS = "the camera positions in Data0001.dat"
Place = Callable[[bytes], int]
INDEX_DAMAGE: dict[str, tuple[Place, int, str]] = {
    "negative image": (
        lambda data: entry_offset(data, 0) + 8, -1,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: -1, 37, {{bytes}}, 0)",
    ),
    "image below the slide": (
        lambda data: entry_offset(data, 0) + 8, 24,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 24, 37, {{bytes}}, 0)",
    ),
    "image between two": (
        lambda data: entry_offset(data, 1) + 8, 1,
        f"{IMPOSSIBLE} in the list of images of level 1 ({ENTRY}: 1, {{offset}}, {{length}}, 1)",
    ),
    "negative offset": (
        lambda data: entry_offset(data, 0) + 12, -37,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 0, -37, {{bytes}}, 0)",
    ),
    "negative length": (
        lambda data: entry_offset(data, 0) + 16, -2,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 0, 37, -2, 0)",
    ),
    "file that is not named": (
        lambda data: entry_offset(data, 0) + 20, 2,
        f"{IMPOSSIBLE} in {LEVEL_0} ({ENTRY}: 0, 37, {{bytes}}, 2)",
    ),
    "negative count": (
        lambda data: entry_offset(data, 0), -1,
        f"Index.dat has a page of -1 images in {LEVEL_0}",
    ),
    "list off the end": (
        lambda data: entry_offset(data, 0), 1000,
        f"Index.dat ends at byte {{size}}, but {LEVEL_0} goes on to {{end}}",
    ),
    "record does not begin": (
        lambda data: entry_offset(data, 0) - 8, 3,
        f"Index.dat has 3 where {LEVEL_0} must begin with 0",
    ),
    "table outside": (
        lambda _: ROOT, 1 << 30,
        f"Index.dat ends at byte {{size}}, but the pointer to {LEVEL_0} lies at 1073741824",
    ),
    "table before": (
        lambda _: ROOT, -8,
        f"Index.dat ends at byte {{size}}, but the pointer to {LEVEL_0} lies at -8",
    ),
    "positions of other length": (
        lambda data: position_offset(data) + 20, 50,
        f"{POSITIONS} are 50 bytes, not 54",
    ),
    "positions off the file": (
        lambda data: position_offset(data) + 16, 1 << 30,
        f"{POSITIONS} are 0 bytes, not 54",
    ),
    "positions in no file": (
        lambda data: position_offset(data) + 24, 7,
        f"{IMPOSSIBLE} in record 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("place", "number", "sentence"), INDEX_DAMAGE.values(), ids=INDEX_DAMAGE)
def test_damaged_index(tiny: WrittenSlide, place: Place, number: int, sentence: str) -> None:
    """What is wrong in Index.dat is told in one sentence."""
    path = tiny.folder / "Index.dat"
    data = bytearray(path.read_bytes())
    first = next(image for image in tiny.images if image.level == 0)
    joined = next(image for image in tiny.images if image.level == 1)
    size, page = len(data), entry_offset(data, 0) + 8
    struct.pack_into("<i", data, place(bytes(data)), number)
    path.write_bytes(data)
    assert said_of(tiny.folder) == sentence.format(
        size=size,
        end=page + 16 * 1000,
        bytes=first.length,
        offset=joined.offset,
        length=joined.length,
    )


def test_short_index(tiny: WrittenSlide) -> None:
    """An Index.dat that is cut short is told, wherever it ends."""
    path = tiny.folder / "Index.dat"
    data = path.read_bytes()
    path.write_bytes(data[:-3])
    last = position_offset(data)
    assert said_of(tiny.folder) == (
        f"Index.dat ends at byte {len(data) - 3}, but record 0 goes on to {last + 28}"
    )
    path.write_bytes(data[:40])
    assert said_of(tiny.folder) == (
        f"Index.dat ends at byte 40, but the pointer to {LEVEL_0} goes on to 41"
    )
    path.write_bytes(b"")
    assert said_of(tiny.folder) == "Index.dat does not begin with version 01.02"
    path.unlink()
    assert said_of(tiny.folder) == "Index.dat is missing"


def test_no_file_of_positions(tiny: WrittenSlide) -> None:
    """Without the data file that holds the positions nothing can be placed."""
    (tiny.folder / "Data0001.dat").unlink()
    assert said_of(tiny.folder) == (
        "Data0001.dat, which holds the camera positions, cannot be read (No such file or directory)"
    )


def test_bad_flag(tiny: WrittenSlide) -> None:
    """A position that is neither there nor not is told."""
    with (tiny.folder / "Data0001.dat").open("r+b") as stream:
        stream.seek(tiny.others["positions"].offset + 9)
        stream.write(b"\x02")
    assert said_of(tiny.folder) == (f"{POSITIONS} hold a flag that is neither 0 nor 1")


@pytest.mark.parametrize(
    ("packed", "sentence"),
    [
        (b"garbage", f"{POSITIONS} cannot be unpacked"),
        (zlib.compress(bytes(45)), f"{POSITIONS} are 45 bytes, not 54"),
        (zlib.compress(bytes(63)), f"{POSITIONS} are 55 bytes, not 54"),
        (zlib.compress(bytes(1 << 22)), f"{POSITIONS} are 55 bytes, not 54"),
    ],
)  # fmt: skip
def test_packed_positions(tiny: WrittenSlide, packed: bytes, sentence: str) -> None:
    """Packed positions that are garbage, too few or too many are told; a bomb does not go off."""
    edit_ini(tiny.folder, "VIMSLIDE_POSITION_BUFFER", "StitchingIntensityLayer")
    with (tiny.folder / "Data0001.dat").open("ab") as stream:
        offset = stream.tell()
        stream.write(packed)
    path = tiny.folder / "Index.dat"
    data = bytearray(path.read_bytes())
    struct.pack_into("<2i", data, position_offset(data) + 16, offset, len(packed))
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert said_of(tiny.folder) == sentence
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_pages_in_a_circle(tiny: WrittenSlide) -> None:
    """A page that says that it is followed by itself ends the reading, in one way or another."""
    path = tiny.folder / "Index.dat"
    data = bytearray(path.read_bytes())
    for level in range(3):
        page = entry_offset(data, level)
        struct.pack_into("<i", data, page + 4, page)
    path.write_bytes(data)
    with pytest.raises(SlideError):
        read_index(tiny.folder)


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


def check_survived(folder: Path) -> None:
    """All that is ever done with an index: it works, or SlideError says why not."""
    with suppress(SlideError):
        index = read_index(folder)
        scanned = layout.scanned_positions(index)
        for level in range(len(index.images)):
            layout.pieces(index, level, scanned)
            index.unreadable(level)
        layout.camera_picture(index)
        assert isinstance(index.missing, tuple)


@pytest.fixture(scope="module")
def scratch(whole: WrittenSlide, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of which the fuzzers damage one file after the other."""
    return Path(shutil.copytree(whole.folder, tmp_path_factory.mktemp("fuzzed") / "tiny"))


AT_LEISURE = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


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
