"""Scales that are a little off, counted in another way, given by the user, or not at all."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mrxs_tiles
from in_process import cut, look
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.scales import differing_scales
from mrxs_tiles.report.summary import summary
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.survey import survey
from mrxs_tiles.steps.tile import tile
from running import SPEC, write
from write_mirax import MiraxSpec


def written(folder: Path, **keys: Any) -> Path:
    spec: MiraxSpec = replace(SPEC, **keys)
    return write(folder / "slide.mrxs", spec).path


def surveyed(path: Path, results: Path, **keys: Any) -> dict[str, Any]:
    (row,) = survey(find_slides(read_config({"slides": str(path), **keys})), results)
    return row


@pytest.mark.parametrize(
    ("mpp", "keys", "downsamples"),
    [
        ((0.2525, 0.2525), {"mpp": 0.25}, (1, 1)),
        ((0.2625, 0.2625), {"mpp": 0.25}, (1, 1)),  # at the limit
        ((0.2525, 0.2475), {"mpp": 0.25}, (1, 1)),
        ((0.2525, 0.125), {"mpp": 0.25}, (1, 2)),
        ((0.28, 0.28), {"mpp": 0.25, "mpp_tolerance": 0.12}, (1, 1)),
        ((0.2, 0.2), {"mpp": 0.25, "slide_mpp": 0.26}, (1, 1)),
        ((0.2425, 0.2425), {"mpp": 0.25}, (0.25 / 0.2425, 0.25 / 0.2425)),  # finer: resampled
    ],
)
def test_a_scale_a_little_off(
    tmp_path: Path, mpp: tuple[float, float], keys: dict[str, Any], downsamples: tuple[float, float]
) -> None:
    """A slide a little coarser than asked is cut at its own scale, and both say so."""
    path = written(tmp_path, mpp=mpp)
    record = look(path, tmp_path / "out", tile_size=200, **keys)
    assert record["status"] == "ok"
    assert record["grid"]["downsample"] == pytest.approx(math.sqrt(math.prod(downsamples)))
    said = [text for text in record["warnings"] if "mpp_tolerance" in text]
    assert len(said) == (1 if 1 in downsamples else 0)
    row = surveyed(path, tmp_path, tile_size=200, **keys)
    assert [text for text in row["warnings"] if "mpp" in text] == record["warnings"]
    if said:
        own = keys.get("slide_mpp", mpp[0])
        assert f"mpp 0.25 is finer than the slide's own px, {own} x" in said[0]
    if said and len(record["warnings"]) == 1:
        with pytest.warns(UserWarning, match="mpp_tolerance"):
            next(mrxs_tiles.tiles(path, tile_size=200, **keys))


@pytest.mark.parametrize("keys", [{"mpp": 0.25, "mpp_tolerance": 0}, {"mpp": 0.24}])
def test_more_than_a_little(tmp_path: Path, keys: dict[str, Any]) -> None:
    """Beyond the tolerance a slide fails; without one, at once."""
    path = written(tmp_path, mpp=(0.2525, 0.2525))
    for found in (look(path, tmp_path / "out", **keys), surveyed(path, tmp_path, **keys)):
        assert found["status"] == "failed"
        assert "is finer than this slide, whose px are 0.2525 x 0.2525 µm" in found["error"]


@pytest.mark.parametrize(
    ("mpp", "objective", "power", "meant"),
    [
        (0.2325, "20", 20, "0.5"),
        (0.2325, "20", 10, "1"),
        (0.465, "20", 20, None),
        (0.2325, "40", 20, None),
        (0.5, "40", 20, "0.5"),
    ],
)
def test_a_power_counted_otherwise(
    tmp_path: Path, mpp: float, objective: str, power: float, meant: str | None
) -> None:
    """Where 10 / mpp and the objective disagree, the power that was asked for is explained."""
    path = written(tmp_path, mpp=(mpp, mpp), objective=objective)
    warnings = look(path, tmp_path / "out", magnification=power, tile_size=200)["warnings"]
    assert surveyed(path, tmp_path, magnification=power)["warnings"] == warnings
    if meant is None:
        assert warnings == []
        return
    (warning,) = warnings
    assert warning.startswith(f"magnification {power} is counted from the objective, {objective}x")
    assert warning.endswith(f"set mpp to {meant} instead of magnification")
    assert look(path, tmp_path / "out", mpp=1)["warnings"] == []


@pytest.mark.long
def test_a_mirax_slide_without_the_key(tmp_path: Path) -> None:
    """OpenSlide refuses it; it is cut, with slide_mpp by µm too, and to the same pixels."""
    path = written(tmp_path / "without", mpp=(None, None))
    same = written(tmp_path / "with", mpp=(0.25, 0.25))
    for keys in ({"mpp": 0.5, "slide_mpp": 0.25}, {"downsample": 2}):
        for reader in ("auto", "openslide"):
            shared = {"tile_size": 150, "reader": reader}
            found = cut(path, tmp_path / "a", **shared, **keys)
            known = cut(same, tmp_path / "b", **shared, downsample=2)
            assert found.tiled["status"] == "ok"
            assert found.files == known.files
            assert found.inspected["quickhash"] is None
    assert any("scale is not known" in text for text in found.inspected["warnings"])
    row = surveyed(path, tmp_path, mpp=0.5, slide_mpp=0.25)
    assert (row["status"], row["mpp_x"]) == ("ok", 0.25)
    one = written(tmp_path / "one", mpp=(None, 0.25))
    assert look(one, tmp_path / "c")["mpp_x"] is None


def test_slide_mpp_in_a_sheet_and_the_config(tmp_path: Path) -> None:
    """The config's holds where a sheet's cell is empty."""
    path = written(tmp_path)
    sheet = tmp_path / "s.csv"
    sheet.write_text(f"path,slide,slide_mpp,mpp_tolerance\n{path},a,0.3,0\n{path},b,,\n")
    a, b = find_slides(read_config({"slides": str(sheet), "slide_mpp": 0.25}))
    assert (a.settings.slide_mpp, a.settings.mpp_tolerance) == (0.3, 0)
    assert (b.settings.slide_mpp, b.settings.mpp_tolerance) == (0.25, 0.05)
    said = look(path, tmp_path / "out", slide_mpp=0.3)["warnings"]
    assert said == ["the scale is slide_mpp, 0.3 µm per px; the slide itself says 0.2325 x 0.2325"]
    assert look(path, tmp_path / "out", slide_mpp=0.234)["warnings"] == []


def test_a_cohort_of_several_scales(tmp_path: Path) -> None:
    """The last lines of a run and its page name the slides of each scale."""
    results = tmp_path / "out"
    settings = read_config({"magnification": 20, "tile_size": 300}).settings
    for name, mpp in (("a", 0.2325), ("b", 0.465)):
        path = written(tmp_path / name, mpp=(mpp, mpp))
        inspect(name, path, results, settings)
        tile(name, path, results, settings, 1)
    report(results)
    rows = read_report(results)
    sentence = (
        "The tiles have different scales: 0.2325 µm per px (1 slide: a), 0.465 µm per px "
        "(1 slide: b)"
    )
    assert differing_scales(rows) == sentence
    assert sentence in summary(results, rows)
    assert sentence in (results / "report.html").read_text("utf-8")
    assert differing_scales(rows[:1]) == ""
    assert "not known (1 slide: b)" in differing_scales([rows[0], rows[1] | {"mpp_x": ""}])


@pytest.mark.parametrize(
    ("mpp", "keys", "told"),
    [
        ("0.0002325", {"mpp": 0.1}, "the slide says 0.0002325 µm per px, as no scanner has"),
        ("232.5", {}, "the slide says 232.5 µm per px, as no scanner has"),
        ("0.2325", {"slide_mpp": 250}, "slide_mpp is 250 µm per px, as no scanner has"),
        ("0.2325", {"mpp": 210}, "mpp 210 asks for px of 0.21 mm: it counts in µm, so if nm"),
        ("0.2325", {"mpp": 100}, None),
    ],
)
def test_another_unit(tmp_path: Path, mpp: str, keys: dict[str, Any], told: str | None) -> None:
    """A scale that no scanner has was meant in mm or nm: it is asked about."""
    record = look(written(tmp_path, mpp=(mpp, mpp)), tmp_path / "out", **keys)
    said = [text for text in record["warnings"] if "scanner" in text or "µm, so" in text]
    assert [text[: len(told or "")] for text in said] == ([told] if told else [])


@pytest.mark.parametrize(("mpp", "told"), [("0.25", 1), ("0,24", 1), ("0.5", 0), ("0.2", 0)])
def test_a_row_that_says_what_the_slides_px_are(tmp_path: Path, mpp: str, told: int) -> None:
    """Sheets of TRIDENT's form have the scanner's nominal scale, a little off the slide's own."""
    written(tmp_path, mpp=("0.2325", "0.2325"))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"path;mpp\nslide.mrxs;{mpp}\n")
    config = read_config({"slides": str(sheet), "mpp": 1, "mpp_tolerance": 0.2})
    (found,) = find_slides(config)
    record = inspect("a", found.path, tmp_path / "out", found.settings)
    assert len([text for text in record["warnings"] if "rename its column" in text]) == told
