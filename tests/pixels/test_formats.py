"""Formats of the tiles, read back by the libraries that their users have."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image, ImageCms
from skimage import data

import mrxs_tiles
from browser import Watched
from in_process import Cut, Variant, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ConfigError
from mrxs_tiles.pixels.decode import open_picture
from mrxs_tiles.pixels.encode import JXL_EFFORT, NO_PROFILE, WEBP_METHOD, make_encoder
from mrxs_tiles.report.report import report

LOSSLESS = [("png", 75), ("webp", 100), ("tif", 75), ("jxl", 100)]
# A second decoder each, not that of ``open_picture``.
DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {
    "png": imagecodecs.png_decode,
    "webp": lambda content: imagecodecs.webp_decode(content, hasalpha=False),
    "tif": lambda content: tifffile.imread(io.BytesIO(content)),
    "jxl": imagecodecs.jpegxl_decode,
}


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A slide with a colour profile, a tiled TIFF, and the profile."""
    path = tmp_path_factory.mktemp("profiled") / "A.tif"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", iccprofile=profile)
    return path, profile


@pytest.fixture(scope="module")
def png(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """A slide in tiles of 300 px, as png."""
    path = variant("jpeg").path
    return cut(path, tmp_path_factory.mktemp("png"), format="png", tile_size=300)


@pytest.fixture(scope="module")
def deep_zooms(variant: Variant, png: Cut) -> dict[str, np.ndarray]:
    """What DeepZoomGenerator shows of the same tiles, by address."""
    with openslide.OpenSlide(variant("jpeg").path) as slide:
        deep_zoom = DeepZoomGenerator(slide, 300, 0, limit_bounds=False)
        level = deep_zoom.level_count - 1
        return {
            stem: np.asarray(deep_zoom.get_tile(level, tuple(map(int, stem.split("_")))))
            for stem in (name.split(".")[0] for name in png.files)
        }


@pytest.mark.slow
@pytest.mark.parametrize(("image_format", "quality"), LOSSLESS)
def test_lossless_ones_hold_deep_zooms_pixels(
    *,
    image_format: str,
    quality: int,
    variant: Variant,
    png: Cut,
    deep_zooms: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    """Read back, each px is DeepZoomGenerator's."""
    keys = {"format": image_format, "quality": quality, "tile_size": 300}
    made = cut(variant("jpeg").path, tmp_path, like=png, **keys)
    assert {name.split(".")[0] for name in made.files} == deep_zooms.keys() != set()
    for name, content in made.files.items():
        expected = deep_zooms[name.split(".")[0]]
        with open_picture(content) as picture:
            assert picture.mode == "RGB"
            assert (np.asarray(picture) == expected).all()
        assert (DECODERS[image_format](content) == expected).all()


@pytest.mark.parametrize(("image_format", "quality"), [("png", 75), ("webp", 100)])
def test_a_browser_shows_the_same_pixels(
    image_format: str, quality: int, watched: Watched, tmp_path: Path
) -> None:
    """Chromium decodes png and lossless webp to the pixels that went in, noise and plain ones."""
    pixels = np.random.default_rng(3).integers(0, 256, (37, 51, 4), np.uint8)
    pixels[:, 20:40] = 200
    encode, _ = make_encoder(image_format, quality, "420")
    page = tmp_path / "page.html"
    address = f"data:image/{image_format};base64,{base64.b64encode(encode(pixels)).decode()}"
    page.write_text(f'<img id="tile" src="{address}">')
    seen = watched.open(page).evaluate(
        """async () => {
            const tile = document.getElementById("tile"), canvas = document.createElement("canvas");
            await tile.decode();
            [canvas.width, canvas.height] = [tile.naturalWidth, tile.naturalHeight];
            const context = canvas.getContext("2d");
            context.drawImage(tile, 0, 0);
            return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
        }"""
    )
    shown = np.array(seen, np.uint8).reshape(37, 51, 4)
    assert (shown[..., :3] == pixels[..., 2::-1]).all()
    watched.check()


@pytest.mark.slow
def test_load_and_the_report_read_jxl(variant: Variant, png: Cut, tmp_path: Path) -> None:
    """Pillow cannot: `load` and the page's sample pictures decode it by imagecodecs."""
    folder = tmp_path / "jxl"
    keys = {"format": "jxl", "quality": 100, "tile_size": 300}
    made = cut(variant("jpeg").path, folder, like=png, **keys)
    report(folder)
    with mrxs_tiles.load(folder) as run:
        kept = run.tiles[run.tiles.kept]
        assert len(kept) == len(made.files) > 4
        for _, row in kept.iterrows():
            name = Path(row["file"]).with_suffix(".png").name
            with run.open(row) as found, Image.open(io.BytesIO(png.files[name])) as expected:
                assert (np.asarray(found) == np.asarray(expected)).all()
    strip = next((folder / "report_files").glob("*-tiles.jpg"))
    report(png.folder.parent)
    expected_strip = next((png.folder.parent / "report_files").glob("*-tiles.jpg"))
    assert strip.read_bytes() == expected_strip.read_bytes()


def test_lossy_jxl() -> None:
    """Its quality is libjxl's own scale: at 75 a distance of 2.35, at 90 of 1; nearer is larger."""
    pixels = data.immunohistochemistry()[:256, :256]
    shaded = np.dstack([pixels[..., ::-1], np.full((256, 256), 255, np.uint8)])
    sizes = []
    for quality, distance in ((75, 2.35), (90, 1.0)):
        encode, warning = make_encoder("jxl", quality, "420")
        content = encode(np.ascontiguousarray(shaded))
        assert warning == ""
        assert content == imagecodecs.jpegxl_encode(pixels, distance=distance, effort=JXL_EFFORT)
        difference = np.asarray(open_picture(content)).astype(int) - pixels
        assert 0 < np.abs(difference).mean() < 6
        sizes.append(len(content))
    assert sizes[0] < sizes[1]


def test_a_damaged_jxl_is_told() -> None:
    """What is cut short is an OSError, as Pillow's own of other formats."""
    encode, _ = make_encoder("jxl", 100, "420")
    content = encode(np.random.default_rng(0).integers(0, 256, (40, 40, 4), np.uint8))
    with pytest.raises(OSError, match="a damaged JPEG XL"):
        open_picture(content[: len(content) // 2])


@pytest.mark.slow
def test_webp_is_pillows(variant: Variant, png: Cut, tmp_path: Path) -> None:
    """Lossy, it is what Pillow saves of the same picture at that quality."""
    keys = {"format": "webp", "quality": 60, "tile_size": 300}
    webp = cut(variant("jpeg").path, tmp_path / "webp", like=png, **keys)
    assert {name.replace(".png", ".webp") for name in png.files} == webp.files.keys()
    for name, content in png.files.items():
        out = io.BytesIO()
        Image.open(io.BytesIO(content)).save(out, "WEBP", quality=60, method=WEBP_METHOD)
        assert webp.files[name.replace(".png", ".webp")] == out.getvalue()


@pytest.mark.parametrize("downsample", [1, 2.5])
def test_tif_has_its_resolution(variant: Variant, tmp_path: Path, downsample: float) -> None:
    """A tif says its px per cm, from the tile's own µm per px."""
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
    """Where no scale is known a tif claims none."""
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


def test_jxl_says_that_it_has_no_profile(profiled: tuple[Path, bytes], tmp_path: Path) -> None:
    """It cannot be written by imagecodecs, and what is lost is not lost without a word."""
    made = cut(profiled[0], tmp_path, format="jxl", tile_size=256, quality=100)
    assert len(made.files) == 4
    assert made.tiled["warnings"] == [NO_PROFILE]


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
    assert none.rows == [row | {"file": "", "bytes": "", "crc32": ""} for row in pictures.rows]


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
