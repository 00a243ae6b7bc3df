"""cover: exact shares of tiles, against shapely one by one and against counted pixels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from mrxs_tiles.annotations import cover as cover_module
from mrxs_tiles.annotations.marks import Marks, marks_of
from mrxs_tiles.config.config import read_config
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Grid, Levels

SIZE = (400, 300)
CLASSES = ("A", "B", "Ignore*")


def grid(tile_size: int = 50, overlap: int = 0) -> Grid:
    return make_grid(Levels((SIZE,), (1.0,)), tile_size, overlap, 1, None, 0)


def blob(x: float, y: float, radius: float, corners: int, turn: float) -> list[list[float]]:
    """A star-like ring around a place."""
    ring = []
    for number in range(corners):
        angle = turn + number * math.tau / corners
        reach = radius * (1 if number % 2 else 0.6)
        ring.append([x + reach * math.cos(angle), y + reach * math.sin(angle)])
    return [*ring, ring[0]]


blobs = st.builds(
    blob,
    st.floats(-20, 420),
    st.floats(-20, 320),
    st.floats(1, 150),
    st.integers(3, 12),
    st.floats(0, 6),
)


def feature(rings: list[list[list[float]]], name: str | None) -> dict[str, Any]:
    classified = {"name": name, "color": [1, 2, 3]} if name else None
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": rings},
        "properties": {"objectType": "annotation", "classification": classified},
    }


def marks(folder: Path, features: list[Any], asked: Grid, **keys: Any) -> Marks:
    path = folder / "drawn.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    named = {key: str(path) for key in ("region", "labels")}
    return marks_of(read_config(named | keys).settings, SIZE, None, asked)


def united(drawn: list[tuple[Any, str]]) -> dict[str, Any]:
    """All that each class covers, by plain set operations; that of all of them as ""."""
    cut = shapely.union_all([shape for shape, name in drawn if name.endswith("*")])
    found = {}
    for name in ("", *dict.fromkeys(name for _, name in drawn if not name.endswith("*"))):
        own = [shape for shape, other in drawn if other == name or not (name or "*" in other)]
        found[name] = shapely.union_all(own).difference(cut)
    return found


def all_shares(found: Marks) -> dict[tuple[int, int], dict[str, float]]:
    """How much of each tile every class covers, as ``labels.tsv`` has it."""
    shares: dict[tuple[int, int], dict[str, float]] = {}
    rows = list(found.class_rows(None))
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
    for col, row, name, share in rows:
        assert name not in shares.setdefault((col, row), {})
        shares[col, row][name] = share
    return shares


def as_far_as_counts(areas: dict[str, float]) -> dict[str, float]:
    """Without those that are a rounding error."""
    return {name: share for name, share in areas.items() if share > 1e-9}


def shares(areas: dict[str, Any], tile: Any) -> tuple[float, dict[str, float]]:
    """How much of a tile is covered, and by each class."""
    box = shapely.box(tile.x, tile.y, tile.x + tile.width, tile.y + tile.height)
    found = {name: area.intersection(box).area / box.area for name, area in areas.items()}
    return found.pop(""), found


@pytest.mark.long
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn=st.lists(st.tuples(blobs, st.sampled_from(CLASSES)), min_size=1, max_size=25),
    tile_size=st.integers(20, 160),
    overlap=st.integers(0, 10),
    work=st.sampled_from([20, 500, 200_000]),
)
def test_as_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[list[list[float]], str]],
    tile_size: int,
    overlap: int,
    work: int,
) -> None:
    """Region and label of each tile are what plain set operations on all polygons say.

    However small the blocks are into which the search is cut.
    """
    shapes = [(shapely.Polygon(ring), name) for ring, name in drawn]
    asked = grid(tile_size, overlap)
    known = united(shapes)
    if known[""].intersection(shapely.box(0, 0, *SIZE)).area < 1e-3:
        return
    features = [feature([ring], name) for ring, name in drawn]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cover_module, "WORK", work)
        patch.setattr(cover_module, "BUILT", work)
        found = marks(tmp_path_factory.getbasetemp(), features, asked)
    assert found.inside is not None
    every = all_shares(found)
    for tile in asked.tiles():
        region, areas = shares(known, tile)
        here = as_far_as_counts(every.get((tile.col, tile.row), {}))
        assert here == pytest.approx(as_far_as_counts(areas), abs=1e-9)
        share, label, fraction = found.of(tile.col, tile.row)
        assert share == pytest.approx(region, abs=1e-9)
        assert fraction == pytest.approx(max(areas.values()), abs=1e-9)
        if label:
            assert areas[label] == pytest.approx(max(areas.values()), abs=1e-9)
        else:
            assert max(areas.values()) < 1e-9
        if abs(region) > 1e-9 or not region:
            assert found.inside[tile.col, tile.row] == (region > 0)


def test_a_thousand_polygons(tmp_path: Path) -> None:
    """The shares of a thousand polygons, many over each other, are those of their unions."""
    random = np.random.default_rng(3)
    drawn = [
        (
            blob(*random.uniform(0, SIZE), random.uniform(2, 20), int(random.integers(3, 15)), 0.3),
            CLASSES[int(random.integers(3))],
        )
        for _ in range(1000)
    ]
    shapes = [(shapely.Polygon(ring), name) for ring, name in drawn]
    found = marks(tmp_path, [feature([ring], name) for ring, name in drawn], grid())
    known = united(shapes)
    every = all_shares(found)
    for tile in grid().tiles():
        region, areas = shares(known, tile)
        assert as_far_as_counts(every[tile.col, tile.row]) == pytest.approx(
            as_far_as_counts(areas), abs=1e-9
        )
        share, label, fraction = found.of(tile.col, tile.row)
        assert share == pytest.approx(region, abs=1e-9)
        assert fraction == pytest.approx(areas[label], abs=1e-9)
        assert areas[label] == pytest.approx(max(areas.values()), abs=1e-9)


def test_as_counted_pixels(tmp_path: Path) -> None:
    """A polygon with a hole covers as many px of a tile as are counted, to a px along its rim."""
    outer, hole = blob(200, 150, 140, 9, 0.2), blob(190, 140, 60, 7, 0.1)
    found = marks(tmp_path, [feature([outer, hole], "A")], grid())
    counted = polygon2mask(SIZE, np.array(outer) - 0.5) & ~polygon2mask(SIZE, np.array(hole) - 0.5)
    assert counted.any()
    rim = 4 * 50  # px that the rim can touch in a tile
    for col, row, x, y, width, height, *_ in grid().tiles():
        share = float(counted[x : x + width, y : y + height].mean())
        assert abs((found.of(col, row)[0] or 0) - share) < rim / (width * height) / 4


def test_classes_as_counted_pixels(tmp_path: Path) -> None:
    """Classes over each other, one with a hole: each tile's shares are those of counted px."""
    rings = {"A": [blob(150, 150, 120, 8, 0.2), blob(150, 150, 50, 7, 0.1)],
             "B": [blob(230, 140, 130, 10, 0.5)]}  # fmt: skip
    drawn = [feature(part, name) for name, part in rings.items()]
    every = all_shares(marks(tmp_path, drawn, grid()))
    for name, (outer, *holes) in rings.items():
        counted = polygon2mask(SIZE, np.array(outer) - 0.5)
        for hole in holes:
            counted &= ~polygon2mask(SIZE, np.array(hole) - 0.5)
        for col, row, x, y, width, height, *_ in grid().tiles():
            share = float(counted[x : x + width, y : y + height].mean())
            assert abs(every.get((col, row), {}).get(name, 0) - share) < 1 / 50
    both = [shares for shares in every.values() if len(shares) == 2]
    assert any(sum(shares.values()) > 1.2 for shares in both)


def test_classes_that_cover_everything(tmp_path: Path) -> None:
    """Two classes over the whole slide and a small third: each has its line, to the last tile."""
    drawn = [
        feature(square(-10, -10, 900), "B"),
        feature(square(-20, -20, 900), "A"),
        feature(square(110, 60, 20), "C"),
        feature(square(300, 200, 60), "Ignore*"),
        feature(square(100, 50, 30), "A"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cover_module, "WORK", 30)
        found = marks(tmp_path, drawn, grid())
    every = all_shares(found)
    assert every[2, 1] == {"B": 1, "A": 1, "C": pytest.approx(400 / 2500)}
    assert every[6, 5] == {"B": pytest.approx(40 / 50), "A": pytest.approx(40 / 50)}
    assert (6, 4) not in every
    whole = [shares for at, shares in every.items() if at[0] < 6 and at != (2, 1)]
    assert len(whole) == 35
    assert all(shares == {"B": 1, "A": 1} for shares in whole)
    assert {found.of(*at)[1] for at in every} == {"B"}, "the first in the file"


def square(x: int, y: int, side: int) -> list[list[list[float]]]:
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]]


def test_labels(tmp_path: Path) -> None:
    """Overlaps within a class count once, the first class wins a tie, no class labels nothing."""
    features = [
        feature(square(0, 0, 25), "B"),  # a quarter of tile 0, 0
        feature(square(0, 0, 25), "B"),  # the same once more
        feature(square(25, 25, 25), "A"),  # another quarter: a tie
        feature(square(50, 0, 50), None),
        feature(square(100, 0, 50), "A"),
        feature(square(100, 0, 50), "B"),  # over it: both have it all
        feature(square(150, 0, 50), "A"),
        feature(square(150, 0, 40), "Ignore*"),
    ]
    found = marks(tmp_path, features, grid(), region="0,0,400,300")
    assert [found.of(col, 0)[1:] for col in range(5)] == [
        ("B", 0.25), ("", 0.0), ("B", 1.0), ("A", pytest.approx(0.36)), ("", 0.0),
    ]  # fmt: skip
    assert any("without a class" in warning for warning in found.warnings)


def test_shares_are_of_what_a_tile_has(tmp_path: Path) -> None:
    """A tile at the slide's rim is covered by 1, though half its square lies beyond the slide."""
    found = marks(tmp_path, [feature(square(300, 200, 200), "A")], grid(tile_size=160))
    assert found.of(2, 1) == (pytest.approx(80 * 100 / (80 * 140)), "A", pytest.approx(100 / 140))
    found = marks(tmp_path, [feature(square(0, 0, 1000), "A")], grid(tile_size=160))
    assert {found.of(col, row) for col in range(3) for row in range(2)} == {(1.0, "A", 1.0)}


@pytest.mark.long
def test_huge_polygon_among_many(tmp_path: Path) -> None:
    """A polygon of 20,000 points and 900 small ones are as exact as any."""
    turn = np.linspace(0, math.tau, 20_000)
    reach = 140 + 8 * np.sin(40 * turn)
    wide = np.stack([200 + reach * np.cos(turn), 150 + reach * np.sin(turn)], 1).round(3).tolist()
    wide[-1] = wide[0]
    small = [square(x * 13, y * 10, 6) for x in range(30) for y in range(30)]
    features = [feature([wide], "A"), *(feature(rings, "B") for rings in small)]
    found = marks(tmp_path, features, grid(tile_size=10))
    assert found.region is not None
    whole = shapely.union_all([shapely.Polygon(wide), *(shapely.Polygon(one[0]) for one in small)])
    area = whole.intersection(shapely.box(0, 0, *SIZE)).area
    assert found.region.sum() * 100 == pytest.approx(area)
