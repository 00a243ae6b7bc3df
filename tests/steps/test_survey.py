"""survey: what the index alone tells, beside what OpenSlide says and a run then makes."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openslide import OpenSlide
from PIL import Image
from skimage import data

from in_process import Variant
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.files.manifest import SURVEY, read_table
from mrxs_tiles.mirax.facts import best_level, facts_of
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.stored_bytes import (
    CHROMA,
    JPEG_HEAD_BYTES,
    QUALITIES,
    SIZES,
    stored_map,
    tissue_images,
)
from mrxs_tiles.slide.reader import SlideReader
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.survey import summary, survey
from mrxs_tiles.steps.tile import tile
from running import mrxs_tiles
from write_mirax import VARIANTS, MiraxSpec, around_tissue, scene_of, write_mirax

# As large as tells tissue from glass, and small enough to be written for a test.
SPEC = MiraxSpec(
    positions_x=6, positions_y=9, image_width=160, image_height=144, overlap_x=20, overlap_y=16,
    levels=5, pieces=2, seed=31,
)  # fmt: skip


def survey_of(slides: Path, results: Path, **settings: Any) -> dict[str, dict[str, Any]]:
    """The rows by slide."""
    config = read_config({"slides": str(slides), "results": str(results), **settings})
    return {row["slide"]: row for row in survey(find_slides(config), results)}


def cut(path: Path, results: Path, **settings: Any) -> dict[str, Any]:
    """What a run really makes."""
    chosen = read_config(settings).settings
    inspect(path.stem, path, results, chosen)
    return tile(path.stem, path, results, chosen, 1)


@pytest.mark.parametrize("name", VARIANTS)
def test_facts_are_openslides(variant: Variant, name: str) -> None:
    """Size, levels, scale, objective and bounds from the index equal what OpenSlide says."""
    slide = variant(name)
    with SlideReader(slide.path) as reader:
        truth = reader.facts()
    found = facts_of(read_index(slide.folder))
    assert found.levels.sizes == truth.levels.sizes
    assert found.levels.downsamples == pytest.approx(truth.levels.downsamples, abs=0)
    assert (found.mpp_x, found.mpp_y) == (truth.mpp_x, truth.mpp_y)
    assert found.objective == truth.objective
    assert found.bounds == truth.bounds


@pytest.mark.parametrize("name", ["jpeg", "odd_sizes", "few_levels", "eight_divisions"])
def test_best_level_is_openslides(variant: Variant, name: str) -> None:
    """The level chosen for any downsample is the one that OpenSlide chooses."""
    with OpenSlide(variant(name).path) as truth:
        for downsample in (0.5, 1, 1.5, 2, 3.99, 4, 5, 8, 16, 31, 64, 1000):
            expected = truth.get_best_level_for_downsample(downsample)
            assert best_level(truth.level_downsamples, downsample) == expected


@pytest.mark.parametrize("name", ["jpeg", "small_area", "odd_sizes", "no_positions_overlap"])
def test_scanned_area_is_alphas(variant: Variant, name: str) -> None:
    """The scanned area is that of OpenSlide's alpha, to what a cell of the map can be off."""
    slide = variant(name)
    with OpenSlide(slide.path) as truth:
        alpha = np.asarray(truth.read_region((0, 0), 0, truth.dimensions))[..., 3]
    found = stored_map(read_index(slide.folder), 0, alpha.shape[1::-1])
    assert found.px(found.image >= 0) == pytest.approx((alpha > 0).sum(), rel=0.05)


@pytest.fixture(scope="module")
def histology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one slide of tissue and glass, scanned where tissue lies."""
    folder = tmp_path_factory.mktemp("survey")
    scene = scene_of(SPEC)
    spec = replace(SPEC, scanned=around_tissue(SPEC, scene))
    write_mirax(folder / "a.mrxs", spec, scene)
    return folder


@pytest.mark.long
def test_tissue_is_the_written_tissue(histology: Path) -> None:
    """The map from the stored lengths agrees with where tissue was drawn."""
    index = read_index(histology / "a")
    tissue = tissue_images(index)
    assert tissue is not None
    places = stored_map(index, 0, facts_of(index).size)
    truth = scene_of(SPEC).tissue_mask(places.cell)
    rows, cols = (min(a, b) for a, b in zip(truth.shape, places.image.shape, strict=True))
    truth, image = truth[:rows, :cols], places.image[:rows, :cols]
    found = (image >= 0) & tissue[image]
    shared = (found & truth & (image >= 0)).sum() / ((found | truth) & (image >= 0)).sum()
    assert shared >= 0.6, "a stored image with a corner of tissue counts whole"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"tile_size": 300},
        {"tile_size": 512, "overlap": 16},
        {"tile_size": 300, "quality": 90},
        {"tile_size": 256, "downsample": 2},
        pytest.param({"tile_size": 256, "downsample": 1.4}, marks=pytest.mark.torture),
        {"tile_size": 128, "mpp": 0.75},
        pytest.param({"tile_size": 100, "magnification": 2.6}, marks=pytest.mark.torture),
        {"tile_size": 300, "region": "200,300,1500,1800"},
        {"tile_size": 300, "min_tissue": 0.5},
        {"tile_size": 128, "downsample": 3, "min_tissue": 0.9},
        {"tile_size": 300, "limit_bounds": True, "subsampling": "444"},
    ],
    ids=str,
)
def test_estimates_are_near_what_a_run_makes(
    histology: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Tiles to keep and their bytes are within 15 % of what the run then makes."""
    row = survey_of(histology, tmp_path / "s", **settings)["a"]
    made = cut(histology / "a.mrxs", tmp_path / "r", **settings)
    assert row["tiles"] == made["counts"]["tiles"]
    assert row["kept_estimate"] == pytest.approx(made["counts"]["kept"], rel=0.15)
    assert row["tile_gigabytes"] == pytest.approx(made["tile_bytes"] / 1e9, rel=0.15)
    assert row["core_hours"] > 0


def test_sizes_by_quality_are_pillows() -> None:
    """The table of sizes by quality and chroma is what Pillow gives on real tissue."""
    picture = Image.fromarray(data.immunohistochemistry())

    def size(quality: int, subsampling: str) -> int:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, subsampling=subsampling)
        return len(out.getvalue()) - JPEG_HEAD_BYTES

    base = size(75, "4:2:0")
    sizes = [size(quality, "4:2:0") / base for quality in QUALITIES]
    assert sizes == pytest.approx(SIZES, abs=0.006)
    assert size(75, "4:2:2") / base == pytest.approx(CHROMA["422"], abs=0.01)
    assert size(75, "4:4:4") / base == pytest.approx(CHROMA["444"], abs=0.015)


def test_one_kind_of_ground_is_not_split(tmp_path: Path) -> None:
    """A slide of glass alone has no tissue to tell from it, and says so by an empty cell."""
    spec = MiraxSpec(positions_x=2, positions_y=2, levels=3, pieces=0, seed=32)
    slide = write_mirax(tmp_path / "glass.mrxs", spec)
    assert tissue_images(read_index(slide.folder)) is None
    row = survey_of(tmp_path, tmp_path / "out")["glass"]
    assert row["tissue_mm2"] is None
    assert row["scanned_mm2"] > 0


def damage(slides: Path, kind: str) -> None:
    folder = slides / kind
    files = sorted(folder.glob("Data*.dat"), key=lambda file: file.stat().st_size)
    if kind == "no_folder":
        shutil.rmtree(folder)
    elif kind == "no_index":
        (folder / "Index.dat").unlink()
    elif kind == "file_missing":
        files[-1].unlink()
    elif kind == "file_cut":
        with files[-1].open("r+b") as stream:
            stream.truncate(files[-1].stat().st_size // 2)
    elif kind == "no_slide":
        shutil.rmtree(folder)
        (slides / f"{kind}.mrxs").write_text("hello")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["no_folder", "no_index", "file_missing", "file_cut", "no_slide"])
def test_damage_is_what_a_run_will_say(variant: Variant, tmp_path: Path, kind: str) -> None:
    """Status, and the file at fault, are those that the run itself then reports."""
    slide = variant("jpeg")
    shutil.copytree(slide.path.parent, tmp_path / "slides")
    (tmp_path / "slides" / "jpeg.mrxs").rename(tmp_path / "slides" / f"{kind}.mrxs")
    (tmp_path / "slides" / "jpeg").rename(tmp_path / "slides" / kind)
    damage(tmp_path / "slides", kind)
    row = survey_of(tmp_path / "slides", tmp_path / "s", tile_size=300)[kind]
    if kind != "no_slide":  # its folder is what is missing
        cut(tmp_path / "slides" / f"{kind}.mrxs", tmp_path / "r", tile_size=300)
        made = json.loads((tmp_path / "r" / kind / "tiles.json").read_text())
        assert row["status"] == made["status"]
        assert row["error"][:60] == made["error"][:60]
    assert row["status"] in ("failed", "damaged")
    assert row["error"]


def test_other_formats_are_opened(aperio: Path, tmp_path: Path) -> None:
    """A slide without a MIRAX index has what OpenSlide says; what it does not say is empty."""
    row = survey_of(aperio, tmp_path)[aperio.stem]
    assert (row["status"], row["width"], row["height"]) == ("ok", 2220, 2967)
    assert row["tile_gigabytes"] is None
    part = survey_of(aperio, tmp_path, tile_size=1000, region="900,0,200,50")[aperio.stem]
    assert (part["status"], part["tiles"]) == ("ok", 2)
    outside = survey_of(aperio, tmp_path, region="90000,0,9,9")[aperio.stem]
    assert outside["status"] == "failed"
    assert outside["error"].startswith("The region '90000,0,9,9' ")


def test_slides_without_estimate_are_said(aperio: Path, tmp_path: Path) -> None:
    """What cannot be estimated is not passed off as nothing."""
    config = read_config({"slides": str(aperio), "results": str(tmp_path)})
    lines = summary(tmp_path, survey(find_slides(config), tmp_path))
    assert lines[1] == (
        "about 0 tiles to keep, whose size cannot be told, 0 core hours, without 1 slide of which "
        "nothing can be told beforehand"
    )


@pytest.mark.slow
@pytest.mark.parametrize("file", ["Slidedat.ini", "Index.dat"])
@pytest.mark.parametrize(
    "seed", [*range(12), *(pytest.param(seed, marks=pytest.mark.torture) for seed in range(12, 40))]
)
def test_any_damage_is_a_row(variant: Variant, tmp_path: Path, file: str, seed: int) -> None:
    """Bytes changed anywhere in what survey reads end as a row of that slide, never an error."""
    slide = variant("odd_sizes")
    shutil.copytree(slide.path.parent, tmp_path / "slides")
    random = np.random.default_rng(seed)
    damaged = tmp_path / "slides" / "odd_sizes" / file
    content = bytearray(damaged.read_bytes())
    for place in random.integers(len(content), size=1 + seed % 4):
        content[place] = ord("0123456789=."[random.integers(12)]) if "ini" in file else seed * 6
    damaged.write_bytes(bytes(content))
    row = survey_of(tmp_path / "slides", tmp_path / "s", tile_size=200)["odd_sizes"]
    assert row["status"] in ("ok", "damaged", "failed")
    assert bool(row["error"]) == (row["status"] != "ok")


@pytest.mark.slow
def test_command(variant: Variant, tmp_path: Path) -> None:
    """200 slides, one in ten without a data file: the bad ones are named, the others counted."""
    slide = variant("jpeg")
    slides = tmp_path / "slides"
    slides.mkdir()
    index = read_index(slide.folder)
    lost = slide.folder / index.slidedat.data_files[index.images[0][0, 3]]
    for number in range(200):
        shutil.copy(slide.path, slides / f"s{number:03}.mrxs")
        (slides / f"s{number:03}").mkdir()
        for file in slide.folder.iterdir():
            if number % 10 or file != lost:
                (slides / f"s{number:03}" / file.name).hardlink_to(file)
    done = mrxs_tiles("survey", slides, "--results", tmp_path / "out", "--tile-size", 300)
    assert done.code == 1
    assert "200 slides" in done.out
    assert "180 sound, 20 bad" in done.out
    assert f"tiles cannot be read: {lost.name} is missing" in done.out
    assert all(f"  s{number:03} (damaged): " in done.out for number in range(0, 200, 10))
    rows = list(read_table(tmp_path / "out" / "survey.tsv", SURVEY))
    assert [row[0] for row in rows] == [f"s{number:03}" for number in range(200)]


@pytest.mark.slow
def test_command_refuses_what_no_slide_is(tmp_path: Path) -> None:
    """An empty folder is one sentence and exit code 1."""
    done = mrxs_tiles("survey", tmp_path, "--results", tmp_path / "out")
    assert done.code == 1
    assert "no file below" in done.err
    assert done.err.count("\n") == 1


def test_tiles_without_tissue_are_not_called_unreadable(histology: Path, tmp_path: Path) -> None:
    """A tile that min_tissue drops is not read, so that damage in it is none."""
    slides = tmp_path / "slides"
    shutil.copytree(histology, slides)
    slide = slides / "a.mrxs"
    file = max(slide.with_suffix("").glob("Data*.dat"), key=lambda path: path.stat().st_size)
    file.unlink()
    settings = {"tile_size": 200, "min_tissue": 0.5}
    row = survey_of(slides, tmp_path / "s", **settings)[slide.stem]
    every = survey_of(slides, tmp_path / "s", tile_size=200)[slide.stem]

    def unreadable(row: dict[str, Any]) -> int:
        return int(row["error"].split(" of ")[0]) if row["error"] else 0

    made = cut(slide, tmp_path / "r", **settings)
    assert unreadable(row) < unreadable(every)
    assert abs(unreadable(row) - made["counts"]["unreadable"]) <= every["tiles"] * 0.1


def test_hours_follow_format_and_scale(histology: Path, tmp_path: Path) -> None:
    """What takes a core ten times as long is not said to take as long."""

    def hours(**settings: Any) -> float:
        row = survey_of(histology, tmp_path, tile_size=200, **settings)["a"]
        return float(row["core_hours"])

    known = [hours(format=name) for name in ("none", "jpg", "tif", "png", "jxl", "webp")]
    known.append(hours(format="webp", quality=100))
    assert known == sorted(known)
    assert 4 * known[1] < known[3] < 8 * known[1]
    assert known[1] < hours(format="jxl", quality=100) < 2.5 * known[1]
    assert hours(downsample=2) < hours()  # a quarter of the px, read from their own level
    assert hours(downsample=3) > hours(downsample=2)  # resampled, although fewer
    assert hours(min_focus=1) > hours()
