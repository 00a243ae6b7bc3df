"""Damage for the fuzzers: bytes that were a file, or nearly; and bounds on who reads them."""

from __future__ import annotations

import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

try:
    import resource
except ImportError:  # Windows, where nothing is bounded
    resource = None  # type: ignore[assignment]

CPU_SECONDS = 10  # for one file; a busy machine does not lengthen it
MEMORY = 700 << 20  # bytes beyond what the process has already: `inspect` asks Snakemake for it

FEW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=20_000)

EXTREME = (
    *(0, 1, -1, 2, 3, 7, 255, 256, 1000, 65535, 65536, 10**6, 16777215, 10**8, 10**9),
    *(2**31 - 1, 2**31, -(2**31), 2**32, 2**63, 10**18, 10**30),
)
INT32 = st.sampled_from([n for n in EXTREME if -(2**31) <= n < 2**31]) | st.integers(
    -(2**31), 2**31 - 1
)
TEXTS = st.sampled_from(
    [
        *map(str, EXTREME),
        *("", " ", "nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "0.5", "8,68E-002", "0x10"),
        *("9" * 5000, "٣", "1_0", "..", "a/b", "x" * 300, "\x1b[31m", "JPEG", "%(a)s", "=", "[x]"),
    ]
) | st.text(max_size=8)


class Overtime(BaseException):
    """Nothing came out in bounded time; no ``except Exception`` may swallow it."""


@contextmanager
def bounded(seconds: int = CPU_SECONDS, memory: int = MEMORY) -> Iterator[None]:
    """What runs here has so much CPU time and memory; no more of either."""
    if resource is None:
        yield
        return

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise Overtime(f"more than {seconds} s of CPU time")

    before = signal.signal(signal.SIGPROF, late)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + memory
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Some bytes with one to four of them, or stretches of them, changed."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        end = min(len(data), start + draw(st.sampled_from([1, 2, 4, 16, 64, 1 << 20])))
        kind = draw(st.sampled_from(["flip", "cut", "put", "double", "int", "text", "keep"]))
        if kind == "flip" and data:
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[start:end]
        elif kind == "put":
            data[start:start] = draw(st.binary(max_size=12))
        elif kind == "double":
            data[start:start] = data[start:end]
        elif kind == "int":
            data[start : start + 4] = struct.pack("<i", draw(INT32))
        elif kind == "text":
            data[start:start] = draw(TEXTS).encode("utf-8", "replace")
        elif kind == "keep" and draw(st.integers(0, 3)) == 0:
            del data[start:]
    return bytes(data)


@st.composite
def damaged_numbers(draw: st.DrawFn, whole: bytes, start: int) -> bytes:
    """Some little-endian int32 from ``start`` on, a few of them changed."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, (len(data) - start) // 4 - 1))
        struct.pack_into("<i", data, start + 4 * number, draw(INT32))
    return bytes(data)


@st.composite
def damaged_lines(draw: st.DrawFn, whole: bytes) -> bytes:
    """A text of key=value, a few of its lines changed, lost, doubled or moved."""
    lines = whole.decode("utf-8-sig").splitlines()
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["value", "value", "value", "key", "lose", "double", "move"]))
        key, _, value = lines[number].partition("=")
        if kind == "value":
            lines[number] = f"{key}={draw(TEXTS)}"
        elif kind == "key":
            lines[number] = f"{draw(st.text(max_size=4))}={value}"
        elif kind == "double":
            lines.insert(draw(st.integers(0, len(lines))), lines[number])
        elif kind == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(number))
        elif len(lines) > 1:
            del lines[number]
    return "\r\n".join(lines).encode("utf-8-sig", "replace")
