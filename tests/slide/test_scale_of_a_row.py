"""The scale that a row of a sheet asks for, against the config's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from in_process import Variant, look
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.errors import ConfigError
from mrxs_tiles.steps.inspect import inspect


def written_sheet(folder: Path, text: str) -> Path:
    sheet = folder / "slides.csv"
    sheet.write_text(text)
    return sheet


def test_a_row_replaces_the_configs_scale(tmp_path: Path) -> None:
    """A scale in a sheet's row takes the place of the config's, of whatever kind that is."""
    sheet = written_sheet(
        tmp_path, "path,downsample,mpp\na.mrxs,,\nb.mrxs,1,\nc.mrxs,3,\nd.mrxs,,0.5\n"
    )
    keys = {"slides": str(sheet), "results": str(tmp_path / "out")}
    config = read_config({**keys, "magnification": 10})
    found = [slide.settings for slide in find_slides(config)]
    assert [(s.downsample, s.mpp, s.magnification) for s in found] == [
        (1, None, 10),
        (1, None, None),
        (3, None, None),
        (1, 0.5, None),
    ]


def test_two_scales_in_a_row(tmp_path: Path) -> None:
    """Two scales in one row are told with the row, and so is a scale that is none."""
    sheet = written_sheet(tmp_path, "path,mpp,downsample,slide_mpp\na,0.5,2,\nb,,,0\nc,-1,,\n")
    with pytest.raises(ConfigError) as caught:
        find_slides(read_config({"slides": str(sheet), "results": str(tmp_path)}))
    where = f'Sheet "{sheet}", row'
    assert caught.value.faults == (
        f"{where} 2: downsample 2 and mpp 0.5 are asked for, of which only one can be had: "
        "remove the others.",
        f"{where} 3, column slide_mpp is the number 0: write a number of µm above 0, to 1000, "
        "or null (the default is null).",
        f"{where} 4, column mpp is the number -1: write a number of µm above 0, to 1000, or "
        "null (the default is null).",
    )


@pytest.mark.long
def test_a_row_that_means_the_slides_own_scale(variant: Variant, tmp_path: Path) -> None:
    """A row's mpp that is the slide's own, against what the config asks for, names slide_mpp."""
    path = variant("jpeg").path
    own = look(path, tmp_path / "own")["mpp_x"]
    sheet = tmp_path / "slides.csv"

    def warned(of_row: float, **keys: Any) -> bool:
        sheet.write_text(f"path,mpp\n{path},{of_row:.6g}\n")
        config = read_config({"slides": str(sheet), "results": str(tmp_path / "out")} | keys)
        (slide,) = find_slides(config)
        found = inspect(slide.name, path, tmp_path / "out", slide.settings)
        return any("rename its column to slide_mpp" in text for text in found["warnings"])

    assert warned(own, mpp=2 * own)
    assert warned(own * 1.04, magnification=10)
    assert not warned(own), "the config asks for nothing else"
    assert not warned(own * 1.01, mpp=own)
    assert not warned(own * 2, mpp=own * 4)
