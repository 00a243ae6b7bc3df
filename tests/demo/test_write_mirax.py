"""The slides that the writer writes, as the real OpenSlide sees them."""

from __future__ import annotations

import struct
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openslide import OpenSlide, OpenSlideError

import make_demo
from drawn_slides import check_drawn, some_or_many
from in_process import Variant
from mirax_images import camera_pixels, decode, half
from write_mirax import VARIANTS, MiraxSpec, Scene, WrittenSlide, around_tissue, write_mirax

# written in different ways; the others are torture
OFTEN = (
    *("jpeg", "png", "bmp", "odd_sizes", "z_stack", "no_positions", "eight_divisions"),
    "fill_colour",
)
every_variant = pytest.mark.parametrize("name", VARIANTS)
often_some = pytest.mark.parametrize(
    "name",
    [name if name in OFTEN else pytest.param(name, marks=pytest.mark.torture) for name in VARIANTS],
)


def shown(slide: WrittenSlide, level: int = 0) -> np.ndarray:
    """All of a level as OpenSlide shows it: RGBA, (height, width, 4)."""
    with OpenSlide(slide.path) as handle:
        return np.asarray(handle.read_region((0, 0), level, handle.level_dimensions[level]))


def file_bytes(slide: WrittenSlide) -> dict[str, bytes]:
    """All files of a slide."""
    return {path.name: path.read_bytes() for path in (slide.path, *slide.folder.iterdir())}


@every_variant
def test_dimensions(variant: Variant, name: str) -> None:
    """The levels are as many and as large as the spec says, each half of the one before."""
    slide = variant(name)
    with OpenSlide(slide.path) as handle:
        assert handle.level_count == slide.spec.levels
        assert handle.level_downsamples == tuple(2.0**i for i in range(slide.spec.levels))
        assert handle.dimensions == (slide.width, slide.height)
        sizes = tuple((slide.width >> i, slide.height >> i) for i in range(slide.spec.levels))
        assert handle.level_dimensions == sizes


@every_variant
def test_bounds(variant: Variant, name: str) -> None:
    """The bounds are the scanned area, absent where that is everything, empty where nothing."""
    slide = variant(name)
    with OpenSlide(slide.path) as handle:
        keys = [f"openslide.bounds-{key}" for key in ("x", "y", "width", "height")]
        found = [handle.properties.get(key) for key in keys]
    x, y, width, height = slide.bounds or (0, 0, 0, 0)
    if x == y == 0 and width >= slide.width and height >= slide.height:
        assert found == [None] * 4
    else:
        assert found == [str(side) for side in (x, y, width, height)]


@every_variant
def test_properties(variant: Variant, name: str) -> None:
    """Resolution, objective and background are the spec's."""
    slide = variant(name)
    with OpenSlide(slide.path) as handle:
        properties = dict(handle.properties)
    assert properties["openslide.vendor"] == "mirax"
    for axis, mpp in zip("xy", slide.spec.mpp, strict=True):
        assert float(properties[f"openslide.mpp-{axis}"]) == float(mpp or 0)
    objective = slide.spec.objective and slide.spec.objective.rstrip("x")
    assert properties.get("openslide.objective-power") == objective
    colour = "".join(f"{value:02X}" for value in slide.spec.fill_color)
    assert properties["openslide.background-color"] == colour


@pytest.mark.slow
@often_some
def test_pixels_of_all_levels(variant: Variant, name: str) -> None:
    """Every px of level 0 is the expected one, JPEG's included; the others are it, made smaller."""
    slide = variant(name)
    smaller = slide.expected_region(0, 0, slide.width, slide.height)
    assert np.array_equal(shown(slide), smaller)
    share = (smaller[:, :, 3] == 255).mean()
    for level in range(1, slide.spec.levels):
        pixels = shown(slide, level)
        # Three divisions do not join to whole pictures: OpenSlide shows them out of place.
        if level > 3 or slide.spec.divisions == 3:
            continue
        height, width = pixels.shape[:2]
        smaller = half(smaller[: height * 2, : width * 2])
        opaque = (smaller[:, :, 3] == 255) & (pixels[:, :, 3] == 255)
        assert opaque.mean() >= share - 0.05
        if opaque.any():
            assert np.abs(smaller.astype(np.int16) - pixels)[opaque].mean() < 6


@every_variant
def test_associated_images(variant: Variant, name: str) -> None:
    """Macro, label and thumbnail are there, or not, as the spec says."""
    slide = variant(name)
    with OpenSlide(slide.path) as handle:
        assert set(handle.associated_images) == set(slide.spec.associated)
        assert all(min(image.size) > 50 for image in handle.associated_images.values())


@pytest.mark.slow
@often_some
def test_same_bytes(variant: Variant, name: str, tmp_path: Path) -> None:
    """A second write gives the same bytes."""
    slide = variant(name)
    again = write_mirax(tmp_path / slide.path.name, slide.spec)
    assert file_bytes(again) == file_bytes(slide)


@pytest.mark.slow
@often_some
def test_stored_images(variant: Variant, name: str) -> None:
    """Each image lies where the list says, and level 0 holds what the camera took."""
    slide = variant(name)
    spec = slide.spec
    for image in slide.images:
        with slide.data_path(image).open("rb") as file:
            file.seek(image.offset)
            data = file.read(image.length)
        pixels = decode(data)
        assert pixels.shape == (spec.image_height, spec.image_width, 3)
        assert image.index == image.y * spec.images[0] + image.x
        if image.level == 0 and spec.image_format != "JPEG":
            column, within_x = divmod(image.x, spec.divisions)
            row, within_y = divmod(image.y, spec.divisions)
            took = camera_pixels(spec, slide.scene, (column, row), (within_x, within_y, 1, 1))
            assert np.array_equal(pixels, took)


def test_later_picture_wins(tmp_path: Path) -> None:
    """Where camera pictures overlap, the one of the later row, then column, is shown."""
    spec = MiraxSpec(
        positions_x=2, positions_y=2, divisions=1, image_width=64, image_height=64,
        overlap_x=16, overlap_y=16, jitter=0, levels=1, image_format="PNG", plain=True, pieces=0,
    )  # fmt: skip
    slide = write_mirax(tmp_path / "four.mrxs", spec)
    red = shown(slide)[:, :, 0]
    places = {(20, 20): (0, 0), (56, 20): (1, 0), (20, 56): (0, 1), (56, 56): (1, 1)}
    for (x, y), picture in places.items():
        assert red[y, x] == 240 - spec.darkening(*picture)


def test_slidedat_text(variant: Variant) -> None:
    """Slidedat.ini starts with a byte order mark and ends its lines as a scanner does."""
    text = (variant("jpeg").folder / "Slidedat.ini").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf[GENERAL]\r\n")
    assert text.count(b"\n") == text.count(b"\r\n") > 100


def test_several_pages(variant: Variant) -> None:
    """Level 0 fills several linked pages of Index.dat."""
    slide = variant("odd_sizes")
    data = (slide.folder / "Index.dat").read_bytes()

    def number(offset: int) -> int:
        return int(struct.unpack_from("<i", data, offset)[0])

    record = number(number(5 + 32))
    assert number(record) == 0
    page, counts = number(record + 4), []
    while page:
        counts.append(number(page))
        page = number(page + 4)
    assert sum(counts) == sum(image.level == 0 for image in slide.images)
    assert set(counts[:-1]) == {slide.spec.page_length}


@pytest.mark.parametrize(
    ("name", "hierarchy", "count"),
    [("fluorescence", "Slide filter level", 3), ("z_stack", "Microscope focus level", 3)],
)
def test_further_hierarchies(variant: Variant, name: str, hierarchy: str, count: int) -> None:
    """Filter levels and z-stacks are announced, and OpenSlide opens the slide all the same."""
    with OpenSlide(variant(name).path) as handle:
        assert handle.properties["mirax.HIERARCHICAL.HIER_1_NAME"] == hierarchy
        assert handle.properties["mirax.HIERARCHICAL.HIER_1_COUNT"] == str(count)


def test_missing_data_file(tmp_path: Path) -> None:
    """Without a data file of level 0 the slide opens, and fails where that file is needed."""
    slide = write_mirax(tmp_path / "slide.mrxs", VARIANTS["jpeg"])
    lost = next(image for image in slide.images if image.file_number == 1)
    slide.data_path(lost).unlink()
    x, y, width, height = slide.place(lost)
    with OpenSlide(slide.path) as handle, pytest.raises(OpenSlideError):
        handle.read_region((x, y), 0, (width, height))


def test_missing_mpp(tmp_path: Path) -> None:
    """Without the key of its resolution OpenSlide refuses a slide."""
    spec = replace(VARIANTS["few_levels"], mpp=(None, 0.25))
    slide = write_mirax(tmp_path / "slide.mrxs", spec)
    with pytest.raises(OpenSlideError, match="MICROMETER_PER_PIXEL_X"):
        OpenSlide(slide.path)


def test_further_keys(tmp_path: Path) -> None:
    """Further keys of [GENERAL] are written, any letters included."""
    spec = replace(VARIANTS["few_levels"], general=(("SLIDE_NAME", "Müller, Jörg 1950"),))
    slide = write_mirax(tmp_path / "slide.mrxs", spec)
    with OpenSlide(slide.path) as handle:
        assert handle.properties["mirax.GENERAL.SLIDE_NAME"] == "Müller, Jörg 1950"


@given(
    x=st.integers(-50, 900), y=st.integers(-50, 700),
    width=st.integers(2, 300), height=st.integers(2, 300), plain=st.booleans(),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_scene_is_the_same_however_cut(
    x: int, y: int, width: int, height: int, plain: bool
) -> None:
    """Two halves of a rectangle of the scene are the rectangle."""
    scene = Scene(1000, 800, seed=1, plain=plain)
    whole = scene.region(x, y, width, height)
    cut = width // 2
    left, right = scene.region(x, y, cut, height), scene.region(x + cut, y, width - cut, height)
    assert np.array_equal(whole, np.concatenate([left, right], axis=1))


def test_tissue_mask_is_where_tissue_is() -> None:
    """The mask covers the pixels that are not glass, and nothing but them."""
    scene = Scene(1500, 1200, seed=2, plain=True)
    other = (scene.region(0, 0, 1500, 1200) != (240, 240, 242)).any(axis=2)
    mask = scene.tissue_mask(1)
    assert (mask & other).sum() / (mask | other).sum() > 0.95
    assert 0.1 < mask.mean() < 0.7
    assert np.array_equal(scene.tissue_mask(8), mask[4::8, 4::8])


def test_around_tissue() -> None:
    """A scanner that looks for tissue finds all of it and leaves the rest."""
    spec = MiraxSpec(positions_x=12, positions_y=16, divisions=2)
    scene = Scene(*spec.size)
    slide = WrittenSlide(
        Path(), Path(), replace(spec, scanned=around_tissue(spec, scene)), scene, (), {}
    )
    scanned = slide.scanned_mask(16)
    assert scanned[scene.tissue_mask(16)].all()
    assert 0.3 < scanned.mean() < 0.95


@pytest.mark.slow
def test_demo_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo slide is written, and not again while it is there in the same form."""
    out = tmp_path / "slides" / "demo.mrxs"
    assert make_demo.main([str(out)]) == 0
    assert "stored images" in capsys.readouterr().out
    assert make_demo.main([str(out)]) == 0
    assert "already" in capsys.readouterr().out
    with OpenSlide(out) as handle:
        assert handle.level_count >= 6
        thumbnail = np.asarray(handle.read_region((0, 0), 5, handle.level_dimensions[5]))
    assert 0.5 < (thumbnail[:, :, 3] > 0).mean() < 0.7


drawn_specs = st.builds(
    MiraxSpec,
    positions_x=st.integers(1, 5), positions_y=st.integers(1, 5),
    divisions=st.sampled_from([1, 2, 3, 4, 8]),
    image_width=st.integers(17, 60), image_height=st.integers(17, 60),
    overlap_x=st.sampled_from([0, 1, 2.5, 6.875]), overlap_y=st.sampled_from([0, 3, 4.3]),
    jitter=st.integers(0, 4), levels=st.integers(1, 7),
    image_format=st.sampled_from(["JPEG", "PNG", "BMP24"]), quality=st.integers(30, 100),
    positions=st.sampled_from(["plain", "zlib", "absent"]),
    fill_color=st.tuples(*[st.integers(0, 255)] * 3), data_files=st.integers(1, 4),
    scanned=st.sampled_from([None, lambda x, y: (x + 2 * y) % 3 > 0, lambda x, y: x > y]),
    page_length=st.integers(1, 20), plain=st.booleans(), seed=st.integers(0, 9),
)  # fmt: skip


@given(spec=drawn_specs)
def opens_as_written(spec: MiraxSpec) -> None:
    with tempfile.TemporaryDirectory() as folder:
        slide = write_mirax(Path(folder) / "slide.mrxs", spec)
        with OpenSlide(slide.path) as handle:
            assert handle.dimensions == (slide.width, slide.height)
        whole = slide.expected_region(0, 0, slide.width, slide.height)
        assert np.array_equal(shown(slide), whole)
        for level in range(1, spec.levels):
            if min(slide.width, slide.height) >> level:
                shown(slide, level)


@some_or_many(25, 300)
def test_drawn_specs(examples: int) -> None:
    """Any slide opens, and shows exactly what the writer says; all levels can be read."""
    check_drawn(opens_as_written, examples)
