"""Writes the slides that are measured, unless they are there.

    python benchmarks/slides.py glass|huge|large|medium|small|tiny OUT.mrxs

A program of its own, so that the one that measures stays small.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))

from make_demo import is_there
from write_mirax import MiraxSpec, around_tissue, scene_of, write_mirax

# Stored images, overlap and divisions as in CMU-1, OpenSlide's public 20x slide.
LARGE = MiraxSpec(
    positions_x=22, positions_y=46, divisions=4, image_width=340, image_height=256,
    overlap_x=59, overlap_y=60, jitter=4, levels=9, data_files=12, page_length=1024, seed=7,
)  # fmt: skip
SIZES = {
    # a whole glass, 25 x 75 mm, of which next to nothing was scanned
    "glass": replace(
        LARGE, positions_x=83, positions_y=334, scanned=lambda column, row: column < 8 and row < 10
    ),
    # as much scanned as in CMU-1: some 1,800 megapixels
    "huge": replace(LARGE, positions_x=38, positions_y=80),
    "large": LARGE,
    "medium": replace(LARGE, positions_x=14, positions_y=27, levels=8),
    "small": replace(LARGE, positions_x=7, positions_y=12, levels=7),
    "tiny": replace(LARGE, positions_x=1, positions_y=1, levels=3, data_files=2),
}


def write(size: str, out: Path) -> None:
    """Write a slide; where nothing else is said only what holds tissue was scanned, about half."""
    spec = SIZES[size]
    scene = scene_of(spec)
    if spec.scanned is None and size != "tiny":
        spec = replace(spec, scanned=around_tissue(spec, scene))
    if not is_there(out, spec):
        write_mirax(out, spec, scene)
    width, height = spec.size
    print(f"{width:,} x {height:,} px, {1 - spec.scanned_pictures.mean():.0%} of it never scanned")


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
