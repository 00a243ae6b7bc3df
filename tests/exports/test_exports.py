"""What other programs read: when the files are there, whole, and told apart."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from exporting import ALL, exported, files
from in_process import NAME, Variant, cut
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.manifest import EXPORTS
from mrxs_tiles.steps import export as export_slide
from mrxs_tiles.steps.export import export
from running import REPO, SPEC, TINY, lasting, mrxs_tiles, snakemake, times, write

# --- all three --------------------------------------------------------------------------------


def test_nothing_kept(variant: Variant, tmp_path: Path) -> None:
    """A slide without a tile, and one that cannot be opened, have files without one."""
    missing = tmp_path / "missing.mrxs"
    for path in (variant("nothing_scanned").path, missing):
        found = exported(path, tmp_path / path.stem)
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


@pytest.mark.long
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


@pytest.mark.slow
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
    ran = snakemake(tmp_path, exports="[qupath,clam,parquet]", **keys)
    assert ran.code == 0
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
