"""Stored bytes read before they are asked for, in the order in which they will be needed.

On a disk that must be waited for, threads would wait at each read, one after another. What they
will need is known before the first tile: so some reads are under way at any time, and threads
decode meanwhile. Images that lie near each other are read together, also for tiles that come a
little later: a far disk takes hardly longer for a MB than for a byte.

Nothing but the speed hangs on it. What is not here, for whatever reason, is not given, and whoever
asked reads it for itself: so an error is met where it would be met without all this.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.data_files import GAP_BYTES, STREAMS, DataFiles, Range
from mrxs_tiles.mirax.index import Int64s

# Bytes of what is needed next, in which neighbours are looked for: about what a row of rectangles
# that are read at once needs of a block (see ``blocks``).
WINDOW_BYTES = 4 << 20
REQUEST_BYTES = 1 << 20
# Read and not asked for yet, at most, and one request more. Together with what threads are at
# this is all the memory that it takes.
MOST_BYTES = 8 << 20

Found = dict[int, memoryview]  # by number, the row in ``MiraxIndex.images[level]``


class _Plan(NamedTuple):
    """Requests in the order in which they are needed.

    ``numbers`` (n,): the images; those of request r are ``numbers[begin[r] : end[r]]``.
    ``request`` (images of the level,): the request that each image is in, -1: none.
    """

    numbers: Int64s
    begin: Int64s
    end: Int64s
    request: npt.NDArray[np.int32]


@dataclass(slots=True, eq=False)
class _Request:
    """One that was begun; ``left``: how many of its images were not taken yet."""

    read: Future[Found]
    length: int
    left: int


class ReadAhead:
    """Reads a level's stored images in a known order; used by many threads at once."""

    def __init__(self, files: DataFiles, stored: Int64s, order: Int64s) -> None:
        """Begin to read.

        Args:
            files: the slide's data files; their end is also that of all this.
            stored: ``MiraxIndex.images[level]``.
            order: (n,) rows of it, each once, as they will be needed.
        """
        self._files, self._stored = files, stored
        self._plan = _plan(stored, order)
        self._next = 0  # the first request that may not have been begun
        self._begun = np.zeros(len(self._plan.begin), bool)
        self._held: dict[int, _Request] = {}  # begun, and not all of it taken
        self._bytes = 0  # of these
        self._under_way = 0
        self._lock = threading.Lock()
        with self._lock:
            self._go_on()

    def stop(self) -> None:
        """Begin nothing more, and forget what is here."""
        with self._lock:
            self._next = len(self._begun)
            self._plan.request.fill(-1)
            self._held.clear()

    def take(self, numbers: Sequence[int]) -> Found:
        """The bytes of those images that are read ahead, each given once; waits for them."""
        with self._lock:
            asked = self._asked(numbers)
            self._begin_all(asked)
            reads = [(self._held[place].read, some) for place, some in asked.items()]
            for place, some in asked.items():
                self._let_go(place, len(some))
            self._go_on()
        found: Found = {}
        for read, some in reads:
            try:
                data = read.result()
            except (SlideError, CancelledError):
                continue  # an error is that of whom it concerns, who will meet it again
            found |= {number: data[number] for number in some}
        return found

    def _asked(self, numbers: Sequence[int]) -> dict[int, list[int]]:
        """Images by their request; from now on nobody else gets them."""
        asked: dict[int, list[int]] = {}
        for number in numbers:
            place = int(self._plan.request[number])
            if place >= 0:
                self._plan.request[number] = -1
                asked.setdefault(place, []).append(number)
        return asked

    def _begin_all(self, asked: Collection[int]) -> None:
        """Begin those requests that are needed at once, whatever is held already."""
        new = [place for place in asked if not self._begun[place]]
        if new and self._bytes >= MOST_BYTES:
            # What takes all this room was passed over by everybody: tiles of which one image is
            # damaged ask for no other.
            for place in self._held.keys() - asked:
                if place < new[0]:
                    self._drop(place)
        for place in new:
            self._begin(place)

    def _go_on(self) -> None:
        """Begin what comes next, as long as there is room."""
        while (
            self._next < len(self._begun) and self._under_way < STREAMS and self._bytes < MOST_BYTES
        ):
            if not self._begun[self._next]:
                self._begin(self._next)
            self._next += 1

    def _begin(self, place: int) -> None:
        numbers = self._numbers(place).tolist()
        ranges = [Range(file, offset, size) for _, offset, size, file in self._rows(place)]
        length = max(r.offset + r.length for r in ranges) - min(r.offset for r in ranges)
        self._begun[place] = True
        self._under_way += 1
        self._bytes += length
        read = self._files.begin(self._read, numbers, ranges)
        self._held[place] = _Request(read, length, len(numbers))

    def _read(self, numbers: Sequence[int], ranges: Sequence[Range]) -> Found:
        """Read a request, by a thread of the data files."""
        try:
            return dict(zip(numbers, self._files.read(ranges), strict=True))
        finally:
            with self._lock:
                self._under_way -= 1
                self._go_on()

    def _let_go(self, place: int, taken: int) -> None:
        request = self._held[place]
        request.left -= taken
        if request.left <= 0:
            self._bytes -= request.length
            del self._held[place]

    def _drop(self, place: int) -> None:
        numbers = self._numbers(place)
        mine = numbers[self._plan.request[numbers] == place]
        self._plan.request[mine] = -1
        self._bytes -= self._held.pop(place).length

    def _numbers(self, place: int) -> Int64s:
        return self._plan.numbers[self._plan.begin[place] : self._plan.end[place]]

    def _rows(self, place: int) -> list[list[int]]:
        rows: list[list[int]] = self._stored[self._numbers(place)].tolist()
        return rows


def _plan(stored: Int64s, order: Int64s) -> _Plan:
    """What is read together: near each other in a file, and needed about the same time."""
    request = np.full(len(stored), -1, np.int32)
    if not len(order):
        return _Plan(order, order, order, request)
    _, offset, length, file = stored[order].T
    window = (np.cumsum(length) - length) // WINDOW_BYTES
    by_place = np.lexsort((offset, file, window))
    window, file, offset, length = (one[by_place] for one in (window, file, offset, length))
    apart = np.ones(len(order), bool)
    apart[1:] = (np.diff(window) > 0) | (np.diff(file) > 0)
    apart[1:] |= offset[1:] - (offset + length)[:-1] > GAP_BYTES
    # a long run is cut: where its next image ends in another MB of it
    run = np.flatnonzero(apart)
    from_run = offset + length - np.repeat(offset[run], np.diff(np.append(run, len(order))))
    apart[1:] |= np.diff(from_run // REQUEST_BYTES) > 0
    begin = np.flatnonzero(apart)
    first_need = np.minimum.reduceat(by_place, begin)
    rank = np.argsort(first_need)
    end = np.append(begin[1:], len(order))
    numbers = order[by_place]
    place_of_run = np.empty(len(rank), np.int32)
    place_of_run[rank] = np.arange(len(rank))
    request[numbers] = np.repeat(place_of_run, end - begin)
    return _Plan(numbers, begin[rank], end[rank], request)
