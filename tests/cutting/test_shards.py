"""Shards: read back by those who read them elsewhere, of the size asked, whole or not there."""

from __future__ import annotations

import gc
import io
import json
import shutil
import subprocess
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

import running
from in_process import NAME, Cut, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.samples import slide_key
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.tile_files import TileFiles
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.tile import tile
from packing import MANY, NAMES, SMALL, archives, make_shards, members, packed
from running import TINY, Ran, mrxs_tiles, tree, write

NUMBERS = ("col", "row", "x", "y", "width", "height", "tile_width", "tile_height", "bytes")


# --- what is in them --------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_them(cohort: Path) -> None:
    """WebDataset finds each kept tile once: its picture, byte for byte, and its row."""
    paths = [str(path) for path in archives(cohort / "tar")]
    assert len(paths) == 2
    samples = list(webdataset.WebDataset(paths, shardshuffle=False, empty_check=False))
    gc.collect()  # it leaves the closing of files to that
    assert len({sample["__key__"] for sample in samples}) == len(samples)
    wanted = {
        (name, f"{row['col']}_{row['row']}"): row
        for name in NAMES
        for row in running.table(cohort / "tar" / name / "tiles.tsv")
        if row["kept"] == "1"
    }
    assert len(samples) == len(wanted) > 40
    for sample in samples:
        assert {key for key in sample if not key.startswith("__")} == {"jpg", "json"}
        row = json.loads(sample["json"])
        name, address = row["slide"], f"{row['col']}_{row['row']}"
        assert sample["__key__"] == f"{slide_key(name)}_{address}"
        loose = cohort / "folder" / name / "tiles" / f"{address}.jpg"
        assert sample["jpg"] == loose.read_bytes()
        assert row["kept"] is True
        assert row["reason"] is None
        text = wanted.pop((name, address))
        assert list(row) == ["slide", *text]
        for column, cell in text.items():
            if column in NUMBERS:
                assert row[column] == int(cell)
            elif column in ("tissue", "focus"):
                assert row[column] == float(cell)
        assert (row["pen"], row["file"]) == (None, text["file"])
    assert not wanted


def test_tables_differ_in_the_file_alone(cohort: Path) -> None:
    """Packing changes where a tile lies, and nothing else."""
    for name in NAMES:
        packed, loose = (
            running.table(cohort / packing / name / "tiles.tsv") for packing in ("tar", "folder")
        )
        for row in packed:
            if row["file"]:
                shard, _, member = row["file"].partition("#")
                assert shard == f"tiles/{slide_key(name)}-000000.tar"
                assert member == f"{slide_key(name)}_{row['col']}_{row['row']}.jpg"
                row["file"] = f"tiles/{row['col']}_{row['row']}.jpg"
        assert packed == loose


@pytest.mark.slow
def test_gnu_tar_reads_them(cohort: Path, tmp_path: Path) -> None:
    """GNU tar unpacks them without a word, and every header is a plain one, always the same."""
    for path in archives(cohort / "tar"):
        said = subprocess.run(
            ["tar", "-xf", path, "-C", tmp_path], capture_output=True, text=True, check=True
        )
        assert (said.stdout, said.stderr) == ("", "")
        with tarfile.open(path) as archive:
            for info in archive:
                assert (tmp_path / info.name).read_bytes() == members(path)[info.name]
                assert (info.mtime, info.uid, info.gid, info.mode) == (0, 0, 0, 0o644)
                assert (info.uname, info.gname, info.pax_headers) == ("", "", {})
    unpacked = [path.name for path in tmp_path.iterdir()]
    assert len(unpacked) == sum(len(members(path)) for path in archives(cohort / "tar"))


def test_no_more_files(cohort: Path) -> None:
    """A slide's files do not grow with its tiles."""
    counts = {name: len(tree(cohort / "tar" / name)) for name in NAMES}
    assert set(counts.values()) == {len(running.SLIDE_FILES) + 1}


# --- their size -------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(sizes=st.lists(st.integers(0, 9000), max_size=40), limit=st.integers(2000, 30_000))
def test_shard_size(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int) -> None:
    """No shard is larger, unless it holds one sample, and none could have taken another."""
    folder = tmp_path_factory.mktemp("size")
    order = [(0, row) for row in range(len(sizes))]
    with TileFolder(folder) as tiles, make_shards(tiles, order, limit) as store:
        fates = {
            at: store.keep(at, Fate(1, bytes=size), bytes(size))
            for at, size in zip(order, sizes, strict=True)
        }
        store.finished(fates)
        tiles.publish()
    found = archives(folder)
    assert [path.name for path in found] == [f"a-{n:06d}.tar" for n in range(len(found))]
    contents = [list(members(path).items()) for path in found]
    for content, path, after in zip(contents, found, [*contents[1:], []], strict=False):
        size = path.stat().st_size
        assert size <= limit or len(content) == 2
        if after:
            more = sum(512 + -(-len(data) // 512) * 512 for _, data in after[:2])
            assert size + more > limit
    assert sum(len(content) for content in contents) == 2 * len(sizes)
    with TileFiles(folder) as files:
        for at, size in zip(order, sizes, strict=True):
            assert len(files.read(fates[at].file)) == size


def test_no_tile_kept(tmp_path: Path) -> None:
    """With no tile there is no shard: an empty folder."""
    slide = write(tmp_path / "A.mrxs", TINY).path
    made = packed(slide, tmp_path / "out", 2, min_focus=1e6)
    assert made.tiled["counts"]["kept"] == 0
    assert made.tiled["status"] == "ok"
    assert running.names(made.folder / "tiles") == []


# --- in their place, whole --------------------------------------------------------------------


def test_no_stale_file(tmp_path: Path) -> None:
    """Another packing leaves nothing of the one before, either way."""
    slide = write(tmp_path / "A.mrxs", TINY).path
    first = cut(slide, tmp_path / "out", tile_size=MANY)
    loose = tree(first.folder)
    tar = tree(packed(slide, tmp_path / "out", 1).folder)
    assert [name for name in tar if name.startswith("tiles/")] == ["tiles/slide-000000.tar"]
    assert tree(packed(slide, tmp_path / "fresh", 1).folder) == tar
    assert tree(cut(slide, tmp_path / "out", tile_size=MANY).folder) == loose


@pytest.mark.slow
def test_killed(large_slide: Path, tmp_path: Path) -> None:
    """What a killed run leaves is no shard under its name; the next run tidies it up."""
    results = tmp_path / "out"
    options = ("--tile-size", str(SMALL), "--packing", "tar", "--shard-size", "1")
    shared = (large_slide, "--results", results, *options)
    mrxs_tiles("inspect", *shared)
    process = running.start(running.BIN / "mrxs-tiles", "tile", *shared, log=tmp_path / "log")
    partial = results / "large" / ".tiles.partial"
    running.wait_for(lambda: (partial / "large-000001.tar").exists() or process.poll() is not None)
    running.kill_group(process)
    assert partial.exists(), "it was over before it was killed"
    assert not (results / "large" / "tiles").exists()
    assert mrxs_tiles("tile", *shared).code == 0
    undisturbed = tmp_path / "undisturbed"
    running.cut(large_slide, undisturbed, *options)
    assert tree(results) == tree(undisturbed)


@pytest.fixture(scope="module")
def whole(large_slide: Path, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """The large slide in shards, from two threads; nobody changes it."""
    return packed(large_slide, tmp_path_factory.mktemp("whole"), 2)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["tile", "end"])
def test_full_disk(
    large_slide: Path, whole: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Where a shard cannot be written, that is told, and what was there stays."""
    before = tree(shutil.copytree(whole.folder, tmp_path / NAME))
    calls = Counter[str]()

    def full(*_: Any) -> bytes:
        calls["member"] += 1
        if moment == "tile" and calls["member"] > 100:
            raise OSError(28, "No space left on device")
        return b""

    stream = TileFolder.stream

    class Full(io.BytesIO):
        def write_as(self, lines: Any, _: object) -> None:
            full()
            super().writelines(lines)

        def close(self) -> None:
            super().close()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(TileFolder, "stream", lambda *_: Full())
    chosen = read_config({"tile_size": MANY, "packing": "tar"}).settings
    with pytest.raises(ResultsError, match=r"slide-000000.tar cannot be written: No space left"):
        tile(NAME, large_slide, tmp_path, chosen, 2)
    monkeypatch.setattr(TileFolder, "stream", stream)
    after = tree(tmp_path / "slide")
    assert {name for name in after if name.startswith((".", "tiles/"))} == {
        name for name in before if name.startswith("tiles/")
    }


# --- who reads tiles back ---------------------------------------------------------------------


def test_report_page(cohort: Path) -> None:
    """The page's sample tiles are the same, however tiles are packed."""
    for packing in ("tar", "folder"):
        report(cohort / packing)
    strips = {
        packing: sorted(
            path.read_bytes() for path in (cohort / packing / "report_files").glob("*-tiles.jpg")
        )
        for packing in ("tar", "folder")
    }
    assert len(strips["tar"]) == 2
    assert strips["tar"] == strips["folder"]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A folder with one shard of three samples."""
    order = [(0, 0), (0, 1), (0, 2)]
    with TileFolder(tmp_path) as tiles, make_shards(tiles, order) as store:
        store.finished({at: store.keep(at, Fate(1, bytes=3), b"abc") for at in order})
        tiles.publish()
    return tmp_path


def test_tile_files(shard: Path) -> None:
    """A shard is opened once; what is not there, or cut short, is told."""
    name = "tiles/a-000000.tar"
    with TileFiles(shard) as files:
        for row in (2, 0, 1, 0):
            assert files.read(f"{name}#a_0_{row}.jpg") == b"abc"
        with pytest.raises(FileNotFoundError, match="has no a_0_3"):
            files.read(f"{name}#a_0_3.jpg")
        with pytest.raises(FileNotFoundError):
            files.read("tiles/a-000001.tar#a_0_3.jpg")
        with pytest.raises(FileNotFoundError):
            files.read("tiles/0_0.jpg")
    whole = (shard / name).read_bytes()
    (shard / name).write_bytes(whole[:513])
    with TileFiles(shard) as files, pytest.raises(OSError, match="cut short in a_0_0"):
        files.read(f"{name}#a_0_0.jpg")


# --- on a cluster -----------------------------------------------------------------------------


@pytest.mark.slow
def test_profile_packs(tmp_path: Path) -> None:
    """The profile for Slurm packs, whatever else `--config` says, and lets itself be overruled."""
    slides = write(tmp_path / "slides" / "A.mrxs", TINY).path.parent
    profile = tmp_path / "slurm"
    shutil.copytree(running.REPO / "profiles" / "slurm", profile)
    lines = (profile / "config.yaml").read_text("utf-8").splitlines()
    kept = [line for line in lines if line.startswith("configfile:")]
    assert len(kept) == 1
    (profile / "config.yaml").write_text(f"{kept[0]}\n")  # there need be no Slurm here
    tiles = tmp_path / "run" / "out" / "A" / "tiles"

    def run(**config: Any) -> Ran:
        shared = {"slides": slides, "results": "out", "tile_size": SMALL}
        return running.snakemake(tmp_path / "run", "--profile", profile, **shared, **config)

    ran = run()
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
    assert running.names(tiles) == ["A-000000.tar"]
    ran = run(packing="folder")
    assert (ran.code, ran.jobs) == (0, ["report", "tile A"])
    assert "0_0.jpg" in running.names(tiles)
    assert not archives(tmp_path / "run")
