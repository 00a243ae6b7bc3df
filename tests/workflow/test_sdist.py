"""What `python -m build` makes: an sdist, and of that alone a wheel with the whole workflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import running
from mrxs_tiles.native import SWITCH
from running import REPO

pytestmark = pytest.mark.slow
BUILD = "import sys; from setuptools import build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"
WORKFLOW = ("profiles", "workflow/rules", "workflow/scripts", "workflow/schemas", "workflow/report")
SINGLE = ("Snakefile", "config.yaml", "workflow/Snakefile", "envs/mrxs-tiles.yaml")


def build(what: str, clone: Path, out: Path) -> Path:
    """Build with the backend alone, without kernels, and without npm, which asks a registry."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, f"build_{what}", out],
        cwd=clone,
        env=os.environ | {"PATH": "/nowhere", SWITCH: "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    return made


def test_a_wheel_from_an_sdist(tmp_path: Path) -> None:
    """The sdist holds what the wheel is made of, and the wheel of it each file of the workflow."""
    clone = running.copy_repo(tmp_path / "clone")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy2(REPO / name, clone / name)
    folders = [path for name in WORKFLOW for path in (clone / name).rglob("*") if path.is_file()]
    needed = {path.relative_to(clone).as_posix() for path in folders} | {*SINGLE}

    sdist = build("sdist", clone, tmp_path / "sdist")
    unpack = (sys.executable, "-m", "tarfile", "-e", sdist, tmp_path / "unpacked")
    assert running.run(*unpack).code == 0
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    assert needed - there == set()
    assert {"envs/package.json", "envs/package-lock.json"} <= there, "npm is asked for the viewer"
    assert {"workflow/mrxs_tiles/native.h", "workflow/mrxs_tiles/mirax/lay.c"} <= there
    assert not [name for name in there if "node_modules" in name or "__pycache__" in name]

    with zipfile.ZipFile(build("wheel", unpacked, tmp_path / "wheel")) as wheel:
        inside = set(wheel.namelist())
    assert {f"mrxs_tiles/from_clone/{name}" for name in needed} - inside == set()
    assert "snakemake_logger_plugin_mrxs_tiles/__init__.py" in inside
