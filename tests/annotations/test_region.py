"""region: the tiles that share area with a rectangle or with polygons, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from openslide import OpenSlide

from in_process import NAME, Variant, cut
from mrxs_tiles.annotations.marks import marks_of
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.errors import ConfigError, SlideError
from mrxs_tiles.files.manifest import TILES, read_table
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Grid, Levels
from mrxs_tiles.settings import rectangle
from running import snakemake

SIZE = (1000, 700)
SQUARE = [[[120, 120], [480, 120], [480, 480], [120, 480], [120, 120]]]
HOLE = [[220, 220], [380, 220], [380, 380], [220, 380], [220, 220]]


def grid(tile_size: int = 100, overlap: int = 0) -> Grid:
    return make_grid(Levels((SIZE,), (1.0,)), tile_size, overlap, 1, None, 0)


def inside_of(asked: Grid, region: str, **keys: Any) -> npt.NDArray[np.bool_]:
    settings = read_config({"region": region, **keys}).settings
    inside = marks_of(settings, SIZE, None, asked).inside
    assert inside is not None
    return inside


def addresses(region: str, **keys: Any) -> set[tuple[int, int]]:
    inside = inside_of(grid(), region, **keys)
    return {(int(col), int(row)) for col, row in zip(*inside.nonzero(), strict=True)}


def feature(kind: str, coordinates: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": "7f2a",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"objectType": "annotation", "name": "tumour"},
    }


def written(folder: Path, content: object) -> str:
    path = folder / "roi.geojson"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("0,0,1,1", {(0, 0)}),
        ("100,0,100,100", {(1, 0)}),  # its edges alone touch the neighbours
        ("99.5,0,1,1", {(0, 0), (1, 0)}),
        (" 150 , 250 , 100 , 10 ", {(1, 2), (2, 2)}),
        ("-50,-50,60,60", {(0, 0)}),
        ("950,650,900,900", {(9, 6)}),
        ("0,0,1000,700", {(col, row) for col in range(10) for row in range(7)}),
    ],
)
def test_rectangle(region: str, expected: set[tuple[int, int]]) -> None:
    """A rectangle takes the tiles that share area with it, not those it only touches."""
    assert addresses(region) == expected


def test_hole(tmp_path: Path) -> None:
    """A tile that lies wholly in a polygon's hole is out; one at the hole's rim is in."""
    whole = {(col, row) for col in range(1, 5) for row in range(1, 5)}
    region = written(tmp_path, feature("Polygon", [*SQUARE, HOLE]))
    assert addresses(region) == whole
    wide = [[190, 190], [410, 190], [410, 410], [190, 410], [190, 190]]
    region = written(tmp_path, feature("Polygon", [*SQUARE, wide]))
    assert addresses(region) == whole - {(2, 2), (2, 3), (3, 2), (3, 3)}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: {"type": "FeatureCollection", "features": [one, feature("Point", [5, 5])]},
        lambda one: [one],  # as older versions of QuPath write it
        lambda one: one["geometry"],
        lambda one: {"type": "GeometryCollection", "geometries": [one["geometry"]]},
        lambda one: {**one, "bbox": [0, 0, 1, 1], "crs": None},
    ],
    ids=["collection", "list", "geometry", "geometries", "feature"],
)
def test_wrappings(tmp_path: Path, wrap: Any) -> None:
    """However GeoJSON wraps its polygons, and beside points, the same tiles come out."""
    multi = feature("MultiPolygon", [SQUARE, [[[810, 10], [890, 10], [890, 90], [810, 10]]]])
    whole = {(col, row) for col in range(1, 5) for row in range(1, 5)}
    assert addresses(written(tmp_path, wrap(multi))) == whole | {(8, 0)}


@pytest.mark.long
@settings(deadline=None)
@given(
    corners=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 699)), min_size=3, max_size=9),
    tile_size=st.integers(30, 400),
    overlap=st.integers(0, 20),
)
def test_as_an_intersection_says(
    tmp_path_factory: pytest.TempPathFactory,
    corners: list[tuple[int, int]],
    tile_size: int,
    overlap: int,
) -> None:
    """A tile is in exactly where its box and the polygon have an intersection with area."""
    hull = shapely.convex_hull(shapely.MultiPoint(corners))
    if not hull.area:
        return
    content = {"type": "Polygon", "coordinates": [list(hull.exterior.coords)]}
    region = written(tmp_path_factory.getbasetemp(), content)
    asked = grid(tile_size, overlap)
    inside = inside_of(asked, region)
    for col, row, x, y, width, height, *_ in asked.tiles():
        shared = shapely.intersection(hull, shapely.box(x, y, x + width, y + height)).area
        assert shared < 1e-6 if not inside[col, row] else shared > 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            '{"type": "Polygon",\n "coordinates": [[[0, 0',
            "The region 'roi.geojson' is no JSON: line 2 is odd. "
            "Export it again as GeoJSON with polygons.",
        ),
        (
            {"type": "Topology"},
            "The region 'roi.geojson' is TopoJSON, not GeoJSON. "
            "Export it again as GeoJSON with polygons.",
        ),
        (
            feature("Point", [1, 2]),
            "The region 'roi.geojson' holds no usable polygon (passed over, since without area: "
            "1 point). Export it again as GeoJSON with polygons.",
        ),
        (
            feature("Polygon", [[[2000, 0], [2100, 0], [2100, 100], [2000, 0]]]),
            "The region 'roi.geojson' (x 2000 to 2100, y 0 to 100 in level-0 px) shares no area "
            "with the grid of this slide of 1000 x 700 px. Check its numbers, and region_origin: "
            "slide or bounds.",
        ),
    ],
    ids=["broken", "other", "point", "outside"],
)
def test_faults_of_a_file(tmp_path: Path, content: object, sentence: str) -> None:
    """What is wrong with a region's file is one sentence that names it and says what to do."""
    with pytest.raises(SlideError) as caught:
        addresses(written(tmp_path, content))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "content",
    [
        *("[]", "{}", "null", "7", '"x"', '{"type": 3}', '{"type": "Feature"}', "[" * 5000),
        *('{"type": "Polygon"}', '{"type": "Polygon", "coordinates": [[["a", 1]]]}'),
        '{"type": "Polygon", "coordinates": [[[0, 0], [NaN, 1], [2, 2], [0, 0]]]}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}',
        '{"type": "Polygon", "coordinates": []}',
        '{"type": "FeatureCollection", "features": 5}',
    ],
)
def test_odd_files_are_sentences(tmp_path: Path, content: str) -> None:
    """Whatever a file holds, it is a SlideError that names it."""
    with pytest.raises(SlideError, match=r"roi\.geojson"):
        addresses(written(tmp_path, content))


@pytest.mark.parametrize(
    ("region", "sentence"),
    [
        (
            "5,5,0,9",
            'region is "5,5,0,9", whose width or height is not above 0: '
            "write x,y,width,height in level-0 px.",
        ),
        (
            "1,2,3",
            'region is "1,2,3", neither four numbers nor a file, looked for at "{here}/1,2,3": '
            "write x,y,width,height in level-0 px, the path of a GeoJSON file, or null.",
        ),
        (
            7,
            "region is the number 7: write x,y,width,height in level-0 px, the path of a GeoJSON "
            "file, or null (the default is null).",
        ),
    ],
)
def test_faults_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: object, sentence: str
) -> None:
    """A region that cannot be one is told before anything starts."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        read_config({"region": region})
    assert caught.value.faults == (sentence.format(here=tmp_path),)


def test_paths_start_at_their_sheet(tmp_path: Path) -> None:
    """In a sheet a region's file is looked for beside the sheet, and may differ per slide."""
    (tmp_path / "roi").mkdir()
    region = written(tmp_path / "roi", feature("Polygon", SQUARE))
    sheet = tmp_path / "slides.tsv"
    sheet.write_text("path\tregion\na.mrxs\troi/roi.geojson\nb.mrxs\t1,2,3,4\nc.mrxs\t\n")
    slides = find_slides(read_config({"slides": str(sheet), "results": str(tmp_path / "out")}))
    assert [slide.settings.region for slide in slides] == [region, "1,2,3,4", None]


@pytest.mark.slow
def test_tiles_are_those_of_the_whole_slide(variant: Variant, tmp_path: Path) -> None:
    """With a region the tiles keep their addresses and bytes; none else has a row or is counted."""
    path = variant("jpeg").path
    cut(path, tmp_path / "all", tile_size=300)
    whole = {file.name: file.read_bytes() for file in (tmp_path / "all/slide/tiles").iterdir()}
    cut(path, tmp_path / "part", tile_size=300, region="910,1210,580,280")
    part = {file.name: file.read_bytes() for file in (tmp_path / "part/slide/tiles").iterdir()}
    assert part == {name: whole[name] for name in ("3_4.jpg", "4_4.jpg")}
    rows = list(read_table(tmp_path / "part" / NAME / "tiles.tsv", TILES))
    assert [row[:2] for row in rows] == [["3", "4"], ["4", "4"]]
    counts = json.loads((tmp_path / "part" / NAME / "tiles.json").read_text())["counts"]
    assert (counts["tiles"], counts["kept"]) == (2, 2)


def test_empty_part_of_a_region_is_counted(variant: Variant, tmp_path: Path) -> None:
    """Tiles of the region that were never scanned are counted as unscanned."""
    cut(variant("small_area").path, tmp_path, tile_size=300, region="0,0,900,600")
    counts = json.loads((tmp_path / NAME / "tiles.json").read_text())["counts"]
    assert counts["tiles"] == 6
    assert counts["kept"] + counts["unscanned"] + counts["blank"] == 6
    assert counts["unscanned"]


def test_origin_at_the_bounds(variant: Variant, tmp_path: Path) -> None:
    """A region counted from the bounds, as QuPath does, is shifted by their corner."""
    path = variant("small_area").path
    with OpenSlide(path) as slide:
        x, y = (int(slide.properties[f"openslide.bounds-{axis}"]) for axis in "xy")
    assert x > 0 < y
    names = []
    for folder, region, origin in (
        ("slide", f"{x + 40},{y + 50},200,100", "slide"),
        ("bounds", "40,50,200,100", "bounds"),
    ):
        how = {"tile_size": 64, "drop_blank": False, "region": region, "region_origin": origin}
        cut(path, tmp_path / folder, **how)
        names.append({file.name for file in (tmp_path / folder / NAME / "tiles").iterdir()})
    assert names[0] == names[1]
    assert 6 <= len(names[0]) <= 15


@pytest.mark.slow
def test_changed_file_is_cut_again(variant: Variant, tmp_path: Path) -> None:
    """Snakemake inspects and cuts again when the region's file changes, and only then."""
    path = variant("jpeg").path
    square = shapely.box(1020, 1020, 1380, 1380)
    region = written(tmp_path, shapely.to_geojson(square))
    how = {"slides": path, "tile_size": 200, "region": region}
    assert snakemake(tmp_path, **how).code == 0
    tiles = tmp_path / "results" / "jpeg" / "tiles"
    before = {file.name for file in tiles.iterdir()}
    assert "Nothing to be done" in snakemake(tmp_path, **how).text
    written(tmp_path, shapely.to_geojson(shapely.box(1410, 1410, 1490, 1490)))
    assert snakemake(tmp_path, **how).code == 0
    assert before == {f"{col}_{row}.jpg" for col in (5, 6) for row in (5, 6)}
    assert {file.name for file in tiles.iterdir()} == {"7_7.jpg"}


@pytest.mark.slow
def test_bad_region_fails_its_slide_alone(variant: Variant, aperio: Path, tmp_path: Path) -> None:
    """A region outside one slide makes that one fail; the other is cut, the run ends non-zero."""
    sheet = tmp_path / "slides.tsv"
    header = "path\tslide\ttile_size\tregion\n"
    sheet.write_text(
        f"{header}{variant('jpeg').path}\tout\t500\t90000,90000,10,10\n{aperio}\tin\t500\t0,0,9,9\n"
    )
    ran = snakemake(tmp_path, slides=sheet)
    assert ran.code == 1
    assert "out (failed): The region '90000,90000,10,10' (x 90000 to 90010" in ran.text
    assert [file.name for file in (tmp_path / "results/in/tiles").iterdir()] == ["0_0.jpg"]


def test_rectangle_is_four_numbers() -> None:
    """Only four plain numbers are a rectangle; all else is a path."""
    assert rectangle("1,2.5,3,-4") == (1, 2.5, 3, -4)
    for text in ("1,2,3", "1,2,3,4,5", "a,b,c,d", "1e3,0,1,1", "1;2;3;4", ""):
        assert rectangle(text) is None
