"""``qupath.geojson`` as the format's own library reads it."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import geojson
import pytest
from shapely.geometry import box, shape

from exporting import SCALES, exported
from in_process import Variant
from mrxs_tiles.pixels.reasons import TINTS
from mrxs_tiles.steps.export import export


@pytest.mark.parametrize("scale", list(SCALES))
def test_qupath(variant: Variant, tmp_path: Path, scale: str) -> None:
    """Each row is a valid rectangle, as large as the tile, at its place from the bounds."""
    found = exported(variant("small_area").path, tmp_path, min_tissue=0.3, **SCALES[scale])
    read = geojson.loads((found.folder / "qupath.geojson").read_text("utf-8"))
    assert isinstance(read, geojson.FeatureCollection)
    assert read.is_valid
    left, top, *_ = found.inspected["bounds"]
    assert left > 0 < top
    assert len(read["features"]) == len(found.rows) > 0
    for feature, row in zip(read["features"], found.rows, strict=True):
        x, y, width, height = (int(row[key]) for key in ("x", "y", "width", "height"))
        polygon = shape(feature["geometry"])
        assert polygon.is_valid
        assert polygon.area == width * height
        assert polygon.equals(box(x - left, y - top, x - left + width, y - top + height))
        about = feature["properties"]
        assert about["objectType"] == "tile"
        assert about["name"] == f"{row['col']}_{row['row']}"
        fate = row["reason"] or "kept"
        assert about["classification"] == {"name": fate, "color": list(TINTS[fate])}
        assert about["measurements"] == {"tissue": float(row["tissue"])}


def test_qupath_measurements(variant: Variant, tmp_path: Path) -> None:
    """Of focus and pen stands there what was measured."""
    path = variant("jpeg").path
    found = exported(path, tmp_path, min_tissue=0.2, min_focus=0.1, max_pen=0.9)
    read = json.loads((found.folder / "qupath.geojson").read_text("utf-8"))
    sets = {tuple(feature["properties"]["measurements"]) for feature in read["features"]}
    assert sets == {("tissue",), ("tissue", "focus", "pen")}


def test_qupath_ids(variant: Variant, tmp_path: Path) -> None:
    """Ids are UUIDs, no two the same within a slide or in two, and the same in every run."""
    found = exported(variant("jpeg").path, tmp_path)

    def ids(slide: str) -> list[str]:
        (tmp_path / slide).mkdir(exist_ok=True)
        for name in ("slide.json", "tiles.json", "tiles.tsv"):
            (tmp_path / slide / name).write_bytes((found.folder / name).read_bytes())
        export(slide, tmp_path, ["qupath"])
        read = json.loads((tmp_path / slide / "qupath.geojson").read_text("utf-8"))
        return [feature["id"] for feature in read["features"]]

    one, other = ids("one"), ids("other, ü")
    assert one == ids("one")
    assert all(UUID(text).version == 5 for text in one)
    assert len({*one, *other}) == 2 * len(found.rows)
