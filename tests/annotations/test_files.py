"""Annotation files as people have them: every format, every fault, each told as it is."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from mrxs_tiles.annotations import json_stream, packed
from mrxs_tiles.annotations.marks import marks_of
from mrxs_tiles.annotations.read import Annotations, read_annotations
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ConfigError, SlideError
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Levels

SIZE = (1000, 1000)
GRID = make_grid(Levels((SIZE,), (1.0,)), 100, 0, 1, None, 0)


def square(x: float, y: float, side: float = 60) -> list[list[list[float]]]:
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]]


def polygon(rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": rings}


def feature(geometry: Any, classification: Any = None) -> dict[str, Any]:
    properties = {"objectType": "annotation", "classification": classification}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


GOOD = [feature(polygon(square(10 + 90 * at, 10)), {"name": "Tumor"}) for at in range(5)]
BOW = [[[500, 500], [600, 600], [600, 500], [500, 600], [500, 500]]]


def read(folder: Path, content: object, name: str = "roi.geojson") -> Annotations:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_annotations(path, "region")


def warnings(found: Annotations) -> list[str]:
    said = found.remarks.sentences(found.called)
    return [one.removeprefix("The region 'roi.geojson': ") for one in said]


def area(found: Annotations) -> float:
    return float(shapely.area(found.polygons.shapes(np.arange(len(found.polygons)))).sum())


@pytest.mark.parametrize(
    ("bad", "more", "sentence"),
    [
        (polygon(BOW), 5000, "1 polygon was repaired: 6 (self-intersection at 550 550)"),
        (
            {"type": "MultiPolygon", "coordinates": [BOW, square(700, 700)]},
            8600,
            "1 polygon was repaired: 6 (self-intersection at 550 550)",
        ),
        (
            polygon([*square(500, 500, 100), square(500, 520, 50)[0]]),
            7500,
            "1 polygon was repaired: 6 (self-intersection at 500 570)",
        ),
        (
            polygon([*square(500, 500, 100), [[510, 510], [520, 520]]]),
            10000,
            "1 polygon was repaired: 6 (a ring of 2 points at 510 510)",
        ),
        (polygon([[[1, 1], [2, 2]]]), 0,
         "1 polygon was passed over: 6 (a ring of 2 points at 1 1)"),
        (
            polygon([[[1, 1], [2, 2], [3, 3], [1, 1]]]),
            0,
            "1 polygon was passed over: 6 (self-intersection at 2 2; it has no area at 1 1)",
        ),
        (polygon([]), 0, "1 polygon was passed over: 6 (it has no points)"),
        (polygon([[]]), 0, "1 polygon was passed over: 6 (it has no points)"),
        (polygon(None), 0, "1 polygon was passed over: 6 (it has no points)"),
        (polygon([[[1, 1], [float("nan"), 5], [9, 9], [1, 1]]]), 0,
         "1 polygon was passed over: 6 (a point that is nowhere, nan 5)"),
        (polygon([[[1, 1], [1e300, 5], [9, 9], [1, 1]]]), 0,
         "1 polygon was passed over: 6 (a point that is nowhere, 1e+300 5)"),
        (polygon([[["1", "1"], ["5", "1"], ["5", "5"], ["1", "1"]]]), 0,
         "1 polygon was passed over: 6 (a point that is not two numbers, in "
         "[['1', '1'], ['5', '1'], ['5', '5'], ['1', '1']])"),
        (polygon([[1, 2, 3, 4]]), 0,
         "1 polygon was passed over: 6 (a point that is not two numbers, in [1, 2, 3, 4])"),
        ({"type": "Circle", "radius": 5}, 0,
         "1 polygon was passed over: 6 (its geometry is of no known kind)"),
        (None, 0, "passed over, since without area: 1 feature without geometry"),
        ({"type": "Point", "coordinates": [1, 2]}, 0, "passed over, since without area: 1 point"),
        ({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, 0,
         "passed over, since without area: 1 line"),
        (polygon([square(500, 500)[0][:-1]]), 3600,
         "1 polygon did not end where it began and was closed: 6"),
        (polygon([[[*point, 0.0] for point in square(500, 500)[0]]]), 3600, None),
        ({"type": "GeometryCollection", "geometries": [polygon(square(500, 500))]}, 3600, None),
    ],
)  # fmt: skip
def test_one_bad_among_good(tmp_path: Path, bad: Any, more: float, sentence: str | None) -> None:
    """The good polygons are used whatever lies among them, and what it was is one warning."""
    found = read(tmp_path, {"type": "FeatureCollection", "features": [*GOOD, feature(bad)]})
    assert warnings(found) == ([] if sentence is None else [sentence])
    assert area(found) == pytest.approx(5 * 3600 + more)
    assert found.polygons.names == ("Tumor",)


def test_many_bad_ones_are_one_warning(tmp_path: Path) -> None:
    """A thousand crossed polygons are counted and the first of them named."""
    found = read(tmp_path, [*GOOD, *[feature(polygon(BOW))] * 1000, 7, "x", None])
    (sentence,) = warnings(found)
    assert sentence.startswith("1,000 polygons were repaired: 6 (self-intersection at 550 550), 7")
    assert " and 980 more; 3 polygons were passed over: 1006 (it is no feature)" in sentence
    assert len(sentence) < 1500


@pytest.mark.parametrize(
    ("classification", "name"),
    [
        ({"name": "Tumor", "color": [1, 2, 3]}, "Tumor"),
        ({"names": ["Tumor", "Positive"]}, "Tumor: Positive"),
        ({"name": "Tumor: Positive", "colorRGB": -1}, "Tumor: Positive"),
        ({"name": "Positive", "parentClass": {"name": "Tumor"}}, "Tumor: Positive"),
        ("Stroma, loose", "Stroma, loose"),
        ({"name": None}, None),
        ({"name": " Tumor "}, "Tumor"),
        (None, None),
        (7, None),
    ],
)
def test_classes(tmp_path: Path, classification: Any, name: str | None) -> None:
    """A class is read as each version of QuPath writes it; what lies below it is its own."""
    found = read(tmp_path, feature(polygon(square(0, 0)), classification))
    assert found.polygons.names == ((name,) if name else ())


ASAP = """<?xml version="1.0"?>
<ASAP_Annotations><Annotations>
<Annotation Name="a" Type="Polygon" PartOfGroup="Tumor" Color="#F4FA58"><Coordinates>
<Coordinate Order="1" X="100" Y="0"/><Coordinate Order="0" X="0" Y="0"/>
<Coordinate Order="2" X="100" Y="100"/><Coordinate Order="3" X="0" Y="100"/>
</Coordinates></Annotation>
<Annotation Name="b" Type="Dot" PartOfGroup="None" Color="#F4FA58"><Coordinates>
<Coordinate Order="0" X="5" Y="5"/></Coordinates></Annotation>
<Annotation Name="c" Type="Spline" PartOfGroup="None"><Coordinates>
<Coordinate Order="0" X="1,5" Y="5"/></Coordinates></Annotation>
</Annotations><AnnotationGroups><Group Name="Tumor" PartOfGroup="None"/></AnnotationGroups>
</ASAP_Annotations>"""


def vertices(*points: tuple[float, float]) -> str:
    return "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in points)


BOX, INNER = ((0, 0), (100, 0), (100, 100), (0, 100)), ((20, 20), (60, 20), (60, 60), (20, 60))
APERIO = f"""<Annotations MicronsPerPixel="0.25"><Annotation Id="1" Name="Tumor"><Regions>
<Region Id="1" Type="0" NegativeROA="0"><Vertices>{vertices(*BOX)}</Vertices></Region>
<Region Id="2" Type="0" NegativeROA="1"><Vertices>{vertices(*INNER)}</Vertices></Region>
<Region Id="3" Type="2" NegativeROA="0"><Vertices>{vertices((0, 0), (9, 9))}</Vertices></Region>
</Regions></Annotation></Annotations>"""


def test_asap(tmp_path: Path) -> None:
    """ASAP's polygons have their group's class, in the order of their numbers, closed."""
    found = read(tmp_path, ASAP, "a.xml")
    assert area(found) == 10_000
    assert found.polygons.names == ("Tumor",)
    text = " ".join(found.remarks.sentences(""))
    assert "passed over: 3 (a point that is not two numbers" in text
    assert "1 point" in text


def test_aperio(tmp_path: Path) -> None:
    """Aperio's layers are classes, a negative region is cut out of its layer, others are named."""
    found = read(tmp_path, APERIO, "a.xml")
    assert area(found) == 10_000 - 1600
    assert found.polygons.names == ("Tumor",)
    assert "3 (it is of the type '2', which is not read)" in " ".join(found.remarks.sentences(""))


def test_packed(tmp_path: Path) -> None:
    """A .gz, and the one GeoJSON in a .zip, are read whatever their names say."""
    text = json.dumps({"type": "FeatureCollection", "features": GOOD})
    whole = area(read(tmp_path, text))
    assert area(read(tmp_path, gzip.compress(text.encode()), "a.geojson.gz")) == whole
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/roi.geojson", text)
        archive.writestr("__MACOSX/inner/._roi.geojson", "x")
    assert area(read_annotations(tmp_path / "a.zip", "region")) == whole
    assert area(read(tmp_path, text.encode("utf-16"))) == whole
    lines = "\n".join(map(json.dumps, GOOD))
    assert area(read(tmp_path, lines, "a.geojsonl")) == whole


def bomb(folder: Path, *names: str) -> bytes:
    path = folder / "made.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b'{"a":"' + b"x" * 4_000_000)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><Annotations/>', "document type"),
        ("a.xml", "<annotations/>", "Hamamatsu"),
        ("a.xml", "<svg/>", "neither ASAP's nor Aperio"),
        ("a.xml", "<Annotations><Annotation>", "no sound XML: line 1"),
        ("a.gz", gzip.compress(b'{"type":', mtime=0)[:-9], "damaged archive"),
        ("a.zip", b"PK\x03\x04 and no more", "damaged archive"),
        ("a.qpdata", b"\xac\xed\x00\x05sr", "neither GeoJSON nor XML"),
        ("a.json", b"[\xff\xfe\xff]", "not text in UTF-8"),
        ("a.json", "", "is empty"),
        ("a.json", '[{"type": "Feature"}, {"type"', "no JSON: line 1"),
        ("a.json", '{"type":"FeatureCollection","features":[]', "no JSON"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: Any, sentence: str) -> None:
    """What is no annotation file is told by what it is."""
    with pytest.raises(SlideError, match=sentence):
        read(tmp_path, content, name)


def test_archives_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that unfolds without end is given up, and one of two files names them."""
    with pytest.raises(SlideError, match="no JSON"):
        read(tmp_path, bomb(tmp_path, "a.geojson"), "a.zip")
    monkeypatch.setattr(packed, "MOST_BYTES", 3_000_000)
    with pytest.raises(SlideError, match="holds more than"):
        read(tmp_path, bomb(tmp_path, "a.geojson"), "a.zip")
    monkeypatch.setattr(json_stream, "MOST_VALUE", 100_000)
    monkeypatch.setattr(packed, "MOST_BYTES", 30_000_000)
    with pytest.raises(SlideError, match="one value of more than"):
        read(tmp_path, bomb(tmp_path, "a.geojson"), "a.zip")
    with pytest.raises(SlideError, match=r"2 annotation files \(a.geojson, b.json"):
        read(tmp_path, bomb(tmp_path, "a.geojson", "b.json"), "a.zip")
    with pytest.raises(SlideError, match=r"holds no \.geojson"):
        read(tmp_path, bomb(tmp_path, "a.txt"), "a.zip")


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_values_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Wherever the text is cut while it is read, the same polygons come out."""
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    monkeypatch.setattr("mrxs_tiles.annotations.read.START", chunk)
    wrapped = {"crs": {"x": [1, {}]}, "features": GOOD, "type": "FeatureCollection", "n": -1.5e3}
    found = read(tmp_path, json.dumps(wrapped, indent=1).replace("Tumor", "Tümör \\\\ \\u00b5"))
    assert len(found.polygons) == 5
    assert found.polygons.names == ("Tümör \\ µ",)


def chosen(folder: Path, **keys: Any) -> tuple[set[tuple[int, int]], tuple[str, ...]]:
    features = [
        feature(polygon(square(0, 0, 300)), {"name": "Tumor"}),
        feature(polygon(square(100, 100, 100)), {"name": "Ignore*"}),
        feature(polygon(square(0, 0, 50)), {"name": "Necrosis"}),
        feature(polygon(square(500, 500, 150)), {"name": "Stroma: loose, a"}),
        feature(polygon(square(800, 800, 100))),
    ]
    path = folder / "classes.geojson"
    path.write_text(json.dumps(features))
    found = marks_of(read_config({"region": str(path), **keys}).settings, SIZE, None, GRID)
    assert found.inside is not None
    tiles = {(int(col), int(row)) for col, row in zip(*found.inside.nonzero(), strict=True)}
    return tiles, found.warnings


TUMOR = {(col, row) for col in range(3) for row in range(3)} - {(1, 1)}


def test_chosen_classes(tmp_path: Path) -> None:
    """Only the classes asked for count; what is ignored, or ends in *, is cut out."""
    stroma = {(col, row) for col in (5, 6) for row in (5, 6)}
    assert chosen(tmp_path) == (TUMOR | stroma | {(8, 8)}, ())
    assert chosen(tmp_path, region_classes=["Tumor"])[0] == TUMOR
    assert chosen(tmp_path, region_classes="Tumor; Stroma: loose, a")[0] == TUMOR | stroma
    assert chosen(tmp_path, region_classes=["Tumor"], ignore_classes=["Necrosis"])[0] == TUMOR
    keys = {"region_classes": ["Tumor"], "ignore_classes": ["Necrosis"]}
    assert chosen(tmp_path, **keys, min_region=0.75)[0] == TUMOR
    assert chosen(tmp_path, **keys, min_region=0.76)[0] == TUMOR - {(0, 0)}
    assert chosen(tmp_path, region_classes=["Stroma: loose, a"], min_region=0.5)[0] == {
        (5, 5), (5, 6), (6, 5),
    }  # fmt: skip


def test_classes_that_are_not_there(tmp_path: Path) -> None:
    """A class that no polygon has is refused with those that are there, or asked about."""
    with pytest.raises(SlideError, match=r'names "tumor".*its classes are "Tumor", "Ignore\*"'):
        chosen(tmp_path, region_classes=["tumor"])
    _, said = chosen(tmp_path, ignore_classes=["necrosis", "Necrosis,Fold", "Necrosis"])
    there = (
        "of which the region 'classes.geojson' has no polygon (its classes are "
        '"Tumor", "Ignore*", "Necrosis", "Stroma: loose, a")'
    )
    assert said == (
        f'ignore_classes names "necrosis", {there}. Did you mean "Necrosis"?',
        f'ignore_classes names "Necrosis,Fold", {there}. Write "; " between classes, in quotation '
        "marks.",
    )
    with pytest.raises(SlideError, match="Set a smaller min_region"):
        chosen(tmp_path, region_classes=["Necrosis"], min_region=1)
    for keys in (
        {"region_classes": ["Ignore*"]},
        {"region_classes": ["A"], "ignore_classes": ["A"]},
    ):
        with pytest.raises(ConfigError, match="which is ignored"):
            read_config(keys)


def test_keys_without_a_region_are_warned_of() -> None:
    """Keys that choose among polygons say that they do nothing where there are none."""
    keys = {"region_classes": ["A"], "min_region": 0.5}
    found = marks_of(read_config(keys).settings, SIZE, None, GRID)
    assert found.warnings == ("region_classes and min_region do nothing here: there is no region",)
