"""Write the demo slide, unless it is there already: python demo/make_demo.py OUT.mrxs."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from write_mirax import MiraxSpec, Scene, around_tissue, scene_of, write_mirax

MARGIN = 30  # level-0 px around tissue that the scanner still takes


def demo_slide() -> tuple[MiraxSpec, Scene]:
    """A 20x slide of about 9,000 x 12,000 px: three pieces of tissue, two fifths never scanned."""
    spec = MiraxSpec(
        positions_x=12, positions_y=20, divisions=4, image_width=196, image_height=160,
        overlap_x=38, overlap_y=30, jitter=4, levels=8, quality=80, data_files=6,
        general=(("SLIDE_NAME", "demo"),), page_length=256, seed=5,
    )  # fmt: skip
    scene = scene_of(spec)
    return replace(spec, scanned=around_tissue(spec, scene, MARGIN)), scene


def is_there(path: Path, spec: MiraxSpec) -> bool:
    """Whether `path` is a whole slide of exactly this form: the .mrxs is written last."""
    ini = path.with_suffix("") / "Slidedat.ini"
    return path.is_file() and ini.is_file() and spec.slide_id in ini.read_text("utf-8-sig")


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Write the demo slide.")
    parser.add_argument("out", type=Path, metavar="OUT", help="the slide to write, NAME.mrxs")
    out: Path = parser.parse_args(arguments).out
    if out.suffix != ".mrxs":
        parser.error(f"{out}: the name must end in .mrxs")
    spec, scene = demo_slide()
    if is_there(out, spec):
        print(f"{out} is there already")
        return 0
    slide = write_mirax(out, spec, scene)
    print(f"{out}: {slide.width} x {slide.height} px, {len(slide.images)} stored images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
