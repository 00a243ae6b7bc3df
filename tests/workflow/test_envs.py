"""The lock, the conda environment and pyproject.toml name the same packages."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement

from mrxs_tiles import native
from running import TINY, copy_repo, run, write

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
CONDA = (ROOT / "envs" / "mrxs-tiles.yaml").read_text(encoding="utf-8")
DEPLOY = (ROOT / "envs" / "mrxs-tiles.post-deploy.sh").read_text(encoding="utf-8")
ZIG = (ROOT / "envs" / "zig.lock").read_text(encoding="utf-8")
FORGOTTEN = "`make lock` was forgotten"

project = tomllib.loads(PYPROJECT)["project"]
extras = project["optional-dependencies"]
direct = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
tool: dict[str, Any] = runpy.run_path(str(ROOT / "envs" / "lock_to_conda.py"))
packages: dict[str, tuple[list[str], set[str]]] = tool["locked"](LOCK)


@pytest.mark.parametrize("line", direct)
def test_lock_holds_what_pyproject_asks_for(line: str) -> None:
    """Each requirement is pinned, to a version that it allows."""
    wanted = Requirement(line)
    lines, _ = packages[tool["normal"](line)]
    (pin,) = Requirement(lines[0]).specifier
    assert pin.operator == "=="
    assert wanted.specifier.contains(pin.version), FORGOTTEN


def test_lock_holds_the_build_backend() -> None:
    """What builds the package is locked as pyproject.toml says."""
    (backend,) = tomllib.loads(PYPROJECT)["build-system"]["requires"]
    assert packages["setuptools"][0][0] == backend


def test_every_package_has_hashes_and_comes_from_the_registry() -> None:
    """Nothing is installed unhashed, or from a place of one machine."""
    for name, (lines, _) in packages.items():
        assert len(lines) > 1, f"{name} has no hash"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in lines[1:]), name
    assert len(packages) == len(re.findall(r"(?m)^\w", LOCK)), "one version of each package"
    assert not re.search(r"://| @ |^-", LOCK, re.MULTILINE), "a path or an index of one machine"


def test_conda_environment_is_the_locks() -> None:
    """The conda environment installs the lock's packages and today's kernels."""
    assert tool["ENVIRONMENT"] == CONDA
    kernels = tool["kernels"](ROOT / "workflow", ZIG)
    assert tool["deploy"](LOCK, PYPROJECT) + kernels == DEPLOY, FORGOTTEN


def test_conda_environment_is_small() -> None:
    """Snakemake writes this file into its record of every output of every slide."""
    assert yaml.safe_load(CONDA)["dependencies"][0] == "python=3.11"
    assert len(CONDA) < 500


@pytest.mark.slow
def test_conda_environment_reads_as_requirements(tmp_path: Path) -> None:
    """The script hands pip the lock's own lines, whatever quotes they hold."""
    fake = tmp_path / "python"
    # neither unpacks the kernels' sources nor builds them
    fake.write_text('#!/bin/sh\nfor last; do :; done\ncase "$*" in *install*) cat "$last";; esac\n')
    fake.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    script = ROOT / "envs" / "mrxs-tiles.post-deploy.sh"
    done = subprocess.run(
        ["bash", script], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    found = tool["locked"](done.stdout)
    assert found
    assert all(lines == packages[name][0] for name, (lines, _) in found.items())
    assert all(hashes for (_, *hashes), _ in found.values())


def test_conda_environment_is_complete() -> None:
    """What each package says of itself, installed here, agrees with who asks for it in the lock."""
    held = set(tool["locked"](DEPLOY.partition("<<'END'\n")[2].partition("\nEND\n")[0]))
    here = {**default_environment(), "extra": ""}
    for name in sorted(held):
        marker = Requirement(packages[name][0][0]).marker
        if marker and not marker.evaluate():
            continue  # not for this platform, so not installed here
        needs = [Requirement(line) for line in requires(name) or []]
        asked = {
            tool["normal"](need.name)
            for need in needs
            if not need.marker or need.marker.evaluate(here)
        }
        assert asked <= held, f"{name} needs {asked - held}"


@pytest.mark.slow
@pytest.mark.needs("cc")
def test_conda_environment_has_kernels(tmp_path: Path) -> None:
    """The script's own copy of the sources, compiled, is what the package loads there."""
    venv.create(tmp_path / "env", with_pip=False)
    place = tmp_path / "env" / "bin"
    kernels = "set -eu\n" + DEPLOY.partition("\nEND\n")[2]
    path = {"PATH": f"{place}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", kernels], env=path, capture_output=True, check=True)
    code = "from mrxs_tiles import native; print(repr(native.complaint()))"
    found = subprocess.run(
        [place / "python", "-c", code],
        env=path | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "''"


@pytest.mark.slow
def test_installed_elsewhere(tmp_path: Path) -> None:
    """The package works where it was installed with pip, without the clone around it."""
    site = tmp_path / "site"
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--target", site)
    copy_repo(tmp_path / "clone")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "clone")
    done = run(sys.executable, "-m", "pip", "install", *options, tmp_path / "clone")
    assert not done.code, done.text
    command = (sys.executable, "-m", "mrxs_tiles", "inspect", write(tmp_path / "A.mrxs", TINY).path)
    done = run(*command, "--results", tmp_path / "out", cwd=tmp_path, python_path=site)
    assert not done.code, done.text
    built = site / "mrxs_tiles" / "kernels"
    if any(native.compilers()) and not native.is_off():
        assert {path.name for path in built.iterdir()} == set(map(native.file_name, native.names()))
    code = "import mrxs_tiles; print(mrxs_tiles.__file__)"
    where = run(sys.executable, "-c", code, cwd=tmp_path, python_path=site).out
    assert str(site) in where
