"""A damaged slide's pictures show what can be read of it, and its sentences count alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bad_slides import zero
from in_process import Variant, cut
from mrxs_tiles.mirax.damage import damaged_files
from mrxs_tiles.mirax.index import read_index
from running import copy_slide


def pixels(path: Path) -> np.ndarray:
    """The pixels of a picture (height, width, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.long
def test_lost_coarse_level(variant: Variant, tmp_path: Path) -> None:
    """Thumbnail and map of a slide without its coarse levels' images are those of a whole one."""
    slide = variant("large")
    whole = cut(slide.path, tmp_path / "whole", tile_size=512)
    path = copy_slide(slide.path, tmp_path / "A.mrxs")
    zero(slide, [image for image in slide.images if image.level == 1], path.with_suffix(""))
    found = cut(path, tmp_path / "damaged", tile_size=512)
    assert found.tiled["status"] == "ok"
    assert found.files == whole.files
    assert not [said for said in found.inspected["warnings"] if "could not be read" in said]
    for name in ("thumbnail.jpg", "tiles.png"):
        difference = np.abs(pixels(found.folder / name) - pixels(whole.folder / name))
        assert difference.mean() < 4, name


@pytest.mark.long
def test_images_are_counted_alike(variant: Variant) -> None:
    """Of a file with images of several levels a sentence says of which levels it counts them."""
    index = read_index(variant("large").folder)
    in_one = tuple(stored.copy() for stored in index.images)
    for stored in in_one:
        stored[:, 3] = 0
    gone = (None, *index.file_bytes[1:])
    lost = replace(index, images=in_one, file_bytes=gone)
    finest, others = len(in_one[0]), sum(map(len, in_one[1:]))
    assert list(damaged_files(lost, 0)) == [
        f"Data0000.dat is missing ({finest} stored images lost)"
    ]
    assert list(damaged_files(lost, 1)) == [
        f"Data0000.dat is missing ({len(in_one[1])} stored images of level 1 lost)"
    ]
    assert list(damaged_files(lost)) == [
        f"Data0000.dat is missing ({finest + others} stored images lost: {finest} of full "
        f"resolution, {others} of coarser levels)"
    ]
    coarse = replace(lost, images=(index.images[0][:0], *in_one[1:]))
    assert list(damaged_files(coarse)) == [
        f"Data0000.dat is missing ({others} stored images lost, all of coarser levels)"
    ]
