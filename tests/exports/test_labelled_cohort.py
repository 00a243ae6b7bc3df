"""A cohort with labels and a sheet, by the steps in which CLAM and TRIDENT take it up."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import openslide
import pandas as pd
import pytest
import shapely

import mrxs_tiles
from exporting import ALL
from in_process import Variant
from mrxs_tiles.config.config import read_config
from mrxs_tiles.report.report import report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile

AREAS = {"Tumor": (0, 0, 900, 5000), "Stroma": (700, 0, 5000, 5000)}
KINDS = {"a": "LUAD", "b": "LUSC"}


@pytest.fixture
def results(variant: Variant, tmp_path: Path) -> Path:
    """Two slides of 150 px tiles, two labels with at most 8 tiles each, exported."""
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(shapely.to_geojson(shapely.box(*box))),
            "properties": {"classification": {"name": name}},
        }
        for name, box in AREAS.items()
    ]
    drawn = tmp_path / "drawn.geojson"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    keys = {"tile_size": 150, "edge": "pad", "labels": str(drawn), "max_tiles_per_label": 8}
    settings = read_config(keys).settings
    folder = tmp_path / "results"
    for name in KINDS:
        path = variant("jpeg").path
        inspect(name, path, folder, settings)
        tile(name, path, folder, settings, 1)
        export(name, folder, ALL, {"kind": KINDS[name]})
    carried = {name: {"kind": kind} for name, kind in KINDS.items()}
    report(folder, Reported(carried=carried))
    return folder


@pytest.mark.long
def test_patches_with_their_labels(results: Path) -> None:
    """A patch of either reader, by its number, is the tile of that row of the tables."""
    run = mrxs_tiles.load(results)
    for name in KINDS:
        rows = run.tiles_of(name).query("kept").reset_index(drop=True)
        assert set(rows["label"]) == set(AREAS)
        assert rows["label"].value_counts().max() <= 8
        with h5py.File(results / name / "clam.h5") as file:
            coords, attrs = file["coords"][:], dict(file["coords"].attrs)
        assert coords.tolist() == rows[["x", "y"]].to_numpy().tolist()
        path = run.slides.set_index("slide").loc[name, "path"]
        with openslide.OpenSlide(path) as wsi:
            for place, (_, row) in zip(coords, rows.iterrows(), strict=True):
                side = (attrs["patch_size"],) * 2
                seen = np.asarray(wsi.read_region(tuple(place), attrs["patch_level"], side))
                ours = np.asarray(run.open(row))
                assert ours.shape == (*seen.shape[:2], 3)
                there = seen[..., 3] == 255
                difference = seen[..., :3].astype(int) - ours
                assert np.abs(difference[there]).mean() < 12  # it is a JPEG
        box = shapely.box(*coords.T, *(coords + attrs["patch_size_level0"]).T)
        for label, area in AREAS.items():
            mine = shapely.area(shapely.intersection(box, shapely.box(*area)))
            assert (mine[rows["label"] == label] > 0).all()


@pytest.mark.long
def test_bags_with_their_labels(results: Path) -> None:
    """CLAM's table of slides and its bags of vectors: h5 by slide_id, features beside coords."""
    run = mrxs_tiles.load(results)
    csv = results / "clam.csv"
    run.slides.rename(columns={"slide": "slide_id", "kind": "label"}).to_csv(csv, index=False)
    for name in KINDS:
        number = int(run.slides.set_index("slide").loc[name, "kept"])
        run.write_features(name, np.arange(number * 4.0).reshape(number, 4))
    dataset = pd.read_csv(csv)
    assert dict(zip(dataset["slide_id"], dataset["label"], strict=True)) == KINDS
    for slide_id in dataset["slide_id"]:
        with h5py.File(results / slide_id / "features.h5") as file:
            features, coords = file["features"][:], file["coords"][:]
            attrs = dict(file["coords"].attrs)
        assert features.shape == (len(coords), 4)
        with h5py.File(results / slide_id / "clam.h5") as file:
            assert file["coords"][:].tolist() == coords.tolist()
            assert file["coords"].attrs["patch_size_level0"] == attrs["patch_size_level0"]
    tiles = run.dataset().to_table(columns=["slide", "label", "kept", "sheet_kind"]).to_pandas()
    kinds = tiles.groupby("slide")["sheet_kind"].unique().map(list).to_dict()
    assert kinds == {name: [kind] for name, kind in KINDS.items()}
