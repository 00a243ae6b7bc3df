"""How fast ``tile`` is beside the little script, a pool of two processes, and the codecs alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import Run, fresh_folder, ratio_by_round, ratio_of_medians, run, spread, table

HERE = Path(__file__).resolve().parent
LOOPS = (sys.executable, HERE / "loops.py")
MRXS_TILES = Path(sys.executable).with_name("mrxs-tiles")

TILE_SIZES = (3000, 512)
CORES = {
    "plain": 1,
    "pool": 2,
    "openslide, 1 thread": 1,  # `tile` with `reader: openslide`
    "openslide, 2 threads": 2,
    "tile, 1 thread": 1,
    "tile, 2 threads": 2,
    "floor": 1,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """``above`` takes so many times as long as ``below``; ``goal`` by tile size."""

    above: str
    below: str
    goal: dict[int, float]


COMPARISONS = (
    Comparison("plain", "tile, 1 thread", {3000: 2.4, 512: 2.4}),
    Comparison("pool", "tile, 2 threads", {3000: 1.9, 512: 1.9}),
    Comparison("plain", "openslide, 1 thread", {3000: 1.8, 512: 2.1}),
    Comparison("pool", "openslide, 2 threads", {}),
    Comparison("plain", "pool", {}),
    Comparison("tile, 1 thread", "tile, 2 threads", {3000: 1.8, 512: 1.8}),
    Comparison("floor", "tile, 1 thread", {3000: 0.8, 512: 0.8}),  # 1 / 1.25
)


def speed(slide: Path, rounds: int) -> list[str]:
    """Measure at both tile sizes; returns Markdown.

    Raises:
        SystemExit: a contestant failed, or wrote other files than the little script.
    """
    return [line for size in TILE_SIZES for line in _at_size(slide, size, rounds)]


def _at_size(slide: Path, tile_size: int, rounds: int) -> list[str]:
    with fresh_folder() as work:
        inspected = inspect(slide, tile_size, work / "results")
        inspect(slide, tile_size, work / "openslide", "openslide")
        runs: dict[str, list[Run]] = {contestant: [] for contestant in CORES}
        digests: dict[str, str] = {}
        for number in range(rounds):
            for contestant, done in runs.items():
                print(f"  {tile_size} px, round {number + 1}: {contestant}", file=sys.stderr)
                done.append(_run(contestant, slide, tile_size, work))
                if contestant != "floor":
                    _same(digests, contestant, _written(contestant, slide, work))
        kept = len(list((work / "results" / slide.stem / "tiles").iterdir()))
    return [
        f"### {tile_size} px: {kept} tiles kept",
        "",
        f"Median (smallest to largest) of {rounds} interleaved runs, seconds.",
        "",
        *_seconds(runs),
        "",
        *_ratios(runs, tile_size),
        "",
        f"The {kept} files of all contestants are identical in every run. `inspect`, done once "
        f"before, took {inspected.wall:.2f} s and is in none of these numbers.",
        "",
    ]


def inspect(slide: Path, tile_size: int, results: Path, reader: str = "auto") -> Run:
    """The step before ``tile``."""
    options = ("--tile-size", str(tile_size), "--reader", reader)
    return run([MRXS_TILES, "inspect", slide, "--results", results, *options], cpus=1)


def tile(slide: Path, tile_size: int, results: Path, threads: int, reader: str = "auto") -> Run:
    """``tile`` of an inspected slide, from the command line."""
    options = ("--tile-size", str(tile_size), "--threads", str(threads), "--reader", reader)
    return run([MRXS_TILES, "tile", slide, "--results", results, *options], cpus=threads)


def _run(contestant: str, slide: Path, tile_size: int, work: Path) -> Run:
    """One run of a contestant, into a fresh folder."""
    out = _written(contestant, slide, work)
    if contestant.startswith(("tile", "openslide")):
        shutil.rmtree(out, ignore_errors=True)
        reader = "openslide" if contestant.startswith("openslide") else "auto"
        return tile(slide, tile_size, out.parent.parent, CORES[contestant], reader)
    if contestant != "floor":
        out.mkdir()
    done = run([*LOOPS, contestant, slide, str(tile_size), out], CORES[contestant])
    return Run(**json.loads(done.output[-1])) if contestant == "floor" else done


def _written(contestant: str, slide: Path, work: Path) -> Path:
    """The folder into which a contestant writes; the floor encodes what ``tile`` wrote."""
    if contestant in ("plain", "pool"):
        return work / "loop"
    results = "openslide" if contestant.startswith("openslide") else "results"
    return work / results / slide.stem / "tiles"


def _same(digests: dict[str, str], contestant: str, written: Path) -> None:
    """Compare what was just written with what was written before."""
    digests[contestant] = digest(written)
    if len(set(digests.values())) > 1:
        sys.exit(f"{contestant} wrote other files than {next(iter(digests))}")
    if contestant in ("plain", "pool"):
        shutil.rmtree(written)


def digest(folder: Path) -> str:
    """One number for the names and contents of a folder's files."""
    whole = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        whole.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def _seconds(runs: dict[str, list[Run]]) -> list[str]:
    rows = [
        [
            contestant,
            str(CORES[contestant]),
            spread([each.wall for each in done]),
            spread([each.cpu for each in done]),
            f"{statistics.median(each.peak_mb for each in done):.0f}" if done[0].peak_mb else "",
        ]
        for contestant, done in runs.items()
    ]
    return table(["contestant", "cores", "wall", "CPU", "peak MB"], rows)


def _ratios(runs: dict[str, list[Run]], tile_size: int) -> list[str]:
    rows: list[Sequence[str]] = []
    for compared in COMPARISONS:
        above, below = runs[compared.above], runs[compared.below]
        walls = [each.wall for each in above], [each.wall for each in below]
        wall, by_round = ratio_of_medians(*walls), ratio_by_round(*walls)
        cpu = ratio_of_medians([each.cpu for each in above], [each.cpu for each in below])
        goal = compared.goal.get(tile_size)
        verdict = "" if goal is None else f">= {goal}: {'met' if wall >= goal else 'missed'}"
        name = f"{compared.above} / {compared.below}"
        rows.append([name, f"{wall:.2f}", f"{by_round:.2f}", f"{cpu:.2f}", verdict])
    return table(["ratio of medians", "wall", "wall, round by round", "CPU", "goal (wall)"], rows)
