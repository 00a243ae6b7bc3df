"""Many threads, one handle: every tile is cut once, and only what is really bad is unreadable."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrxs_tiles.cutting.cutter import Fate, cut_all
from mrxs_tiles.errors import ResultsError, SlideError
from mrxs_tiles.grid.blocks import READ_PX, Address, in_blocks

ADDRESSES = [(col, row) for col in range(12) for row in range(10)]
ALONE = [[address] for address in ADDRESSES]


class Counting:
    """Counts the calls of `done`, from any thread."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.count += 1


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_each_once(threads: int) -> None:
    """Every tile is cut once, and each gets what its own cut gave."""
    calls: list[Address] = []
    done = Counting()

    def cut(address: Address) -> Fate:
        calls.append(address)
        return Fate(1, file=f"{address}", bytes=address[0])

    fates, said = cut_all(cut, ALONE, threads, done)
    assert Counter(calls) == Counter(ADDRESSES)
    assert fates == {address: Fate(1, file=f"{address}", bytes=address[0]) for address in ADDRESSES}
    assert said == {}
    assert done.count == len(ADDRESSES)


def test_order_of_one_thread() -> None:
    """One thread takes the tiles in the order in which they are given."""
    calls: list[Address] = []

    def cut(address: Address) -> Fate:
        calls.append(address)
        return Fate(0, "blank")

    order = in_blocks(ADDRESSES, 2000)
    cut_all(cut, order, 1, lambda: None)
    assert calls == [address for group in order for address in group]


@pytest.mark.parametrize("threads", [1, 4])
def test_nothing_to_cut(threads: int) -> None:
    """With no tile there is nothing to do."""
    assert cut_all(lambda _: Fate(1), [], threads, lambda: None) == ({}, {})


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_at_the_same_time(threads: int) -> None:
    """As many tiles are cut at the same time as there are threads, and no more."""
    together = threading.Barrier(threads)
    inside, most, lock = 0, 0, threading.Lock()

    def cut(_: Address) -> Fate:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        together.wait(timeout=60)
        with lock:
            inside -= 1
        return Fate(1)

    cut_all(cut, ALONE[: 12 * threads], threads, lambda: None)
    assert most == threads


class SharedHandle:
    """As OpenSlide's: whoever meets a bad tile takes the handle from all who are reading."""

    def __init__(self, bad: set[Address]) -> None:
        self.bad = bad
        self.handle = 0  # number of the open one
        self.opened = 1
        self.reading: Counter[int] = Counter()  # by handle
        self.innocent_errors = 0
        self.changed = threading.Condition()

    def cut(self, address: Address) -> Fate:
        with self.changed:
            mine = self.handle
            self.reading[mine] += 1
            try:
                if address in self.bad:
                    self._die(mine)
                    raise SlideError(f"{address} is corrupt")
                # Long enough for another thread to meet its bad tile on the same handle.
                if self.changed.wait_for(lambda: self.handle != mine, timeout=0.002):
                    self.innocent_errors += 1
                    raise SlideError("another tile is corrupt")
            finally:
                self.reading[mine] -= 1
        return Fate(1, file=f"{address}")

    def _die(self, handle: int) -> None:
        if self.handle == handle:
            self.handle += 1
            self.opened += 1
            self.changed.notify_all()


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize(
    "bad",
    [set(), {(3, 3)}, {(0, 0)}, {(11, 9)}, {(2, 1), (2, 2), (7, 7), (11, 9)}, set(ADDRESSES)],
    ids=["none", "one", "first", "last", "four", "all"],
)
def test_only_the_bad_are_unreadable(bad: set[Address], threads: int) -> None:
    """An error that another tile caused is not believed; each bad tile keeps its own sentence."""
    handle, done = SharedHandle(bad), Counting()
    fates, said = cut_all(handle.cut, ALONE, threads, done)
    unreadable = {address for address, fate in fates.items() if fate.reason == "unreadable"}
    assert unreadable == bad
    assert {at: str(error) for at, error in said.items()} == {
        address: f"{address} is corrupt" for address in bad
    }
    assert all(fates[address] == Fate(0, "unreadable") for address in bad)
    assert fates.keys() == set(ADDRESSES)
    assert all(fate.file for address, fate in fates.items() if address not in bad)
    assert done.count == len(ADDRESSES)
    # Bounded: no handle is opened over and over again.
    assert handle.opened <= 1 + 2 * len(bad)


def test_innocent_tiles_are_suspected_here() -> None:
    """The handle above does what it should: with threads, tiles that are not bad meet errors."""
    handle = SharedHandle({(col, row) for col, row in ADDRESSES if row == 5})
    fates, _ = cut_all(handle.cut, ALONE, 4, lambda: None)
    assert handle.innocent_errors > 0
    assert sum(fate.reason == "unreadable" for fate in fates.values()) == 12


def test_suspects_are_tried_alone() -> None:
    """A tile is tried a second time when no other is being cut, and a third time never."""
    inside, calls, lock = Counter(), Counter(), threading.Lock()

    def cut(address: Address) -> Fate:
        with lock:
            calls[address] += 1
            inside["now"] += 1
            if calls[address] == 2:
                assert inside["now"] == 1
        time.sleep(0.001)
        with lock:
            inside["now"] -= 1
        if address[1] % 3 == 0:
            raise SlideError("corrupt")
        return Fate(1)

    cut_all(cut, ALONE, 4, lambda: None)
    assert calls == Counter({address: 1 + (address[1] % 3 == 0) for address in ADDRESSES})


MANY = [[(col, row)] for col in range(100) for row in range(100)]


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("error", [ResultsError("the disk is full"), ValueError("a fault")])
def test_stops_when_it_cannot_write(threads: int, error: Exception) -> None:
    """A full disk ends the cutting at once: the tiles that are left are not tried."""
    calls: list[Address] = []
    failed = threading.Event()

    def cut(address: Address) -> Fate:
        calls.append(address)
        if len(calls) == 20:
            failed.set()
            raise error
        if failed.is_set():
            time.sleep(0.02)  # a tile takes its time, so that the others hear of it
        return Fate(1)

    with pytest.raises(type(error)) as caught:
        cut_all(cut, MANY, threads, lambda: None)
    assert caught.value is error
    assert len(calls) < 1000


def test_disk_full_at_the_second_try() -> None:
    """A tile that can be read when it is alone, but not written, ends the cutting as well."""
    calls: Counter[Address] = Counter()

    def cut(address: Address) -> Fate:
        calls[address] += 1
        if address == (3, 3):
            raise ResultsError("full") if calls[address] == 2 else SlideError("another's")
        return Fate(1)

    with pytest.raises(ResultsError, match="full"):
        cut_all(cut, ALONE, 2, lambda: None)


@given(
    addresses=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), unique=True),
    stride=st.one_of(st.integers(1, 100), st.integers(1, 100_000)),
)
@settings(max_examples=200, deadline=None)
def test_in_blocks(addresses: list[Address], stride: int) -> None:
    """The order holds every tile once, whatever order they come in, in small whole rectangles."""
    order = in_blocks(addresses, stride)
    assert sorted(address for group in order for address in group) == sorted(addresses)
    assert order == in_blocks(addresses[::-1], stride)
    for group in order:
        (left, top), (right, bottom) = group[0], group[-1]
        rows, cols = range(top, bottom + 1), range(left, right + 1)
        assert group == [(col, row) for row in rows for col in cols]
        assert max(len(rows), len(cols)) * stride <= max(stride, READ_PX)


@pytest.mark.parametrize("stride", [300, 512, 1000])
def test_neighbours_are_near(stride: int) -> None:
    """Of a whole grid each tile's lower neighbour comes far sooner than row by row."""
    side = 100
    order = in_blocks([(col, row) for col in range(side) for row in range(side)], stride)
    flat = [address for group in order for address in group]
    place = {address: number for number, address in enumerate(flat)}
    steps = [place[col, row + 1] - place[col, row] for col, row in flat if row < side - 1]
    assert sorted(steps)[len(steps) // 2] < side / 2
