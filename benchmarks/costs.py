"""How seconds, memory and disk follow from pixels, by what ``runtime.tsv`` says of whole runs.

Slides of several sizes go through Snakemake on one core; straight lines are laid through what
that took, and say what 2,000 slides of a usual size will take.
"""

from __future__ import annotations

import csv
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import Run, fresh_folder, run, table
from speed import MRXS_TILES, TILE_SIZES, inspect, tile
from workflow_share import REPO, SNAKEMAKE

# What a step's cost follows: `inspect` looks at the whole slide at 8 µm, `tile` at what was
# scanned at full resolution.
UNITS = {"inspect": "100 mm² of the slide", "tile": "gigapixel scanned"}
SLIDES = 2000
# CMU-1, OpenSlide's public slide: 57,230 x 117,638 px of 0.2325 µm, 27 % of it scanned.
CMU_1 = {"inspect": 3.64, "tile": 1.818}
TYPICAL = {"20x, as CMU-1": CMU_1, "40x, the same area": CMU_1 | {"tile": 4 * CMU_1["tile"]}}
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step of one slide took, and what the workflow asks for it."""

    slide: str
    step: str
    amount: float  # in the step's unit
    seconds: float  # median of all rounds
    peak_mb: float
    asked_mb: float
    asked_minutes: float
    tile_gb: float  # of the tiles on the disk
    slide_gb: float
    surveyed_seconds: float  # what `survey` had said of `tile`


@dataclass(frozen=True, slots=True)
class Line:
    """``a + b * amount``, and the largest distance from it of what was measured, as a part."""

    a: float
    b: float
    off: float

    def at(self, amount: float) -> float:
        """Its value."""
        return self.a + self.b * amount


def costs(slides: Sequence[Path], rounds: int) -> list[str]:
    """Measure and fit; returns Markdown.

    Raises:
        SystemExit: a run failed.
    """
    measured = {size: _measure(slides, size, rounds) for size in TILE_SIZES}
    lines = [
        f"Whole runs through Snakemake on one core, medians of {rounds} by `runtime.tsv`; peaks by "
        "the system, from the command line. The slides' files are in the disk cache: a disk that "
        "must be waited for adds its time.",
        "",
    ]
    for size, found in measured.items():
        lines += [f"### {size} px", "", *_measured(found), "", *_fits(found), ""]
    hours = [row for size, found in measured.items() for row in _hours(found, size)]
    asked = [row for size, found in measured.items() for row in _asked_and_used(found, size)]
    head = ["slides", "tiles", "inspect", "tile", "core hours", "GB of tiles"]
    asks = ["tiles", "step", "slide", "mem_mb / peak MB", "ratio", "runtime / seconds", "ratio"]
    lines += [f"### {SLIDES:,} slides", "", *table(head, hours), ""]
    return [*lines, "### What the rules ask for", "", *table(asks, asked), ""]


def _measure(slides: Sequence[Path], tile_size: int, rounds: int) -> list[Cost]:
    """Run the workflow as often as wanted; the costs by step, then amount."""
    seconds: dict[tuple[str, str], list[float]] = {}
    with fresh_folder() as work:
        (work / "slides").mkdir()
        for slide in slides:
            for part in (slide, slide.with_suffix("")):
                (work / "slides" / part.name).symlink_to(part)
        peaks = _peaks(slides, tile_size, work / "peaks")
        surveyed = _survey(work, tile_size)
        for number in range(rounds):
            print(f"  costs, {tile_size} px, round {number + 1}", file=sys.stderr)
            ran = _snakemake(work, "--forceall", "--config", f"tile_size={tile_size}")
            runtime = _rows(work / "results" / "runtime.tsv")
            for row in runtime:
                seconds.setdefault((row["slide"], row["step"]), []).append(float(row["seconds"]))
        cut = {row["slide"]: row for row in _rows(work / "results" / "report.tsv")}
    asked = _asked(ran.output)
    found = []
    for row in runtime:
        slide, key = row["slide"], (row["slide"], row["step"])
        known = surveyed[slide] | cut[slide] | row
        found.append(_cost(known, statistics.median(seconds[key]), peaks[key], asked[key]))
    return sorted(found, key=lambda cost: (cost.step, cost.amount))


def _peaks(slides: Sequence[Path], tile_size: int, results: Path) -> dict[tuple[str, str], float]:
    """MB of each slide and step; Snakemake looks too seldom to see all of them."""
    found = {}
    for slide in slides:
        found[slide.stem, "inspect"] = inspect(slide, tile_size, results).peak_mb
        found[slide.stem, "tile"] = tile(slide, tile_size, results, threads=1).peak_mb
    return found


def _snakemake(work: Path, *options: str) -> Run:
    where = ("--snakefile", REPO / "Snakefile", "--directory", work, "-p", "--cores", "1")
    return run([SNAKEMAKE, *where, *options], cpus=1)


def _survey(work: Path, tile_size: int) -> dict[str, Row]:
    """What ``survey`` says of each slide beforehand."""
    options = ("--results", work / "survey", "--tile-size", str(tile_size))
    run([MRXS_TILES, "survey", work / "slides", *options])
    return {row["slide"]: row for row in _rows(work / "survey" / "survey.tsv")}


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def _asked(output: Sequence[str]) -> dict[tuple[str, str], dict[str, float]]:
    """The resources of each slide and step, from what Snakemake says of its jobs."""
    found, rule, slide = {}, "", ""
    for line in output:
        if match := re.match(r"(?:local)?rule (\w+):$", line):
            rule = match[1]
        elif match := re.match(r"    wildcards: slide=(.*)$", line):
            slide = match[1]
        elif line.startswith("    resources: ") and rule in UNITS:
            numbers = re.findall(r"\b(mem_mb|runtime)=(\d+)", line)
            found[slide, rule] = {name: float(number) for name, number in numbers}
    return found


def _cost(known: Row, seconds: float, peak_mb: float, asked: dict[str, float]) -> Cost:
    """From a slide's rows in the three tables, as one."""
    px_mm2 = float(known["mpp_x"]) * float(known["mpp_y"]) / 1e6
    amounts = {
        "inspect": float(known["pixels"]) * px_mm2 / 100,
        "tile": float(known["scanned_pixels"]) / 1e9,
    }
    return Cost(
        slide=known["slide"],
        step=known["step"],
        amount=amounts[known["step"]],
        seconds=seconds,
        peak_mb=peak_mb,
        asked_mb=asked["mem_mb"],
        asked_minutes=asked["runtime"],
        tile_gb=float(known["tile_bytes"]) / 1e9,
        slide_gb=float(known["gigabytes"]),
        surveyed_seconds=3600 * float(known["core_hours"]),
    )


def _line(costs: Sequence[Cost], value: Callable[[Cost], float]) -> Line:
    """The straight line from which all are about as far off, as parts of what was measured."""
    import numpy as np  # here: bench.py measures memory and must stay small before

    x, y = [cost.amount for cost in costs], np.array([value(cost) for cost in costs])
    b, a = np.polyfit(x, y, 1, w=1 / y).tolist()
    return Line(a, b, max(abs(a + b * at - was) / was for at, was in zip(x, y, strict=True)))


def _seconds(costs: Sequence[Cost], step: str) -> Line:
    return _line(_of(costs, step), lambda cost: cost.seconds)


def _of(costs: Sequence[Cost], step: str) -> list[Cost]:
    return [cost for cost in costs if cost.step == step]


def _measured(costs: Sequence[Cost]) -> list[str]:
    header = ["slide", "GB", "mm²", "inspect", "peak MB", "gigapixels", "tile", "peak MB", "GB out"]
    inspected = {cost.slide: cost for cost in _of(costs, "inspect")}
    rows = []
    for cost in _of(costs, "tile"):
        looked = inspected[cost.slide]
        row = [cost.slide, f"{cost.slide_gb:.3f}", f"{100 * looked.amount:.1f}"]
        row += [f"{looked.seconds:.2f} s", f"{looked.peak_mb:.0f}", f"{cost.amount:.3f}"]
        rows.append([*row, f"{cost.seconds:.2f} s", f"{cost.peak_mb:.0f}", f"{cost.tile_gb:.3f}"])
    return table(header, rows)


def _fits(costs: Sequence[Cost]) -> list[str]:
    rows = []
    for step, unit in UNITS.items():
        peak = _line(_of(costs, step), lambda cost: cost.peak_mb)
        for line, of, digits in ((_seconds(costs, step), "s", 2), (peak, "MB", 0)):
            parts = (f"{part:.{digits}f} {of}" for part in (line.a, line.b))
            rows.append([step, *parts, unit, f"{line.off:.0%}"])
    largest = _of(costs, "tile")[-1]
    return [
        *table(["step", "each slide", "and for each", "of these", "furthest off"], rows),
        "",
        f"A gigapixel scanned gives {largest.tile_gb / largest.amount:.3f} GB of tiles. Of the "
        f"slide {largest.slide} `survey` had said {largest.surveyed_seconds:.1f} s of `tile`; it "
        f"took {largest.seconds:.1f} s, its start included.",
    ]


def _hours(costs: Sequence[Cost], tile_size: int) -> list[list[str]]:
    """Core hours of many slides of a usual size."""
    largest = _of(costs, "tile")[-1]
    rows = []
    for name, amounts in TYPICAL.items():
        hours = [SLIDES * _seconds(costs, step).at(amounts[step]) / 3600 for step in UNITS]
        gigabytes = SLIDES * amounts["tile"] * largest.tile_gb / largest.amount
        words = f"{name}: {amounts['tile']:.1f} gigapixels"
        each = (f"{part:.1f} h" for part in (*hours, sum(hours)))
        rows.append([words, f"{tile_size} px", *each, f"{gigabytes:,.0f}"])
    return rows


def _asked_and_used(costs: Sequence[Cost], tile_size: int) -> list[list[str]]:
    return [
        [
            *(f"{tile_size} px", cost.step, cost.slide),
            *(f"{cost.asked_mb:.0f} / {cost.peak_mb:.0f}", f"{cost.asked_mb / cost.peak_mb:.1f}"),
            f"{cost.asked_minutes:.0f} min / {cost.seconds:.1f} s",
            f"{60 * cost.asked_minutes / cost.seconds:.0f}",
        ]
        for cost in costs
    ]
