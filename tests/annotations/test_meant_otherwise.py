"""Annotations that are read otherwise than they may be meant: it is asked about."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from mrxs_tiles.annotations.marks import marks_of
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Levels

SIZE = (20_000, 20_000)
GRID = make_grid(Levels((SIZE,), (1.0,)), 1000, 0, 1, None, 0)
BOUNDS = (4000, 5000, 2000, 3000)


def square(x: float, y: float, side: float, **properties: Any) -> dict[str, Any]:
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def warnings(region: str, **keys: Any) -> tuple[str, ...]:
    settings = read_config({"region": region, **keys}).settings
    return marks_of(settings, SIZE, BOUNDS, GRID).warnings


def written(folder: Path, *features: dict[str, Any]) -> str:
    path = folder / "roi.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(path)


def test_another_corner(tmp_path: Path) -> None:
    """A region beside the scanned area that would lie in it by the other origin is asked about."""
    roi = written(tmp_path, square(100, 200, 1500))
    assert warnings(roi) == (
        'The region "roi.geojson" (x 100 to 1600, y 200 to 1700) reaches beyond the scanned area '
        "(x 4000 to 6000, y 5000 to 8000), and would lie in it if it counted from the corner of "
        "the scanned area, as QuPath does: is region_origin bounds meant?",
    )
    assert not warnings(roi, region_origin="bounds")
    (said,) = warnings("4100,5200,1500,1500", region_origin="bounds")
    assert said.endswith("from the corner of the slide: is region_origin slide meant?")
    assert not warnings("4100,5200,1500,1500")
    assert not warnings("0,0,9000,9000")  # by neither


def test_fractions_of_the_slide(tmp_path: Path) -> None:
    """Numbers from 0 to 1 are no px."""
    (said,) = warnings(written(tmp_path, square(0.1, 0.2, 0.5)))
    assert "is smaller than 2 px (x 0.1 to 0.6, y 0.2 to 0.7): are its numbers level-0 px" in said


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"class": "Ignore*"}, '1 (class "Ignore*")'),
        ({"label": "Tumor", "classification": None}, '1 (label "Tumor")'),
        ({"path_class": "Stroma"}, '1 (path_class "Stroma")'),
        ({"name": "Ignore*"}, '1 (name "Ignore*")'),
        ({"name": "core A-1", "class": 7}, None),
        ({"class": "B", "classification": {"name": "A"}}, None),
    ],
)
def test_classes_elsewhere(tmp_path: Path, properties: Any, told: str | None) -> None:
    """A class where none is looked for is named: the polygon may have been meant to be left out."""
    said = warnings(written(tmp_path, square(4100, 5100, 900, **properties)))
    assert (len(said), told is None) in ((0, True), (1, False))
    assert told is None or told in said[0]


def test_class_in_the_other_form(tmp_path: Path) -> None:
    """A class whose accents a Mac has written otherwise than the config, and a blank behind it."""
    name = unicodedata.normalize("NFD", "Tümor")
    roi = written(tmp_path, square(4100, 5100, 900, classification={"name": name}))
    settings = read_config({"region": roi, "region_classes": ["Tümor "]}).settings
    inside = marks_of(settings, SIZE, BOUNDS, GRID).inside
    assert inside is not None
    assert inside.sum() == 1


def classed(name: str, x: float = 4100) -> dict[str, Any]:
    return square(x, 5100, 900, classification={"name": name})


def test_a_class_spelled_in_two_ways(tmp_path: Path) -> None:
    """Two labels that differ in case or blanks are asked about, and others are not."""
    settings = {"labels": written(tmp_path, classed("Tumor"), classed("tumor"), classed("Stroma"))}
    said = marks_of(read_config(settings).settings, SIZE, BOUNDS, GRID).warnings
    assert said == (
        'The file of labels \'roi.geojson\': the classes "Tumor" and "tumor" differ only in '
        "spelling (case, blanks, dashes, Unicode form, 7 and 7.0), and label tiles as different "
        "classes: is one meant? Then give them one name there.",
    )
    written(tmp_path, classed("Tumor  A"), classed("Tumor A"))
    assert len(marks_of(read_config(settings).settings, SIZE, BOUNDS, GRID).warnings) == 1
    written(tmp_path, classed("Tumor"), classed("Tumors"), classed("tumor*"))
    assert not marks_of(read_config(settings).settings, SIZE, BOUNDS, GRID).warnings


@pytest.mark.parametrize("key", ["region_classes", "ignore_classes"])
def test_a_key_names_one_spelling(tmp_path: Path, key: str) -> None:
    """A class that a key names in another spelling alone is asked about."""
    roi = written(tmp_path, classed("Tumor"), classed("tumor", 6000), classed("Other", 8000))
    (said,) = warnings(roi, **{key: ["Tumor"]})
    assert said == (
        f"{key} does not name \"tumor\", of which the region 'roi.geojson' has polygons, too, "
        f'beside "Tumor": are they meant as well? Then name them in {key}, or give them one name '
        "there."
    )
    assert not warnings(roi, **{key: ["Tumor", "tumor"]})


def test_classes_between_commas(tmp_path: Path) -> None:
    """Two classes joined by a comma are told how to be joined: a class may hold one."""
    roi = written(tmp_path, classed("Tumor"), classed("Stroma", 6000))
    told = 'Write "; " between classes, in quotation marks.'
    with pytest.raises(SlideError, match=f"Write classes that are there. {told}$"):
        warnings(roi, region_classes=["Tumor, Stroma"])
    (said,) = warnings(roi, ignore_classes=["Stroma,Necrosis"])
    assert said.endswith(f'(its classes are "Tumor", "Stroma"). {told}')
    with pytest.raises(SlideError, match=r"Write classes that are there\.$"):
        warnings(roi, region_classes=["Skin, Fat"])


def test_drawn_on_another_slide(tmp_path: Path) -> None:
    """Drawings that reach beyond the slide are asked about, with the classes wholly outside."""
    roi = written(tmp_path, classed("Tumor"), classed("Stroma", 30_000))
    for found in (
        warnings(roi),
        marks_of(read_config({"labels": roi}).settings, SIZE, BOUNDS, GRID).warnings,
    ):
        (said,) = found
        assert said.endswith(
            "roi.geojson' (x 4100 to 30900, y 5100 to 6000) reaches beyond this slide of 20000 x "
            '20000 px, and nothing of "Stroma" lies on it: was it drawn on this slide, and are its '
            "numbers level-0 px?"
        )
    (said,) = warnings(written(tmp_path, square(4000, 4000, 17_000)))
    assert "reaches beyond this slide of 20000 x 20000 px: was it drawn" in said
    assert not warnings(written(tmp_path, square(4000, 4000, 16_100)))  # a little over the edge
