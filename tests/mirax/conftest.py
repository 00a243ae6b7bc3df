"""A tiny slide, and copies of it to damage."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from in_process import Variant
from mrxs_tiles.mirax import trial_places
from running import LARGE
from tiny_slide import TINY
from write_mirax import WrittenSlide, write_mirax


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """A slide of a few kilobytes, its positions plain."""
    return write_mirax(tmp_path_factory.mktemp("tiny") / "tiny.mrxs", TINY)


@pytest.fixture
def tiny(whole: WrittenSlide, tmp_path: Path) -> WrittenSlide:
    """A copy of it that may be damaged."""
    folder = Path(shutil.copytree(whole.folder, tmp_path / "tiny"))
    return WrittenSlide(whole.path, folder, whole.spec, whole.scene, whole.images, whole.others)


@pytest.fixture(scope="session")
def large(variant: Variant) -> WrittenSlide:
    """A slide that is too large to be compared whole; nobody changes it."""
    slide = variant("large")
    assert slide.width * slide.height > 2 * trial_places.ALL_PX
    return slide


@pytest.fixture(scope="session")
def jittered(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """A slide whose level 1 is too large to be compared whole; nobody changes it."""
    spec = replace(LARGE, overlap_x=21.83, overlap_y=11.5, jitter=6)
    slide = write_mirax(tmp_path_factory.mktemp("jittered") / "jittered.mrxs", spec)
    assert slide.width * slide.height > 4 * trial_places.ALL_PX
    return slide
