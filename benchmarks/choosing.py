"""What choosing costs and saves: ``min_tissue`` against reading all, ``survey``, ``preview``."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from measure import Run, fresh_folder, run, table
from speed import MRXS_TILES, TILE_SIZES, digest

THRESHOLD = 0.5
MOST_SLOWER = 1.15  # than cutting the same tiles with no others in the tables
SURVEYED = 200
EVERY_BAD = 20  # one in so many has lost a data file
SURVEY_GOAL = 20.0  # s


def choosing(slide: Path, small: Path, rounds: int) -> list[str]:
    """Measure and return Markdown; ``small`` is surveyed under many names."""
    return [*_min_tissue(slide, rounds), "", *_previews(slide), "", *_survey(small)]


def _min_tissue(slide: Path, rounds: int) -> list[str]:
    """Tiles that are dropped for their tissue cost nothing.

    How much time they save is for the slide to say: glass decodes faster than tissue. That they
    cost nothing shows beside a run in which they have no row: the same tiles, as a region.
    """
    rows = []
    for tile_size in TILE_SIZES:
        with fresh_folder() as work:
            wall, tiles, kept = _thresholds(slide, rounds, tile_size, work)
        slower = wall["dropped"] / wall["alone"]
        verdict = "met" if slower <= MOST_SLOWER else "missed"
        rows.append(
            [
                f"{tile_size} px",
                f"{tiles} in {wall['all']:.2f} s",
                f"{kept} in {wall['dropped']:.2f} s",
                f"{kept} in {wall['alone']:.2f} s",
                f"{wall['all'] / wall['dropped']:.2f}",
                f"{slower:.2f}",
                f"<= {MOST_SLOWER}: {verdict}",
            ]
        )
    header = [
        *("tiles", "min_tissue 0", f"min_tissue {THRESHOLD}", "the same tiles as a region"),
        *("faster than 0", "slower than the region", "goal"),
    ]
    return [f"`tile` on one core, medians of {rounds} interleaved runs.", "", *table(header, rows)]


def _thresholds(
    slide: Path, rounds: int, tile_size: int, work: Path
) -> tuple[dict[str, float], int, int]:
    """Median seconds of each contestant; how many tiles there are, and how many are kept."""
    size = ("--tile-size", str(tile_size))
    contestants: dict[str, list[str | Path]] = {
        "all": ["--results", work / "all", *size],
        "dropped": ["--results", work / "all", *size, "--min-tissue", str(THRESHOLD)],
        "alone": ["--results", work / "alone", *size, "--region", work / "kept.json"],
    }
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    cut, alone = (work / name / slide.stem for name in ("all", "alone"))
    for number in range(rounds):
        for name, options in contestants.items():
            print(f"  {tile_size} px, {name}, round {number + 1}", file=sys.stderr)
            if not number and name != "dropped":
                run([MRXS_TILES, "inspect", slide, *options], cpus=1)
            runs[name].append(run([MRXS_TILES, "tile", slide, *options], cpus=1))
            if name == "all":
                tiles = len(list((cut / "tiles").iterdir()))
            if not number and name == "dropped":
                dropped = digest(cut / "tiles")
                _write_region(cut, work / "kept.json")
    if digest(alone / "tiles") != dropped:
        sys.exit("the region's tiles are not those that min_tissue keeps")
    wall = {name: statistics.median(one.wall for one in done) for name, done in runs.items()}
    return wall, tiles, len(list((alone / "tiles").iterdir()))


def _write_region(cut: Path, geojson: Path) -> None:
    """The kept tiles of a slide as polygons, a px smaller all around."""
    rings = []
    header, *lines = (cut / "tiles.tsv").read_text(encoding="utf-8").splitlines()
    for line in lines:
        row = dict(zip(header.split("\t"), line.split("\t"), strict=True))
        if row["kept"] == "1":
            x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
            left, top, right, bottom = x + 1, y + 1, x + width - 1, y + height - 1
            rings.append([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])
    shape = {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    geojson.write_text(json.dumps(shape), encoding="utf-8")


def _previews(slide: Path) -> list[str]:
    rows = []
    for tile_size in TILE_SIZES:
        with fresh_folder() as results:
            options = ("--results", results, "--tile-size", str(tile_size), "--threads", "2")
            done = run([MRXS_TILES, "preview", slide, *options], cpus=2)
        rows.append([f"{tile_size} px", f"{done.wall:.2f} s", f"{done.peak_mb:.0f} MB"])
    return ["`preview`, two threads.", "", *table(["tiles", "wall", "peak"], rows)]


def _survey(small: Path) -> list[str]:
    """Two hundred slides, links to one; some of them without a data file."""
    with fresh_folder() as work:
        slides = work / "slides"
        slides.mkdir()
        for number in range(SURVEYED):
            name = slides / f"s{number:03}.mrxs"
            name.symlink_to(small)
            if number % EVERY_BAD:
                name.with_suffix("").symlink_to(small.with_suffix(""))
                continue
            name.with_suffix("").mkdir()
            for file in sorted(small.with_suffix("").iterdir()):
                if file.name != "Data0001.dat":
                    (name.with_suffix("") / file.name).symlink_to(file)
        options = ("--results", work / "results", "--tile-size", "512", "--on-bad-slide", "ignore")
        done = run([MRXS_TILES, "survey", slides, *options])
    verdict = "met" if done.wall < SURVEY_GOAL else "missed"
    row = [f"{SURVEYED}", done.output[0], f"{done.wall:.2f} s", f"< {SURVEY_GOAL:.0f} s: {verdict}"]
    return ["`survey`.", "", *table(["slides", "it says", "wall", "goal"], [row])]
