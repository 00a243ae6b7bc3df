"""What people ask for, beside a plain loop, hs2p, and what the codecs and the filter alone take."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

import hs2p
from measure import Run, fresh_folder, run, table
from speed import MRXS_TILES

KEPT = (sys.executable, Path(__file__).resolve().parent / "kept.py")
SLIDE_UM = 0.2325  # of the written slides' level-0 px
GOALS = (
    "plain / tile >= 4, tile / floor <= 1.5 and hs2p / ours >= 3 at 0.5 µm; >= 5 at downsample 2"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for, in the config's keys and in hs2p's."""

    name: str
    keys: dict[str, float]
    um: float  # per px of the tiles
    tissue: float = 0.01  # hs2p takes no tile without any


QUESTIONS = (
    Question(
        "256 px at 0.5 µm, min_tissue 0.5",
        {"tile_size": 256, "mpp": 0.5, "min_tissue": 0.5},
        *(0.5, 0.5),
    ),
    Question("256 px, downsample 2", {"tile_size": 256, "downsample": 2}, 2 * SLIDE_UM),
    Question("512 px, full resolution", {"tile_size": 512}, SLIDE_UM),
    Question("3000 px, full resolution", {"tile_size": 3000}, SLIDE_UM),
)


@dataclass(slots=True)
class Answers:
    """CPU seconds of each round, by contestant, and how many tiles came out."""

    cpu: dict[str, list[float]] = field(default_factory=dict)
    tiles: dict[str, int] = field(default_factory=dict)
    same: str = ""  # how many of the plain loop's files are ours

    def add(self, contestant: str, seconds: float) -> None:
        """Note one run."""
        self.cpu.setdefault(contestant, []).append(seconds)

    def median(self, contestant: str) -> float | None:
        """Of all rounds; None: it did not run."""
        return statistics.median(self.cpu[contestant]) if contestant in self.cpu else None


def questions(slide: Path, rounds: int) -> list[str]:
    """Measure and return Markdown.

    Raises:
        SystemExit: a contestant failed.
    """
    other = hs2p.installed(slide.parent)
    answers = {question.name: _answers(slide, question, rounds, other) for question in QUESTIONS}
    absent = "" if other else f" hs2p {hs2p.VERSION} was not run: it cannot be installed here."
    return [
        f"CPU seconds on one core, medians of {rounds} interleaved runs. `plain`: a loop with "
        "OpenSlide and Pillow over the tiles that we keep, whose places it is given. `floor`: each "
        "stored image that these need decoded once, each tile resampled and encoded once, nothing "
        f"else. `hs2p`: the whole run of hs2p {hs2p.VERSION}, which finds its own tissue, so its "
        f"ratio is by the tile.{absent}",
        "",
        *table(
            ["question", "tiles", "inspect + tile", "tile", "plain", "floor", "hs2p (tiles)"],
            [_seconds(name, found) for name, found in answers.items()],
        ),
        "",
        *table(
            ["ratio", "plain / tile", "tile / floor", "hs2p / ours, a tile", "same as plain"],
            [_ratios(name, found) for name, found in answers.items()],
        ),
        "",
        f"Goals: {GOALS}.",
        "",
    ]


def _answers(slide: Path, question: Question, rounds: int, other: Path | None) -> Answers:
    found = Answers()
    for number in range(rounds):
        print(f"  {question.name}, round {number + 1}", file=sys.stderr)
        with fresh_folder() as work:
            ours = work / "results" / slide.stem / "tiles"
            inspected, cut = (_step(step, slide, question, work) for step in ("inspect", "tile"))
            found.add("tile", cut.cpu)
            found.add("ours", inspected.cpu + cut.cpu)
            found.tiles["ours"] = len(list(ours.iterdir()))
            options = json.dumps(question.keys)
            run([*KEPT, "plan", slide, work / "results", options, work / "plan"])
            (work / "plain").mkdir()
            found.add("plain", run([*KEPT, "plain", slide, work / "plan", work / "plain"], 1).cpu)
            floor = run([*KEPT, "floor", slide, work / "plan"], 1)
            found.add("floor", json.loads(floor.output[-1])["cpu"])
            found.same = _same(ours, work / "plain")
            shutil.rmtree(work / "results")
            if other is not None:
                size = int(question.keys["tile_size"])
                done = hs2p.cut(other, slide, question.um, size, question.tissue, work / "hs2p")
                found.add("hs2p", done.cpu)
                found.tiles["hs2p"] = hs2p.tiles_of(slide, work / "hs2p")
    return found


def _step(step: str, slide: Path, question: Question, work: Path) -> Run:
    options = [part for key, value in question.keys.items() for part in (_flag(key), str(value))]
    return run([MRXS_TILES, step, slide, "--results", work / "results", *options], cpus=1)


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _same(ours: Path, plain: Path) -> str:
    """How many of our files the plain loop wrote too."""
    files = list(ours.iterdir())
    same = sum(file.read_bytes() == (plain / file.name).read_bytes() for file in files)
    return f"{same} of {len(files)}"


def _seconds(name: str, found: Answers) -> list[str]:
    other = found.median("hs2p")
    return [
        *(name, str(found.tiles["ours"])),
        *(f"{found.median(one):.2f}" for one in ("ours", "tile", "plain", "floor")),
        "not run" if other is None else f"{other:.2f} ({found.tiles['hs2p']})",
    ]


def _ratios(name: str, found: Answers) -> list[str]:
    ours, tile, plain, floor = (found.median(one) for one in ("ours", "tile", "plain", "floor"))
    assert ours
    assert tile
    assert plain
    assert floor
    by_tile = "not run"
    if (other := found.median("hs2p")) and found.tiles["hs2p"]:
        by_tile = f"{other / found.tiles['hs2p'] / (ours / found.tiles['ours']):.2f}"
    return [name, f"{plain / tile:.2f}", f"{tile / floor:.2f}", by_tile, found.same]
