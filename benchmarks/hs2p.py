"""hs2p, another tool for such tiles, in an environment of its own beside the slides."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from measure import Run, run

VERSION = "6.1.0"
TIMEOUT = 900.0  # s, for its 600 MB


def installed(data: Path) -> Path | None:
    """Its command, installed if need be; None: it cannot be installed here."""
    folder = data / "hs2p-venv"
    command = folder / "bin" / "hs2p"
    if not command.is_file():
        print(f"  installing hs2p {VERSION}, 600 MB", file=sys.stderr)
        python = folder / "bin" / "python"
        install = (python, "-m", "pip", "install", "--quiet", f"hs2p[openslide]=={VERSION}")
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=TIMEOUT)
            subprocess.run(install, check=True, timeout=TIMEOUT)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"  hs2p cannot be installed: {error}", file=sys.stderr)
            return None
    return command


def cut(command: Path, slide: Path, um: float, tile_px: int, tissue: float, out: Path) -> Run:
    """Cut a slide from its command line on one core, JPEG tiles in a tar.

    Tissue is found by Otsu's threshold, as ours is: the default finds none on a made-up slide.
    """
    out.mkdir()
    sheet, config = out / "slides.csv", out / "config.yaml"
    sheet.write_text(f"sample_id,image_path\n{slide.stem},{slide}\n", encoding="utf-8")
    keys = {
        "csv": str(sheet),
        "save_tiles": True,
        "tiling": {
            "backend": "openslide",
            "params": {"requested_spacing_um": um, "requested_tile_size_px": tile_px},
            "seg_params": {"method": "otsu"},
            "preview": {"save_mask_preview": False, "save_tiling_preview": False},
            "masks": {"min_coverage": {"tissue": tissue}},
        },
        "speed": {"num_workers": 1},
    }
    config.write_text(json.dumps(keys), encoding="utf-8")  # which is YAML too
    options = ("--skip-datetime", "--skip-logging", "--output-dir", out / "results")
    return run([command, *options, config], cpus=1)


def tiles_of(slide: Path, out: Path) -> int:
    """How many tiles it wrote."""
    table = out / "results" / "tiles" / f"{slide.stem}.tiles.manifest.csv"
    with table.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))
