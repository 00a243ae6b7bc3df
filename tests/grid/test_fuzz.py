"""Whatever a region's file holds: only our own errors come out, in bounded time and memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrxs_tiles.annotations.marks import marks_of
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Levels
from mutations import (
    EXTREME,
    FEW,
    MANY,
    bounded,
    damaged,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one file after the other."""
    return tmp_path_factory.mktemp("fuzzed")


GRID = make_grid(Levels(((1000, 700),), (1.0,)), 100, 0, 1, None, 0)


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
            marks_of(read_config({"region": str(path)}).settings, (1000, 1000), None, GRID)
    except SlideError as error:
        said = str(error)
    else:
        said = ""
    assert said.isprintable()


@FEW
@given(content=geojson())
def test_any_region(folder: Path, content: bytes) -> None:
    """Whatever a region's file holds, there are tiles or a sentence."""
    check_region(folder, content)


@pytest.mark.torture
@MANY
@given(content=geojson())
def test_any_region_at_length(folder: Path, content: bytes) -> None:
    """The same, often."""
    check_region(folder, content)


# --- what was found ---------------------------------------------------------------------------


@pytest.mark.parametrize("coordinates", ['""', f"[[[{10**400}, 1], [2, 3], [4, 9]]]", "[[]]", "{}"])
def test_odd_coordinates(tmp_path: Path, coordinates: str) -> None:
    """Coordinates that shapely stumbles over in its own ways are a sentence."""
    path = tmp_path / "r.geojson"
    path.write_text(f'{{"type": "Polygon", "coordinates": {coordinates}}}')
    with pytest.raises(SlideError):
        marks_of(read_config({"region": str(path)}).settings, (1000, 1000), None, GRID)
