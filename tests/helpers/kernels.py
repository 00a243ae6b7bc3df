"""Kernels in tests: whether they are here, and built with what finds faults in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import needs
from mrxs_tiles import native

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")


def built(name: str) -> None:
    """Skip the test where a kernel is not loaded here."""
    if native.is_off():
        pytest.skip(native.OFF)
    if native.load(name) is None:
        needs.require("kernels")


def sanitized(name: str, folder: Path) -> tuple[Path, dict[str, str]]:
    """A kernel that stops its process at the first read or write outside an array.

    Returns the library and the environment in which a Python can load it. Skips the test where
    this machine's compiler has no sanitizers.
    """
    needs.require("sanitizers")
    runtime = needs.sanitizers()
    library = native.build(name, folder, SANITIZE)
    # Python itself never frees all it took
    options = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0", "LD_PRELOAD": runtime}
    # each array in memory of its own, so that what lies behind one is no other
    own = {"PYTHONMALLOC": "malloc", "PYTHONPATH": str(WORKFLOW), "OPENBLAS_NUM_THREADS": "1"}
    return library, os.environ | options | own


def stops(code: str, library: Path, env: dict[str, str]) -> str:
    """Run code with a sanitized library, whose path is its first argument; "" or what was found."""
    command = (sys.executable, "-c", code, library)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""
