"""The room in which the docs' blocks are run: a clone beside small slides with the docs' names."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import openpyxl

from running import BIN, REPO
from write_mirax import MiraxSpec, around_tissue, scene_of, write_mirax

# 3,976 x 3,606 px at 0.2325 µm: a 20x slide of a few tiles, of which a part was never scanned.
SPEC = MiraxSpec(
    positions_x=7, positions_y=7, divisions=3, image_width=196, image_height=176,
    overlap_x=20, overlap_y=15, levels=5, data_files=5,
)  # fmt: skip
NAMES = ("A 1", "B 7", "C 2")
CLONE = (
    "Snakefile",
    "config.yaml",
    "workflow",
    "profiles",
    "envs",
    "Makefile",
    "requirements.lock",
)
# Beside each other as the pages name them: those below /data, and A1 in the working directory.
FOLDERS = ("slides", "my-slides")


def write_slides(folder: Path) -> None:
    """The slides that all rooms share: three named as README names them, all of them whole."""
    for seed, name in enumerate(NAMES):
        spec = replace(SPEC, seed=seed)
        scene = scene_of(spec)
        scanned = around_tissue(spec, scene)
        write_mirax(folder / f"{name}.mrxs", replace(spec, scanned=scanned), scene)


def furnish(root: Path, slides: Path, bad: bool) -> Path:
    """Make a room of the slides in a folder; returns the working directory, like a fresh clone.

    Args:
        root: what stands for `/` where the docs write `/data` and `/scratch`.
        slides: what `write_slides` has written; linked, never written to.
        bad: whether all three are there and two of them bad, as where a page shows what is said
            then; else there is one alone.
    """
    work = root / "mrxs-tiles"
    work.mkdir(parents=True)
    for name in CLONE:
        (work / name).symlink_to(REPO / name)
    (work / ".venv").symlink_to(BIN.parent)
    for folder in FOLDERS:
        for name in NAMES if bad else NAMES[:1]:
            _link(slides / name, root / "data" / folder / name)
        if bad:
            shutil.rmtree(root / "data" / folder / "B 7")
            (root / "data" / folder / "C 2" / "Data0003.dat").unlink()
    for name, source in (("A1", "A 1"), ("B2", "B 7"), ("slide", "A 1")):
        _link(slides / source, work / name)
    _write_sheets(work)
    return work


def _link(source: Path, target: Path) -> None:
    """A slide under another name: its files once more, not the bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source.with_name(f"{source.name}.mrxs"), target.with_name(f"{target.name}.mrxs"))
    shutil.copytree(source, target, copy_function=os.link)


def _write_sheets(work: Path) -> None:
    """Sheets, the annotations that two of them name, and a model's numbers."""
    patients, regions = [("path", "patient")], [("path", "region")]
    for name in ("A1", "B2"):
        patients.append((f"{name}.mrxs", f"P{name[1]}"))
        regions.append((f"{name}.mrxs", f"{name}.geojson"))
        (work / f"{name}.geojson").write_text(json.dumps(_annotation()))
    for sheet, rows in (("slides.csv", patients), ("annotated.csv", regions)):
        (work / sheet).write_text("".join(",".join(row) + "\n" for row in rows))
    scores = [f"{name},{n // 4},{n % 4},0.{n}\n" for name in ("A1", "A 1") for n in range(9)]
    (work / "scores.csv").write_text("".join(["slide,col,row,tumour\n", *scores]))
    book = openpyxl.Workbook()
    for row in regions:
        book.active.append(row)
    book.save(work / "slides.xlsx")


def _annotation() -> dict[str, object]:
    """A tumour over the middle of the scanned area, as QuPath exports it."""
    corners = [[600, 600], [3000, 600], [3000, 3000], [600, 3000], [600, 600]]
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [corners]},
                "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}},
            }
        ],
    }
