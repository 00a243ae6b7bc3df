"""mpp, magnification, any downsample: where tiles lie, what they show, what is refused."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openslide import OpenSlide
from PIL import Image

from fake_slide import FakeSlide, slides, spans
from in_process import NAME, Cut, Variant, cut, look
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.cutting import picture
from mrxs_tiles.grid.grid import Grid, Levels
from mrxs_tiles.grid.resampled import FILTER_PX, make_resampled_grid
from oracle import plain_script
from running import mrxs_tiles, snakemake, tree

SCALES = st.one_of(
    st.floats(1, 40),
    st.fractions(1, 40, max_denominator=997).map(float),
    st.builds(lambda mpp, own: max(1.0, mpp / own), st.floats(0.2, 9), st.floats(0.11, 0.6)),
)


@st.composite
def resampled(draw: st.DrawFn) -> tuple[Grid, FakeSlide, tuple[int, int, int, int] | None]:
    """Grids of odd scales, different across and down, of tiny and large slides."""
    slide = draw(slides(most=draw(st.sampled_from([9, 3000, 200_000]))))
    scales = draw(SCALES), draw(SCALES)
    least = max(slide.dimensions) // 60 + 1
    tile_size = draw(st.integers(least, least + 400))
    overlap = draw(st.one_of(st.just(0), st.integers(0, tile_size)))
    area = slide.bounds if draw(st.booleans()) else None
    best = slide.get_best_level_for_downsample(min(scales))
    levels = Levels(slide.level_dimensions, slide.level_downsamples)
    return make_resampled_grid(levels, tile_size, overlap, scales, area, best), slide, area


@pytest.mark.long
@given(drawn=resampled())
@settings(max_examples=300, deadline=None)
def test_no_error_adds_up(drawn: tuple[Grid, FakeSlide, Any]) -> None:
    """Each tile begins within half a px of its exact place, has its exact size; none is missing."""
    grid, slide, area = drawn
    tiles = list(grid.tiles())
    for direction, axis in enumerate((grid.x, grid.y)):
        origin = 0 if area is None else area[direction]
        length = slide.dimensions[direction] if area is None else area[2 + direction]
        scale, side, overlap = Fraction(axis.downsample), axis.z_t_downsample, axis.z_overlap
        picture_px = math.ceil(length / axis.downsample)
        found = spans(tiles, direction)
        sizes = {tile[direction]: tile[6 + direction] for tile in tiles}
        assert sorted(found) == list(range(math.ceil(picture_px / side)))
        for number, (low, high) in found.items():
            first = max(0, number * side - overlap)
            behind = min((number + 1) * side + overlap, picture_px)
            assert sizes[number] == behind - first
            slack = Fraction(1, 2) + Fraction(1, 10**6)
            assert abs(low - origin - first * scale) <= slack
            end = min(origin + behind * scale, slide.dimensions[direction])
            assert abs(high - end) <= slack
        assert max(high for _, high in found.values()) >= origin + length


@pytest.mark.slow
@given(drawn=resampled())
@settings(max_examples=300, deadline=None)
def test_what_is_read(drawn: tuple[Grid, FakeSlide, Any]) -> None:
    """What is read lies on the level and holds the tile with the filter's margin around it."""
    grid, slide, _ = drawn
    for col, row, x, y, *_, width, height in grid.tiles():
        region = grid.region(col, row)
        assert region.box is not None
        for direction, axis in enumerate((grid.x, grid.y)):
            level_px = slide.level_dimensions[grid.level][direction]
            start = region.location[direction] / axis.l0_l_downsample
            end = start + region.size[direction]
            assert start >= 0
            assert end <= level_px + 1
            factor = axis.downsample / axis.l0_l_downsample
            low, high = region.box[direction], region.box[2 + direction]
            assert start + low == pytest.approx((x, y)[direction] / axis.l0_l_downsample)
            assert high - low == pytest.approx((width, height)[direction] * factor)
            margin = FILTER_PX * factor - 1e-6
            assert low >= margin - 1 or start < 1
            assert region.size[direction] >= high + margin - 1 or end > level_px - 1


def test_literal_grid() -> None:
    """Ten by six px at 2.5 in tiles of two: begin at 0, 5; a picture of 4 x 3 px."""
    grid = make_resampled_grid(Levels(((10, 6),), (1.0,)), 2, 0, (2.5, 2.5), None, 0)
    assert [tuple(tile) for tile in grid.tiles()] == [
        (0, 0, 0, 0, 5, 5, 2, 2), (0, 1, 0, 5, 5, 1, 2, 1),
        (1, 0, 5, 0, 5, 5, 2, 2), (1, 1, 5, 5, 5, 1, 2, 1),
    ]  # fmt: skip


def whole_picture(path: Path, scale: tuple[float, float]) -> Image.Image:
    """The whole slide from the nearest finer level at once: read, laid on white, made smaller."""
    with OpenSlide(path) as slide:
        level = slide.get_best_level_for_downsample(min(scale))
        region = slide.read_region((0, 0), level, slide.level_dimensions[level])
        colour = f"#{slide.properties.get('openslide.background-color', 'ffffff')}"
        own = slide.level_downsamples[level]
        size = [math.ceil(side / by) for side, by in zip(slide.dimensions, scale, strict=True)]
    flat = Image.composite(region, Image.new("RGBA", region.size, colour), region).convert("RGB")
    box = [side * by / own for side, by in zip(size, scale, strict=True)]
    beyond = [max(0, math.ceil(b) - s) for b, s in zip(box, flat.size, strict=True)]
    pixels = np.pad(np.asarray(flat), ((0, beyond[1]), (0, beyond[0]), (0, 0)), mode="edge")
    return Image.fromarray(pixels).resize(tuple(size), Image.Resampling.LANCZOS, (0, 0, *box))


CUT_AT: list[tuple[str, dict[str, Any], tuple[float, float]]] = [
    ("jpeg", {"downsample": 2.5}, (2.5, 2.5)),
    ("one_level", {"magnification": 2.5, "tile_size": 40}, (8, 8)),
    ("anisotropic", {"mpp": 0.93}, (4, 3)),
    ("aperio", {"downsample": 3}, (3, 3)),
    ("jpeg", {"downsample": 1.5, "overlap": 6}, (1.5, 1.5)),
    ("eight_divisions", {"mpp": 0.868}, (10, 10)),
    ("one_level", {"magnification": 3.2, "tile_size": 40}, (6.25, 6.25)),
    ("few_levels", {"downsample": 6}, (6, 6)),
    ("small_area", {"downsample": 3}, (3, 3)),
    ("fill_colour", {"downsample": 5}, (5, 5)),
]  # fmt: skip
IN_PARTS = [(*scale, True) for scale in CUT_AT]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "keys", "scale", "in_parts"),
    [
        *(*IN_PARTS[:4], *((*scale, False) for scale in CUT_AT[4:])),
        *(pytest.param(*values, marks=pytest.mark.torture) for values in IN_PARTS[4:]),
    ],
)
def test_pixels(
    variant: Variant,
    aperio: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    keys: dict[str, Any],
    scale: tuple[float, float],
    in_parts: bool,
) -> None:
    """The tiles are the parts of the whole slide made smaller at once: no seam, no px off."""
    path = aperio if name == "aperio" else variant(name).path
    keys = {"tile_size": 100, "format": "png", "drop_blank": False} | keys
    whole = np.asarray(whole_picture(path, scale)).astype(int)
    found = cut(path, tmp_path / "at once", **keys)
    check_pixels(found, path, whole, keys, scale)
    if in_parts:  # in strips
        monkeypatch.setattr(picture, "MOST_READ_PX", 30_000)
        found = cut(path, tmp_path / "in parts", like=found, **keys)
        check_pixels(found, path, whole, keys, scale)


def check_pixels(
    found: Cut, path: Path, whole: np.ndarray, keys: dict[str, Any], scale: tuple[float, float]
) -> None:
    """Compare each tile with its part of the whole."""
    grid = found.inspected["grid"]
    if scale == (8, 8):  # a power of two is Deep Zoom's, whatever it was asked by
        known = plain_script(path, downsample=8, tile_size=40, format="png", drop_blank=False)
        assert {key: pixels(found.files[key]) for key in known.files} == {
            key: pixels(content) for key, content in known.files.items()
        }
        return
    height, width = whole.shape[:2]
    side, overlap = keys["tile_size"], keys.get("overlap", 0)
    assert (grid["cols"], grid["rows"]) == (math.ceil(width / side), math.ceil(height / side))
    for row in found.rows:
        left = max(0, int(row["col"]) * side - overlap)
        top = max(0, int(row["row"]) * side - overlap)
        right = min((int(row["col"]) + 1) * side + overlap, width)
        bottom = min((int(row["row"]) + 1) * side + overlap, height)
        with Image.open(found.folder / row["file"]) as image:
            tile = np.asarray(image).astype(int)
        wanted = whole[top:bottom, left:right]
        assert tile.shape == wanted.shape == (int(row["tile_height"]), int(row["tile_width"]), 3)
        off = abs(tile - wanted)
        assert off.max() <= 2  # Pillow rounds after each of its two passes
        assert off.mean() < 0.05


def pixels(content: bytes) -> bytes:
    """A picture's decoded px."""
    import io

    with Image.open(io.BytesIO(content)) as image:
        return image.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "keys", "downsample"),
    [
        ("jpeg_plain", {"mpp": 0.465}, 2),
        ("jpeg_plain", {"magnification": 5}, 4),
        ("jpeg_plain", {"mpp": 0.2325}, 1),
        ("jpeg_plain", {"mpp": 0.232499}, 1),  # six digits, as the report gives them
        ("jpeg_plain", {"slide_mpp": 0.5, "mpp": 1.0}, 2),
        ("mpp_zero", {"slide_mpp": 0.25, "mpp": 1}, 4),
    ],
)
def test_powers_of_two_are_deep_zooms(
    variant: Variant, tmp_path: Path, name: str, keys: dict[str, Any], downsample: int
) -> None:
    """Asked for by µm or power, a power of two gives DeepZoomGenerator's bytes."""
    sheet = tmp_path / "slides.csv"
    path = variant(name).path
    columns = {"tile_size": 300} | keys
    header, row = ",".join(columns), ",".join(map(str, columns.values()))
    sheet.write_text(f"path,slide,{header}\n{path},{NAME},{row}\n")
    (slide,) = find_slides(read_config({"slides": str(sheet), "results": str(tmp_path)}))
    found = cut(path, tmp_path / "out", settings=slide.settings)
    known = plain_script(path, tile_size=300, downsample=downsample)
    assert known.files
    assert found.files == known.files
    assert found.inspected["grid"]["downsample"] == downsample


def test_what_was_reached(variant: Variant, tmp_path: Path) -> None:
    """slide.json says what the tiles' scale is, across and down; the report its mean."""
    grid = look(variant("anisotropic").path, tmp_path, mpp=0.93)["grid"]
    assert grid["downsample"] == pytest.approx(math.sqrt(12))
    assert (grid["mpp_x"], grid["mpp_y"]) == (pytest.approx(0.93), pytest.approx(0.93))
    assert grid["magnification"] == pytest.approx(20 / math.sqrt(12))
    assert grid["level"] == 1
    grid = look(variant("mpp_zero").path, tmp_path, downsample=2)["grid"]
    assert (grid["mpp_x"], grid["mpp_y"], grid["magnification"]) == (None, None, 10)


def test_unscanned_is_what_the_tile_shows(variant: Variant, tmp_path: Path) -> None:
    """A tile beside the scanned area is unscanned though the filter's margin reaches into it."""
    path = variant("small_area").path
    found = cut(path, tmp_path, tile_size=50, downsample=3)
    with OpenSlide(path) as slide:
        x, y = (int(slide.properties[f"openslide.bounds-{axis}"]) for axis in "xy")
        for row in found.rows:
            left, top, width, height = (int(row[key]) for key in ("x", "y", "width", "height"))
            seen = slide.read_region((left, top), 0, (width, height)).getchannel("A").getbbox()
            if row["reason"] == "unscanned":
                assert seen is None
            elif row["kept"] == "1":  # at most a px of the level at the rim
                grown = slide.read_region((left - 3, top - 3), 0, (width + 6, height + 6))
                assert grown.getchannel("A").getbbox() is not None
    assert x > 0 < y
    assert {row["reason"] for row in found.rows} >= {"unscanned", ""}


MISSING_MPP = (
    "mpp 0.5 was asked for, but the slide does not say how many µm its px are. Give it with "
    "slide_mpp, in the config or a sheet's column, or set downsample instead of mpp."
)


@pytest.mark.parametrize(
    ("name", "keys", "sentence"),
    [
        ("mpp_zero", {"mpp": 0.5}, MISSING_MPP),
        (
            "no_objective",
            {"magnification": 10},
            "magnification 10 was asked for, but the slide does not say its objective's power. "
            "Set mpp (usually 1 is meant) or downsample instead of magnification.",
        ),
        (
            "jpeg",
            {"mpp": 0.2},
            "mpp 0.2 is finer than this slide, whose px are 0.2325 x 0.2325 µm: tiles are never "
            "enlarged. Set mpp to 0.2325 or more, or downsample to 1.",
        ),
        (
            "anisotropic",
            {"mpp": 0.25},
            "mpp 0.25 is finer than this slide, whose px are 0.2325 x 0.31 µm: tiles are never "
            "enlarged. Set mpp to 0.31 or more, or downsample to 1.",
        ),
        (
            "jpeg",
            {"magnification": 40},
            "magnification 40 is finer than this slide, whose objective is 20x: tiles are never "
            "enlarged. Set magnification to 20 or less, mpp to 0.25 (what is usually called "
            "40x), or downsample to 1.",
        ),
        (
            "jpeg",
            {"mpp": 1000},
            "mpp 1000 is too much for this slide of {size} px: at downsample 4096 it is one "
            "pixel. Set downsample to 4096 or less.",
        ),
    ],
)
def test_refused_for_a_slide(
    variant: Variant, tmp_path: Path, name: str, keys: dict[str, Any], sentence: str
) -> None:
    """What a slide cannot give makes that slide failed, with a sentence that says what to do."""
    slide = variant(name)
    record = look(slide.path, tmp_path, **keys)
    assert record["status"] == "failed"
    assert record["error"] == sentence.format(size="{} x {}".format(*slide.spec.size))


@pytest.mark.slow
def test_own_scale_is_said(variant: Variant, tmp_path: Path) -> None:
    """A scale of the user's stands in slide.json, with a warning where the slide differs."""
    path = str(variant("jpeg").path)
    ran = mrxs_tiles("inspect", path, "--results", tmp_path, "--slide-mpp", "0.5", "--mpp", "0.5")
    assert ran.code == 0
    record = json.loads((tmp_path / "jpeg/slide.json").read_text())
    assert (record["mpp_x"], record["grid"]["downsample"]) == (0.5, 1)
    assert record["warnings"] == [
        "the scale is slide_mpp, 0.5 µm per px; the slide itself says 0.2325 x 0.2325"
    ]
    ran = mrxs_tiles("tile", path, "--results", tmp_path)
    assert ran.code == 1
    assert "was written for another mpp_x" in ran.err


@pytest.mark.torture
@pytest.mark.slow
def test_same_through_snakemake(variant: Variant, tmp_path: Path) -> None:
    """A run by µm gives the same bytes through Snakemake and the commands."""
    path = variant("jpeg").path
    assert snakemake(tmp_path, slides=path, tile_size=128, mpp=0.75).code == 0
    for step in ("inspect", "tile"):
        how = ("--tile-size", "128", "--mpp", "0.75", "--results", tmp_path / "alone")
        assert mrxs_tiles(step, path, *how).code == 0
    assert tree(tmp_path / "results/jpeg") == tree(tmp_path / "alone/jpeg")
    report = (tmp_path / "results/report.tsv").read_text().splitlines()
    row = dict(zip(*(line.split("\t") for line in report), strict=True))
    assert row["downsample"] == f"{0.75 / 0.2325:.6g}"
