"""tissue.png is where tissue lies; min_tissue drops the tiles with less, without reading them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from in_process import NAME, Cut, Variant, cut, look
from mrxs_tiles.config.config import read_config
from mrxs_tiles.grid.coverage import tile_sums
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Levels
from mrxs_tiles.grid.resampled import make_resampled_grid
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.pixels.tissue import tissue_mask
from mrxs_tiles.slide.reader import SlideReader
from mrxs_tiles.slide.tissue_map import map_tissue, tissue_overview
from mrxs_tiles.steps.tile import tile
from running import snakemake
from write_mirax import MiraxSpec, WrittenSlide, scene_of, write_mirax

GLASS, PINK, PALE = (240, 240, 242), (200, 120, 160), (236, 221, 230)
PX_UM2 = 64.0


def mask_of(folder: Path) -> np.ndarray:
    with Image.open(folder / NAME / "tissue.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "1")
        return np.asarray(picture)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks, which a rounded edge may make a px different."""
    height, width = (min(sides) for sides in zip(one.shape, other.shape, strict=True))
    one, other = one[:height, :width], other[:height, :width]
    return float((one & other).sum() / (one | other).sum())


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """A slide of 1.3 x 1.4 mm with glass of scanner noise around its tissue."""
    spec = MiraxSpec(
        positions_x=8, positions_y=9, image_width=170, image_height=160, levels=6, seed=5
    )
    return write_mirax(tmp_path_factory.mktemp("wide") / "wide.mrxs", spec, scene_of(spec))


@pytest.mark.parametrize(
    "name",
    [
        *("jpeg_plain", "fill_colour", "one_level"),
        pytest.param("wide", marks=pytest.mark.slow),
        pytest.param("bmp", marks=pytest.mark.torture),
        pytest.param("full", marks=pytest.mark.torture),
    ],
)
def test_is_the_written_tissue(
    variant: Variant, request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    """On written slides the mask is the tissue that was drawn, where it was scanned."""
    slide = request.getfixturevalue("wide") if name == "wide" else variant(name)
    look(slide.path, tmp_path)
    found = mask_of(tmp_path)
    step = round(slide.spec.size[1] / found.shape[0])
    scanned = slide.scanned_mask(step)
    assert overlap(found, slide.scene.tissue_mask(step) & scanned) >= 0.85
    height, width = (min(sides) for sides in zip(scanned.shape, found.shape, strict=True))
    # a px at the edge of the scanned area is judged at its centre here, by its half there
    assert (found[:height, :width] & ~grown(scanned[:height, :width])).sum() == 0


def grown(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    around = [np.roll(padded, shift, (0, 1)) for shift in np.ndindex(3, 3)]
    return np.logical_or.reduce([np.roll(part, (-1, -1), (0, 1)) for part in around])[1:-1, 1:-1]


def test_agrees_with_another_tool(aperio: Path, tmp_path: Path) -> None:
    """On a real slide the mask is much the one that hs2p makes by hue; see data/README.md."""
    look(aperio, tmp_path)
    with Image.open(aperio.with_name("CMU-1-Small-Region.hs2p.png")) as picture:
        assert overlap(mask_of(tmp_path), np.asarray(picture)) >= 0.8


def painted(*squares: tuple[tuple[int, int, int], slice, slice]) -> np.ndarray:
    picture = np.full((120, 160, 3), GLASS, np.uint8)
    noise = np.random.default_rng(0).normal(0, 0.8, picture.shape)
    for colour, rows, cols in squares:
        picture[rows, cols] = colour
    return (picture + noise).clip(0, 255).astype(np.uint8)


HALF = (PINK, slice(20, 90), slice(20, 60))
EVERYWHERE = np.ones((120, 160), bool)


def test_glass_alone_has_no_tissue() -> None:
    """Otsu finds two halves in anything; of glass alone none is tissue."""
    assert not tissue_mask(painted(), EVERYWHERE, PX_UM2).any()
    assert not tissue_mask(np.full((9, 9, 3), 255, np.uint8), np.ones((9, 9), bool), PX_UM2).any()


def test_tissue_alone_is_all_tissue() -> None:
    """A scan of tissue only, pale and strong, has no glass."""
    picture = painted(
        (PINK, slice(0, 120), slice(0, 80)), ((90, 40, 110), slice(0, 120), slice(80, 160))
    )
    assert tissue_mask(picture, EVERYWHERE, PX_UM2).all()


def test_pen_does_not_hide_pale_tissue() -> None:
    """A stroke of strong colour does not lift the threshold over pale tissue."""
    picture = painted((PALE, *HALF[1:]), ((0, 60, 230), slice(100, 112), slice(0, 160)))
    found = tissue_mask(picture, EVERYWHERE, PX_UM2)
    assert found[HALF[1:]].mean() > 0.95
    assert not found[20:90, 80:].any()


def test_unscanned_is_never_tissue() -> None:
    """Whatever colour stands there, and however small it is."""
    scanned = EVERYWHERE.copy()
    scanned[:, :30] = scanned[50, 50] = False
    found = tissue_mask(painted(HALF), scanned, PX_UM2)
    assert found[HALF[1:]].sum() == 70 * 30 - 1
    assert not (found & ~scanned).any()
    assert not tissue_mask(painted(HALF), np.zeros_like(scanned), PX_UM2).any()


def test_dust_and_vessels() -> None:
    """Specks are removed, small holes filled, large ones left."""
    speck = (PINK, slice(100, 103), slice(100, 103))
    vessel, lumen = (GLASS, slice(30, 36), slice(30, 36)), (GLASS, slice(50, 80), slice(30, 50))
    found = tissue_mask(painted(HALF, speck, vessel, lumen), EVERYWHERE, PX_UM2)
    assert found.sum() == pytest.approx(70 * 40 - 30 * 20, abs=60)
    assert found[vessel[1:]].all()
    assert not found[lumen[1:]].any()
    assert not found[speck[1:]].any()


def test_black_is_no_tissue() -> None:
    """Nearly black px, whose saturation is only noise, are none."""
    rim = ((3, 0, 4), slice(0, 120), slice(130, 160))
    found = tissue_mask(painted(HALF, rim), EVERYWHERE, PX_UM2)
    assert not found[:, 130:].any()
    assert found[HALF[1:]].all()


@given(
    seed=st.integers(0, 1 << 32), cell=st.integers(1, 9), tile_size=st.integers(3, 40),
    overlap=st.integers(0, 3), scale=st.sampled_from([1, 2, 2.6]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_fraction_of_each_tile(
    seed: int, cell: int, tile_size: int, overlap: int, scale: float
) -> None:
    """The sum over a tile is that of the map, each cell drawn out to its px, counted by hand."""
    random = np.random.default_rng(seed)
    cells = random.integers(0, 3, random.integers(1, 12, 2))
    width, height = (int(side) for side in random.integers(1, 90, 2))
    whole = np.zeros((2000, 2000))
    drawn = np.kron(cells, np.ones((cell, cell)))
    whole[: drawn.shape[0], : drawn.shape[1]] = drawn
    levels = Levels(((width, height),), (1.0,))
    if scale == 2.6:
        grid = make_resampled_grid(levels, tile_size, overlap, (2.6, 1.7), None, 0)
    else:
        grid = make_grid(levels, tile_size, overlap, int(scale), None, 0)
    sums = tile_sums(cells, (cell, cell), grid)
    assert sums.shape == (grid.cols, grid.rows)
    for place in grid.tiles():
        box = whole[place.y : place.y + place.height, place.x : place.x + place.width]
        assert sums[place[:2]] == pytest.approx(box.sum() / cell**2)


def fractions(found: Cut) -> dict[str, float]:
    return {f"{row['col']}_{row['row']}.jpg": float(row["tissue"]) for row in found.coordinates}


@pytest.mark.slow
def test_fractions_are_the_masks(wide: WrittenSlide, tmp_path: Path) -> None:
    """The column tissue is the share of tissue.png's px in each tile."""
    record = look(wide.path, tmp_path, tile_size=512)
    mask = mask_of(tmp_path)
    found = Cut(tmp_path / NAME, record, {})
    drawn = np.kron(mask, np.ones((32, 32), bool))
    for row in found.coordinates:
        x, y, width, height = (int(row[key]) for key in ("x", "y", "width", "height"))
        share = drawn[y : y + height, x : x + width].sum() / (width * height)
        assert float(row["tissue"]) == pytest.approx(share, abs=1e-5)
    assert {float(row["tissue"]) for row in found.coordinates} >= {0.0, 1.0}
    px_mm2 = (32 * 0.2325) ** 2 / 1e6
    assert record["tissue_mm2"] == pytest.approx(mask.sum() * px_mm2)
    assert record["scanned_mm2"] > record["tissue_mm2"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("auto", MiraxReader), ("openslide", SlideReader)])
def test_tiles_with_less_are_not_read(
    wide: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: Any
) -> None:
    """min_tissue keeps the tiles that have it, byte for byte, and reads no other."""
    whole = cut(wide.path, tmp_path / "all", tile_size=512)
    px_read = [0]
    plain = kind.read

    def spied(reader: Any, location: Any, level: int, out: Any, fill: int = 0) -> Any:
        if level == 0 and out.shape[0] > 256:  # the guess of the room reads spots of 256
            px_read[0] += out.shape[0] * out.shape[1]
        return plain(reader, location, level, out, fill)

    keys = {"tile_size": 512, "min_tissue": 0.5, "reader": name}
    look(wide.path, tmp_path / "some", **keys)
    monkeypatch.setattr(kind, "read", spied)
    settings = read_config(keys).settings
    tiled = tile(NAME, wide.path, tmp_path / "some", settings, threads=2)
    some = Cut(tmp_path / "some" / NAME, {}, tiled)
    enough = {name for name, share in fractions(whole).items() if share >= 0.5}
    assert some.files == {name: whole.files[name] for name in enough & whole.files.keys()}
    assert 10 < len(some.files) < 0.8 * len(whole.files)
    sizes = {
        f"{row['col']}_{row['row']}.jpg": int(row["width"]) * int(row["height"])
        for row in whole.rows
    }
    assert px_read[0] == sum(sizes[name] for name in enough)
    for row in some.rows:
        assert (row["reason"] == "tissue") == (float(row["tissue"]) < 0.5)
    counts = some.tiled["counts"]
    assert counts["tissue"] == len(some.rows) - len(enough)
    assert counts["tiles"] == whole.tiled["counts"]["tiles"]


@pytest.mark.long
def test_dropped_tiles_need_not_be_readable(variant: Variant, tmp_path: Path) -> None:
    """A tile without tissue in a lost file is dropped for tissue: nobody misses it."""
    slide = variant("jpeg")
    shutil.copytree(slide.path.parent, tmp_path / "slides")
    path = tmp_path / "slides" / slide.path.name
    (path.with_suffix("") / "Data0000.dat").unlink()
    plain = cut(path, tmp_path / "all", tile_size=200)
    some = cut(path, tmp_path / "some", tile_size=200, min_tissue=1)
    lost = [row["reason"] for row in plain.rows].count("unreadable")
    assert lost > [row["reason"] for row in some.rows].count("unreadable")
    assert {row["reason"] for row in some.rows} >= {"tissue"}


def test_unread_parts_count_as_tissue(variant: Variant, tmp_path: Path) -> None:
    """Where the mask's level cannot be read nothing is dropped for it, and that is said."""
    slide = variant("one_level")
    shutil.copytree(slide.path.parent, tmp_path / "slides")
    path = tmp_path / "slides" / slide.path.name
    image = slide.images[len(slide.images) // 2]
    with (path.with_suffix("") / f"Data{image.file_number:04}.dat").open("r+b") as stream:
        stream.seek(image.offset)
        stream.write(b"\0" * 40)
    record = look(path, tmp_path, tile_size=200)
    assert "parts of the tissue mask could not be read, and count as tissue" in record["warnings"]
    with SlideReader(path) as reader:
        facts = reader.facts()
        found = map_tissue(facts, tissue_overview(reader, facts))
    assert found.unread.any()
    assert found.mask[found.unread].all()


@pytest.mark.slow
def test_no_tissue_and_nothing_kept_are_said(tmp_path: Path) -> None:
    """A slide of glass says that it has no tissue, and a run that keeps nothing of it so too."""
    spec = MiraxSpec(positions_x=3, positions_y=3, pieces=0, seed=4)
    path = tmp_path / "slides" / "glass.mrxs"
    path.parent.mkdir()
    write_mirax(path, spec)
    ran = snakemake(tmp_path, slides=path.parent, tile_size=200, min_tissue=0.5)
    assert ran.code == 0
    assert "1 with a warning: see the column warnings of the report" in ran.text
    report = (tmp_path / "results/report.tsv").read_text()
    assert "no tissue was found: tissue.png is empty; no tile was kept" in report


@pytest.mark.slow
def test_same_bytes_again(wide: WrittenSlide, tmp_path: Path) -> None:
    """The mask is the same bytes in each run, and so are the fractions."""
    for folder in ("one", "two"):
        look(wide.path, tmp_path / folder, tile_size=512)
    for name in ("tissue.png", "coordinates.tsv"):
        one, two = (tmp_path / folder / NAME / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
