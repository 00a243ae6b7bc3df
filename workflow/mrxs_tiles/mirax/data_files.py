"""A slide's data files, each opened once: byte ranges in, bytes out, neighbours read together."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from mrxs_tiles.errors import not_given
from mrxs_tiles.system import OPEN_BINARY, most_open_files, read_at

# Stored images between which so little lies are read together: less than a disk reads anyway.
GAP_BYTES = 4096
MOST_AT_ONCE = 8 << 20  # bytes of one request; bounds the memory
MOST_FILES = 800  # open at once
OTHER_FILES = 100  # that the process may have open beside them
STREAMS = 8  # requests under way at once, of those that are begun before they are waited for
MOST_STREAMS = 32  # where more are waited for: many threads cut

T = TypeVar("T")


def most_files() -> int:
    """How many data files may be open at once."""
    return min(MOST_FILES, most_open_files(MOST_FILES + OTHER_FILES) - OTHER_FILES)


class Range(NamedTuple):
    """Where some bytes lie: the number of the data file, and its first byte."""

    file: int
    offset: int
    length: int


class DataFiles:
    """Reads from the data files; used as a context, by many threads at once."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        """Take the files of a slide's folder, by their number; each is opened when it is needed."""
        self._paths = [folder / name for name in names]
        self._open: dict[int, int] = {}
        self._opening = [threading.Lock() for _ in names]  # each is opened once, others meanwhile
        # Its threads wait, they do not compute; each is started when it is needed.
        self._streams = ThreadPoolExecutor(MOST_STREAMS, "read-ahead")
        self.requests = 0

    def close(self) -> None:
        """Close all, once what is being read has ended; what was not begun never is."""
        self._streams.shutdown(cancel_futures=True)
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def begin(self, read: Callable[..., T], *what: object) -> Future[T]:
        """Have something read by a thread of ours; cancelled where that comes to nothing."""
        try:
            return self._streams.submit(read, *what)
        except RuntimeError:  # all was closed, or the system gives no more threads
            nothing: Future[T] = Future()
            nothing.cancel()
            return nothing

    def read(self, ranges: Sequence[Range]) -> list[memoryview]:
        """The bytes of some ranges, in their order; shorter ones where a file ends before.

        Raises:
            SlideError: a file cannot be opened or read.
        """
        found: list[memoryview] = [memoryview(b"")] * len(ranges)
        order = sorted(range(len(ranges)), key=lambda number: ranges[number])
        begin = 0
        while begin < len(order):
            first = ranges[order[begin]]
            end, last = begin + 1, first.offset + first.length
            while end < len(order):
                following = ranges[order[end]]
                reach = max(last, following.offset + following.length)
                near = following.file == first.file and following.offset - last <= GAP_BYTES
                if not near or reach - first.offset > MOST_AT_ONCE:
                    break
                end, last = end + 1, reach
            block = memoryview(self._read(first.file, first.offset, last - first.offset))
            for number in order[begin:end]:
                at = ranges[number].offset - first.offset
                found[number] = block[at : at + ranges[number].length]
            begin = end
        return found

    def _read(self, file: int, offset: int, length: int) -> bytes:
        try:
            content = read_at(self._descriptor(file), length, offset)
            while len(content) < length:  # a network disk may give less than was asked for
                more = read_at(self._descriptor(file), length - len(content), offset + len(content))
                if not more:
                    break
                content += more
        except OSError as error:
            name = self._paths[file].name
            raise not_given(f"{name} cannot be read ({error.strerror})", error) from None
        self.requests += 1
        return content

    def _descriptor(self, file: int) -> int:
        with self._opening[file]:
            if file not in self._open:
                self._open[file] = os.open(self._paths[file], os.O_RDONLY | OPEN_BINARY)
            return self._open[file]
