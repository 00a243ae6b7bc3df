"""The tiles are, byte for byte, those of the plain script; the tables say why each is there."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from in_process import Cut, Variant, cut
from mrxs_tiles.pixels.encode import make_encoder
from oracle import Known, encoded, plain_script
from running import SLIDE_FILES

Keys = dict[str, Any]

SIZES, OVERLAPS, BOUNDS, DOWNSAMPLES = (3000, 512, 300), (0, 7), (False, True), (1, 4)
# But for the second of two that are the same: one tile of 3000 px has no inner side to overlap.
ALL = [
    values
    for values in itertools.product(SIZES, OVERLAPS, BOUNDS, DOWNSAMPLES)
    if values[:2] != (3000, 7)
]
# Each two values of different keys meet in one of these; the other combinations are torture.
PAIRS = [
    (3000, 0, False, 1), (3000, 7, True, 4), (512, 0, True, 1),
    (512, 7, False, 4), (300, 0, False, 4), (300, 7, True, 1),
]  # fmt: skip
CROSSED = ("jpeg_plain", "odd_sizes", "few_levels", "small_area", "aperio")
PAIRED = (
    "png", "bmp", "zlib_positions", "no_positions", "no_positions_overlap", "fill_colour",
    "one_division", "eight_divisions", "one_level", "full", "nothing_scanned",
)  # fmt: skip


def keys_of(values: tuple[int, int, bool, int]) -> Keys:
    return dict(zip(("tile_size", "overlap", "limit_bounds", "downsample"), values, strict=True))


def background(name: str, keys: Keys, colour: str) -> tuple[str, Keys]:
    return name, {**keys, "background": colour}


# other downsamples: the first level above the finest, and one that few slides have
DOWNSAMPLED: list[tuple[str, Keys]] = [
    *(
        (name, {"tile_size": 300, "overlap": 7, "downsample": downsample})
        for name in ("jpeg_plain", "odd_sizes", "few_levels", "one_level", "aperio")
        for downsample in (2, 16)
    ),
    *(
        (name, {"tile_size": 111, "limit_bounds": True, "downsample": downsample})
        for name in ("small_area", "eight_divisions", "one_division")
        for downsample in (2, 8, 16)
    ),
]
# a colour of one's own behind what was never scanned
COLOURED = [
    background(name, keys, colour)
    for colour in ("200,30,120", "255,255,255")
    for name, keys in (
        ("fill_colour", {"tile_size": 512}),
        ("odd_sizes", {"tile_size": 300, "downsample": 2}),
        ("jpeg_plain", {"tile_size": 300, "limit_bounds": True}),
        ("few_levels", {"tile_size": 300, "downsample": 16}),
        ("fill_colour", {"tile_size": 300, "overlap": 7, "downsample": 4}),
        ("aperio", {"tile_size": 512}),
    )
]
CASES: list[tuple[str, Keys]] = [
    # half of the pairs with each of these, the other half with the next
    *((n, keys_of(v)) for number, n in enumerate(CROSSED[:4]) for v in PAIRS[number % 2 :: 2]),
    ("aperio", keys_of(PAIRS[2])),  # dear, and read by OpenSlide alone
    # one of small tiles for each other kind of slide
    *((name, keys_of(PAIRS[4 + number % 2])) for number, name in enumerate(PAIRED)),
    *DOWNSAMPLED[::4],
    *COLOURED[:7:2],
]
MORE_CASES: list[tuple[str, Keys]] = [
    *((name, keys_of(values)) for name in (*CROSSED, *PAIRED) for values in (*ALL, *PAIRS)),
    *DOWNSAMPLED,
    *COLOURED,
]


SMALL = [keys_of(values) for values in PAIRS[4:]]


def marked(name: str, keys: Keys) -> Any:
    """A case: `make check` takes those of small tiles of some slides."""
    often = keys in SMALL and name in (*CROSSED[:4], *PAIRED[-3:])
    slow = [] if often else [pytest.mark.slow]
    return pytest.param(name, keys, marks=slow)


def often(some: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Cases of which the others are torture."""
    return [*some, *(pytest.param(*case, marks=pytest.mark.torture) for case in others)]


def case_name(value: str | Keys) -> str:
    if isinstance(value, str):
        return value
    return "-".join(f"{key}={part}" for key, part in value.items())


@pytest.fixture
def slide_path(variant: Variant, aperio: Path, name: str) -> Path:
    """The slide of the parameter `name`."""
    return aperio if name == "aperio" else variant(name).path


def differing(found: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
    """The files that only one side has, or that differ: a list that fits the screen."""
    return sorted(name for name in found | wanted if found.get(name) != wanted.get(name))


def check_tables(found: Cut, known: Known, suffix: str = "jpg") -> None:
    """Every tile is accounted for, with the reason that the plain script finds."""
    assert found.tiled["status"] == "ok"
    counts = found.tiled["counts"]
    assert counts["tiles"] == known.cols * known.rows == found.inspected["grid"]["tiles"]
    assert counts["kept"] == len(known.files)
    assert counts["unscanned"] == known.count("unscanned")
    assert counts["blank"] == known.count("blank")
    assert counts["tiles"] == sum(value for key, value in counts.items() if key != "tiles")
    assert found.tiled["tile_bytes"] == sum(map(len, found.files.values()))

    addresses = [(int(row["col"]), int(row["row"])) for row in found.rows]
    assert addresses == sorted(set(addresses))
    assert len(addresses) == found.inspected["grid"]["listed"]
    unlisted = known.tiles.keys() - set(addresses)
    assert {known.tiles[address].reason for address in unlisted} <= {"unscanned"}
    for address, row, listed in zip(addresses, found.rows, found.coordinates, strict=True):
        tile, name = known.tiles[address], f"{row['col']}_{row['row']}.{suffix}"
        assert row["reason"] == tile.reason
        assert row["kept"] == ("0" if tile.reason else "1")
        assert row["file"] == ("" if tile.reason else f"tiles/{name}")
        assert row["bytes"] == ("" if tile.reason else str(len(found.files[name])))
        if 0 not in tile.size:
            assert (int(row["tile_width"]), int(row["tile_height"])) == tile.size
        assert {key: row[key] for key in listed} == listed
        assert (int(row["x"]), int(row["y"])) == tile.location
        if found.inspected["grid"]["downsample"] == 1:
            assert (int(row["width"]), int(row["height"])) == tile.read_size


@pytest.mark.parametrize(("name", "keys"), [marked(*case) for case in CASES], ids=case_name)
def test_same_as_plain_script(slide_path: Path, keys: Keys, tmp_path: Path) -> None:
    """The files are the plain script's, no byte differs, and each row of the table is true."""
    found, known = cut(slide_path, tmp_path, **keys), plain_script(slide_path, **keys)
    assert differing(found.files, known.files) == []
    check_tables(found, known)


@pytest.mark.torture
@pytest.mark.parametrize(
    ("name", "keys"), [case for case in MORE_CASES if case not in CASES], ids=case_name
)
def test_same_as_plain_script_at_length(slide_path: Path, keys: Keys, tmp_path: Path) -> None:
    """The same with every combination of keys."""
    test_same_as_plain_script(slide_path, keys, tmp_path)


@pytest.mark.parametrize("name", ["jpeg_plain"])
def test_every_fate_occurs(slide_path: Path, tmp_path: Path) -> None:
    """The slides above show what they should: kept, unscanned and blank tiles all occur."""
    known = plain_script(slide_path, tile_size=300)
    found = cut(slide_path, tmp_path, tile_size=300)
    for reason in ("", "unscanned", "blank"):
        assert known.count(reason) >= 3
        assert sum(row["reason"] == reason for row in found.rows) >= 3


@pytest.mark.parametrize("name", ["small_area"])
def test_tiles_without_row(slide_path: Path, tmp_path: Path) -> None:
    """Most tiles of a slide that was hardly scanned have no row, and are counted still."""
    found = cut(slide_path, tmp_path, tile_size=300)
    unlisted = found.tiled["counts"]["tiles"] - len(found.rows)
    assert unlisted >= 20
    assert found.tiled["counts"]["unscanned"] >= unlisted


@pytest.mark.parametrize("downsample", [1, 2, 4, 16])
@pytest.mark.parametrize("name", ["nothing_scanned"])
def test_nothing_to_cut(slide_path: Path, downsample: int, tmp_path: Path) -> None:
    """With nothing scanned, the scanned area has no tile at all, whatever the downsample."""
    found = cut(slide_path, tmp_path, limit_bounds=True, downsample=downsample)
    assert (found.files, found.rows) == ({}, [])
    assert found.tiled["counts"]["tiles"] == 0
    assert found.tiled["status"] == "ok"
    assert found.tiled["warnings"] == ["no tile was kept"]


KEPT_ALL = [
    ("jpeg_plain", {"tile_size": 300}),
    ("small_area", {"tile_size": 512, "overlap": 7}),
    ("odd_sizes", {"tile_size": 300, "downsample": 4}),
    ("few_levels", {"tile_size": 300, "downsample": 16}),
    ("fill_colour", {"tile_size": 300, "background": "10,200,30"}),
    ("nothing_scanned", {"tile_size": 700}),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "keys"), often(KEPT_ALL, [("aperio", {"tile_size": 512})]), ids=case_name
)
def test_nothing_dropped(slide_path: Path, keys: Keys, tmp_path: Path) -> None:
    """Without drop_blank every tile of the grid has its row and its file."""
    found = cut(slide_path, tmp_path, drop_blank=False, **keys)
    known = plain_script(slide_path, drop_blank=False, **keys)
    assert len(known.files) == len(found.rows) == found.inspected["grid"]["tiles"]
    assert differing(found.files, known.files) == []
    check_tables(found, known)


@pytest.mark.long
@pytest.mark.parametrize("name", ["fill_colour"])
def test_unscanned_tile_has_background(slide_path: Path, tmp_path: Path) -> None:
    """A tile that was never scanned shows the slide's own colour when it is kept."""
    found = cut(slide_path, tmp_path, drop_blank=False, tile_size=300, format="png")
    corner = np.asarray(Image.open(io.BytesIO(found.files["0_0.png"])))
    far = np.asarray(Image.open(io.BytesIO(found.files["6_8.png"])))
    assert (corner == (200, 180, 90)).all()
    assert not (far == (200, 180, 90)).all()


# one of each kind of slide, and a picture made smaller
PNGS = [
    ("small_area", 1), ("odd_sizes", 4), ("aperio", 4),
    ("odd_sizes", 1), ("few_levels", 1), ("few_levels", 4), ("aperio", 1),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quality", "subsampling"), [(90, "444"), (90, "422"), (100, "420"), (1, "444"), (30, "422")]
)
@pytest.mark.parametrize("name", ["small_area"])
def test_other_jpegs(slide_path: Path, quality: int, subsampling: str, tmp_path: Path) -> None:
    """Quality and subsampling mean what they mean to Pillow, byte for byte."""
    keys: Keys = {"quality": quality, "subsampling": subsampling, "tile_size": 300}
    found, known = cut(slide_path, tmp_path, **keys), plain_script(slide_path, **keys)
    assert known.files
    assert differing(found.files, known.files) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "downsample"), often(PNGS[:3], PNGS[3:]))
def test_png(slide_path: Path, downsample: int, tmp_path: Path) -> None:
    """A png holds exactly the pixels of the plain script's tile, RGB."""
    keys: Keys = {"format": "png", "tile_size": 512, "downsample": downsample}
    found, known = cut(slide_path, tmp_path, **keys), plain_script(slide_path, **keys)
    assert found.files.keys() == known.files.keys()
    for name, content in found.files.items():
        shown, wanted = Image.open(io.BytesIO(content)), Image.open(io.BytesIO(known.files[name]))
        assert (shown.format, shown.mode, shown.size) == ("PNG", "RGB", wanted.size)
        assert np.array_equal(np.asarray(shown), np.asarray(wanted))
    check_tables(found, known, "png")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["odd_sizes"])
def test_number_of_threads(slide_path: Path, tmp_path: Path) -> None:
    """One thread or four: the same files, the same tables."""
    one = cut(slide_path, tmp_path / "1", threads=1, tile_size=200)
    four = cut(slide_path, tmp_path / "4", threads=4, tile_size=200)
    assert differing(one.files, four.files) == []
    for name in SLIDE_FILES:
        assert (one.folder / name).read_bytes() == (four.folder / name).read_bytes()


def pictures(most: int) -> st.SearchStrategy[np.ndarray]:
    """Pictures of any size, noise or one colour: blue, green, red, and a byte of no meaning."""

    def picture(width: int, height: int, seed: int, flat: bool) -> np.ndarray:
        random = np.random.default_rng(seed)
        drawn = random.integers(0, 256, (height, width, 4), np.uint8)
        if flat:
            drawn[:] = drawn[0, 0]
        return drawn

    sides = st.integers(1, most)
    return st.builds(picture, sides, sides, st.integers(0, 1 << 32), st.booleans())


def with_pillow(pixels: np.ndarray, quality: int, subsampling: str) -> bytes:
    rgb = Image.fromarray(np.ascontiguousarray(pixels[:, :, [2, 1, 0]]))
    return encoded(rgb, "jpg", quality, subsampling)


@given(
    pixels=pictures(64),
    quality=st.integers(1, 100),
    subsampling=st.sampled_from(["420", "422", "444"]),
)
@settings(max_examples=200, deadline=None)
def test_encoder_is_pillows(pixels: np.ndarray, quality: int, subsampling: str) -> None:
    """The fast encoder writes Pillow's bytes, whatever the size, quality and subsampling."""
    encode, warning = make_encoder("jpg", quality, subsampling)
    assert warning == ""
    assert encode(pixels) == with_pillow(pixels, quality, subsampling)


@given(pixels=pictures(64))
@settings(max_examples=100, deadline=None)
def test_png_encoder(pixels: np.ndarray) -> None:
    """A png of any size gives back the same colours."""
    encode, warning = make_encoder("png", 75, "420")
    assert warning == ""
    shown = Image.open(io.BytesIO(encode(pixels)))
    assert np.array_equal(np.asarray(shown), pixels[:, :, [2, 1, 0]])


def _other_bytes(*_: object, **__: object) -> bytes:
    return b"another encoder's"


def _raises(*_: object, **__: object) -> bytes:
    raise RuntimeError("another version's")


@pytest.mark.parametrize("broken", [_other_bytes, _raises])
@pytest.mark.parametrize("subsampling", ["420", "422", "444"])
def test_fallback(monkeypatch: pytest.MonkeyPatch, broken: Any, subsampling: str) -> None:
    """Where the fast encoder is not Pillow's, Pillow encodes, and a warning says so."""
    monkeypatch.setattr(imagecodecs, "jpeg8_encode", broken)
    encode, warning = make_encoder("jpg", 60, subsampling)
    assert "Pillow" in warning
    pixels = np.random.default_rng(1).integers(0, 256, (41, 67, 4), np.uint8)
    assert encode(pixels) == with_pillow(pixels, 60, subsampling)


@pytest.mark.parametrize("name", ["jpeg_plain"])
def test_fallback_cuts_the_same(
    slide_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slide cut with the fallback has the same tiles, and tiles.json holds the warning."""
    monkeypatch.setattr(imagecodecs, "jpeg8_encode", _other_bytes)
    found = cut(slide_path, tmp_path, tile_size=512)
    assert differing(found.files, plain_script(slide_path, tile_size=512).files) == []
    assert [warning for warning in found.tiled["warnings"] if "Pillow" in warning]
