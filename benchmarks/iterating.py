"""``mrxs_tiles.tiles()`` against the command line that cuts the same tiles and writes none."""

from __future__ import annotations

import sys
from pathlib import Path

from measure import Run, fresh_folder, ratio_by_round, ratio_of_medians, run, spread, table
from speed import MRXS_TILES

TILE_PX = (3000, 512)
GOAL = 1.0  # command line / tiles(), wall
NOISE = 0.03
LOOP = """\
import sys, mrxs_tiles
for row, rgb in mrxs_tiles.tiles(sys.argv[1], tile_size=int(sys.argv[2]), threads=int(sys.argv[3])):
    pass
"""


def iterating(slide: Path, rounds: int) -> list[str]:
    """Measure and return Markdown."""
    rows = []
    for px in TILE_PX:
        for threads in (1, 2):
            command: list[Run] = []
            loop: list[Run] = []
            for number in range(rounds):
                print(f"  tiles(), {px} px, {threads} threads, round {number + 1}", file=sys.stderr)
                command.append(_command(slide, px, threads))
                arguments = (slide, str(px), str(threads))
                loop.append(run([sys.executable, "-c", LOOP, *arguments], cpus=threads))
            walls = [one.wall for one in command], [one.wall for one in loop]
            by_round = ratio_by_round(*walls)
            verdict = "met" if by_round >= GOAL - NOISE else "missed"
            rows.append(
                [
                    *(str(px), str(threads), spread(walls[0]), spread(walls[1])),
                    *(f"{ratio_of_medians(*walls):.2f}", f"{by_round:.2f}"),
                    f">= {GOAL} within {NOISE:.0%}: {verdict}",
                ]
            )
    head = ["px", "threads", "inspect and tile, format none", "tiles()", "wall", "by round", "goal"]
    return [f"Seconds, {rounds} interleaved runs each.", "", *table(head, rows), ""]


def _command(slide: Path, px: int, threads: int) -> Run:
    """Both steps, of which the loop does the work: the slide is inspected there too."""
    with fresh_folder() as results:
        options = ("--results", results, "--tile-size", str(px), "--format", "none")
        first = run([MRXS_TILES, "inspect", slide, *options], cpus=1)
        second = run([MRXS_TILES, "tile", slide, *options, "--threads", str(threads)], cpus=threads)
        return Run(first.wall + second.wall, first.cpu + second.cpu)
