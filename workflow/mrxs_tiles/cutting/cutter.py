"""Cuts tiles on several threads: read, test, encode, write, each tile on one thread.

The threads share one slide handle and one queue. Each has one buffer of a tile's size, so
memory is bounded by threads x tile, whatever the slide.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import NamedTuple, Protocol

from mrxs_tiles.cutting.picture import Pictures
from mrxs_tiles.cutting.verdict import Judge, Verdict
from mrxs_tiles.errors import SlideError, StoredImageError, bare
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.pixels.encode import Encode
from mrxs_tiles.pixels.filters import Pixels


class Fate(NamedTuple):
    """What became of a tile: the columns that ``tiles.tsv`` adds, in its order."""

    kept: int
    reason: str = ""
    focus: float | None = None
    pen: float | None = None
    file: str = ""
    bytes: int | None = None
    crc32: str = ""


class Store(Protocol):
    """Where the pictures go; hears of each tile whose fate is certain, from any thread."""

    def keep(self, address: Address, fate: Fate, content: bytes) -> Fate:
        """Take a kept tile's picture; returns its fate, with the file where that is known.

        Raises:
            ResultsError: it cannot be written.
        """

    def drop(self, address: Address) -> None:
        """Hear that a tile has no picture.

        Raises:
            ResultsError: another tile's, that waited for this, cannot be written.
        """


def look(pictures: Pictures, judge: Judge, address: Address) -> tuple[Pixels | None, Verdict]:
    """A tile's picture, None where it has none, and what is to become of it.

    Raises:
        SlideError: its pixels could not be read.
    """
    pixels = pictures.read(address)
    if pixels is None:
        return None, Verdict("unscanned")
    verdict = judge(pixels)  # of what the slide shows, not of padding
    return (pixels if verdict.reason else pictures.padded(address, pixels)), verdict


class Cutter:
    """Everything that one tile needs to become a file."""

    def __init__(
        self,
        pictures: Pictures,
        store: Store,
        encode: Encode | None,
        judge: Judge,
    ) -> None:
        """Take what all tiles of a slide share; ``encode`` None: no picture is written."""
        self._pictures, self._store = pictures, store
        self._encode, self._judge = encode, judge

    def cut(self, address: Address) -> Fate:
        """Make one tile.

        Raises:
            SlideError: its pixels could not be read.
            ResultsError: it could not be written.
        """
        try:
            pixels, verdict = look(self._pictures, self._judge, address)
        except StoredImageError:
            self._store.drop(address)
            raise
        if pixels is None or verdict.reason or self._encode is None:
            self._store.drop(address)
            return Fate(int(not verdict.reason), *verdict)
        content = self._encode(pixels)
        checksum = f"{zlib.crc32(content):08x}"
        fate = Fate(1, *verdict, bytes=len(content), crc32=checksum)
        return self._store.keep(address, fate, content)


def cut_all(
    cut: Callable[[Address], Fate],
    groups: Sequence[Sequence[Address]],
    threads: int,
    done: Callable[[], None],
    prepare: Callable[[Sequence[Address]], None] | None = None,
) -> tuple[dict[Address, Fate], dict[Address, SlideError]]:
    """Cut all tiles; returns each one's fate, and what was said of those that cannot be read.

    Args:
        cut: makes one tile.
        groups: the tiles, in the order in which they are begun; a thread takes a whole group.
        threads: how many are cut at the same time.
        done: called after each tile, by any thread.
        prepare: called before a group, by the thread that cuts it; it raises nothing.

    Raises:
        ResultsError: a tile could not be written.
    """
    outcome = _Outcome(cut, done)
    _attempt_all(outcome.attempt, groups, threads, prepare)
    outcome.try_again()
    return outcome.fates, outcome.said


def _attempt_all(
    attempt: Callable[[Address], None],
    groups: Sequence[Sequence[Address]],
    threads: int,
    prepare: Callable[[Sequence[Address]], None] | None,
) -> None:
    """Have each thread take one group after another; what one raises stops them all."""
    waiting = iter(groups)
    lock = threading.Lock()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with lock:
                group = next(waiting, None)
            if group is None:
                return
            if prepare is not None and len(group) > 1:
                prepare(group)
            for address in group:
                if not stop.is_set():
                    attempt(address)

    with ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(work) for _ in range(threads)]
        try:
            wait(workers, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
        for worker in workers:
            worker.result()


class _Outcome:
    """What became of the tiles, from all threads.

    A stored image that is damaged is believed at once. Any other error takes the shared handle
    away from every thread that is reading, so it says nothing yet about the tile. Each tile
    that met one is tried again after all others, alone: the handle it gets then has never
    failed, and no other thread reads. Only that second error is believed. At most one handle is
    opened for each first error and one for each tile that cannot be read.
    """

    def __init__(self, cut: Callable[[Address], Fate], done: Callable[[], None]) -> None:
        self._cut, self._done = cut, done
        self._suspects: list[Address] = []
        self.fates: dict[Address, Fate] = {}
        self.said: dict[Address, SlideError] = {}

    def attempt(self, address: Address) -> None:
        """Cut a tile; an error that may be another thread's makes it a suspect."""
        try:
            self.fates[address] = self._cut(address)
        except StoredImageError as error:
            self._lose(address, error)
        except SlideError:
            self._suspects.append(address)
            return
        self._done()

    def try_again(self) -> None:
        """Cut the suspects, one by one; no other thread is at work."""
        for address in sorted(self._suspects):
            try:
                self.fates[address] = self._cut(address)
            except SlideError as error:
                self._lose(address, error)
            self._done()

    def _lose(self, address: Address, error: SlideError) -> None:
        self.fates[address] = Fate(0, "unreadable")
        self.said[address] = bare(error)
