"""Whatever an index, a sheet, a region or the config holds: only our own errors come out.

In bounded time and memory, too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mrxs_tiles.config.config import Config, load_schema, read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.errors import ConfigError, SlideError
from mrxs_tiles.files.manifest import field
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Levels
from mrxs_tiles.grid.region import tiles_in
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
    EXTREME,
    FEW,
    MANY,
    TEXTS,
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


GRID = make_grid(Levels(((1000, 700),), (1.0,)), 100, 0, 1, None, 0)


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


@FEW
@given(data=st.data())
def test_any_ini(whole: WrittenSlide, scratch: Path, data: st.DataObject) -> None:
    """Whatever Slidedat.ini holds, there is an index or a sentence."""
    any_ini(whole, scratch, data)


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


# --- sheets -----------------------------------------------------------------------------------

SHEET = (
    "path\tslide\ttile_size\tbackground\tregion\n"
    'a.mrxs\ta/1\t512\t255,0,0\t0,0,10,10\n"b c".svs\t\t\t#ffffff\tr.geojson\n'
)
HUGE = st.sampled_from([b"x" * 200_000, b'"' + b"y" * 200_000, b"\t" * 5000, b"path\t" * 3000])
LINES = st.sampled_from(
    [b"path\tpath", b"path\tslide\tslide", b"path", b'"', b"\0", b"\xff\xfe", b""]
)


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    """A sheet's bytes: damaged, in another encoding, with huge cells, or anything."""
    text = SHEET.replace("\t", draw(st.sampled_from(["\t", ",", ";"])))
    encodings = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]
    content = draw(damaged(text.encode(draw(st.sampled_from(encodings)))))
    more = draw(st.lists(LINES | HUGE | st.binary(max_size=30), max_size=2))
    where = draw(st.integers(0, len(content)))
    return content[:where] + b"\n".join(more) + content[where:]


def check_sheet(folder: Path, suffix: str, content: bytes) -> None:
    sheet = folder / f"sheet{suffix}"
    sheet.write_bytes(content)
    with bounded():
        told = faults_of(lambda: find_slides(read_config({"slides": str(sheet)})))
    assert all(fault.isprintable() for fault in told)


def faults_of(step: Callable[[], object]) -> tuple[str, ...]:
    """What a step says is wrong with what it was given; anything else that it raises passes."""
    try:
        step()
    except ConfigError as error:
        return error.faults or ("\n",)  # an error must say something
    return ()


SUFFIXES = st.sampled_from([".tsv", ".csv"])


@FEW
@given(suffix=SUFFIXES, content=sheets() | st.binary(max_size=200))
def test_any_sheet(scratch: Path, suffix: str, content: bytes) -> None:
    """Whatever a sheet holds, there are slides or faults of one line each."""
    check_sheet(scratch.parent, suffix, content)


@pytest.mark.torture
@MANY
@given(suffix=SUFFIXES, content=sheets() | st.binary(max_size=200))
def test_any_sheet_at_length(scratch: Path, suffix: str, content: bytes) -> None:
    """The same, often."""
    check_sheet(scratch.parent, suffix, content)


# --- the config -------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([*EXTREME, -(10**400), 10**400, 0.5, 1e-320])
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | TEXTS
    | st.binary(max_size=4)
    | st.dates()
    | st.datetimes()
)
HASHABLE = SCALARS | st.tuples(SCALARS) | st.frozensets(SCALARS, max_size=2)
NESTED = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=2)
    ),
    max_leaves=8,
)
CONFIGS = st.dictionaries(st.sampled_from(sorted(load_schema("config"))) | HASHABLE, NESTED)


def check_config(raw: object) -> None:
    def read() -> Config:
        return read_config(raw)  # type: ignore[arg-type]

    with bounded():
        told = faults_of(read)
    assert all(fault.isprintable() for fault in told)


@FEW
@given(raw=CONFIGS)
def test_any_config(raw: dict[Any, Any]) -> None:
    """Whatever a config holds, however nested, it is read or its faults are told."""
    check_config(raw)


@pytest.mark.torture
@MANY
@given(raw=CONFIGS)
def test_any_config_at_length(raw: dict[Any, Any]) -> None:
    """The same, often."""
    check_config(raw)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize("key", ["slides", "tile_size", "background", "region", "format"])
@pytest.mark.parametrize(
    "value",
    [
        "&a [*a]",
        "&a {b: *a}",
        "{? [1, 2] : 3}",
        "!!set {a, b}",
        "!!binary aGFsbG8=",
        f"{'[' * 400}{']' * 400}",
        '"\\ud800"',
        '"a\\0b"',
        "1" * 5000,
        "0x" + "f" * 5000,
        "-.inf",
        "*a9",
    ],
)
def test_config_that_yaml_allows(key: str, value: str) -> None:
    """What only YAML can write: values within themselves, or that are a billion when unfolded."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = f"{LAUGHS if value == '*a9' else ''}{key}: {value}\n"
    try:
        raw = yaml.load(text, loader)  # noqa: S506 - both are safe loaders
    except (ValueError, yaml.YAMLError):  # a number too long, a key that is a list
        return
    check_config({key: raw[key]})


# --- regions ----------------------------------------------------------------------------------

SQUARE = [[[10, 10], [90, 10], [90, 90], [10, 90], [10, 10]]]
GEOJSON = (
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": '
    f'{{"type": "Polygon", "coordinates": {SQUARE}}}, "properties": {{}}}}]}}'
).encode()
NUMBERS = st.sampled_from([*EXTREME, 10**400, 1e308, -1e308, float("nan"), float("inf"), 1e-320])
ODD = NUMBERS | st.none() | st.booleans() | st.text(max_size=2) | st.just([]) | st.just({})
RINGS = st.lists(
    st.lists(NUMBERS | st.integers(-50, 150), min_size=1, max_size=4) | ODD, max_size=6
)


@st.composite
def geojson(draw: st.DrawFn) -> bytes:
    """The bytes of a region's file: damaged, or with odd numbers and shapes."""
    if draw(st.booleans()):
        return draw(damaged(GEOJSON))
    kind = draw(st.sampled_from(["Polygon", "MultiPolygon", "Point", "GeometryCollection", "x"]))
    inner: Any = draw(st.lists(RINGS, max_size=3) | ODD)
    if kind == "MultiPolygon":
        inner = [inner]
    key = "geometries" if kind == "GeometryCollection" else "coordinates"
    return json.dumps({"type": kind, key: inner}).encode()


def check_region(folder: Path, content: bytes) -> None:
    path = folder / "region.geojson"
    path.write_bytes(content)
    try:
        with bounded():
            tiles_in(GRID, (1000, 1000), str(path))
    except SlideError as error:
        said = str(error)
    else:
        said = ""
    assert said.isprintable()


@FEW
@given(content=geojson())
def test_any_region(scratch: Path, content: bytes) -> None:
    """Whatever a region's file holds, there are tiles or a sentence."""
    check_region(scratch.parent, content)


@pytest.mark.torture
@MANY
@given(content=geojson())
def test_any_region_at_length(scratch: Path, content: bytes) -> None:
    """The same, often."""
    check_region(scratch.parent, content)


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


def test_quotation_mark_in_a_sheet_is_one_line(tmp_path: Path) -> None:
    """The separator that the sentence quotes is told, not sent."""
    (tmp_path / "s.tsv").write_text('path\tslide\n"a b".svs\t\n')
    (fault,) = faults_of(lambda: find_slides(read_config({"slides": str(tmp_path / "s.tsv")})))
    assert "('\\t' expected after" in fault
    assert fault.isprintable()


@pytest.mark.parametrize("coordinates", ['""', f"[[[{10**400}, 1], [2, 3], [4, 9]]]", "[[]]", "{}"])
def test_odd_coordinates(tmp_path: Path, coordinates: str) -> None:
    """Coordinates that shapely stumbles over in its own ways are a sentence."""
    path = tmp_path / "r.geojson"
    path.write_text(f'{{"type": "Polygon", "coordinates": {coordinates}}}')
    with pytest.raises(SlideError):
        tiles_in(GRID, (1000, 1000), str(path))


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
