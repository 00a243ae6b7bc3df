"""The benchmarks: ``make bench``, or ``python benchmarks/bench.py [--quick] [--only NAME]``.

Prints Markdown; a whole run also writes it to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from choosing import choosing
from costs import costs
from far_disks import far_disks
from formats import formats
from iterating import iterating
from many import many
from measure import run, table
from packing import packing
from pyramids import pyramids
from questions import questions
from reading import reading
from speed import inspect, speed, tile
from workflow_share import workflow_share

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
RESULTS = HERE / "RESULTS.md"
PARTS = (
    *("questions", "speed", "reading", "memory", "choosing", "formats", "packing", "iterating"),
    *("pyramids", "far_disks"),
    *("snakemake", "report", "costs"),
)
PACKAGES = ("openslide-python", "openslide-bin", "Pillow", "imagecodecs", "numpy", "snakemake")
MEMORY_GOAL_MB = 400
COSTS_OF = ("tiny", "small", "medium", "large", "huge", "glass")


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Measure speed, memory and Snakemake's share.")
    parser.add_argument("--quick", action="store_true", help="a small slide, one round")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    given = parser.parse_args(arguments)
    parts = (given.only,) if given.only else PARTS
    text = "\n".join([*_machine(), *(line for part in parts for line in _part(part, given.quick))])
    print(text)
    if not given.quick and not given.only:
        RESULTS.write_text(text + "\n", encoding="utf-8")
    return 0


def _part(name: str, quick: bool) -> list[str]:
    if name == "snakemake":
        tiny, _ = _slide("tiny")
        # the thousand real slides take some ten minutes
        sizes, dry_sizes = ((5, 20), (100,)) if quick else ((100, 1000), (1, 1000, 5000, 20_000))
        share = workflow_share(tiny, sizes, dry_sizes)
        return ["## Snakemake's own share", "", *share]
    if name == "report":
        return ["## The report", "", *many(_slide("tiny")[0], 200 if quick else 5000)]
    if name == "costs":
        slides = [_slide(size)[0] for size in COSTS_OF[: 2 if quick else None]]
        return ["## What it costs", "", *costs(slides, 1 if quick else 3)]
    slide, words = _slide("small" if quick else "large")
    if name == "reading":
        return ["## Reading alone", "", *reading(slide, 1 if quick else 3), ""]
    if name == "questions":
        return ["## What people ask for", "", *questions(slide, 1 if quick else 5)]
    if name == "pyramids":
        return ["## Deep Zoom pyramids", "", *pyramids(slide, 1 if quick else 3), ""]
    if name == "far_disks":
        return ["## Far disks", "", *far_disks(slide, 1 if quick else 3), ""]
    if name == "iterating":
        return ["## In Python", "", *iterating(slide, 1 if quick else 5)]
    if name == "formats":
        return ["## Formats", "", *formats(slide, 1 if quick else 3), ""]
    if name == "packing":
        return ["## Packing", "", *packing(slide, 1 if quick else 5)]
    if name == "choosing":
        small, _ = _slide("small")
        return ["## Choosing", "", *choosing(slide, small, 1 if quick else 5), ""]
    if name == "memory":
        return ["## Memory", "", *_memory(slide)]
    return ["## Speed", "", f"A slide of {words}.", "", *speed(slide, 1 if quick else 5)]


def _slide(size: str) -> tuple[Path, str]:
    """A slide to measure, and what it is."""
    DATA.mkdir(exist_ok=True)
    slide = DATA / f"{size}.mrxs"
    return slide, run([sys.executable, HERE / "slides.py", size, slide]).output[-1]


def _memory(slide: Path) -> list[str]:
    """The peak of each step at the default tile size."""
    with tempfile.TemporaryDirectory() as name:
        inspected = inspect(slide, 3000, Path(name))
        cut = tile(slide, 3000, Path(name), threads=2)
    verdict = "met" if cut.peak_mb < MEMORY_GOAL_MB else "missed"
    rows = [
        ["inspect", f"{inspected.peak_mb:.0f}", ""],
        ["tile, 2 threads, 3000 px", f"{cut.peak_mb:.0f}", f"< {MEMORY_GOAL_MB}: {verdict}"],
    ]
    return [*table(["step", "peak MB", "goal"], rows), ""]


def _machine() -> list[str]:
    """What it ran on, without a name or a path."""
    libraries = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        "# Benchmarks",
        "",
        f"Measured by `make bench` on {os.cpu_count()} cores of {_cpu()}, "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}.",
        "",
        f"The machine's load when it began: {os.getloadavg()[2]:.1f}. Where others work on it too, "
        "CPU says more than wall, and ratios more than seconds. Tiles are written into memory "
        "where the system has a folder for that.",
        "",
    ]


def _cpu() -> str:
    """The processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
