"""What lies in a folder of slides and is not cut is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import Found, find_slides


def found(folder: Path, *files: str) -> Found:
    """A folder with one MIRAX slide, and empty files."""
    for name in ("A.mrxs", "A/Slidedat.ini", *files):
        path = folder / "slides" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    slides = {"slides": str(folder / "slides"), "results": str(folder / "results")}
    return find_slides(read_config(slides))


def test_other_formats(tmp_path: Path) -> None:
    """Slides of other formats are not cut, which is said, with how to ask for them."""
    cut = found(tmp_path, "B.svs", "more/C.svs", "D.tif")
    assert [slide.name for slide in cut] == ["A"]
    assert cut.notes == (
        f'Of the folder "{tmp_path}/slides" only slides that end in .mrxs are cut. Other files '
        "there may be slides, too (2 in .svs, 1 in .tif): name them with a glob, "
        f'"{tmp_path}/slides/**/*.svs", or in a sheet.',
    )


@pytest.mark.parametrize("name", ["B.zip", "more/B.tar.gz", "B.MRXS.gz"])
def test_packed(tmp_path: Path, name: str) -> None:
    """Nor is what may be in an archive."""
    assert found(tmp_path, name, "C.rar").notes == (
        f'"{min(tmp_path / "slides" / name, tmp_path / "slides/C.rar")}" and 1 more is not '
        "unpacked: if there are slides in it, they are not cut. Unpack it, so that each .mrxs lies "
        "beside its folder.",
    )


@pytest.mark.parametrize("name", ["A.zip", "A.tar.gz", "B.geojson.gz", "notes.txt", "A/E.tif"])
def test_nothing_to_say(tmp_path: Path, name: str) -> None:
    """A slide that is there as an archive too, annotations, and a slide's own files are no news."""
    assert found(tmp_path, name).notes == ()
