"""One number has one colour on all slides of a command, and the highest is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from in_process import NAME, Variant, table
from mrxs_tiles.__main__ import main
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ConfigError
from mrxs_tiles.names import slide_id
from mrxs_tiles.report.report import report
from mrxs_tiles.report.verify import verify
from mrxs_tiles.steps.heatmap import heatmap
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.viewer.heat import COLOURS, STRENGTH

SLIDES = (NAME, "a/b c", "low")


@pytest.fixture
def results(variant: Variant, tmp_path: Path) -> Path:
    """Three slides, cut alike."""
    made = tmp_path / "results"
    settings = read_config({"tile_size": 200, "min_tissue": 0.3}).settings
    for name in SLIDES:
        inspect(name, variant("jpeg_plain").path, made, settings)
        tile(name, variant("jpeg_plain").path, made, settings, 2)
    return made


def scored(results: Path) -> pd.DataFrame:
    """The last slide's numbers are a tenth; a dropped tile of the first has the highest of all."""
    frames = []
    for slide in SLIDES:
        frame = pd.DataFrame(table(results / slide / "tiles.tsv"))
        frame["slide"] = slide
        frame["score"] = np.random.default_rng(len(slide)).random(len(frame)).round(6)
        frames.append(frame)
    frames[2]["score"] /= 10
    dropped = frames[0].index[frames[0]["kept"] == "0"][0]
    frames[0].loc[dropped, "score"] = 2.5
    return pd.concat(frames, ignore_index=True)


def write(frame: pd.DataFrame, path: Path) -> Path:
    frame[["slide", "col", "row", "score"]].to_csv(path, index=False)
    return path


def layer_of(folder: Path, name: str = "score") -> dict[str, Any]:
    """What the viewer is told of a score beyond its numbers."""
    text = (folder / f"heatmap-{name}.js").read_text("utf-8")
    about: dict[str, Any] = json.JSONDecoder().raw_decode(text, text.index("{"))[0]
    return about


@pytest.mark.long
def test_one_scale_for_all_slides(results: Path, tmp_path: Path) -> None:
    """Picture, layer and record of each slide have the table's own lowest and highest as ends."""
    frame = scored(results)
    said = heatmap(write(frame, tmp_path / "s.csv"), results)
    ends = [frame["score"].min(), frame["score"].max()]
    kept = frame[frame["kept"] == "1"]
    best = kept.loc[kept["score"].idxmax()]
    assert said[-1].startswith("score: the same colours on all 3 slides, ")
    assert said[-1].endswith(f"{best['col']}_{best['row']} of {best['slide']}")
    for slide in SLIDES:
        folder, own = results / slide, frame[frame["slide"] == slide]
        told = json.loads((folder / "heatmap.json").read_text("utf-8"))["scores"]["score"]
        about = layer_of(folder)
        assert told["scale"] == about["scale"] == pytest.approx(ends)
        assert told["slides"] == about["slides"] == 3
        assert [told["lowest"], told["highest"]] == [own["score"].min(), own["score"].max()]
        assert [about["min"], about["max"]] == [told["lowest"], told["highest"]]
        own_best = own[own["kept"] == "1"].sort_values("score").iloc[-1]
        address = f"{own_best['col']}_{own_best['row']}"
        assert told["highest_kept"] == [address, own_best["score"]]
        address = f"{best['col']}_{best['row']}"
        assert about["peak"] == [slide_id(best["slide"]), best["slide"], address, best["score"]]
        check_colours(folder, own, ends)
    report(results)
    assert verify(results).is_whole


def check_colours(folder: Path, own: pd.DataFrame, ends: list[float]) -> None:
    """The middle of each tile over the thumbnail has the colour of its share of the ends."""
    inspected = json.loads((folder / "slide.json").read_text("utf-8"))
    plain = np.asarray(Image.open(folder / "thumbnail.jpg").convert("RGB")).astype(float)
    shown = np.asarray(Image.open(folder / "heatmap-score.png").convert("RGB"))
    steps = np.linspace(*ends, len(COLOURS))
    for row in own.itertuples():
        x = int((int(row.x) + int(row.width) / 2) * plain.shape[1] / inspected["width"])
        y = int((int(row.y) + int(row.height) / 2) * plain.shape[0] / inspected["height"])
        colour = [np.interp(row.score, steps, band) for band in zip(*COLOURS, strict=True)]
        wanted = np.array(colour) * STRENGTH + plain[y, x] * (1 - STRENGTH)
        np.testing.assert_allclose(shown[y, x], wanted, atol=1.6)


@pytest.mark.long
def test_tables_of_a_slide_each(results: Path, tmp_path: Path) -> None:
    """CLAM's files, one a slide, named together have one scale; named alone, each its own."""
    frame = scored(results)
    paths = []
    for slide in (NAME, "low"):
        own = frame[frame["slide"] == slide]
        paths.append(str(tmp_path / f"{slide}_blockmap.h5"))
        with h5py.File(paths[-1], "w") as file:
            file["attention_scores"] = own["score"].to_numpy()
            file["coords"] = own[["x", "y"]].astype(int).to_numpy()
    assert main(["heatmap", *paths, "--results", str(results)]) == 0
    both = frame[frame["slide"].isin([NAME, "low"])]["score"]
    for slide in (NAME, "low"):
        assert layer_of(results / slide, "attention")["scale"] == [both.min(), both.max()]
    assert main(["heatmap", paths[1], "--results", str(results)]) == 0
    own = frame[frame["slide"] == "low"]["score"]
    alone = layer_of(results / "low", "attention")
    assert (alone["scale"], alone["slides"]) == ([own.min(), own.max()], 1)


@pytest.mark.long
def test_scores_of_two_tables(results: Path, tmp_path: Path) -> None:
    """Other scores of one slide are joined; the same one twice is refused, nothing written."""
    frame = scored(results)
    one = write(frame, tmp_path / "one.csv")
    exported = results / "low" / "qupath.geojson"
    exported.write_text("that of the export")
    with pytest.raises(ConfigError, match=r"two\.csv holds score of slide, and so does a table"):
        heatmap([one, write(frame[frame["slide"] == NAME], tmp_path / "two.csv")], results)
    assert not list(results.rglob("heatmap*"))
    other = frame.rename(columns={"score": "other"})[["slide", "col", "row", "other"]]
    other.to_csv(tmp_path / "two.csv", index=False)
    said = heatmap([one, tmp_path / "two.csv"], results)
    assert layer_of(results / "low", "other")["slides"] == 3
    assert any(line.startswith("other: the same colours") for line in said)
    scores = json.loads((results / "low" / "heatmap.json").read_text("utf-8"))["scores"]
    assert sorted(scores) == ["other", "score"]
    assert exported.read_text() == "that of the export"
