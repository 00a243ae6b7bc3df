"""Bytes that are read before they are asked for: the same, while others decode, within bounds."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from in_process import NAME, Cut, cut, look
from mrxs_tiles.config.config import read_config
from mrxs_tiles.mirax import data_files, image_store, proof, read_ahead
from mrxs_tiles.mirax.data_files import MOST_STREAMS, STREAMS, DataFiles
from mrxs_tiles.mirax.image_store import ImageStore
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.proof import difference
from mrxs_tiles.mirax.read_ahead import ReadAhead
from mrxs_tiles.mirax.readers import MIRAX
from mrxs_tiles.mirax.trial_places import Place
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.system import read_at
from two_readers import both
from write_mirax import StoredImage, WrittenSlide

SECONDS = 30  # until a test that waits in vain gives up
SMALL = {"WINDOW_BYTES": 8_000, "REQUEST_BYTES": 4_000, "MOST_BYTES": 20_000}


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a small slide read in many requests."""
    for name, value in SMALL.items():
        monkeypatch.setattr(read_ahead, name, value)


class Folder:
    """Data files of noise, and where images lie in them: images do overlap, and lie apart."""

    def __init__(self, folder: Path) -> None:
        random = np.random.default_rng(3)
        self.contents = [random.integers(0, 256, 60_000, np.uint8).tobytes() for _ in range(3)]
        for number, content in enumerate(self.contents):
            (folder / f"{number}").write_bytes(content)
        file, offset = random.integers(0, 3, 200), random.integers(0, 59_000, 200)
        length = random.integers(1, 1_000, 200)
        self.stored = np.column_stack([np.arange(200), offset, length, file])
        self.order = random.permutation(180)
        self.files = DataFiles(folder, ["0", "1", "2"])

    def wanted(self, number: int) -> bytes:
        _, offset, length, file = self.stored[number].tolist()
        return self.contents[file][offset : offset + length]

    def begin(self) -> ReadAhead:
        return ReadAhead(self.files, self.stored, self.order)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    shrink(monkeypatch)
    made = Folder(tmp_path)
    yield made
    made.files.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("read-ahead")]


def settled(ahead: ReadAhead) -> None:
    """Wait until nothing is under way."""
    ended = threading.Event()
    while ahead._under_way and not ended.wait(0.01):
        pass


@pytest.mark.parametrize("shuffled", [False, True])
def test_bytes(folder: Folder, shuffled: bool) -> None:
    """In whichever order images are asked for, each gives its own bytes, once."""
    order = folder.order.tolist()
    if shuffled:
        np.random.default_rng(0).shuffle(order)
    ahead = folder.begin()
    found: dict[int, bytes] = {}
    for begin in range(0, len(order), 7):
        some = order[begin : begin + 7]
        given = ahead.take([*some, 198, 199])
        assert given.keys() <= {*some}
        found |= {number: bytes(content) for number, content in given.items()}
        assert not ahead.take(some)
    assert all(content == folder.wanted(number) for number, content in found.items())
    assert shuffled or found.keys() == {*order}
    assert (ahead._bytes, ahead._held) == (0, {})


def test_joins(folder: Folder) -> None:
    """What lies near each other and is needed soon is read together."""
    assert folder.begin().take(folder.order.tolist()).keys() == {*folder.order.tolist()}
    assert folder.files.requests < len(folder.order) * 7 / 8
    plan = read_ahead._plan(folder.stored, folder.order)
    assert sorted(plan.numbers.tolist()) == sorted(folder.order.tolist())
    needed = {number: place for place, number in enumerate(folder.order.tolist())}
    first = [
        min(needed[number] for number in plan.numbers[begin:end].tolist())
        for begin, end in zip(plan.begin, plan.end, strict=True)
    ]
    assert first == sorted(first), "in the order of need"


def test_memory(folder: Folder) -> None:
    """No more is read than there is room for, until some of it is taken."""
    ahead = folder.begin()
    settled(ahead)
    limit = SMALL["MOST_BYTES"] + SMALL["REQUEST_BYTES"] + 1_000
    assert 0 < ahead._bytes <= limit
    held = folder.files.requests
    settled(ahead)
    assert folder.files.requests == held
    for number in folder.order.tolist():
        ahead.take([number])
        settled(ahead)
        assert ahead._bytes <= limit
    assert folder.files.requests > held


def test_passed_over(folder: Folder) -> None:
    """What nobody asks for any more does not keep what comes later from being read ahead."""
    ahead = folder.begin()
    settled(ahead)
    late = folder.order[100:].tolist()
    found = ahead.take(late[:40])
    assert found.keys() == {*late[:40]}
    settled(ahead)
    assert ahead._held, "more is read ahead"
    assert min(ahead._held) > 0, "what was passed over is gone"
    assert not ahead.take(folder.order[:1].tolist())


def test_closed_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all is closed while reads are under way, these end, others never begin."""
    going, go_on = threading.Semaphore(0), threading.Event()
    reads = []

    def slow(descriptor: int, length: int, offset: int) -> bytes:
        reads.append(offset)
        going.release()
        assert go_on.wait(SECONDS)
        return read_at(descriptor, length, offset)

    shrink(monkeypatch)
    monkeypatch.setattr(data_files, "read_at", slow)
    made = Folder(tmp_path)
    ahead = made.begin()
    assert going.acquire(timeout=SECONDS)
    taking = threading.Thread(target=ahead.take, args=(made.order.tolist(),))
    taking.start()
    while len(reads) < STREAMS:
        assert going.acquire(timeout=SECONDS)
    closing = threading.Thread(target=made.files.close)
    closing.start()
    while not made.files._streams._shutdown:
        pass
    go_on.set()
    for thread in (closing, taking):
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert len(reads) <= 3 * MOST_STREAMS, "those under way alone, of some ranges each"
    assert not [one for one in threading.enumerate() if one.name.startswith("read-ahead")]


@pytest.mark.long
def test_reads_while_decoding(
    large: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the only thread decodes, further reads are under way: counted, not timed."""
    lock, waiting, decoding = threading.Lock(), threading.Event(), threading.Event()
    under_way = [0]
    met: list[bool] = []
    plain = image_store.decoder

    def slow(descriptor: int, length: int, offset: int) -> bytes:
        with lock:
            under_way[0] += 1
            is_other = under_way[0] > 1
        if is_other and not decoding.is_set():
            waiting.set()
            decoding.wait(SECONDS)
        return read_at(descriptor, length, offset)

    def counting(image_format: str) -> Any:
        decode = plain(image_format)

        def counted(data: Any, out: Any) -> None:
            if not met:
                met.append(waiting.wait(SECONDS))
                decoding.set()
            decode(data, out)

        return counted

    shrink(monkeypatch)
    look(large.path, tmp_path, tile_size=200)
    monkeypatch.setattr(data_files, "read_at", slow)
    monkeypatch.setattr(image_store, "decoder", counting)
    monkeypatch.setattr("mrxs_tiles.steps.tile.estimate_bytes", lambda *_: 0)
    done = cut(large.path, tmp_path, threads=1, tile_size=200)
    assert done.tiled["status"] == "ok"
    assert met == [True]


def _broken(image: StoredImage, file: Path) -> Any:
    """A disk that cannot read one stored image."""

    def broken(descriptor: int, length: int, offset: int) -> bytes:
        touches = offset < image.offset + image.length and offset + length > image.offset
        if touches and os.path.samestat(os.fstat(descriptor), file.stat()):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_at(descriptor, length, offset)

    return broken


@pytest.mark.long
def test_errors(large: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read costs the tiles that need it, and no other, as without reading ahead."""
    image = next(i for i in large.images if (i.level, i.x, i.y) == (0, 7, 7))
    settings = read_config({"tile_size": 100}).settings
    done: dict[str, Cut] = {}
    for name in ("ahead", "plain"):
        inspected = look(large.path, tmp_path / name, tile_size=100)
        assert inspected["reader"] == MIRAX
        with monkeypatch.context() as patch:
            patch.setattr(data_files, "read_at", _broken(image, large.data_path(image)))
            if name == "plain":
                patch.setattr(ReadAhead, "take", lambda *_: {})
            tiled = tile(NAME, large.path, tmp_path / name, settings, threads=3)
        done[name] = Cut(tmp_path / name / NAME, inspected, tiled)
    found, plain = done["ahead"], done["plain"]
    assert found.rows == plain.rows
    assert found.files == plain.files
    assert found.tiled == plain.tiled
    x, y, width, height = large.place(image)
    lost = {(int(r["col"]), int(r["row"])) for r in found.rows if r["reason"] == "unreadable"}
    assert lost == {
        (col, row)
        for col in range(x // 100, (x + width - 1) // 100 + 1)
        for row in range(y // 100, (y + height - 1) // 100 + 1)
    }


def test_new_order(large: WrittenSlide) -> None:
    """Who is told of other regions forgets those that he was told of before."""
    with both(large.path) as (theirs, own):
        store: ImageStore = own._images
        own.expect(0, [((0, 0), (900, 900))])
        before = store._ahead
        own.expect(0, [((500, 500), (300, 300))])
        assert before is not None
        assert not before._held
        out, wanted = np.empty((300, 300, 4), np.uint8), np.empty((300, 300, 4), np.uint8)
        own.read((500, 500), 0, out)
        theirs.read((500, 500), 0, wanted)
        assert np.array_equal(out, wanted)
        assert store._ahead is not None
        assert not store._ahead._held


class _Waits:
    """A clock that says of whatever is done that most of it was waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1.0
        return self.now

    def thread_time(self) -> float:
        return 0.0


def test_proof_at_once(large: WrittenSlide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSlide mostly waits it reads some places at once, and its errors count alone."""
    index = read_index(large.folder)
    monkeypatch.setattr(proof, "time", _Waits())
    plain, together = proof._read, threading.Barrier(STREAMS)
    main, failed = threading.current_thread(), set[Place]()

    def read(reader: Any, level: int, place: Place) -> Any:
        if threading.current_thread() is not main:
            together.wait(SECONDS)
            failed.add(place)
            return None  # as all others do that read on a handle that failed
        return plain(reader, level, place)

    chosen = list(proof.places(index, 0))[: proof.FIRST + 2 * STREAMS]
    monkeypatch.setattr(proof, "places", lambda *_: chosen)
    monkeypatch.setattr(proof, "_read", read)
    with both(large.path) as (theirs, own):
        assert difference(own, theirs, index, 0) == ""
    assert len(failed) == 2 * STREAMS
