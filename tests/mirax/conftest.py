"""A tiny slide, and copies of it to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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
