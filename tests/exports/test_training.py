"""``docs/training.md``: its examples, run on a cohort by any number of workers and nodes."""

from __future__ import annotations

import functools
import gc
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import pytest
import webdataset

import mrxs_tiles
import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting.job import Source
from mrxs_tiles.cutting.samples import slide_key
from mrxs_tiles.files import manifest
from mrxs_tiles.report.report import report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from served import served

PAGE = running.REPO / "docs" / "training.md"
PYTHON_PAGE = running.REPO / "docs" / "python.md"
SIDE = 256
# As people name them: in folders, and with what a server, a shell or WebDataset may take otherwise.
NAMES = ("plain", "sub/plain", "sub/A 1.x", "50%2F", "a+b", "-rf", "é~1", "x, y")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve small slides of five patients, cut as the page says."""
    root = tmp_path_factory.mktemp("training")
    settings = read_config({"tile_size": SIDE, "edge": "pad", "packing": "tar"}).settings
    carried = {}
    for number in range(12):
        name = NAMES[number] if number < len(NAMES) else f"case/{number}"
        spec = running.LARGE if number == 4 else running.SPEC if number < 3 else running.TINY
        written = running.write(root / f"{number}.mrxs", replace(spec, seed=number))
        carried[name] = {"patient": f"P{number % 5}"}
        inspect(name, written.path, root / "results", settings)
        source = Source(sheet=carried[name])
        tile(name, written.path, root / "results", settings, 1, source)
    report(root / "results", Reported(carried=carried))
    return root / "results"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page's Python defines."""
    found: dict[str, Any] = {}
    for code in blocks(PAGE.read_text("utf-8")):
        exec(compile(code, str(PAGE), "exec"), found)  # noqa: S102 - our own page
    return found


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def kept(results: Path) -> Counter[tuple[str, int, int]]:
    """All kept tiles, by the tables as they stand on the disk."""
    found: Counter[tuple[str, int, int]] = Counter()
    for table in results.rglob("tiles.tsv"):
        slide = table.parent.relative_to(results).as_posix()
        for cells in manifest.read_table(table, manifest.TILES):
            row = dict(zip(manifest.TILES, cells, strict=True))
            if row["kept"] == "1":
                found[slide, int(row["col"]), int(row["row"])] += 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("nodes", "workers"), [(1, 1), (1, 2), (1, 4), (2, 2), (1, 16)])
def test_each_tile_once(
    cohort: Path,
    page: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    nodes: int,
    workers: int,
) -> None:
    """All workers together get every kept tile exactly once, all of one size."""
    shards = page["shards_of"](str(cohort))
    assert len(shards) == 12
    found: Counter[tuple[str, int, int]] = Counter()
    for node in range(nodes):
        for worker in range(workers):
            told = {"RANK": node, "WORLD_SIZE": nodes, "WORKER": worker, "NUM_WORKERS": workers}
            for name, value in told.items():
                monkeypatch.setenv(name, str(value))
            for pictures, rows in page["batches"](shards):
                assert pictures.shape == (len(rows), SIDE, SIDE, 3)
                found.update((row["slide"], row["col"], row["row"]) for row in rows)
    gc.collect()
    assert found == kept(cohort)
    assert len(found) > 60


@pytest.mark.long
def test_slides_are_mixed(cohort: Path, page: dict[str, Any]) -> None:
    """Another epoch has another order, and a batch has tiles of several slides."""
    shards = page["shards_of"](str(cohort))
    first, other = (list(page["batches"](shards, seed=seed)) for seed in (0, 1))
    gc.collect()
    places = [[row["file"] for _, rows in epoch for row in rows] for epoch in (first, other)]
    assert places[0] != places[1]
    assert sorted(places[0]) == sorted(places[1])
    # how many is up to chance: shards begin in any order, and some slides have few tiles
    assert len({row["slide"] for row in first[0][1]}) > 1


@pytest.mark.long
def test_folds_by_patient(cohort: Path, page: dict[str, Any]) -> None:
    """Each patient is in one fold's test part, and in no training part beside it."""
    tested: list[str] = []
    for train, test in page["folds"](str(cohort)):
        parts = []
        for shards in (train, test):
            rows = [row for _, some in page["batches"](shards) for row in some]
            parts.append({row["sheet"]["patient"] for row in rows})
        gc.collect()
        assert not parts[0] & parts[1]
        assert len(parts[0] | parts[1]) == 5
        tested += parts[1]
    assert sorted(tested) == [f"P{number}" for number in range(5)]


@pytest.mark.slow
@pytest.mark.needs("torch")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_with_torch(cohort: Path, page: dict[str, Any], workers: int) -> None:
    """PyTorch's DataLoader and its workers give every kept tile exactly once, as tensors."""
    found: Counter[tuple[str, int, int]] = Counter()
    for pictures, rows in page["loader"](page["shards_of"](str(cohort)), workers):
        assert tuple(pictures.shape) == (len(rows), SIDE, SIDE, 3)
        found.update((row["slide"], row["col"], row["row"]) for row in rows)
    assert found == kept(cohort)


@pytest.mark.long
def test_vectors_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of docs/python.md: a vector for each kept tile, beside the tiles."""
    monkeypatch.chdir(tmp_path)
    slide = running.write(tmp_path / "A1.mrxs", running.LARGE)
    keys = {"tile_size": 256, "mpp": 0.5, "min_tissue": 0.5, "edge": "drop"}
    settings = read_config(keys | {"format": "none"}).settings
    for step in (inspect, functools.partial(tile, threads=1)):
        step("A1", slide.path, tmp_path / "results", settings)

    def encoder(rgb: Any) -> Any:
        assert rgb.shape[1:] == (256, 256, 3)
        return rgb.mean(axis=(1, 2), dtype="float64")

    text = PYTHON_PAGE.read_text("utf-8")
    code, _ = blocks(text[text.index("### Vectors of a model") :])[:2]
    exec(code, {"mrxs_tiles": mrxs_tiles, "encoder": encoder})  # noqa: S102 - our own page
    with h5py.File(tmp_path / "results/A1/features.h5") as file:
        features, coords = file["features"][:], file["coords"][:]
    rows = mrxs_tiles.load("results").tiles.query("kept")
    assert coords.tolist() == rows[["x", "y"]].to_numpy().tolist()
    assert features.shape == (len(rows), 3)
    cut = {
        (r["x"], r["y"]): rgb.mean(axis=(0, 1)) for r, rgb in mrxs_tiles.tiles("A1.mrxs", **keys)
    }
    for place, vector in zip(coords.tolist(), features, strict=True):
        assert vector == pytest.approx(cut[tuple(place)])


@pytest.fixture
def server(cohort: Path) -> Iterator[str]:
    """A web server for the results."""
    with served(cohort) as address:
        yield address


def read(urls: list[str] | str, **keys: Any) -> Counter[tuple[str, int, int]]:
    data = webdataset.WebDataset(urls, shardshuffle=False, **keys).decode().to_tuple("json")
    found = Counter((row["slide"], row["col"], row["row"]) for (row,) in data)
    gc.collect()
    return found


@pytest.mark.slow
@pytest.mark.needs("curl")
def test_over_http_with_a_cache(cohort: Path, server: str, tmp_path: Path) -> None:
    """Each slide is read once though the cache goes by the shards' names alone."""
    shards = [path.relative_to(cohort) for path in sorted(cohort.rglob("*.tar"))]
    urls = [f"{server}/{quote(path.parent.as_posix())}/{path.name}" for path in shards]
    for _ in ("fetched", "from the cache"):
        assert read(urls, cache_dir=str(tmp_path)) == kept(cohort)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(p.name for p in shards)


@pytest.mark.slow
def test_collected_in_one_folder(cohort: Path, tmp_path: Path) -> None:
    """A shell's glob collects all shards; a list joined by ``::`` is what it was."""
    flat = tmp_path / "flat"
    flat.mkdir()
    found = f"find '{cohort}' -name '*.tar' -exec cp {{}} '{flat}' ';'; cd '{flat}' && ls *.tar"
    listed = subprocess.run(  # noqa: S602 - a shell is what is tried
        found, shell=True, check=True, capture_output=True, text=True
    ).stdout.split("\n")[:-1]
    assert len(listed) == 12
    assert set(listed) == {path.name for path in cohort.rglob("*.tar")}
    joined = "::".join(os.fspath(flat / name) for name in listed)
    assert read(joined) == kept(cohort)


@pytest.mark.long
def test_names_of_shards_are_keys(cohort: Path) -> None:
    """Every shard bears the key of the slide in whose folder it lies."""
    for path in cohort.rglob("*.tar"):
        slide = path.parents[1].relative_to(cohort).as_posix()
        assert path.name == f"{slide_key(slide)}-000000.tar"
