"""`load(...).labels`: every class of every tile, from what `inspect` has written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from in_process import table
from mrxs_tiles import load
from mrxs_tiles.config.config import read_config
from mrxs_tiles.report.report import report
from mrxs_tiles.steps import inspect as inspect_step
from mrxs_tiles.steps.tile import tile
from running import TINY, write
from write_mirax import WrittenSlide

CLASSES = ("Tumor", "tab\there", "Stroma")


def drawn(path: Path, slide: WrittenSlide) -> Path:
    """Three classes: two over each other, one for itself."""
    width, height = slide.width, slide.height
    boxes = [(0, 0, width / 2, height), (width / 4, 0, width, height / 2), (0, 0, 90, 90)]
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[x, y], [x, b], [r, b], [r, y], [x, y]]],
            },
            "properties": {"classification": {"name": name}},
        }
        for name, (x, y, r, b) in zip(CLASSES, boxes, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def cut_as(name: str, slide: WrittenSlide, results: Path, **keys: str) -> None:
    settings = read_config({"tile_size": 64} | keys).settings
    inspect_step.inspect(name, slide.path, results, settings)
    tile(name, slide.path, results, settings, 1)


@pytest.fixture
def slide(tmp_path: Path) -> WrittenSlide:
    return write(tmp_path / "a.mrxs", TINY)


def test_labels_of_a_cohort(slide: WrittenSlide, tmp_path: Path) -> None:
    """A line for each class of a tile; the largest is the tile's label; others have none."""
    labels, results = drawn(tmp_path / "a.geojson", slide), tmp_path / "results"
    cut_as("001", slide, results, labels=str(labels))
    cut_as("b", slide, results, labels=str(labels))
    cut_as("none", slide, results)
    report(results)
    run = load(results)
    found = run.labels
    assert list(found) == ["slide", "col", "row", "class", "fraction"]
    assert set(found["slide"]) == {"001", "b"}
    assert found["col"].dtype == np.int64
    assert found["fraction"].dtype == np.float64
    assert set(found["class"]) == set(CLASSES)
    assert found["fraction"].between(0, 1, inclusive="right").all()
    key = ["slide", "col", "row"]
    assert found.groupby(key).size().max() == 3
    tiles = run.tiles.merge(found, on=key)
    best = tiles.loc[tiles.groupby(key)["fraction"].idxmax()]
    assert (best["class"] == best["label"]).all()
    assert (best["fraction"] == best["label_fraction"]).all()
    assert len(best) == run.tiles["label"].notna().sum()
    wide = found.pivot(index=key, columns="class", values="fraction").fillna(0.0)
    assert wide.shape == (len(best), 3)
    assert set(run.labels_of("b")["slide"]) == {"b"}
    assert run.labels_of("none").empty
    assert list(run.labels_of("none")) == list(found)
    (results / "b/labels.tsv").rename(tmp_path / "away.tsv")
    with pytest.warns(UserWarning, match="b: labels.tsv is not there, so its rows are left out"):
        assert load(results).labels_of("b").empty
    (tmp_path / "away.tsv").rename(results / "b/labels.tsv")
    with pytest.raises(ValueError, match="no slide of these results"):
        run.labels_of("c")


def test_they_come_and_go_with_the_key(slide: WrittenSlide, tmp_path: Path) -> None:
    """Without labels, or of a slide that fails, there is no table; kept results keep theirs."""
    labels, results = drawn(tmp_path / "a.geojson", slide), tmp_path / "results"
    file = results / "a" / "labels.tsv"
    cut_as("a", slide, results, labels=str(labels))
    before = file.read_bytes()
    assert table(file)[0].keys() == {"col", "row", "class", "fraction"}
    cut_as("a", slide, results)
    assert not file.exists()
    cut_as("a", slide, results, labels=str(labels))
    assert file.read_bytes() == before
    ini = slide.path.with_suffix("") / "Slidedat.ini"
    ini.rename(tmp_path / "away")
    cut_as("a", slide, results, labels=str(labels))
    assert file.read_bytes() == before
    (results / "a" / "tiles.json").unlink()
    cut_as("a", slide, results, labels=str(labels))
    assert not file.exists()


def test_a_class_that_two_slides_spell_otherwise(slide: WrittenSlide, tmp_path: Path) -> None:
    """Who spells a label as few slides do is asked, with both spellings and the others' slides."""
    labels, results = drawn(tmp_path / "a.geojson", slide), tmp_path / "results"
    other = tmp_path / "other.geojson"
    other.write_text(labels.read_text().replace("Tumor", "tumor").replace("Stroma", "Fat"))
    for name, drawing in {"a": labels, "b": other, "c": labels}.items():
        cut_as(name, slide, results, labels=str(drawing), format="none")
    cut_as("none", slide, results, format="none")
    report(results)
    said = load(results).slides.set_index("slide")["warnings"]
    asked = [name for name, text in said.items() if "is one class meant?" in text]
    assert asked == ["b"]
    assert 'the label "tumor" differs from "Tumor" of a, c only in spelling' in said["b"]
    other.write_text(labels.read_text())
    cut_as("b", slide, results, labels=str(other), format="none")
    report(results)
    assert "one class" not in (results / "report.tsv").read_text("utf-8")
