"""One command from a wheel, in a folder without the clone; and how a run ends on the screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

import running
from running import BIN, REPO, TINY, Ran, lasting, names, run, run_ours, snakemake

pytestmark = pytest.mark.slow
CONFIG = ("--results", "out", "--tile-size", "200")
MODULE = """
module mrxs_tiles:
    snakefile: github("somebody/mrxs-tiles", path="workflow/Snakefile", tag="v1")
    config: config

use rule * from mrxs_tiles as mrxs_tiles_*

rule all:
    default_target: True
    input: rules.mrxs_tiles_all.input
"""


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three slides, one of them without its data."""

    def make(folder: Path) -> Ran:
        for number, name in enumerate("abc"):
            running.write(folder / "slides" / f"{name}.mrxs", replace(TINY, seed=number))
        shutil.rmtree(folder / "slides" / "b")
        return Ran(0, "", "")

    return running.once(tmp_path_factory, "one_command", make)[0] / "slides"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment into which a wheel of this clone was installed.

    What the wheel depends on is taken from where the tests run: to fetch it would take minutes.
    """

    def make(folder: Path) -> Ran:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
        options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
        built = run(*pip, "wheel", *options, REPO)
        assert not built.code, built.text
        (wheel,) = folder.glob("*.whl")
        environment = folder / "env"
        # -I: an environment as this system has it, also --as-windows
        made = run(sys.executable, "-I", "-m", "venv", "--without-pip", environment)
        assert not made.code, made.text
        python = environment / "bin/python"
        done = run(*pip, "--python", python, "install", "--quiet", "--no-deps", wheel)
        assert not done.code, done.text
        (site,) = environment.glob("lib/python*/site-packages")
        (site / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        shim = environment / "bin/snakemake"
        shim.write_text(f"#!{python}\nfrom snakemake.cli import main\nmain()\n")
        shim.chmod(0o755)
        return Ran(0, "", "")

    return running.once(tmp_path_factory, "installed", make)[0] / "env/bin"


def alone(programs: Path, *command: str | Path, cwd: Path) -> Ran:
    """Run a program with nothing of this machine's but what a shell needs."""
    found = subprocess.run(
        [programs / command[0], *command[1:]],
        cwd=cwd,
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(programs.parent)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    ran = Ran(found.returncode, found.stdout, found.stderr)
    assert "Traceback" not in ran.text, ran.text
    return ran


def test_from_a_wheel(installed: Path, slides: Path, tmp_path: Path) -> None:
    """Three slides are cut as by `snakemake` in a clone, byte for byte; all is in the wheel."""
    ran = alone(installed, "mrxs-tiles", "run", slides, *CONFIG, cwd=tmp_path)
    assert ran.code == 1, "one slide is bad"
    lines = ran.err.splitlines()
    assert lines[0].startswith("3 slides: 3 to inspect, 3 to cut, on ")
    assert sorted(line.split("  ")[1] for line in lines[1:4]) == [
        *("a: 4 of 4 tiles kept", "b: failed: The folder 'b' is missing beside b.mrxs"),
        "c: 4 of 4 tiles kept",
    ]
    assert "WorkflowError" not in ran.text
    assert lines[-2:] == ["report: out/report.tsv", "page: out/report.html"]
    assert names(tmp_path) == [".snakemake", "out"]
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert page.count('href="logs/b/inspect.log"') == 1
    where = alone(installed, "mrxs-tiles", "snakefile", cwd=tmp_path).out.strip()
    assert Path(where).is_relative_to(installed.parent)
    again = alone(
        *(installed, "snakemake", "-s", where, "--cores", "2", "--config", f"slides={slides}"),
        *("results=out", "tile_size=200", "on_bad_slide=ignore"),
        cwd=tmp_path,
    )
    assert again.code == 0, again.text
    assert "3 slides: nothing to cut, the report is made anew\n" in again.err
    plain = snakemake(tmp_path / "clone", slides=slides, tile_size=200, on_bad_slide="ignore")
    assert plain.code == 0
    assert lasting(tmp_path / "clone/results") == lasting(tmp_path / "out")
    shown = alone(
        *(installed, "python", "-c"),
        "from mrxs_tiles.viewer.page import openseadragon as o; print(*o())",
        cwd=tmp_path,
    )
    if (REPO / "envs/node_modules/openseadragon").is_dir():
        assert shown.out.split() == ["openseadragon.min.js", "openseadragon-LICENSE.txt"]


@pytest.mark.torture
def test_as_a_module_of_a_repository(installed: Path, slides: Path, tmp_path: Path) -> None:
    """The rules come from a git repository as snakedeploy has it, the package from the wheel.

    Where git is told that GitHub is a folder here; `gitfile` does not take rules with scripts.
    """
    repo = running.copy_repo(tmp_path / "somebody/mrxs-tiles.git")
    git = ("git", "-C", repo, "-c", "user.name=x", "-c", "user.email=x@localhost")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x"), ("tag", "v1")):
        done = run(*git, *command)
        assert not done.code, done.text
    told = f'[url "file://{tmp_path}/"]\n\tinsteadOf = https://github.com/\n'
    (installed.parent / ".gitconfig").write_text(told)
    work = tmp_path / "work"
    work.mkdir()
    (work / "Snakefile").write_text(MODULE)
    config = (f"slides={slides}", "results=out", "tile_size=200")
    ran = alone(installed, "snakemake", "--cores", "2", "--config", *config, cwd=work)
    assert ran.code == 0, ran.text
    plain = snakemake(tmp_path / "clone", slides=slides, tile_size=200)
    assert plain.code == 1
    assert lasting(tmp_path / "clone/results") == lasting(work / "out")


def test_a_job_fails(slides: Path, tmp_path: Path) -> None:
    """The run says which, why and where its log lies; the report says that it is not whole."""
    good = tmp_path / "slides"
    good.mkdir()
    for name in "ac":
        running.copy_slide(slides / f"{name}.mrxs", good / f"{name}.mrxs")
    (tmp_path / "out/c/tiles.tsv/in the way").mkdir(parents=True)
    command = (BIN / "mrxs-tiles", "run", good, *CONFIG)
    ran = run_ours(*command, "--", "--keep-going", cwd=tmp_path)
    assert ran.code == 1
    assert ran.err.count("tile c failed: out/c/tiles.tsv cannot be written: Is a directory.") == 2
    assert ran.err.count("\n    out/logs/c/tile.log\n") == 1
    assert "\n1 of 2 slides are done; a job failed:\n" in ran.err
    assert "that this run does not name" not in ran.err
    assert "it goes on from what is done.\n" in ran.err
    assert ran.err.endswith("report: out/report.tsv\npage: out/report.html\n")
    said = "This run has not finished: 1 of 2 slides are done."
    assert said in (tmp_path / "out/report.html").read_text("utf-8")
    shutil.rmtree(tmp_path / "out/c/tiles.tsv")
    again = run_ours(*command, cwd=tmp_path)
    assert again.code == 0, again.text
    assert "\n1 of 1  c: 4 of 4 tiles kept\n" in again.err
    assert said not in (tmp_path / "out/report.html").read_text("utf-8")
    nothing = run_ours(*command, cwd=tmp_path)
    assert nothing.code == 0
    assert nothing.err.startswith("Nothing to be done (all requested files are present and ")
    assert "\n2 slides: 2 ok, 0 bad\n" in nothing.err
    assert nothing.err.endswith("page: out/report.html\n")


def test_without_slides(tmp_path: Path) -> None:
    """Lint and a list of the rules need none; a run says what to type."""
    start = (BIN / "snakemake", "--snakefile", REPO / "Snakefile")
    for option in ("--lint", "--list"):
        ran = run_ours(*start, option, cwd=tmp_path)
        assert ran.code == 0, ran.text
    ran = run_ours(*start, "--cores", "1", cwd=tmp_path)
    assert ran.code == 1
    assert "\nAs in: snakemake --cores all --config slides=/data/slides" in ran.err
    assert ".smk" not in ran.err


@pytest.mark.needs("proc")  # Slurm is on Linux alone
def test_without_slurm(slides: Path, tmp_path: Path) -> None:
    """Where no job can be sent to Slurm, that is said at once."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "which", "uname"):
        (programs / name).symlink_to(str(shutil.which(name)))
    command = [BIN / "snakemake", "-s", REPO / "Snakefile", "--profile", REPO / "profiles/slurm"]
    found = subprocess.run(
        [*command, "--config", f"slides={slides}", "tile_size=200"],
        cwd=tmp_path,
        env={"PATH": str(programs), "HOME": os.environ["HOME"]},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert found.returncode == 1
    assert "There is no sbatch here" in found.stderr


# Of a Slurm without accounting that forgets jobs early, what is asked of it before a run.
STANDING_IN = {
    "sbatch": "exit 1",
    "scontrol": "echo 'MaxArraySize = 1001'; echo 'MinJobAge = 20 sec'",
    "sacct": "echo 'Slurm accounting storage is disabled' >&2; exit 1",
}


@pytest.mark.needs("proc")  # Slurm is on Linux alone
def test_a_slurm_that_forgets(slides: Path, tmp_path: Path) -> None:
    """A run that would never see its jobs end is refused, and says what helps."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, does in STANDING_IN.items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    found = subprocess.run(
        [
            *(BIN / "snakemake", "-s", REPO / "Snakefile", "--profile", REPO / "profiles/slurm"),
            *("--config", f"slides={slides}", "tile_size=200"),
        ],
        cwd=tmp_path,
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": os.environ["HOME"]},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert found.returncode == 1
    assert "forgets ended jobs after 20 s (MinJobAge)" in found.stderr
    assert "sacct, which does not answer (Slurm accounting storage is disabled)" in found.stderr
    assert "--slurm-init-seconds-before-status-checks 6," in found.stderr
    assert "Traceback" not in found.stderr


def test_a_profile_has_a_config_too(slides: Path, tmp_path: Path) -> None:
    """What a profile sets holds with `run`, too, unless it was typed otherwise."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text("configfile: keys.yaml\ncores: 2\n")
    (tmp_path / "mine/keys.yaml").write_text("packing: tar\ntile_size: 300\n")
    command = (BIN / "mrxs-tiles", "run", slides / "a.mrxs", *CONFIG)
    ran = run_ours(*command, "--", "--profile", "mine", cwd=tmp_path)
    assert ran.code == 0, ran.text
    assert running.record(tmp_path / "out/a/slide.json")["grid"]["tile_size"] == 200
    assert {path.suffix for path in (tmp_path / "out/a/tiles").iterdir()} == {".tar"}


def test_recut_keeps_what_is_whole(slides: Path, tmp_path: Path) -> None:
    """--recut cuts all that can be read; of a slide damaged since, what was cut whole stays."""
    shutil.copytree(slides, tmp_path / "slides", ignore=shutil.ignore_patterns("b*"))
    command = (BIN / "mrxs-tiles", "run", "slides", *CONFIG, "--cores", "1")
    assert run_ours(*command, cwd=tmp_path).code == 0
    whole = {path: path.read_bytes() for path in (tmp_path / "out/a/tiles").iterdir()}
    assert whole
    for file in (tmp_path / "slides/a").glob("Data*.dat"):
        os.truncate(file, file.stat().st_size // 3)
    again = run_ours(*command, "--recut", "--", "--forcerun=inspect", cwd=tmp_path)
    assert again.code == 1, again.text
    assert "a (kept): " in again.text
    assert "of 2  c: " in again.text
    assert {path: path.read_bytes() for path in (tmp_path / "out/a/tiles").iterdir()} == whole


def test_wrong_options_of_snakemake(slides: Path, tmp_path: Path) -> None:
    """What Snakemake cannot take of its own options is a sentence, no traceback."""
    for words in (("--set-resources", "tile:mem_mb"), ("--resources", "mem_mb=abc")):
        ran = run_ours(BIN / "mrxs-tiles", "run", slides, *CONFIG, "--", "-n", *words, cwd=tmp_path)
        assert ran.code == 1
        assert "Traceback" not in ran.text
        assert words[1].partition("=")[2] in ran.text
