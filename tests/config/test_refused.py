"""What each wrong value of the configuration is told."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest

from mrxs_tiles.config.config import (
    read_config,
)
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.errors import ConfigError

KEYS = list(load_schema("config"))


def faults(raw: dict[Any, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_config(raw)
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (
            {"tile_size": 0},
            "tile_size is the number 0: write a whole number of px from 1 to 30000 "
            "(the default is 3000).",
        ),
        (
            {"tile_size": "512"},
            'tile_size is the text "512": write a whole number of px from 1 to 30000, without '
            "quotes (the default is 3000).",
        ),
        (
            {"overlap": 512.0},
            "overlap is the number 512.0: write a whole number of px from 0 to 30000 "
            "(the default is 0).",
        ),
        (
            {"quality": True},
            "quality is true: write a whole number from 1 to 100 (the default is 75).",
        ),
        (
            {"quality": 10**5000},
            "quality is a number of more than 30 digits: write a whole number from 1 to 100 "
            "(the default is 75).",
        ),
        (
            {"downsample": 0.5},
            "downsample is the number 0.5: write a number of level-0 px from 1 to 1073741824 "
            "(the default is 1).",
        ),
        (
            {"mpp": -0.5},
            "mpp is the number -0.5: write a number of µm above 0, to 1000, or null "
            "(the default is null).",
        ),
        (
            {"mpp": "0.5"},
            'mpp is the text "0.5": write a number of µm above 0, to 1000, or null, without '
            "quotes (the default is null).",
        ),
        (
            {"mpp": "0,5"},
            'mpp is the text "0,5": write a number of µm above 0, to 1000, or null, with a point, '
            "as in 0.5 (the default is null).",
        ),
        (
            {"mpp": math.nan},
            "mpp is the number nan: write a number of µm above 0, to 1000, or null "
            "(the default is null).",
        ),
        (
            {"magnification": 0},
            "magnification is the number 0: write a power above 0, to 1000, or null "
            "(the default is null).",
        ),
        (
            {"mpp": 0.5, "magnification": 20},
            "mpp 0.5 and magnification 20 are asked for, of which only one can be had: "
            "remove the others.",
        ),
        (
            {"mpp": 0.5, "downsample": 2.0},
            "downsample 2 and mpp 0.5 are asked for, of which only one can be had: "
            "remove the others.",
        ),
        (
            {"limit_bounds": "yes"},
            'limit_bounds is the text "yes": write true or false (the default is false).',
        ),
        (
            {"limit_bounds": 1},
            "limit_bounds is the number 1: write true or false (the default is false).",
        ),
        (
            {"format": "JPEG"},
            'format is the text "JPEG": write jpg, png, webp, tif, jxl or none '
            "(the default is jpg).",
        ),
        (
            {"subsampling": 411},
            "subsampling is the number 411: write 420, 422 or 444 (the default is 420).",
        ),
        (
            {"on_bad_slide": ["stop"]},
            "on_bad_slide is a list: write report, ignore or stop (the default is report).",
        ),
        (
            {"exports": ["clam", "jpg"]},
            'exports is a list of "clam", "jpg": write any of clam, qupath and parquet, each once, '
            "as in [clam, qupath] (the default is []).",
        ),
        (
            {"exports": "clam, clam"},
            'exports is a list of "clam", "clam": write any of clam, qupath and parquet, each '
            "once, as in [clam, qupath] (the default is []).",
        ),
        (
            {"exports": True},
            "exports is true: write any of clam, qupath and parquet, each once, as in "
            "[clam, qupath] (the default is []).",
        ),
        (
            {"background": "255,255,256"},
            'background is the text "255,255,256": write a colour\'s name (white), r,g,b from 0 '
            "to 255 (255,255,255), #rrggbb or null (the default is null).",
        ),
        (
            {"slides": None},
            "slides is empty: write the path of a folder, a slide, a glob or a sheet "
            "(the default is slides).",
        ),
        (
            {"slides": {"a": ""}},
            "slides is a mapping: write the path of a folder, a slide, a glob or a sheet "
            "(the default is slides).",
        ),
        (
            {"results": 1e5},
            "results is the number 100000.0: write the path of a folder, in UTF-8, without braces "
            'and control characters, as in results: "1e5" in config.yaml or --config '
            "results=./1e5 (the default is results).",
        ),
        (
            {"results": datetime.date(2024, 1, 31)},
            "results is a date: write the path of a folder, in UTF-8, without braces and control "
            'characters, as in results: "1e5" in config.yaml or --config results=./1e5 '
            "(the default is results).",
        ),
        (
            {"results": "a{b}\n"},
            'results is the text "a{b}\\n": write the path of a folder, in UTF-8, without braces '
            "and control characters (the default is results).",
        ),
        (
            {"tilesize": 512},
            '"tilesize" is not a key of the config: did you mean tile_size?',
        ),
        (
            {"Tile-Size": 512},
            '"Tile-Size" is not a key of the config: did you mean tile_size?',
        ),
        (
            {True: 512},
            f'"True" is not a key of the config: remove it; known are {", ".join(KEYS)}.',
        ),
        (
            {"overlap": 4000},
            "overlap is 4000 px and tile_size 3000 px, so the second tile would begin before the "
            "slide: write an overlap <= tile_size.",
        ),
        (
            {"tile_size": 30000, "overlap": 20000},
            "overlap is 20000 px and tile_size 30000 px, so a tile can have 70000 px a side, and "
            "a jpg at most 65500: write smaller ones, or format png.",
        ),
    ],
)
def test_refused(raw: dict[Any, Any], sentence: str) -> None:
    """A wrong value gets one sentence: which key, what was found, what to write."""
    assert faults(raw) == [sentence]


@pytest.mark.parametrize("value", ["", " \n", None, "a\0b", "\ud800", 5, False, [], float("nan")])
@pytest.mark.parametrize("key", ["slides", "results"])
def test_places_are_paths(key: str, value: object) -> None:
    """A place that no file system can hold, or that is no text, is refused."""
    assert [fault.split()[0] for fault in faults({key: value})] == [key]


def test_all_faults_at_once() -> None:
    """Every fault is told at the first go, unknown keys first, a line each."""
    with pytest.raises(ConfigError) as caught:
        read_config({"quality": 0, "shade": 0.5, "format": "gif", "overlap": 1})
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == ['"shade"', "format", "quality"]
    assert caught.value.faults == tuple(lines)


def test_conflicts_are_told_beside_other_faults() -> None:
    """A conflict between two right keys is told although a third thing is wrong."""
    lines = faults({"overlap": 4000, "on_bad_slide": "no"})
    assert [line.split()[0] for line in lines] == ["on_bad_slide", "overlap"]


@pytest.mark.parametrize("raw", [None, [], "slides"])
def test_config_that_is_no_mapping(raw: Any) -> None:
    """A config.yaml without keys gets a sentence."""
    (fault,) = faults(raw)
    assert fault.endswith(": write lines such as tile_size: 3000.")
