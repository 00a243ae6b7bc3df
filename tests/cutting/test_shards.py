"""Shards: read back by those who read them elsewhere, the same bytes however they were cut."""

from __future__ import annotations

import gc
import io
import json
import random
import shutil
import subprocess
import tarfile
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

import running
from in_process import Cut, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import out_of_turn as waiting
from mrxs_tiles.cutting import shards
from mrxs_tiles.cutting.cutter import Cutter, Fate
from mrxs_tiles.cutting.shards import LONGEST_SLIDE, Shards, row_json, slide_key
from mrxs_tiles.errors import ResultsError, SlideError, StoredImageError
from mrxs_tiles.files.manifest import TILES, field
from mrxs_tiles.files.store import TileFolder
from mrxs_tiles.files.tile_files import TileFiles
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.report.report import report
from mrxs_tiles.steps import tile as tile_slide
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import LARGE, SPEC, TINY, Ran, mrxs_tiles, tree, write

SMALL, MANY = 64, 100  # px of a tile; the latter gives `large` 960 tiles
MB = 1_000_000
NUMBERS = ("col", "row", "x", "y", "width", "height", "tile_width", "tile_height", "bytes")

Corrupt = Callable[[Address], bool]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide that is cut into 960 tiles and more."""
    return write(tmp_path_factory.mktemp("packing") / "large.mrxs", LARGE).path


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two slides, of one in folders, too, below `loose`."""
    root = tmp_path_factory.mktemp("cohort")
    for name, spec in (("sub/A.1 é", SPEC), ("B", TINY)):
        slide = write(root / "slides" / f"{name}.mrxs", spec).path
        for packing in ("tar", "folder"):
            chosen = read_config({"tile_size": SMALL, "packing": packing, "min_focus": 1}).settings
            inspect(name, slide, root / packing, chosen)
            tile(name, slide, root / packing, chosen, 2)
    return root


NAMES = ("sub/A.1 é", "B")


def archives(results: Path) -> list[Path]:
    """All shards below a folder, by name."""
    return sorted(results.rglob("*.tar"))


def members(path: Path) -> dict[str, bytes]:
    """What a shard holds, as Python's own module reads it."""
    with tarfile.open(path) as archive:
        found = {}
        for info in archive:
            stream = archive.extractfile(info)
            assert stream is not None
            found[info.name] = stream.read()
    return found


# --- what is in them --------------------------------------------------------------------------


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
                assert shard == "tiles/tiles-000000.tar"
                assert member == f"{slide_key(name)}_{row['col']}_{row['row']}.jpg"
                row["file"] = f"tiles/{row['col']}_{row['row']}.jpg"
        assert packed == loose


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


# --- keys -------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=90), unique=True, min_size=2, max_size=30))
def test_keys(names: list[str]) -> None:
    """No two slides share a key, none has a dot, and all fit a plain header."""
    keys = {slide_key(name) for name in names}
    assert len(keys) == len(names)
    for key in keys:
        assert "." not in key
        assert key.isascii()
        assert len(key) <= LONGEST_SLIDE


def test_keys_of_odd_names() -> None:
    """What is replaced, and that an escape in a name is escaped itself."""
    assert slide_key("A-1_b") == "A-1_b"
    assert slide_key("sub/A 1.x") == "sub%2FA%201%2Ex"
    assert slide_key("a%2Fb") == "a%252Fb"
    assert slide_key("é") == "%C3%A9"
    long = ["x" * 200 + end for end in ("a", "b")]
    assert slide_key(long[0])[:39] == "x" * 39
    assert slide_key(long[0]) != slide_key(long[1])


@given(st.text("aZ0%_-~.", min_size=1, max_size=99), st.integers(0, 5000))
def test_headers(name: str, size: int) -> None:
    """They are what Python's own module writes, and each member fills whole blocks."""
    info = tarfile.TarInfo(name)
    info.size = size
    content = b"x" * size
    whole = shards.member(name, content) + content + shards.padding(content)
    assert whole[:512] == info.tobuf(tarfile.USTAR_FORMAT)
    assert whole[512:].rstrip(b"\0") == b"x" * size
    assert len(whole) % 512 == 0


def test_row_json() -> None:
    """Types, and null where a cell is empty."""
    row = (1, 2, 3, 4, 5, 6, 7, 8, 1 / 3, *Fate(1, "", None, 0.0, "tiles/t.tar#a.jpg", 9))
    assert json.loads(row_json('a "b" é', row)) == {
        "slide": 'a "b" é', "col": 1, "row": 2, "x": 3, "y": 4, "width": 5, "height": 6,
        "tile_width": 7, "tile_height": 8, "tissue": 0.333333, "kept": True, "reason": None,
        "focus": None, "pen": 0.0, "file": "tiles/t.tar#a.jpg", "bytes": 9,
    }  # fmt: skip


CELLS = (
    st.none() | st.integers(0, 10**9) | st.floats(0, 1e9) | st.sampled_from(["", "tissue", 'q"\\'])
)


@given(st.text(), st.lists(CELLS, min_size=len(TILES), max_size=len(TILES)))
def test_row_json_is_json(slide: str, row: list[Any]) -> None:
    """Made by hand, it is to the byte what Python's own module writes."""
    values: dict[str, Any] = {"slide": slide}
    for name, value in zip(TILES, row, strict=True):
        values[name] = float(field(value)) if isinstance(value, float) else value
        values[name] = bool(value) if name == "kept" else None if value == "" else values[name]
    assert row_json(slide, row) == json.dumps(values, separators=(",", ":")).encode()


# --- the same bytes ---------------------------------------------------------------------------


def packed(path: Path, results: Path, threads: int, **keys: Any) -> Cut:
    return cut(path, results, threads, tile_size=MANY, packing="tar", **keys)


@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_any_number_of_threads(large: Path, tmp_path: Path, reader: str) -> None:
    """Every run writes the same bytes, in several shards, none above its limit."""
    runs = [
        packed(large, tmp_path / str(number), threads, reader=reader, shard_size=1)
        for number, threads in enumerate((1, 2, 5))
    ]
    first = tree(runs[0].folder)
    assert len(runs[0].files) > 1
    assert all(len(content) <= MB for content in runs[0].files.values())
    for other in runs[1:]:
        assert tree(other.folder) == first


class Fragile:
    """Makes reads fail as those of a shared handle do: a bad tile, and who reads beside it."""

    def __init__(self, corrupt: Corrupt, chance: float) -> None:
        self.corrupt, self.chance = corrupt, chance
        self.innocent: set[Address] = set()
        self._random = random.Random()  # noqa: S311 - timing is not to be guessed either
        self._lock = threading.Lock()

    def put_into(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every `Pictures` behave so."""
        read = tile_slide.Pictures.read

        def fragile(pictures: tile_slide.Pictures, address: Address) -> Any:
            if self.corrupt(address):
                raise SlideError("corrupt")
            with self._lock:
                unlucky = self._random.random() < self.chance and address not in self.innocent
                if unlucky:
                    self.innocent.add(address)
            if unlucky:
                raise SlideError("another's")
            return read(pictures, address)

        monkeypatch.setattr(tile_slide.Pictures, "read", fragile)


@pytest.mark.parametrize("held", [0, 100_000, waiting.HELD_BYTES])
def test_errors_of_bystanders(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """A tile that fails for another one's sake stands where it would have, whenever it fails."""
    monkeypatch.setattr(waiting, "HELD_BYTES", held)

    def corrupt(at: Address) -> bool:
        return at in [(10, 10), (11, 10), (5, 6)]

    def run(name: str, threads: int, chance: float) -> dict[str, bytes]:
        fragile = Fragile(corrupt, chance)
        with monkeypatch.context() as patch:
            fragile.put_into(patch)
            made = packed(large, tmp_path / name, threads, reader="openslide", shard_size=1)
        assert bool(fragile.innocent) == (chance > 0)
        assert made.tiled["status"] == "damaged"
        assert made.tiled["counts"]["unreadable"] == 3
        return tree(made.folder)

    first = run("calm", 1, 0)
    for number, (threads, chance) in enumerate([(1, 0.01), (4, 0.2)]):
        assert run(f"run {number}", threads, chance) == first


@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_damaged_slide(tmp_path: Path, reader: str) -> None:
    """Of a damaged slide the shards hold what can be read, whoever met the damage first."""
    slide = write(tmp_path / "D.mrxs", LARGE)
    for image in [image for image in slide.images if image.level == 0][::40]:
        with slide.data_path(image).open("r+b") as stream:
            stream.seek(image.offset)
            stream.write(bytes(image.length))
    loose = cut(slide.path, tmp_path / "loose", 2, tile_size=MANY, reader=reader)
    runs = [
        packed(slide.path, tmp_path / str(threads), threads, reader=reader) for threads in (1, 5)
    ]
    assert runs[0].tiled == loose.tiled
    assert loose.tiled["status"] == "damaged"
    assert tree(runs[0].folder) == tree(runs[1].folder)
    with TileFiles(runs[0].folder) as files:
        pictures = {
            f"{row['col']}_{row['row']}.jpg": files.read(row["file"])
            for row in runs[0].rows
            if row["file"]
        }
    assert pictures == loose.files


def test_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first tile is awaited, no more pictures stay in memory than may."""
    monkeypatch.setattr(waiting, "HELD_BYTES", 10_000)
    order = [(0, row) for row in range(300)]
    fates = {}
    with TileFolder(tmp_path) as tiles, make_shards(tiles, order) as store:
        for at in order[:0:-1]:
            fates[at] = store.keep(at, Fate(1, bytes=1000), bytes([at[1] % 256]) * 1000)
            tiles_held = store._waiting
            held = [tile[1] for tile in tiles_held._tiles.values() if tile]
            assert sum(len(content) for content in held if isinstance(content, bytes)) <= 10_000
        assert len(held) == 299
        assert running.names(tmp_path) == [".tiles.partial"]
        store.drop(order[0])
        assert not tiles_held._tiles
        assert tiles_held.bytes == tiles_held._in_memory == 0
        store.finished(fates)
        tiles.publish()
    found = members(tmp_path / "tiles" / "tiles-000000.tar")
    pictures = [content for name, content in found.items() if name.endswith(".jpg")]
    assert pictures == [bytes([row % 256]) * 1000 for row in range(1, 300)]
    assert running.names(tmp_path / "tiles") == ["tiles-000000.tar"]


def make_shards(tiles: TileFolder, order: list[Address], shard_bytes: int = MB) -> Shards:
    def row(at: Address, fate: Fate) -> tuple[object, ...]:
        return (*at, 0, 0, 1, 1, 1, 1, 0.5, *fate)

    return Shards(tiles, "a", "jpg", order, row, shard_bytes)


def test_threads_in_any_order(tmp_path: Path) -> None:
    """Tiles that come in any order, from many threads at once, stand in theirs."""
    order = [(col, row) for col in range(20) for row in range(20)]
    shuffled = order.copy()
    random.Random(0).shuffle(shuffled)  # noqa: S311
    with TileFolder(tmp_path) as tiles, make_shards(tiles, order) as store:

        def settle(at: Address) -> tuple[Address, Fate]:
            if at[1] == 3:
                store.drop(at)
                return at, Fate(0, "blank")
            return at, store.keep(at, Fate(1, bytes=5), f"{at}".encode())

        with ThreadPoolExecutor(8) as pool:
            fates = dict(pool.map(settle, shuffled))
        fates = store.finished(fates)
        tiles.publish()
    names = list(members(tmp_path / "tiles" / "tiles-000000.tar"))
    kept = [(col, row) for col, row in order if row != 3]
    assert names == [f"a_{col}_{row}.{end}" for col, row in kept for end in ("jpg", "json")]
    assert fates[7, 3] == Fate(0, "blank")
    assert fates[7, 4].file == "tiles/tiles-000000.tar#a_7_4.jpg"


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
    assert [path.name for path in found] == [f"tiles-{n:06d}.tar" for n in range(len(found))]
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
    assert [name for name in tar if name.startswith("tiles/")] == ["tiles/tiles-000000.tar"]
    assert tree(packed(slide, tmp_path / "fresh", 1).folder) == tar
    assert tree(cut(slide, tmp_path / "out", tile_size=MANY).folder) == loose


@pytest.mark.slow
def test_killed(large: Path, tmp_path: Path) -> None:
    """What a killed run leaves is no shard under its name; the next run tidies it up."""
    results = tmp_path / "out"
    options = ("--tile-size", str(SMALL), "--packing", "tar", "--shard-size", "1")
    shared = (large, "--results", results, *options)
    mrxs_tiles("inspect", *shared)
    process = running.start(running.BIN / "mrxs-tiles", "tile", *shared, log=tmp_path / "log")
    partial = results / "large" / ".tiles.partial"
    running.wait_for(lambda: (partial / "tiles-000001.tar").exists() or process.poll() is not None)
    running.kill_group(process)
    assert partial.exists(), "it was over before it was killed"
    assert not (results / "large" / "tiles").exists()
    assert mrxs_tiles("tile", *shared).code == 0
    undisturbed = tmp_path / "undisturbed"
    running.cut(large, undisturbed, *options)
    assert tree(results) == tree(undisturbed)


@pytest.mark.parametrize("moment", ["tile", "end"])
def test_full_disk(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Where a shard cannot be written, that is told, and what was there stays."""
    before = tree(packed(large, tmp_path, 2).folder)
    calls = Counter[str]()

    def full(*_: Any) -> bytes:
        calls["member"] += 1
        if moment == "tile" and calls["member"] > 100:
            raise OSError(28, "No space left on device")
        return b""

    stream = TileFolder.stream

    class Full(io.BytesIO):
        def writelines(self, lines: Any) -> None:
            full()
            super().writelines(lines)

        def close(self) -> None:
            super().close()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(TileFolder, "stream", lambda *_: Full())
    with pytest.raises(ResultsError, match=r"tiles-000000.tar cannot be written: No space left"):
        packed(large, tmp_path, 2)
    monkeypatch.setattr(TileFolder, "stream", stream)
    after = tree(tmp_path / "slide")
    assert {name for name in after if name.startswith((".", "tiles/"))} == {
        name for name in before if name.startswith("tiles/")
    }


def test_certain_damage_holds_nothing_up() -> None:
    """A tile that cannot be read for certain is heard of at once, and only then."""
    heard: list[str] = []

    class Store:
        def keep(self, *_: object) -> Fate:
            raise AssertionError

        def drop(self, at: Address) -> None:
            heard.append(f"{at}")

    class Broken:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def read(self, _: Address) -> None:
            raise self.error

    for error in (SlideError("perhaps"), StoredImageError(0, "certain")):
        broken: Any = Broken(error)
        unused: Any = None
        with pytest.raises(SlideError):
            Cutter(broken, Store(), unused, unused).cut((1, 2))
    assert heard == ["(1, 2)"]


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
    name = "tiles/tiles-000000.tar"
    with TileFiles(shard) as files:
        for row in (2, 0, 1, 0):
            assert files.read(f"{name}#a_0_{row}.jpg") == b"abc"
        with pytest.raises(FileNotFoundError, match="has no a_0_3"):
            files.read(f"{name}#a_0_3.jpg")
        with pytest.raises(FileNotFoundError):
            files.read("tiles/tiles-000001.tar#a_0_3.jpg")
        with pytest.raises(FileNotFoundError):
            files.read("tiles/0_0.jpg")
    whole = (shard / name).read_bytes()
    (shard / name).write_bytes(whole[:513])
    with TileFiles(shard) as files, pytest.raises(EOFError, match="cut short in a_0_0"):
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
    assert running.names(tiles) == ["tiles-000000.tar"]
    ran = run(packing="folder")
    assert (ran.code, ran.jobs) == (0, ["report", "tile A"])
    assert "0_0.jpg" in running.names(tiles)
    assert not archives(tmp_path / "run")


def test_large_pictures_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture whose turn it is goes straight into its shard, however large, and no other way."""
    monkeypatch.setattr(waiting, "HELD_BYTES", 10_000)
    monkeypatch.setattr(shards, "BATCH_BYTES", 5_000)
    order = [(0, row) for row in range(9)]
    with TileFolder(tmp_path) as tiles, make_shards(tiles, order) as store:
        for number, at in enumerate(order):
            content = bytes(20_000 if number % 2 else 2_000)
            store.keep(at, Fate(1, bytes=len(content)), content)
            assert store._waiting._file is None
            assert sum(at in store._waiting for at in range(9)) <= 1
        store.finished({})
        tiles.publish()
    found = members(tmp_path / "tiles" / "tiles-000000.tar")
    assert [len(found[name]) for name in found if name.endswith(".jpg")] == [2000, 20_000] * 4 + [
        2000
    ]
