"""Shards hold the same bytes however they were cut, in bounded memory."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import running
from bad_slides import zero
from in_process import Cut, Variant, cut
from mrxs_tiles.cutting import out_of_turn as waiting
from mrxs_tiles.cutting import shards
from mrxs_tiles.cutting.cutter import Cutter, Fate
from mrxs_tiles.errors import SlideError, StoredImageError
from mrxs_tiles.files.tile_files import TileFiles
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.steps import tile as tile_slide
from packing import MANY, MB, make_shards, members, packed
from running import copy_slide, tree

Corrupt = Callable[[Address], bool]


# --- the same bytes ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_any_number_of_threads(large_slide: Path, tmp_path: Path, reader: str) -> None:
    """Every run writes the same bytes, in several shards, none above its limit."""
    keys = {"reader": reader, "shard_size": 1}
    one = packed(large_slide, tmp_path / "1", 1, **keys)
    first = tree(one.folder)
    assert len(one.files) > 1
    assert all(len(content) <= MB for content in one.files.values())
    for threads in (2, 5):
        other = packed(large_slide, tmp_path / str(threads), threads, one, **keys)
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


def _with_fragile(
    slide: Path, results: Path, threads: int, chance: float, like: Cut | None = None
) -> Cut:
    """A slide with three bad tiles, of which others may fail for their sake."""
    fragile = Fragile(lambda at: at in [(10, 10), (11, 10), (5, 6)], chance)
    with pytest.MonkeyPatch.context() as patch:
        fragile.put_into(patch)
        made = packed(slide, results, threads, like, reader="openslide", shard_size=1)
    assert bool(fragile.innocent) == (chance > 0)
    assert made.tiled["status"] == "damaged"
    assert made.tiled["counts"]["unreadable"] == 3
    return made


@pytest.fixture(scope="module")
def calm(large_slide: Path, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """What no tile but the bad ones failed in."""
    return _with_fragile(large_slide, tmp_path_factory.mktemp("calm"), 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("held", [0, 100_000, waiting.HELD_BYTES])
def test_errors_of_bystanders(
    large_slide: Path, calm: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """A tile that fails for another one's sake stands where it would have, whenever it fails."""
    monkeypatch.setattr(waiting, "HELD_BYTES", held)
    for number, (threads, chance) in enumerate([(1, 0.01), (4, 0.2)]):
        made = _with_fragile(large_slide, tmp_path / str(number), threads, chance, calm)
        assert tree(made.folder) == tree(calm.folder)


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_damaged_slide(variant: Variant, tmp_path: Path, reader: str) -> None:
    """Of a damaged slide the shards hold what can be read, whoever met the damage first."""
    slide = variant("large")
    path = copy_slide(slide.path, tmp_path / "D.mrxs")
    images = [image for image in slide.images if image.level == 0][::40]
    zero(slide, images, path.with_suffix(""))
    loose = cut(path, tmp_path / "loose", 2, tile_size=MANY, reader=reader)
    runs = [
        packed(path, tmp_path / str(threads), threads, loose, reader=reader) for threads in (1, 5)
    ]
    # the packing is one of the keys, and shards are among the tables
    others = {name: loose.tiled[name] for name in ("keys", "tables", "settings")}
    assert runs[0].tiled["settings"] | {"packing": "folder"} == loose.tiled["settings"]
    assert runs[0].tiled | others == loose.tiled
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
    found = members(tmp_path / "tiles" / "a-000000.tar")
    pictures = [content for name, content in found.items() if name.endswith(".jpg")]
    assert pictures == [bytes([row % 256]) * 1000 for row in range(1, 300)]
    assert running.names(tmp_path / "tiles") == ["a-000000.tar"]


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
    names = list(members(tmp_path / "tiles" / "a-000000.tar"))
    kept = [(col, row) for col, row in order if row != 3]
    assert names == [f"a_{col}_{row}.{end}" for col, row in kept for end in ("jpg", "json")]
    assert fates[7, 3] == Fate(0, "blank")
    assert fates[7, 4].file == "tiles/a-000000.tar#a_7_4.jpg"


# --- in their place, whole --------------------------------------------------------------------


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


# --- on a cluster -----------------------------------------------------------------------------


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
    found = members(tmp_path / "tiles" / "a-000000.tar")
    assert [len(found[name]) for name in found if name.endswith(".jpg")] == [2000, 20_000] * 4 + [
        2000
    ]
