"""What each format of the tiles costs in time and bytes, and what opens it."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from measure import Run, fresh_folder, ratio_of_medians, run, table
from speed import MRXS_TILES, inspect

TILE_SIZE = 512
THREADS = 2
OPENS = {
    "jpg": "everything",
    "png": "everything",
    "tif": "Pillow, tifffile, OpenCV, ImageJ, QuPath; of the browsers Safari",
    "webp": "browsers, Pillow, OpenCV, imagecodecs",
    "jxl": "imagecodecs, `mrxs_tiles.load`, djxl, GIMP, Safari; Pillow with a plugin alone",
}
SETTINGS = [
    *(("jpg", 75), ("jpg", 95), ("png", 75), ("tif", 75)),
    *(("webp", 75), ("webp", 100), ("jxl", 75), ("jxl", 90), ("jxl", 100)),
]
LOSSLESS = {("png", 75), ("tif", 75), ("webp", 100), ("jxl", 100)}
GOALS = {("png", 75): 4.5, ("tif", 75): 4.5, ("jxl", 100): 3.0}  # times the CPU of jpg


def formats(slide: Path, rounds: int) -> list[str]:
    """Measure and return Markdown."""
    runs: dict[tuple[str, int], list[Run]] = {}
    sizes: dict[tuple[str, int], int] = {}
    for number in range(rounds):
        print(f"  formats, round {number + 1}", file=sys.stderr)
        for setting in SETTINGS:
            with fresh_folder() as work:
                inspect(slide, TILE_SIZE, work)
                runs.setdefault(setting, []).append(_tile(slide, work, *setting))
                record = (work / slide.stem / "tiles.json").read_text(encoding="utf-8")
                sizes[setting] = json.loads(record)["tile_bytes"]
    return [
        f"`tile`, {TILE_SIZE} px, {THREADS} threads, medians of {rounds}.",
        "",
        *table(
            ["format", "quality", "lossless", "CPU s", "wall s", "x jpg's CPU", "MB", "opens in"],
            [_row(setting, runs, sizes) for setting in SETTINGS],
        ),
    ]


def _row(
    setting: tuple[str, int],
    runs: dict[tuple[str, int], list[Run]],
    sizes: dict[tuple[str, int], int],
) -> list[str]:
    name, quality = setting
    cpu = [done.cpu for done in runs[setting]]
    times = ratio_of_medians(cpu, [done.cpu for done in runs[SETTINGS[0]]])
    goal = f" (goal {GOALS[setting]:g})" if setting in GOALS else ""
    return [
        *(f"`{name}`", "" if name in ("png", "tif") else str(quality)),
        "yes" if setting in LOSSLESS else "",
        f"{statistics.median(cpu):.1f}",
        f"{statistics.median(done.wall for done in runs[setting]):.1f}",
        f"{times:.1f}{goal}",
        f"{sizes[setting] / 1e6:.0f}",
        OPENS[name],
    ]


def _tile(slide: Path, results: Path, name: str, quality: int) -> Run:
    options = ("--tile-size", str(TILE_SIZE), "--threads", str(THREADS))
    options += ("--format", name, "--quality", str(quality))
    return run([MRXS_TILES, "tile", slide, "--results", results, *options], cpus=THREADS)
