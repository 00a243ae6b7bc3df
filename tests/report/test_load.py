"""`mrxs_tiles.load`: tables with types, pictures whatever the packing, and the page about it."""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import webdataset  # noqa: F401 - before the page does: it would want more of PyTorch than is here
from PIL import Image

import mrxs_tiles
from as_windows import ON_WINDOWS
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.exports.parquet import SCHEMA
from mrxs_tiles.files import tile_files
from mrxs_tiles.files.tile_files import TileFiles
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import REPO, SPEC, TINY, table, write

PAGE = REPO / "docs" / "python.md"
# no name of Windows holds a backslash
NAMES = ["001", "gone", "sub/A .1 é" if ON_WINDOWS else "sub/A \\t.1 é"]
PACKINGS = ("folder", "tar")
WHOLE = ["col", "row", "x", "y", "width", "height", "tile_width", "tile_height"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of three slides, one of which cannot be opened, with each packing."""
    root = tmp_path_factory.mktemp("load")
    for name in NAMES:
        slide = root / "slides" / f"{name}.mrxs"
        if name != "gone":
            write(slide, TINY if name == "001" else SPEC)
        for packing in PACKINGS:
            keys = {"tile_size": 64, "packing": packing, "min_focus": 3}
            settings = read_config(keys).settings
            inspect(name, slide, root / packing, settings)
            tile(name, slide, root / packing, settings, 2)
    for packing in PACKINGS:
        report(root / packing)
    return root


@pytest.mark.parametrize("packing", PACKINGS)
def test_tables(cohort: Path, packing: str) -> None:
    """Each slide and each tile has its row, typed, a name that looks like a number a text."""
    with mrxs_tiles.load(cohort / packing) as run:
        slides, tiles = run.slides, run.tiles
    assert slides["slide"].tolist() == NAMES
    assert slides["status"].tolist() == ["ok", "failed", "ok"]
    assert slides["kept"].sum() == tiles["kept"].sum() > 10
    assert slides["tile_bytes"].sum() == tiles["bytes"].sum()
    assert str(slides["width"].dtype) == "Int64"
    assert slides["mpp_x"].dtype == np.float64
    assert slides["width"].isna().tolist() == [False, True, False]
    rows = [row for name in NAMES for row in table(cohort / packing / name / "tiles.tsv")]
    assert len(tiles) == len(rows)
    assert list(tiles) == ["slide", *rows[0]]
    assert set(tiles["slide"]) == {NAMES[0], NAMES[2]}
    assert tiles["kept"].dtype == np.bool_
    assert all(tiles[name].dtype == np.int64 for name in WHOLE)
    assert all(tiles[name].dtype == np.float64 for name in ("tissue", "focus", "pen"))
    assert tiles["reason"].isna().equals(tiles["kept"])
    assert tiles["file"].notna().equals(tiles["kept"])
    assert tiles["bytes"].notna().equals(tiles["kept"])
    for column in ("col", "x", "reason", "file"):
        found = tiles[column].astype(object).fillna("").astype(str).tolist()
        assert found == [row[column] for row in rows]


def test_some_slides_and_columns(cohort: Path) -> None:
    """Chosen slides and columns are those of the whole table; unknown ones are told."""
    run = mrxs_tiles.load(cohort / "folder")
    whole = run.tiles
    one = run.tiles_of(NAMES[2], ["kept", "col", "file"])
    assert list(one) == ["slide", "col", "kept", "file"]
    part = whole[whole["slide"] == NAMES[2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(one, part[list(one)])
    assert len(run.tiles_of("gone")) == 0
    with pytest.raises(ValueError, match='no slide of these results is called "nobody"'):
        run.tiles_of(["001", "nobody"])
    with pytest.raises(ValueError, match='there is no column "tisue"'):
        run.tiles_of(None, ["tisue"])


def test_slide_by_slide(cohort: Path) -> None:
    """Slides come one at a time, and together they are the whole table."""
    run = mrxs_tiles.load(cohort / "folder")
    found = list(run.by_slide())
    assert [slide for slide, _ in found] == NAMES[::2]  # the other one cannot be opened
    joined = pd.concat([table for _, table in found], ignore_index=True)
    pd.testing.assert_frame_equal(joined, run.tiles, check_dtype=False)


def test_dataset(cohort: Path, tmp_path: Path) -> None:
    """Pyarrow sees the same rows from Parquet exports, from tables, and from some of each."""
    results = tmp_path / "results"
    shutil.copytree(cohort / "folder", results)
    run = mrxs_tiles.load(results)
    bare = run.dataset().to_table()
    export(NAMES[0], results, ["parquet"])
    mixed = run.dataset().to_table()
    export(NAMES[2], results, ["parquet"])
    assert run.dataset().schema == SCHEMA
    assert run.dataset().files == [str(results / name / "tiles.parquet") for name in NAMES[::2]]
    order = [("slide", "ascending"), ("col", "ascending"), ("row", "ascending")]
    exported = run.dataset().to_table().sort_by(order)
    assert bare.sort_by(order) == mixed.sort_by(order) == exported
    assert len(exported) == len(run.tiles)
    assert (
        exported["kept"].to_pylist()
        == run.tiles.sort_values(["slide", "col", "row"], kind="stable")["kept"].tolist()
    )


def test_features(cohort: Path, tmp_path: Path) -> None:
    """Vectors lie beside the places of their tiles, in whatever order they were made."""
    results = tmp_path / "results"
    shutil.copytree(cohort / "folder", results)
    slide, run = NAMES[2], mrxs_tiles.load(results)
    keys = {"tile_size": 64, "min_focus": 3, "threads": 2}
    given = [row for row, _ in mrxs_tiles.tiles(cohort / "slides" / f"{slide}.mrxs", **keys)]
    vectors = np.array([[row["x"], row["y"], row["tissue"]] for row in given], np.float32)
    path = run.write_features(slide, vectors, given)
    kept = run.tiles.query("kept and slide == @slide")
    with h5py.File(path) as file:
        assert file["features"].dtype == np.float32
        assert np.array_equal(file["features"][:, :2], file["coords"])
        assert np.array_equal(file["coords"], kept[["x", "y"]])
        assert file["coords"].attrs["patch_size"] == 64
    first = path.read_bytes()
    with h5py.File(path) as file:
        again = np.asarray(file["features"])
    assert run.write_features(slide, again) == path
    assert path.read_bytes() == first
    for array, rows in ((vectors[1:], None), (vectors[:, 0], None), (vectors, given[:-1])):
        with pytest.raises(ValueError, match=f"has {len(given)} kept"):
            run.write_features(slide, array, rows)
    for array in (vectors[:, :0], vectors.astype(object), vectors.astype(str)):
        with pytest.raises(ValueError, match="give numbers, one or more for each tile"):
            run.write_features(slide, array)
    vectors[1, 0] = np.nan
    with pytest.warns(UserWarning, match=f"features of 1 of {len(given)} tiles hold NaN"):
        run.write_features(slide, vectors)


@pytest.mark.parametrize("packing", PACKINGS)
def test_without_a_report(cohort: Path, tmp_path: Path, packing: str) -> None:
    """Where no report was made, the slides' own records say the same."""
    with mrxs_tiles.load(str(cohort / packing)) as run:
        slides, tiles = run.slides, run.tiles
    shutil.copytree(cohort / packing, tmp_path / "bare")
    (tmp_path / "bare" / "report.tsv").unlink()
    bare = mrxs_tiles.load(tmp_path / "bare")
    pd.testing.assert_frame_equal(bare.slides, slides)
    pd.testing.assert_frame_equal(bare.tiles, tiles)


def test_what_was_lost_is_told(cohort: Path, tmp_path: Path) -> None:
    """A slide whose tables are gone, or of another run than the report, is told of."""
    results = tmp_path / "results"
    shutil.copytree(cohort / "folder", results)
    lines = (results / "001/tiles.tsv").read_text("utf-8").splitlines(keepends=True)
    (results / "001/tiles.tsv").write_text("".join(lines[:1]), "utf-8")
    (results / NAMES[2] / "tiles.tsv").unlink()
    with mrxs_tiles.load(results) as run:
        with pytest.warns(UserWarning, match="tiles") as told:
            assert run.tiles.empty
        said = [str(one.message) for one in told]
        assert said[0].startswith("001: 0 tiles are kept, and report.tsv says ")
        assert "tiles.tsv is not there, so its rows are left out. mrxs-tiles verify" in said[1]
        with pytest.warns(UserWarning, match="tiles.tsv is not there"):
            run.dataset()
        assert run.labels.empty  # it was cut without, and nothing is said


def test_only_inspected(cohort: Path, tmp_path: Path) -> None:
    """Slides that were not cut have no tiles yet, and the table has its columns all the same."""
    write(tmp_path / "A.mrxs", TINY)
    inspect("A", tmp_path / "A.mrxs", tmp_path / "out", read_config({}).settings)
    run = mrxs_tiles.load(tmp_path / "out")
    assert run.slides["status"].tolist() == ["failed"]
    assert len(run.tiles) == 0
    assert run.tiles.dtypes.equals(mrxs_tiles.load(cohort / "tar").tiles.dtypes)


def test_pictures(cohort: Path) -> None:
    """Each kept tile's picture is the same from a folder and from a shard; others have none."""
    loose, packed = (mrxs_tiles.load(cohort / packing) for packing in PACKINGS)
    for at, row in packed.tiles.iterrows():
        other = loose.tiles.loc[at]
        if not row["kept"]:
            with pytest.raises(ValueError, match="was not kept"):
                packed.open(row)
            continue
        with packed.open(row) as one, loose.open(dict(other)) as two:
            assert one.size == (row["tile_width"], row["tile_height"])
            assert np.array_equal(np.asarray(one), np.asarray(two))
        assert len(packed.read(row)) == row["bytes"]
    packed.close()
    loose.close()


def test_closed_and_opened_again(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard is opened once; few stay open; what was closed is opened when it is needed."""
    opened: list[Path] = []

    class Counted(tile_files._Shard):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr(tile_files, "_Shard", Counted)
    with mrxs_tiles.load(cohort / "tar") as run:
        kept = run.tiles[run.tiles["kept"]]
        for _, row in kept.iterrows():
            run.read(row)
        assert len(opened) == 2
        run.close()
        monkeypatch.setattr(tile_files, "MOST_OPEN", 1)
        for _, row in kept.sample(frac=1, random_state=0).iterrows():
            run.read(row)
        assert len(opened) > 4
    count = len(opened)
    run.read(kept.iloc[0])
    assert len(opened) == count + 1
    run.close()


def test_threads_and_processes(cohort: Path) -> None:
    """Many threads read from one object, and a copy of it in another process reads, too."""
    with mrxs_tiles.load(cohort / "tar") as run:
        kept = [row for _, row in run.tiles[run.tiles["kept"]].iterrows()]
        alone = [run.read(row) for row in kept]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(run.read, kept)) == alone
        with pickle.loads(pickle.dumps(run)) as copied:  # noqa: S301
            assert [copied.read(row) for row in kept[:3]] == alone[:3]
        assert isinstance(pickle.loads(pickle.dumps(TileFiles(cohort))), TileFiles)  # noqa: S301


def test_what_is_wrong(tmp_path: Path) -> None:
    """No results, and a table of something else, are told in a sentence."""
    with pytest.raises(ResultsError, match=r"holds no slide.json"):
        mrxs_tiles.load(tmp_path)
    (tmp_path / "report.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(ResultsError, match=r"cannot be read|other columns"):
        mrxs_tiles.load(tmp_path)


@pytest.mark.slow
def test_light() -> None:
    """Importing the package loads none of what `load` needs."""
    code = (
        "import sys, mrxs_tiles; print([n for n in ('pandas', 'numpy', 'PIL') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPO / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


# --- the page ---------------------------------------------------------------------------------


def blocks() -> list[str]:
    """The page's code that reads what a run left."""
    text = PAGE.read_text("utf-8").partition("## `tiles`")[0]
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of PyTorch as the page's datasets need to be made and read."""
    torch: Any = types.ModuleType("torch")
    utils: Any = types.ModuleType("torch.utils")
    data: Any = types.ModuleType("torch.utils.data")
    data.Dataset = type("Dataset", (), {})
    data.IterableDataset = type("IterableDataset", (), {})
    data.get_worker_info = lambda: None
    data.DataLoader = lambda dataset, **_: dataset
    torch.utils, utils.data = utils, data
    for name, module in (("torch", torch), ("torch.utils", utils), ("torch.utils.data", data)):
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("torch")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("packing", PACKINGS)
def test_page(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str) -> None:
    """What the page shows runs as it stands there, and its datasets give every kept tile."""
    (tmp_path / "results").symlink_to(cohort / packing)
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    for block in blocks():
        if "webdataset" in block and packing == "folder":
            continue
        exec(block, space)  # noqa: S102
    kept = space["run"].tiles.query("kept")
    mapped = space["Tiles"](kept)
    assert len(mapped) == len(kept)
    picture, slide = mapped[0]
    assert isinstance(picture, Image.Image)
    assert slide == kept["slide"].iloc[0]
    streamed = list(space["TileStream"](kept))
    assert [slide for _, slide in streamed] == kept["slide"].tolist()
    if packing == "tar":
        samples = list(space["samples"])
        assert len(samples) == len(kept)
        assert {row["slide"] for _, row in samples} == set(kept["slide"])
    space["run"].close()


@pytest.mark.parametrize("packing", PACKINGS)
def test_name_with_a_number_sign(tmp_path: Path, packing: str) -> None:
    """A # in a slide's name does not begin a shard's member."""
    slide = write(tmp_path / "A#1.mrxs", TINY).path
    settings = read_config({"tile_size": 100, "packing": packing}).settings
    inspect("A#1", slide, tmp_path / "results", settings)
    tile("A#1", slide, tmp_path / "results", settings, 1)
    with mrxs_tiles.load(tmp_path / "results") as run:
        kept = run.tiles[run.tiles["kept"]]
        assert len(kept)
        assert all(run.open(row).size[0] <= 100 for _, row in kept.iterrows())


def test_garbled_shard(tmp_path: Path) -> None:
    """A shard whose headers are damaged is an OSError, as any file that cannot be read."""
    (tmp_path / "a.tar").write_bytes(b"\xff" * 1024)
    with TileFiles(tmp_path) as files, pytest.raises(OSError, match="is damaged at byte 512"):
        files.read("a.tar#member")
