"""Slidedat.ini and Index.dat are read as OpenSlide reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from in_process import Variant
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import read_index
from write_mirax import VARIANTS

every_variant = pytest.mark.parametrize("name", VARIANTS)


@every_variant
def test_stored_images(variant: Variant, name: str) -> None:
    """Each level's images are those that were written, where they were written."""
    slide = variant(name)
    index = read_index(slide.folder)
    assert len(index.images) == slide.spec.levels
    for level, stored in enumerate(index.images):
        assert sorted(map(tuple, stored.tolist())) == sorted(
            (image.index, image.offset, image.length, image.file_number)
            for image in slide.images
            if image.level == level
        )


@every_variant
def test_positions(variant: Variant, name: str) -> None:
    """The camera pictures lie where they were put; those never scanned are known."""
    slide = variant(name)
    index = read_index(slide.folder)
    told = slide.spec.locations if slide.spec.positions == "absent" else slide.positions
    assert np.array_equal(index.positions, told.reshape(-1, 2))
    assert np.array_equal(layout.scanned_positions(index), slide.scanned)


@every_variant
def test_data_files(variant: Variant, name: str) -> None:
    """All data files are known by name and size, and none is missing."""
    slide = variant(name)
    index = read_index(slide.folder)
    paths = sorted(slide.folder.glob("Data*.dat"))
    assert index.slidedat.data_files == tuple(path.name for path in paths)
    assert index.file_bytes == tuple(path.stat().st_size for path in paths)
    assert index.missing == ()


def test_missing(variant: Variant, tmp_path: Path) -> None:
    """A data file that is absent or a byte too short is missing; the one that is whole is not."""
    slide = variant("eight_divisions")
    folder = Path(shutil.copytree(slide.folder, tmp_path / "slide"))
    (folder / "Data0003.dat").unlink()
    last = max((i for i in slide.images if i.file_number == 5), key=lambda image: image.offset)
    with (folder / "Data0005.dat").open("r+b") as stream:
        stream.truncate(last.offset + last.length - 1)
    index = read_index(folder)
    assert index.missing == ("Data0003.dat", "Data0005.dat")
    for level, stored in enumerate(index.images):
        lost = {tuple(entry) for entry in stored[index.unreadable(level)].tolist()}
        assert lost == {
            (image.index, image.offset, image.length, image.file_number)
            for image in slide.images
            if image.level == level and (image.file_number == 3 or image == last)
        }


@every_variant
def test_camera_picture(variant: Variant, name: str) -> None:
    """A camera picture and the levels' downsamples are the spec's."""
    slide = variant(name)
    index = read_index(slide.folder)
    assert layout.camera_picture(index) == slide.spec.picture
    downsamples = [layout.downsample(index, level) for level in range(slide.spec.levels)]
    assert downsamples == [2**level for level in range(slide.spec.levels)]
