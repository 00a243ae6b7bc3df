"""The Deep Zoom pyramid beside `vips dzsave`'s of the same slide."""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

from measure import Run, fresh_folder, run, spread, table
from speed import MRXS_TILES, inspect

TILE_PX = 512
GOAL = 4.0


def pyramids(slide: Path, rounds: int) -> list[str]:
    """Measure both on two cores and return Markdown.

    Ours is what `tile` takes longer with the viewer than without it; `vips` is the whole of
    `vips dzsave`, whose start is a trifle.
    """
    if shutil.which("vips") is None:
        return ["Not measured: vips is not installed (Debian: libvips-tools)."]
    with fresh_folder() as work:
        runs = _runs(slide, rounds, work)
        ours = _pictures(work / slide.stem / "viewer_files")
        theirs = _pictures(work / "vips_files")
    pairs = zip(runs["tile, viewer"], runs["tile"], strict=True)
    own = [with_viewer.wall - without.wall for with_viewer, without in pairs]
    other = [one.wall for one in runs["vips dzsave"]]
    ratio = statistics.median(other) / statistics.median(own)
    verdict = "met" if ratio >= GOAL else "missed"
    peak = max(one.peak_mb for one in runs["tile, viewer"])
    other_peak = max(one.peak_mb for one in runs["vips dzsave"])
    rows = [
        ["viewer of tile", spread(own), *ours, f"{peak:.0f}"],
        ["vips dzsave", spread(other), *theirs, f"{other_peak:.0f}"],
    ]
    return [
        f"Full pyramid, {TILE_PX} px tiles, no overlap, JPEG of quality 75, two cores; median "
        f"(smallest to largest) of {rounds} interleaved runs, seconds. Debian's vips "
        f"({_version()}) brings an OpenSlide of its own.",
        "",
        *table(["pyramid", "wall", "pictures", "MB", "peak MB"], rows),
        "",
        f"vips / viewer: {ratio:.1f} (goal >= {GOAL:.0f}: {verdict}).",
    ]


def _runs(slide: Path, rounds: int, work: Path) -> dict[str, list[Run]]:
    """The runs of each contestant, interleaved; what the last ones made is there."""
    runs: dict[str, list[Run]] = {"tile": [], "tile, viewer": [], "vips dzsave": []}
    inspect(slide, 3000, work)
    for number in range(rounds):
        for name, done in runs.items():
            print(f"  {name}, round {number + 1}", file=sys.stderr)
            if name == "vips dzsave":
                shutil.rmtree(work / "vips_files", ignore_errors=True)
                done.append(run(_vips(slide, work / "vips"), cpus=2))
            else:
                viewer = ("--deepzoom", str(name != "tile").lower())
                command = [MRXS_TILES, "tile", slide, "--results", work, "--threads", "2"]
                done.append(run([*command, *viewer], cpus=2))
    return runs


def _vips(slide: Path, out: Path) -> list[str | Path]:
    options = ("--tile-size", str(TILE_PX), "--overlap", "0", "--suffix", ".jpg[Q=75]")
    return ["vips", "dzsave", slide, out, *options]


def _version() -> str:
    return run(["vips", "--version"]).output[0].strip()


def _pictures(folder: Path) -> tuple[str, str]:
    """How many pictures there are, and their MB."""
    sizes = [file.stat().st_size for file in folder.rglob("*.jp*g")]
    return f"{len(sizes):,}", f"{sum(sizes) / 1e6:.1f}"
