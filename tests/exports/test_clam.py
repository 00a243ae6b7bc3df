"""``clam.h5`` as CLAM and TRIDENT read it."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from openslide import OpenSlide
from PIL import Image

from exporting import SCALES, exported, kept
from in_process import NAME, Variant
from mrxs_tiles.steps.export import export

# Of the real slide: from its left to its right edge, below its upper one.
STRIP = "0,0,2220,450"


class Bag:
    """What CLAM's Whole_Slide_Bag_FP does with its file and the slide, step by step."""

    def __init__(self, file_path: Path, wsi: OpenSlide) -> None:
        self.wsi = wsi
        self.hdf5_file = h5py.File(file_path, "r")
        dset = self.hdf5_file["coords"]
        self.patch_level = self.hdf5_file["coords"].attrs["patch_level"]
        self.patch_size = self.hdf5_file["coords"].attrs["patch_size"]
        self.length = len(dset)
        self.summary = dict(dset.attrs.items())

    def picture(self, idx: int) -> Image.Image:
        coord = self.hdf5_file["coords"][idx]
        side = (self.patch_size, self.patch_size)
        return self.wsi.read_region(coord, self.patch_level, side)


def difference(patch: Image.Image, path: Path) -> float:
    """The mean difference between what a reader gets and our picture, where both have px."""
    ours = Image.open(path).convert("RGB")
    part = np.asarray(patch.crop((0, 0, *ours.size))).astype(int)
    there = part[..., 3] == 255
    assert there.any()
    return float(np.abs(part[..., :3] - np.asarray(ours).astype(int))[there].mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slide", "scale"),
    [
        *(("jpeg", scale) for scale in ("a level of the slide", "overlap", "bounds")),
        *(("aperio", scale) for scale in ("full resolution", "overlap")),  # it has one level
    ],
)
def test_clam_reads_our_pixels(
    variant: Variant, aperio: Path, tmp_path: Path, slide: str, scale: str
) -> None:
    """Each patch that CLAM reads begins with our picture, px for px."""
    path, part = (aperio, STRIP) if slide == "aperio" else (variant(slide).path, None)
    found = exported(path, tmp_path, region=part, **SCALES[scale])
    overlap = SCALES[scale].get("overlap", 0)
    with OpenSlide(path) as wsi:
        bag = Bag(found.folder / "clam.h5", wsi)
        assert bag.length == len(kept(found)) > 0
        assert bag.patch_size == 150 + 2 * overlap
        assert bag.patch_level == (scale == "a level of the slide")
        for index, row in enumerate(kept(found)):
            # at a coarser level OpenSlide's px at the slide's edge hang a little on the size asked
            at_edge = bag.patch_level and {row["tile_width"], row["tile_height"]} != {"150"}
            most = 0.05 if at_edge else 0
            assert difference(bag.picture(index), found.folder / row["file"]) <= most
        assert tuple(bag.summary["level_dim"]) == wsi.level_dimensions[bag.patch_level]
        assert tuple(bag.summary["downsampled_level_dim"]) == tuple(bag.summary["level_dim"])
        assert bag.summary["downsample"] == pytest.approx(
            [wsi.level_downsamples[bag.patch_level]] * 2, rel=0.05
        )
    assert (bag.summary["name"], bag.summary["save_path"]) == (NAME, ".")
    assert bag.summary["overlap"] == 2 * overlap


@pytest.mark.slow
@pytest.mark.parametrize("scale", list(SCALES))
def test_both_readers_cover_the_tile(variant: Variant, tmp_path: Path, scale: str) -> None:
    """At any scale CLAM and TRIDENT read the level-0 px that an inner tile covers, and no others.

    TRIDENT's steps are those of read_coords and WSIPatcher.
    """
    found = exported(variant("jpeg").path, tmp_path, **SCALES[scale])
    with h5py.File(found.folder / "clam.h5", "r") as f:
        attrs = dict(f["coords"].attrs)
        coords = f["coords"][:]
    assert coords.dtype == np.int64
    assert coords.tolist() == [[int(row["x"]), int(row["y"])] for row in kept(found)]
    source, target = 10 / attrs["level0_magnification"], 10 / attrs["target_magnification"]
    assert round(attrs["patch_size"] * (target / source)) == attrs["patch_size_level0"]
    widest = max(int(row["width"]) for row in kept(found))
    assert abs(attrs["patch_size_level0"] - widest) <= 1
    level = found.inspected["levels"][attrs["patch_level"]]["downsample"]
    assert abs(attrs["patch_size"] * level - widest) <= level / 2 + 1
    assert (attrs["level0_width"], attrs["level0_height"]) == (
        found.inspected["width"],
        found.inspected["height"],
    )
    assert isinstance(attrs["patch_size"], np.integer)
    assert attrs["savetodir"] == "."


def test_between_levels_the_same_is_shown(variant: Variant, tmp_path: Path) -> None:
    """Where no level has the tiles' scale, what CLAM reads, made smaller, is our picture."""
    path = variant("jpeg").path
    found = exported(path, tmp_path, mpp=0.8)
    with OpenSlide(path) as wsi:
        bag = Bag(found.folder / "clam.h5", wsi)
        assert (bag.patch_level, bag.patch_size) == (1, round(150 * 0.8 / 0.2325 / 2))
        for index, row in enumerate(kept(found)):
            patch = bag.picture(index).resize((150, 150))
            assert difference(patch, found.folder / row["file"]) < 12
    assert bag.summary["target_magnification"] == pytest.approx(10, rel=0.01)


@pytest.mark.slow
def test_tile_at_the_edge(aperio: Path, tmp_path: Path) -> None:
    """A tile at the right or lower edge is smaller; the patch goes on beyond it, transparent."""
    found = exported(aperio, tmp_path, tile_size=500, region=STRIP)
    last = max(range(len(kept(found))), key=lambda n: int(kept(found)[n]["x"]))
    row = kept(found)[last]
    assert int(row["tile_width"]) == 220
    with OpenSlide(aperio) as wsi:
        alpha = np.asarray(Bag(found.folder / "clam.h5", wsi).picture(last))[..., 3]
    height = int(row["tile_height"])
    assert (alpha[:height, :220] == 255).all()
    assert not alpha[:, 220:].any()


@pytest.mark.slow
def test_slide_without_an_objective(variant: Variant, tmp_path: Path) -> None:
    """Then the magnification is TRIDENT's for the scale; without a scale there is none."""
    for name, magnification in (("no_objective", 10 / 0.2325), ("mpp_zero", 20)):
        found = exported(variant(name).path, tmp_path)
        with h5py.File(found.folder / "clam.h5") as file:
            assert file["coords"].attrs["level0_magnification"] == pytest.approx(magnification)
    inspected = found.inspected | {"objective": None}
    (found.folder / "slide.json").write_text(json.dumps(inspected))
    export(NAME, tmp_path, ["clam"])
    with h5py.File(found.folder / "clam.h5") as file:
        assert not [key for key in file["coords"].attrs if "magnification" in key]
