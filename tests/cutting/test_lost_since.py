"""A slide is damaged now only if something is gone that was there when it was cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import in_process
import running
from in_process import NAME
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import SlideError
from mrxs_tiles.inspecting import inspection
from mrxs_tiles.mirax import stamp
from mrxs_tiles.names import Slide
from mrxs_tiles.steps.away import away
from running import TINY
from write_mirax import WrittenSlide


@pytest.fixture
def slide(tmp_path: Path) -> WrittenSlide:
    return running.write(tmp_path / "A.mrxs", TINY)


def away_now(slide: WrittenSlide, results: Path) -> set[str]:
    """The slides that the next run would leave out."""
    stamp.first_stamp.cache_clear()
    return away([Slide(NAME, slide.path, read_config({"tile_size": 100}).settings)], results).names


@pytest.mark.parametrize("permitted", [True, False])
def test_who_may_read(
    slide: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, permitted: bool
) -> None:
    """The system says who may read a file: root may where nobody else does."""
    in_process.cut(slide.path, tmp_path / "results", tile_size=100)
    (slide.folder / "Data0001.dat").chmod(0)
    if (slide.folder / "Data0001.dat").stat().st_mode & 0o444:
        pytest.skip("who may read is not a file's mode on Windows")
    monkeypatch.setattr(os, "access", lambda *_: permitted)
    assert stamp.take_stamp(slide.path).lost == (() if permitted else ("Data0001.dat",))
    assert away_now(slide, tmp_path / "results") == (set() if permitted else {NAME})


def test_lost_from_the_beginning(
    slide: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was not there when a slide was cut whole is not missed."""
    ini = slide.folder / "Slidedat.ini"
    count = len(list(slide.folder.glob("Data*.dat")))
    text = ini.read_bytes().decode("utf-8-sig")
    assert f"FILE_COUNT={count}" in text
    more = f"FILE_COUNT={count + 1}\r\nFILE_{count}=Data9999.dat"
    ini.write_bytes(text.replace(f"FILE_COUNT={count}", more).encode())

    def odd(_: Path) -> None:
        raise SlideError("it is odd")

    monkeypatch.setattr(inspection, "read_index", odd)
    monkeypatch.setattr(inspection, "survives", lambda _: True)  # else in a program of its own
    found = in_process.cut(slide.path, tmp_path / "results", tile_size=100)
    assert (found.tiled["status"], found.inspected["reader"]) == ("ok", "openslide")
    assert found.inspected["lost"] == ["Data9999.dat"]
    assert away_now(slide, tmp_path / "results") == set()
    (slide.folder / "Data0001.dat").unlink()
    assert away_now(slide, tmp_path / "results") == {NAME}
