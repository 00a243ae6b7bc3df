"""``packing: tar`` against ``folder``: the same small tiles, in files of their own or in shards."""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

from measure import Run, fresh_folder, ratio_by_round, ratio_of_medians, run, spread, table
from speed import MRXS_TILES

TILE_PX = 256
GOAL = 1.0  # folder / tar, wall
NOISE = 0.03
PACKINGS = ("folder", "tar")
# In memory a file costs next to nothing, so there a folder is at its best.
PLACES = ("a disk", "memory")


def packing(slide: Path, rounds: int) -> list[str]:
    """Measure and return Markdown."""
    lines: list[str] = []
    for place in PLACES:
        for threads in (1, 2):
            runs: dict[str, list[Run]] = {name: [] for name in PACKINGS}
            files = {}
            with fresh_folder(place == "memory") as work:
                for number in range(rounds):
                    # who begins takes turns
                    for name in PACKINGS[:: -1 if number % 2 else 1]:
                        print(
                            f"  {name}, {place}, {threads} threads, {number + 1}", file=sys.stderr
                        )
                        results = work / f"{name}{number}"
                        runs[name].append(_cut(slide, results, name, threads))
                        files[name] = len(list((results / slide.stem / "tiles").iterdir()))
                        if place == "memory":  # on a disk, removing would slow the next round down
                            shutil.rmtree(results)
            lines += [*_lines(runs, files, threads, place), ""]
    return lines


def _cut(slide: Path, results: Path, name: str, threads: int) -> Run:
    options = ("--results", results, "--tile-size", str(TILE_PX), "--packing", name)
    run([MRXS_TILES, "inspect", slide, *options], cpus=1)
    return run([MRXS_TILES, "tile", slide, *options, "--threads", str(threads)], cpus=threads)


def _lines(
    runs: dict[str, list[Run]], files: dict[str, int], threads: int, place: str
) -> list[str]:
    rows = [
        [
            name,
            str(files[name]),
            spread([one.wall for one in done]),
            spread([one.cpu for one in done]),
            f"{statistics.median(one.peak_mb for one in done):.0f}",
        ]
        for name, done in runs.items()
    ]
    walls = [[one.wall for one in runs[name]] for name in PACKINGS]
    cpus = [[one.cpu for one in runs[name]] for name in PACKINGS]
    wall, by_round = ratio_of_medians(*walls), ratio_by_round(*walls)
    verdict = "met" if by_round >= GOAL - NOISE else "missed"
    return [
        f"`tile` at {TILE_PX} px into {place}, {threads} thread{'s' if threads > 1 else ''}, "
        f"medians (smallest to largest) of {len(walls[0])} interleaved runs, seconds.",
        "",
        *table(["packing", "files", "wall", "CPU", "peak MB"], rows),
        "",
        f"folder / tar: wall {wall:.2f} (round by round {by_round:.2f}), CPU "
        f"{ratio_of_medians(*cpus):.2f}; goal >= {GOAL} within {NOISE:.0%}: {verdict}.",
    ]
