"""What other programs read: each file by the library and in the way of those who use it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import geojson
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from openslide import OpenSlide
from PIL import Image
from shapely.geometry import box, shape

from in_process import NAME, Cut, Variant, cut
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.exports import parquet as export_parquet
from mrxs_tiles.files.manifest import EXPORTS, TILES
from mrxs_tiles.pixels.reasons import TINTS
from mrxs_tiles.steps import export as export_slide
from mrxs_tiles.steps.export import export
from running import REPO, SPEC, TINY, lasting, mrxs_tiles, snakemake, times, write

ALL = tuple(EXPORTS)
SCALES: dict[str, dict[str, Any]] = {
    "full resolution": {},
    "a level of the slide": {"downsample": 2},
    "no level of the slide": {"mpp": 0.8},
    "overlap": {"overlap": 12},
    "overlap between levels": {"overlap": 12, "downsample": 2.5},
    "bounds": {"limit_bounds": True},
}


def exported(path: Path, results: Path, **keys: Any) -> Cut:
    """A slide that is cut into pictures without loss, and its three files."""
    found = cut(path, results, **{"tile_size": 150, "format": "png"} | keys)
    export(NAME, results, ALL)
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in EXPORTS.values()}


def kept(found: Cut) -> list[dict[str, str]]:
    return [row for row in found.rows if row["kept"] == "1"]


# --- CLAM and TRIDENT -------------------------------------------------------------------------


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


@pytest.mark.parametrize("slide", ["jpeg", "aperio"])
@pytest.mark.parametrize("scale", ["full resolution", "a level of the slide", "overlap", "bounds"])
def test_clam_reads_our_pixels(
    variant: Variant, aperio: Path, tmp_path: Path, slide: str, scale: str
) -> None:
    """Each patch that CLAM reads begins with our picture, px for px."""
    if (slide, scale) == ("aperio", "a level of the slide"):
        pytest.skip("it has one level")
    path = aperio if slide == "aperio" else variant(slide).path
    found = exported(path, tmp_path, **SCALES[scale])
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


def test_tile_at_the_edge(aperio: Path, tmp_path: Path) -> None:
    """A tile at the right or lower edge is smaller; the patch goes on beyond it, transparent."""
    found = exported(aperio, tmp_path, tile_size=500)
    last = max(range(len(kept(found))), key=lambda n: int(kept(found)[n]["x"]))
    row = kept(found)[last]
    assert int(row["tile_width"]) == 220
    with OpenSlide(aperio) as wsi:
        alpha = np.asarray(Bag(found.folder / "clam.h5", wsi).picture(last))[..., 3]
    height = int(row["tile_height"])
    assert (alpha[:height, :220] == 255).all()
    assert not alpha[:, 220:].any()


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


# --- QuPath -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", list(SCALES))
def test_qupath(variant: Variant, tmp_path: Path, scale: str) -> None:
    """Each row is a valid rectangle, as large as the tile, at its place from the bounds."""
    found = exported(variant("small_area").path, tmp_path, min_tissue=0.3, **SCALES[scale])
    read = geojson.loads((found.folder / "qupath.geojson").read_text("utf-8"))
    assert isinstance(read, geojson.FeatureCollection)
    assert read.is_valid
    left, top, *_ = found.inspected["bounds"]
    assert left > 0 < top
    assert len(read["features"]) == len(found.rows) > 0
    for feature, row in zip(read["features"], found.rows, strict=True):
        x, y, width, height = (int(row[key]) for key in ("x", "y", "width", "height"))
        polygon = shape(feature["geometry"])
        assert polygon.is_valid
        assert polygon.area == width * height
        assert polygon.equals(box(x - left, y - top, x - left + width, y - top + height))
        about = feature["properties"]
        assert about["objectType"] == "tile"
        assert about["name"] == f"{row['col']}_{row['row']}"
        fate = row["reason"] or "kept"
        assert about["classification"] == {"name": fate, "color": list(TINTS[fate])}
        assert about["measurements"] == {"tissue": float(row["tissue"])}


def test_qupath_measurements(variant: Variant, tmp_path: Path) -> None:
    """Of focus and pen stands there what was measured."""
    path = variant("jpeg").path
    found = exported(path, tmp_path, min_tissue=0.2, min_focus=0.1, max_pen=0.9)
    read = json.loads((found.folder / "qupath.geojson").read_text("utf-8"))
    sets = {tuple(feature["properties"]["measurements"]) for feature in read["features"]}
    assert sets == {("tissue",), ("tissue", "focus", "pen")}


def test_qupath_ids(variant: Variant, tmp_path: Path) -> None:
    """Ids are UUIDs, no two the same within a slide or in two, and the same in every run."""
    found = exported(variant("jpeg").path, tmp_path)

    def ids(slide: str) -> list[str]:
        (tmp_path / slide).mkdir(exist_ok=True)
        for name in ("slide.json", "tiles.json", "tiles.tsv"):
            (tmp_path / slide / name).write_bytes((found.folder / name).read_bytes())
        export(slide, tmp_path, ["qupath"])
        read = json.loads((tmp_path / slide / "qupath.geojson").read_text("utf-8"))
        return [feature["id"] for feature in read["features"]]

    one, other = ids("one"), ids("other, ü")
    assert one == ids("one")
    assert all(UUID(text).version == 5 for text in one)
    assert len({*one, *other}) == 2 * len(found.rows)


# --- Parquet ----------------------------------------------------------------------------------


def as_pandas(path: Path) -> pd.DataFrame:
    """tiles.tsv as docs/artifacts.md reads it, its empty fields missing values."""
    return pd.read_csv(
        path, sep="\t", quoting=3, na_values=[""], keep_default_na=False,
        dtype={"bytes": "Int64", "kept": bool, "reason": str, "file": str,
               "tissue": float, "focus": float, "pen": float},
    )  # fmt: skip


def test_parquet_is_the_table(variant: Variant, tmp_path: Path) -> None:
    """Every row and column of tiles.tsv, typed; what is empty there is null."""
    found = exported(variant("jpeg").path, tmp_path, min_tissue=0.2, min_focus=0.1)
    table = pq.read_table(found.folder / "tiles.parquet")
    assert table.schema.names == ["slide", *TILES]
    types = {name: str(table.schema.field(name).type) for name in table.schema.names}
    assert types == {
        "slide": "string", "col": "int32", "row": "int32", "x": "int64", "y": "int64",
        "width": "int32", "height": "int32", "tile_width": "int32", "tile_height": "int32",
        "tissue": "double", "kept": "bool", "reason": "string", "focus": "double",
        "pen": "double", "file": "string", "bytes": "int64",
    }  # fmt: skip
    assert table["reason"].null_count == table["kept"].to_pylist().count(True) > 0
    assert table["pen"].null_count == table.num_rows
    assert set(table["slide"].to_pylist()) == {NAME}
    read = table.to_pandas().drop(columns="slide")
    expected = as_pandas(found.folder / "tiles.tsv")
    pd.testing.assert_frame_equal(read, expected, check_dtype=False)
    column = pq.ParquetFile(found.folder / "tiles.parquet").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"


def test_cohort_is_one_data_set(
    variant: Variant, aperio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented line reads all slides, empty and failed ones too, as one table."""
    results = tmp_path / "results"
    rows = 0
    missing = tmp_path / "missing.mrxs"
    for slide in (aperio, variant("jpeg").path, variant("nothing_scanned").path, missing):
        found = exported(slide, results, min_tissue=0.2)
        rows += len(found.rows)
        found.folder.rename(results / slide.stem)
        export(slide.stem, results, ["parquet"])
    monkeypatch.chdir(tmp_path)
    data = pyarrow.dataset.dataset(sorted(str(p) for p in Path("results").rglob("tiles.parquet")))
    table = data.to_table()
    assert len(data.files) == 4
    assert table.num_rows == rows
    assert set(table["slide"].to_pylist()) == {aperio.stem, "jpeg"}
    counted = table.filter(pa.compute.field("kept")).group_by("slide").aggregate([("x", "count")])
    assert counted.num_rows == 2


def test_row_groups(variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written group by group; where one ends changes no row."""
    found = exported(variant("jpeg").path, tmp_path)
    whole = pq.read_table(found.folder / "tiles.parquet")
    monkeypatch.setattr(export_parquet, "GROUP", 4)
    export(NAME, tmp_path, ["parquet"])
    file = pq.ParquetFile(found.folder / "tiles.parquet")
    assert file.num_row_groups == -(-len(found.rows) // 4) > 1
    assert file.read().equals(whole)


# --- all three --------------------------------------------------------------------------------


def test_nothing_kept(variant: Variant, tmp_path: Path) -> None:
    """A slide without a tile, and one that cannot be opened, have files without one."""
    missing = tmp_path / "missing.mrxs"
    for path in (variant("nothing_scanned").path, missing):
        found = exported(path, tmp_path)
        assert found.tiled["status"] == ("failed" if path == missing else "ok")
        with h5py.File(found.folder / "clam.h5", "r") as file:
            assert (file["coords"].shape, file["coords"].dtype) == ((0, 2), np.int64)
            assert file["coords"].attrs["patch_size"] == (0 if path == missing else 150)
            assert file["coords"].attrs["patch_level"] == 0
        read = json.loads((found.folder / "qupath.geojson").read_text("utf-8"))
        assert read["type"] == "FeatureCollection"
        assert len(read["features"]) == len(found.rows)
        assert pq.read_table(found.folder / "tiles.parquet").num_rows == len(found.rows)


def test_same_bytes(variant: Variant, tmp_path: Path) -> None:
    """Two runs, in two folders, write the same bytes, none of them a place of this machine."""
    path = variant("jpeg").path
    one = files(exported(path, tmp_path / "one").folder)
    assert one == files(exported(path, tmp_path / "two").folder)
    for content in one.values():
        assert str(tmp_path).encode() not in content


def test_cut_again(variant: Variant, tmp_path: Path) -> None:
    """Files that tell of other tiles are gone when `tile` has cut anew; no other file is left."""
    path = variant("jpeg").path
    found = exported(path, tmp_path)
    cut(path, tmp_path, tile_size=200)
    assert not set(EXPORTS.values()) & {file.name for file in found.folder.iterdir()}


def test_not_cut_yet(tmp_path: Path) -> None:
    """Without the tables the sentence says what to run."""
    with pytest.raises(ResultsError, match=r"tiles\.json is not there\. Run the step before"):
        export(NAME, tmp_path, ALL)


def test_interrupted(variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be finished is not there, nor is a part of it."""
    found = exported(variant("jpeg").path, tmp_path)
    before = files(found.folder)

    def stop(*_: object) -> Any:
        yield list(found.rows[0].values())
        raise ResultsError("The table ends.")

    monkeypatch.setattr(export_slide.manifest, "read_table", stop)
    for kind in EXPORTS:
        with pytest.raises(ResultsError):
            export(NAME, tmp_path, [kind])
    assert files(found.folder) == before
    assert not list(found.folder.glob(".*"))


def test_libraries_are_not_imported() -> None:
    """Cutting imports neither library, and a file only its own."""
    code = (
        "import sys, mrxs_tiles.steps.tile, mrxs_tiles.steps.export, mrxs_tiles.__main__; "
        "print({'h5py', 'pyarrow'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=REPO / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


# --- from outside -----------------------------------------------------------------------------


@pytest.mark.slow
def test_command_line(tmp_path: Path) -> None:
    """`tile --exports` and `export` write the same files; wrong wishes get a sentence."""
    path = write(tmp_path / "A 1.mrxs", TINY).path
    shared = (path, "--results", tmp_path / "one", "--tile-size", "100")
    mrxs_tiles("inspect", *shared)
    assert mrxs_tiles("tile", *shared, "--exports", "clam,parquet", "--exports", "qupath").code == 0
    one = files(tmp_path / "one" / "A 1")
    mrxs_tiles("tile", *shared)
    assert not (tmp_path / "one" / "A 1" / "clam.h5").exists()
    ran = mrxs_tiles("export", *shared, "--exports", "[qupath, parquet, clam]")
    assert (ran.code, ran.out) == (
        0,
        "A 1: clam.h5 written\nA 1: qupath.geojson written\nA 1: tiles.parquet written\n",
    )
    assert files(tmp_path / "one" / "A 1") == one
    ran = mrxs_tiles("export", *shared)
    assert (ran.code, ran.err) == (
        1,
        "mrxs-tiles: Nothing is asked for: name it, such as --exports clam,parquet.\n",
    )
    ran = mrxs_tiles("export", *shared, "--exports", "clam", "--exports", "clam")
    assert (ran.code, ran.err) == (
        1,
        'mrxs-tiles: --exports is a list of "clam", "clam": write any of clam, qupath and '
        "parquet, each once, as in [clam, qupath] (the default is []).\n",
    )


@pytest.mark.slow
def test_workflow(tmp_path: Path) -> None:
    """Asking for other files cuts nothing again; all bytes are those of the command line."""
    path = write(tmp_path / "slides" / "A 1.mrxs", dataclasses.replace(SPEC, seed=3)).path
    (tmp_path / "slides" / "bad.mrxs").write_bytes(b"no slide")
    keys: dict[str, Any] = {"slides": "slides", "tile_size": 200, "on_bad_slide": "ignore"}
    results = tmp_path / "results"
    both = ("A 1", "bad")

    assert snakemake(tmp_path, **keys).jobs == sorted(
        ["report", *(f"{step} {slide}" for step in ("inspect", "tile") for slide in both)]
    )
    cut_at = times(results / "A 1")
    ran = snakemake(tmp_path, exports="clam", **keys)
    assert ran.code == 0
    assert [job for job in ran.jobs if job != "report"] == ["export A 1", "export bad"]
    ran = snakemake(tmp_path, exports="[qupath,clam,parquet]", **keys)
    assert [job for job in ran.jobs if job != "report"] == ["export A 1", "export bad"]
    assert times(results / "A 1").items() >= cut_at.items()
    again = snakemake(tmp_path, "--dry-run", exports="parquet,qupath,clam", **keys)
    assert [job for job in again.jobs if job != "report"] == []
    none = snakemake(tmp_path, "--dry-run", **keys)
    assert [job for job in none.jobs if job != "report"] == []

    other = tmp_path / "other"
    shared = ("--results", other, "--tile-size", "200")
    for slide in (path, tmp_path / "slides" / "bad.mrxs"):
        mrxs_tiles("inspect", slide, *shared)
        mrxs_tiles("tile", slide, *shared, "--exports", "clam,qupath,parquet")
    for slide in both:
        assert lasting(results / slide) == lasting(other / slide)

    ran = snakemake(tmp_path, exports="clam", **keys | {"tile_size": 100})
    assert {"export A 1", "tile A 1"} <= set(ran.jobs)
    assert not (results / "A 1" / "tiles.parquet").exists(), "it told of other tiles"
    with h5py.File(results / "A 1" / "clam.h5") as file:
        assert file["coords"].attrs["patch_size"] == 100
