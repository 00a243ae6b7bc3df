"""The slides of a run, as its jobs on other machines read them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mrxs_tiles.config.config import Config, read_config
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.config.slides_of_job import names_asked, read_slides, slides_file, write_slides

NAMES = ("A", "sub dir/it's B 1", "ü", 'q"uote')


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A sheet of slides, of which each row has another setting."""
    monkeypatch.chdir(tmp_path)
    rows = [
        f"{number}.mrxs\t{name}\t{name} patient\t{size}\t{colour}\tTumor: a, b; Stroma\n"
        for number, (name, size, colour) in enumerate(
            zip(NAMES, ("", "512", "256", "64"), ("", "255,255,255", "white", ""), strict=True)
        )
    ]
    header = "path\tslide\tpatient\ttile_size\tbackground\tregion_classes\n"
    Path("sheet.tsv").write_text(header + "".join(rows), "utf-8")
    values = {key: rules["default"] for key, rules in load_schema("config").items()}
    return read_config(values | {"slides": "sheet.tsv", "carry": ["patient"]})


def test_each_slide_comes_back_as_it_was(config: Config) -> None:
    """Settings, what is carried and the path are equal, to the type: tuples stay tuples."""
    found = find_slides(config)
    file = slides_file(config)
    write_slides(file, found)
    assert read_slides(file, set(NAMES)) == list(found)
    for slide in found:
        assert read_slides(file, {slide.name}) == [slide]


def test_what_is_not_there_is_found_anew(config: Config) -> None:
    """No file, one without the slide, or one that another version wrote: None."""
    file = slides_file(config)
    assert read_slides(file, {"A"}) is None
    write_slides(file, find_slides(config)[1:])
    assert read_slides(file, {"A", "ü"}) is None
    assert read_slides(file, set()) is None
    for content in ('["A", "/a.mrxs", {"unknown": 1}, "", []]\n', '["A", \n', '["A", 1]\n'):
        file.write_text(content)
        assert read_slides(file, {"A"}) is None


def test_another_config_or_sheet_has_another_file(config: Config) -> None:
    """A job never takes the slides of another run, nor what the sheet said before."""
    file = slides_file(config)
    assert slides_file(replace(config, results=Path("/elsewhere"))) != file
    assert slides_file(config) == file
    os.utime("sheet.tsv", (0, 0))
    assert slides_file(config) != file


def test_names_asked() -> None:
    """Of Snakemake's command the targets of a job count, once each."""
    words = ["snakemake", "--target-jobs", "inspect:slide=sub/$(touch y) `z` ü"]
    words += ["tile:slide=sub/$(touch y) `z` ü", "tile:slide=a=b", "--config", "slides=x"]
    assert names_asked(words) == {"sub/$(touch y) `z` ü", "a=b"}
