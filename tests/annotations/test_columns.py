"""Region and labels from the file to the tables: once, in inspect, and tile only copies them."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
import shapely

from in_process import NAME, Variant, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile


def drawn(folder: Path) -> Path:
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(shapely.to_geojson(shapely.box(*box))),
            "properties": {"classification": {"name": name}},
        }
        for box, name in (((900, 900, 1300, 1200), "A\\b"), ((1100, 900, 1300, 1300), "Ignore*"))
    ]
    path = folder / "drawn.geojson"
    path.write_text(json.dumps(features))
    return path


def test_columns(variant: Variant, tmp_path: Path) -> None:
    """The tables hold each tile's shares and label, and the checksum of its file."""
    path = drawn(tmp_path)
    found = cut(variant("jpeg").path, tmp_path, tile_size=200, region=str(path), labels=str(path))
    shares = {(row["col"], row["row"]): row["region"] for row in found.rows}
    assert shares == {("4", "4"): "0.25", ("4", "5"): "0.5", ("5", "4"): "0.25", ("5", "5"): "0.5"}
    for row in found.rows:
        assert (row["label"], row["label_fraction"]) == ("A\\\\b", row["region"])
        picture = (found.folder / row["file"]).read_bytes()
        assert row["crc32"] == f"{zlib.crc32(picture):08x}"
    assert [
        {key: row[key] for key in one}
        for one, row in zip(found.coordinates, found.rows, strict=True)
    ] == (found.coordinates)
    assert found.inspected["grid"]["labels"]["bytes"] == path.stat().st_size


def test_tile_goes_by_the_tables(variant: Variant, tmp_path: Path) -> None:
    """The file may be gone when tiles are cut; another choice of classes is refused."""
    path, slide = drawn(tmp_path), variant("jpeg").path
    asked = read_config({"tile_size": 200, "region": str(path)}).settings
    other = read_config({"tile_size": 200, "region": str(path), "min_region": 0.3}).settings
    inspect(NAME, slide, tmp_path, asked)
    path.unlink()
    with pytest.raises(ResultsError, match="for another region"):
        tile(NAME, slide, tmp_path, other, 1)
    assert tile(NAME, slide, tmp_path, asked, 1)["counts"]["tiles"] == 4
