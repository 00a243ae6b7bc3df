"""The readers alone: how fast each reads a whole slide, and what it asks of the disk."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path

from measure import run, spread, table
from speed import MRXS_TILES, TILE_SIZES, inspect

HERE = Path(__file__).resolve().parent
READERS = ("openslide", "own", "fastslide")
WAIT = 0.001  # s for each request, on a network disk


def reading(slide: Path, rounds: int) -> list[str]:
    """Measure and return Markdown."""
    return [*_speed(slide, rounds), "", *_requests(slide)]


def _speed(slide: Path, rounds: int) -> list[str]:
    rows = []
    for side in TILE_SIZES:
        for threads in (1, 2):
            walls: dict[str, list[float]] = {name: [] for name in READERS}
            for number in range(rounds):
                for name, done in walls.items():
                    print(f"  reading {side} px, {name}, round {number + 1}", file=sys.stderr)
                    command = [sys.executable, HERE / "readers.py", name, slide, str(side)]
                    last = run([*command, str(threads)], cpus=threads).output[-1]
                    done.append(json.loads(last)["wall"])
            ratio = statistics.median(walls["fastslide"]) / statistics.median(walls["own"])
            verdict = "met" if ratio >= 1 else "missed"
            cells = [spread(walls[name]) for name in READERS]
            rows.append([f"{side} px", str(threads), *cells, f"{ratio:.2f}", f">= 1: {verdict}"])
    header = ["regions", "threads", *READERS, "fastslide / own", "goal"]
    return [
        f"All of level 0 that holds something, read once, nothing encoded; median (smallest to "
        f"largest) of {rounds} interleaved runs, seconds.",
        "",
        *table(header, rows),
    ]


def _requests(slide: Path) -> list[str]:
    """What `tile` asks of the data files, as strace counts it."""
    if shutil.which("strace") is None:
        return ["Requests to the disk were not counted: strace is not installed."]
    index = json.loads(_inspected(slide, "auto"))["mirax"]
    stored = sum(file["bytes"] for file in index["data_files"])
    rows = []
    for reader in ("openslide", "auto"):
        opens, requests, read = _traced(slide, reader)
        waits = f"{(opens + requests) * WAIT:.1f} s"
        rows.append([reader, str(opens), str(requests), f"{read / 1e6:.1f}", waits])
    header = ["reader", "opens", "reads", "MB read", "wait at 1 ms each"]
    images = index["stored_images"][0]
    return [
        f"`tile` at {TILE_SIZES[0]} px, one thread: what it asks of the {len(index['data_files'])} "
        f"data files ({stored / 1e6:.1f} MB with all levels; {images} stored images of level 0).",
        "",
        *table(header, rows),
    ]


def _inspected(slide: Path, reader: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        inspect(slide, TILE_SIZES[0], Path(name), reader)
        return (Path(name) / slide.stem / "slide.json").read_text(encoding="utf-8")


def _traced(slide: Path, reader: str) -> tuple[int, int, int]:
    """Opens, reads and bytes read of the data files."""
    with tempfile.TemporaryDirectory() as name:
        results, trace = Path(name) / "results", Path(name) / "trace"
        inspect(slide, TILE_SIZES[0], results, reader)
        options = ("--tile-size", str(TILE_SIZES[0]), "--reader", reader)
        watched = ("-e", "trace=openat,read,pread64")
        command = ["strace", "-ff", "-y", *watched, "-o", trace, MRXS_TILES, "tile", slide]
        run([*command, "--results", results, *options])
        counts: Counter[str] = Counter()
        for one in trace.parent.glob("trace.*"):  # one of each thread
            for line in one.read_text(encoding="utf-8", errors="replace").splitlines():
                if re.search(r"openat\(.*/Data\d+\.dat\"", line):
                    counts["opens"] += 1
                elif found := re.search(r"p?read(?:64)?\(\d+<.*/Data\d+\.dat>.* = (\d+)$", line):
                    counts["reads"] += 1
                    counts["bytes"] += int(found[1])
        return counts["opens"], counts["reads"], counts["bytes"]
