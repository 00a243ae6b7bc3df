"""min_focus and max_pen: what is measured, what is dropped for it, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openslide import OpenSlide
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage
from skimage import data

from in_process import Variant, cut
from mrxs_tiles.cutting.verdict import Judge, focus_of, pen_of
from mrxs_tiles.pixels.filters import WHITE, Pixels
from mrxs_tiles.pixels.focus import sharpness
from mrxs_tiles.pixels.pen import pen_pixels
from running import DATA

MPP = (0.25, 0.25)


def as_read(picture: Image.Image) -> Pixels:
    """A picture in OpenSlide's order."""
    rgb = np.asarray(picture.convert("RGB"))
    return np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 255, np.uint8)]).copy()


@pytest.fixture(scope="module")
def tissues() -> list[Image.Image]:
    """Pictures of real tissue: two stains, two scanners."""
    with OpenSlide(DATA / "CMU-1-Small-Region.svs") as slide:
        places = ((900, 700), (1300, 1800), (1000, 2400))
        aperio = [slide.read_region(at, 0, (512, 512)).convert("RGB") for at in places]
    return [*aperio, Image.fromarray(data.immunohistochemistry())]


@given(
    seed=st.integers(0, 1 << 32), size=st.tuples(st.integers(3, 90), st.integers(3, 90)),
    low=st.integers(0, 255),
)  # fmt: skip
@settings(deadline=None)
def test_sharpness_is_the_laplacians_variance(seed: int, size: tuple[int, int], low: int) -> None:
    """The value is the variance of scipy's Laplacian, rim apart."""
    grey = np.random.default_rng(seed).integers(low, 256, size, np.uint8)
    wanted = ndimage.laplace(grey.astype(float))[1:-1, 1:-1].var()
    assert sharpness(grey) == pytest.approx(wanted)


def test_too_small_to_be_sharp() -> None:
    """A picture without an inside has no sharpness."""
    assert sharpness(np.full((2, 90), 7, np.uint8)) == 0


@pytest.mark.parametrize("mpp", [(0.12, 0.12), (0.25, 0.25), (0.5, 0.5), (2.0, 1.0)])
def test_blur_lowers_focus(tissues: list[Image.Image], mpp: tuple[float, float]) -> None:
    """Each stronger blur gives a strictly lower value, whatever the scale."""
    for picture in tissues:
        blurred = [picture, *(picture.filter(ImageFilter.GaussianBlur(px)) for px in (1, 2, 4))]
        values = [focus_of(as_read(one), mpp) for one in blurred]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4


def test_focus_is_at_one_scale(tissues: list[Image.Image]) -> None:
    """Tiles at 0.25 and 0.5 µm per px of the same place have much the same value."""
    for picture in tissues:
        half = picture.reduce(2)
        fine, coarse = focus_of(as_read(picture), (0.25, 0.25)), focus_of(as_read(half), (0.5, 0.5))
        assert fine == pytest.approx(coarse, rel=0.02)


PENS = {
    "red": [(220, 30, 40), (200, 20, 30), (255, 0, 0)],
    "green": [(40, 140, 70), (0, 128, 0), (80, 170, 110)],
    "blue": [(30, 60, 180), (0, 0, 255), (20, 40, 200), (50, 110, 210)],
    "black": [(20, 20, 22), (0, 0, 0), (50, 48, 52)],
}


@pytest.mark.parametrize("colour", [shade for shades in PENS.values() for shade in shades])
def test_strokes_are_found(tissues: list[Image.Image], colour: tuple[int, int, int]) -> None:
    """A stroke of a pen over tissue is found, about as much of it as was drawn."""
    for picture in tissues:
        marked = picture.copy()
        ImageDraw.Draw(marked).line((60, 420, 460, 120), fill=colour, width=110)
        drawn = (np.asarray(marked) != np.asarray(picture)).any(axis=2).mean()
        assert pen_of(as_read(picture), MPP, WHITE) == 0
        assert pen_of(as_read(marked), MPP, WHITE) == pytest.approx(drawn, rel=0.3)


# Optical densities of red, green and blue: Ruifrok and Johnston 2001.
STAINS = {
    "haematoxylin": (0.650, 0.704, 0.286),
    "eosin": (0.072, 0.990, 0.105),
    "dab": (0.268, 0.570, 0.776),
}


@pytest.mark.long
@given(
    amounts=st.fixed_dictionaries({name: st.floats(0, 2.2) for name in STAINS}),
    alone=st.sampled_from([None, *STAINS]),
)
@settings(max_examples=500, deadline=None)
def test_stains_are_no_pen(amounts: dict[str, float], alone: str | None) -> None:
    """Haematoxylin, eosin and DAB are no pen at any strength, nor H with one of the two."""
    if alone is not None:
        amounts = {alone: amounts[alone]}
    else:
        amounts = {name: min(1.0, amount) for name, amount in amounts.items() if name != "dab"}
    density = sum(np.array(STAINS[name]) * amount for name, amount in amounts.items())
    colour = (255 * 10.0**-density).round().astype(np.uint8)
    assert not pen_pixels(colour.reshape(1, 1, 3)).any(), colour


def test_background_is_no_pen() -> None:
    """A black background behind what was not scanned is no black pen."""
    picture = Image.new("RGB", (128, 128), (0, 0, 0))
    assert pen_of(as_read(picture), MPP, (0, 0, 0)) == 0
    assert pen_of(as_read(picture), MPP, WHITE) == 1


def judge(**keys: Any) -> Judge:
    chosen = {"drop_blank": True, "min_focus": 0, "max_pen": 1} | keys
    return Judge(mpp=MPP, background=WHITE, **chosen)


def test_first_reason_counts(tissues: list[Image.Image]) -> None:
    """Blank comes before focus, and focus before pen; both are measured all the same."""
    blurred = tissues[0].filter(ImageFilter.GaussianBlur(6))
    ImageDraw.Draw(blurred).rectangle((0, 0, 511, 255), fill=(0, 128, 0))
    strict = judge(min_focus=50, max_pen=0.1)
    verdict = strict(as_read(blurred))
    assert (verdict.reason, verdict.pen) == ("focus", pytest.approx(0.5, abs=0.05))
    assert judge(max_pen=0.1)(as_read(blurred)).reason == "pen"
    assert strict(as_read(Image.new("RGB", (64, 64), (0, 128, 0)))) == ("blank", None, None)
    assert judge()(as_read(blurred)) == ("", None, None)
    flat = judge(drop_blank=False, min_focus=1)(as_read(Image.new("RGB", (64, 64))))
    assert flat.reason == "focus"


@pytest.mark.slow
def test_values_stand_in_the_table(aperio: Path, tmp_path: Path) -> None:
    """Each measured tile has its values, the kept ones are those that pass, to the byte."""
    plain = cut(aperio, tmp_path / "all", tile_size=300)
    assert {(row["focus"], row["pen"]) for row in plain.rows} == {("", "")}
    keys = {"tile_size": 300, "min_focus": 1e-6, "max_pen": 0.999999}
    measured = cut(aperio, tmp_path / "measured", like=plain, **keys)
    assert measured.files == plain.files
    values = sorted(float(row["focus"]) for row in measured.rows)
    least = values[len(values) // 2]
    keys = {"tile_size": 300, "min_focus": least}
    strict = cut(aperio, tmp_path / "strict", threads=3, like=plain, **keys)
    for row, known in zip(strict.rows, measured.rows, strict=True):
        assert row["focus"] == known["focus"]
        assert row["pen"] == ""
        dropped = float(known["focus"]) < least
        assert (row["reason"], row["kept"]) == (("focus", "0") if dropped else ("", "1"))
        assert row["file"] == ("" if dropped else known["file"])
    assert strict.tiled["counts"]["focus"] == len(values) // 2
    assert strict.files == {name: plain.files[name] for name in strict.files}


@pytest.mark.long
def test_at_any_scale(variant: Variant, tmp_path: Path) -> None:
    """Focus and pen are measured where tiles are resampled, and where the scale is not known."""
    for name, keys in (("jpeg", {"mpp": 0.6}), ("mpp_zero", {"downsample": 3})):
        found = cut(
            variant(name).path, tmp_path / name, tile_size=150, min_focus=1, max_pen=0.9, **keys
        )
        kept = [row for row in found.rows if row["kept"] == "1"]
        assert kept
        assert all(float(row["focus"]) >= 1 and 0 <= float(row["pen"]) <= 0.9 for row in kept)
