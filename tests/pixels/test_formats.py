"""Formats of the tiles, read back by the libraries that their users have."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image, ImageCms

from in_process import Variant, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ConfigError

LOSSLESS = [("png", 75), ("webp", 100), ("tif", 75)]


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A slide with a colour profile, a tiled TIFF, and the profile."""
    path = tmp_path_factory.mktemp("profiled") / "A.tif"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", iccprofile=profile)
    return path, profile


@pytest.mark.slow
@pytest.mark.parametrize(("image_format", "quality"), LOSSLESS)
def test_lossless_ones_hold_deep_zooms_pixels(
    image_format: str, quality: int, variant: Variant, tmp_path: Path
) -> None:
    path = variant("jpeg").path
    made = cut(path, tmp_path, format=image_format, quality=quality, tile_size=300)
    with openslide.OpenSlide(path) as slide:
        deep_zoom = DeepZoomGenerator(slide, 300, 0, limit_bounds=False)
        assert made.files
        for name, content in made.files.items():
            address = tuple(map(int, name.split(".")[0].split("_")))
            expected = deep_zoom.get_tile(deep_zoom.level_count - 1, address)
            with Image.open(io.BytesIO(content)) as picture:
                assert picture.mode == "RGB"
                assert (np.asarray(picture) == np.asarray(expected)).all()


@pytest.mark.slow
def test_webp_is_pillows(variant: Variant, tmp_path: Path) -> None:
    """Lossy, it is what Pillow saves of the same picture at that quality."""
    png = cut(variant("jpeg").path, tmp_path / "png", format="png", tile_size=300)
    webp = cut(variant("jpeg").path, tmp_path / "webp", format="webp", quality=60, tile_size=300)
    assert {name.replace(".png", ".webp") for name in png.files} == webp.files.keys()
    for name, content in png.files.items():
        out = io.BytesIO()
        Image.open(io.BytesIO(content)).save(out, "WEBP", quality=60)
        assert webp.files[name.replace(".png", ".webp")] == out.getvalue()


@pytest.mark.parametrize("downsample", [1, 2.5])
def test_tif_has_its_resolution(variant: Variant, tmp_path: Path, downsample: float) -> None:
    made = cut(variant("jpeg").path, tmp_path, format="tif", tile_size=300, downsample=downsample)
    grid = made.inspected["grid"]
    for content in made.files.values():
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            tags = file.pages[0].tags  # type: ignore[union-attr]
            assert tags["ResolutionUnit"].value == 3  # cm
            for name, mpp in (("XResolution", "mpp_x"), ("YResolution", "mpp_y")):
                px, cm = tags[name].value
                assert px / cm == pytest.approx(10_000 / grid[mpp], rel=1e-6)
            assert not {"DateTime", "Software", "HostComputer"} & {tag.name for tag in tags}


def test_tif_without_a_scale_has_no_resolution(variant: Variant, tmp_path: Path) -> None:
    made = cut(variant("mpp_zero").path, tmp_path, format="tif", tile_size=300)
    with tifffile.TiffFile(io.BytesIO(next(iter(made.files.values())))) as file:
        assert file.pages[0].tags["ResolutionUnit"].value == 1  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("image_format", ["png", "webp", "tif", "jpg"])
def test_colour_profile(image_format: str, profiled: tuple[Path, bytes], tmp_path: Path) -> None:
    """It goes into all but jpg, which is what the little script writes."""
    path, profile = profiled
    made = cut(path, tmp_path, format=image_format, tile_size=256, quality=100)
    assert len(made.files) == 4
    for content in made.files.values():
        with Image.open(io.BytesIO(content)) as picture:
            embedded = picture.info.get("icc_profile")
        assert embedded == (None if image_format == "jpg" else profile)


@pytest.mark.slow
@pytest.mark.parametrize("packing", ["folder", "tar"])
def test_coordinates_only(packing: str, variant: Variant, tmp_path: Path) -> None:
    """All filters work as for pictures; no picture is there, and no file is named."""
    keys = {"tile_size": 64, "min_tissue": 0.2, "min_focus": 5}
    pictures = cut(variant("jpeg").path, tmp_path / "jpg", **keys)
    none = cut(variant("jpeg").path, tmp_path / "none", format="none", packing=packing, **keys)
    assert not none.files
    assert none.tiled["tile_bytes"] == 0
    assert none.tiled["counts"] == pictures.tiled["counts"]
    assert none.rows == [row | {"file": "", "bytes": ""} for row in pictures.rows]


@pytest.mark.parametrize(
    ("image_format", "most", "tile_size", "overlap"),
    [("jpg", 65500, 30000, 17750), ("webp", 16383, 16381, 1)],
)
def test_too_large_for_a_format(image_format: str, most: int, tile_size: int, overlap: int) -> None:
    """The sides count with their overlaps."""
    keys = {"format": image_format, "tile_size": tile_size}
    read_config(keys | {"overlap": overlap})
    with pytest.raises(ConfigError, match=f"a {image_format} at most {most}: write smaller ones"):
        read_config(keys | {"overlap": overlap + 1})
