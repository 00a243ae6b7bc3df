"""Digests of all outputs for a fixed set of slides and settings, by step; written down here.

``MRXS_TILES_WRITE_DIGESTS=1 python -m pytest tests/test_made_by.py`` writes
``tests/data/digests.json``, after a step's number was raised or other libraries were locked. It
refuses where a digest changed and no number did.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from in_process import NAME, table
from mrxs_tiles import __version__
from mrxs_tiles.config.config import cutting_keys, read_config
from mrxs_tiles.made_by import FIELD, LIBRARIES, OF_STEP, STEPS, versions
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.heatmap import heatmap
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.steps.viewer import viewer
from write_mirax import VARIANTS, write_mirax

REPO = Path(__file__).resolve().parents[2]
WRITE = "MRXS_TILES_WRITE_DIGESTS"
HOW = f"run {WRITE}=1 python -m pytest tests/test_made_by.py"
FILE = REPO / "tests" / "data" / "digests.json"
APERIO = REPO / "tests" / "data" / "CMU-1-Small-Region.svs"
MIRAX, MISSING = "jpeg_plain", "missing"
BEFORE = {
    "inspect": (),
    "tile": ("inspect",),
    "viewer": ("inspect", "tile"),
    "export": ("inspect", "tile"),
    "heatmap": ("inspect", "tile"),
    "report": ("inspect", "tile", "viewer", "export", "heatmap"),
}
# No lossy jxl: its encoder counts with floats, which another processor may do otherwise.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "defaults": (MIRAX, {"tile_size": 300}),
    "half as png, with overlap": (
        MIRAX,
        {"tile_size": 150, "downsample": 2, "format": "png", "overlap": 3, "min_tissue": 0.05},
    ),
    "a scale between levels": (MIRAX, {"tile_size": 128, "mpp": 1.1, "edge": "pad"}),
    "shards, measured": (
        APERIO.name,
        {"tile_size": 256, "packing": "tar", "min_focus": 20, "max_pen": 0.3, "max_tiles": 40},
    ),
    "a region": (APERIO.name, {"tile_size": 256, "region": "300,200,900,700", "quality": 90}),
    "webp without loss": (APERIO.name, {"tile_size": 700, "format": "webp", "quality": 100}),
    "tif, all tiles": (MIRAX, {"tile_size": 600, "format": "tif", "drop_blank": False}),
    "coordinates": (APERIO.name, {"tile_size": 512, "format": "none"}),
    "viewer": (MIRAX, {"tile_size": 600, "deepzoom": True}),
    "failed": (MISSING, {}),
}
SCORED = ("defaults", "a region")
EXPORTED = ("defaults", "shards, measured", "failed")
IN_RESULTS = ("report.tsv", "report.html", "report_files", "run.json", "ro-crate-metadata.json")
# No part of what is equal: a report keeps there what it knows of its pictures once they are two
# seconds old, so on a busy machine alone.
LOGS = "logs/"
OF_INSPECT = ("slide.json", "coordinates.tsv", "thumbnail.jpg", "tissue.png")
OF_EXPORT = ("clam.h5", "qupath.geojson", "tiles.parquet", "exports.json")
# What other steps' numbers and outputs stand in.
PASSED_ON = (FIELD, "tables")
# Who reads is this machine's matter: where no kernel was built, OpenSlide does.
WHO_READS = ("reader", "reader_reason")
SUM = re.compile(rb'"[0-9a-f]{8}"')  # of a file that has a digest here itself
READER_LINE = re.compile(rb"(<dt>reader</dt><dd><bdi>)\w+")


@dataclass(frozen=True)
class Now:
    """What is made now: step -> case -> digest."""

    digests: dict[str, dict[str, str]]

    def changed(self, step: str, known: dict[str, str]) -> list[str]:
        """The cases whose output of a step is another than is known."""
        mine = self.digests[step]
        return sorted(case for case in mine | known if mine.get(case) != known.get(case))


def recorded() -> dict[str, Any]:
    """What is written down."""
    known: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return known


def libraries() -> dict[str, str]:
    """The libraries that decide the bytes, and their versions."""
    names = {name for of_step in OF_STEP.values() for name in of_step} | {*LIBRARIES, "Jinja2"}
    return versions(tuple(sorted(names)))


def fault(step: str, now: Now) -> str:
    """What is wrong with a step's number; "" where nothing is."""
    entry = recorded().get(step, {}).get(str(STEPS[step]))
    if entry is None:
        return (
            f"{step} has the number {STEPS[step]}, of which no digests are written down: say in "
            f"CHANGELOG.md what changed and {HOW}."
        )
    changed = now.changed(step, entry["digests"])
    if not changed:
        return ""
    cases = "; ".join(changed)
    if raised := [one for one in BEFORE[step] if STEPS[one] != entry["after"][one]]:
        return f"What {step} makes changed ({cases}) with what {', '.join(raised)} makes: {HOW}."
    return (
        f"What {step} makes changed ({cases}), and its number did not: raise STEPS['{step}'] in "
        f"workflow/mrxs_tiles/made_by.py, say in CHANGELOG.md what changed, and {HOW}. If it was "
        "not meant to change, mend that."
    )


def make(folder: Path) -> Now:
    """Make everything below a folder."""
    mirax = write_mirax(folder / f"{MIRAX}.mrxs", VARIANTS[MIRAX]).path
    slides = {MIRAX: mirax, APERIO.name: APERIO, MISSING: folder / "missing.mrxs"}
    digests: dict[str, dict[str, str]] = {step: {} for step in STEPS}
    for number, (case, (slide, keys)) in enumerate(CASES.items()):
        results = folder / f"{number}"
        config = read_config(keys)
        inspect(NAME, slides[slide], results, config.settings)
        tile(NAME, slides[slide], results, config.settings, 1)
        if config.settings.deepzoom:
            viewer(NAME, slides[slide], results, config.settings, 1)
        if case in EXPORTED:
            export(NAME, results, ("clam", "qupath", "parquet"))
        if case in SCORED:
            heatmap(_scores(results), results)
        report(results, config=cutting_keys(config))
        for step, digest in of_results(results, (folder, APERIO.parent)):
            digests[step][case] = digest
    return Now(digests)


def _scores(results: Path) -> Path:
    """A table of scores of all tiles but one."""
    rows = table(results / NAME / "tiles.tsv")[:-1]
    lines = [f"{NAME},{row['col']},{row['row']},{float(row['tissue']) / 3:.5f}" for row in rows]
    path = results.with_suffix(".csv")
    path.write_text("\n".join(["slide,col,row,score", *lines]) + "\n", "utf-8")
    return path


def of_results(results: Path, places: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """The digest of what each step has put into a folder of results."""
    found: dict[str, list[str]] = {step: [] for step in STEPS}
    for path in sorted(path for path in results.rglob("*") if path.is_file()):
        name = path.relative_to(results).as_posix()
        if name.startswith(LOGS):
            continue
        content = _alike(path, places)
        found[_step(name)].append(f"{name} {hashlib.sha256(content).hexdigest()}")
    for step, lines in found.items():
        if lines:
            yield step, hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _step(name: str) -> str:
    if name.partition("/")[0] in IN_RESULTS:
        return "report"
    own = name.removeprefix(f"{NAME}/")
    if own in OF_INSPECT:
        return "inspect"
    if own in OF_EXPORT:
        return "export"
    if own.startswith("heatmap"):
        return "heatmap"
    return "viewer" if own.startswith("viewer") else "tile"


def _alike(path: Path, places: tuple[Path, ...]) -> bytes:
    """A file's bytes, without where slides lie, who read them, and other steps' numbers."""
    content = path.read_bytes()
    for place in places:
        content = content.replace(str(place).encode(), b"PLACE")
    if path.name == "report.html":
        content = READER_LINE.sub(rb"\1READER", content.replace(__version__.encode(), b"VERSION"))
    if path.suffix == ".json":
        record = {k: v for k, v in json.loads(content).items() if k not in (*PASSED_ON, *WHO_READS)}
        content = SUM.sub(b'"SUM"', json.dumps(record).encode())
    return content


def write_down(now: Now) -> list[str]:
    """Write the digests down, unless a number is to be raised first; returns what is wrong."""
    known = recorded()
    is_same = known.get("libraries") == libraries()
    faults = [said for step in STEPS if is_same and "did not: raise" in (said := fault(step, now))]
    if faults:
        return faults
    for step, number in STEPS.items():
        after = {one: STEPS[one] for one in BEFORE[step]}
        entry = {"after": after, "digests": dict(sorted(now.digests[step].items()))}
        known.setdefault(step, {})[str(number)] = entry
    text = json.dumps(known | {"libraries": libraries()}, indent=2, sort_keys=True)
    FILE.write_text(f"{text}\n", "utf-8")
    return []


def is_to_be_written() -> bool:
    """Whether it was asked for."""
    return bool(os.environ.get(WRITE))
