"""Run a command as a fresh process, and say what it took. Standard library only.

The process that measures stays small on purpose: a child's peak memory, as Linux counts it,
starts from that of the process that started it.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MEMORY = "/dev/shm"  # noqa: S108 - a folder of its own is made in it
ROOM_BYTES = 1 << 30
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in what getrusage calls maxrss
Heard = Callable[[str], object]  # is told each line as it comes

LAST_LINES = 20  # of a child that failed, repeated on stderr


@dataclass(frozen=True, slots=True)
class Run:
    """What one process, with those it started, took."""

    wall: float  # s
    cpu: float  # s, user and system
    peak_mb: float = 0.0  # of its largest process
    output: list[str] = field(default_factory=list)  # its lines


def run(command: Sequence[str | Path], cpus: int | None = None, heard: Heard | None = None) -> Run:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        cpus: on how many of this machine's CPUs it may run; None: on all.
        heard: is told each line of its output as it comes.

    Raises:
        SystemExit: it failed; its last lines are on stderr.
    """
    lines: list[str] = []
    with pinned(cpus):
        began = time.perf_counter()
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    reader = threading.Thread(target=_listen, args=(child, lines, heard))
    reader.start()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if child.returncode:
        print("\n".join(lines[-LAST_LINES:]), file=sys.stderr)
        sys.exit(f"this failed with exit code {child.returncode}: {' '.join(map(str, command))}")
    return Run(wall, used.ru_utime + used.ru_stime, _peak_mb(used), lines)


def _listen(child: subprocess.Popen[str], lines: list[str], heard: Heard | None) -> None:
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            lines.append(line.rstrip("\n"))
            if heard is not None:
                heard(lines[-1])


def _peak_mb(used: resource.struct_rusage) -> float:
    return used.ru_maxrss * RSS_UNIT / 1e6


@contextmanager
def pinned(cpus: int | None) -> Iterator[None]:
    """Let processes started meanwhile run on so many CPUs, always the same ones.

    Where the system cannot pin (macOS), they run anywhere.
    """
    if cpus is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(mine)[-cpus:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


@contextmanager
def fresh_folder(in_memory: bool = True) -> Iterator[Path]:
    """A folder for what the contestants write: in memory where there is such a place.

    A disk would be measured too, and unevenly: ext4 takes up to a millisecond to create a
    file for some minutes after many were deleted, as each round does.
    """
    memory = Path(MEMORY)
    roomy = in_memory and memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(dir=memory if roomy else None) as name:
        yield Path(name)


def spread(values: Sequence[float]) -> str:
    """Median (smallest to largest) of some seconds."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def ratio_of_medians(above: Sequence[float], below: Sequence[float]) -> float:
    """How many times as long the one takes, by the medians of all rounds."""
    return statistics.median(above) / statistics.median(below)


def ratio_by_round(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of runs of the same round, so that a slow minute weighs little."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, aligned so that it is one on a terminal too."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
