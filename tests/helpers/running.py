"""Starts the real `snakemake` and `mrxs-tiles`, and looks at what they leave on disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import pytest

import as_windows
import forked
import needs
from mrxs_tiles.system import lock
from write_mirax import MiraxSpec, WrittenSlide, write_mirax

REPO = Path(__file__).resolve().parents[2]
DATA = REPO / "tests" / "data"
BIN = Path(sys.executable).parent
PATIENCE = 300  # seconds after which a program hangs, also on a busy machine

# what a run leaves of a slide that can be opened, beside its tiles
SLIDE_FILES = (
    *("slide.json", "coordinates.tsv", "thumbnail.jpg", "tissue.png"),
    *("tiles.tsv", "tiles.png", "tiles.json"),
)

# 754 x 700 px; the last of nine camera pictures was never scanned. Level 0 lies in Data0000.dat
# and Data0001.dat, the other levels, the positions and the rest in Data0002.dat.
SPEC = MiraxSpec(
    positions_x=3, positions_y=3, divisions=2, image_width=130, image_height=120, levels=4,
    scanned=lambda column, row: (column, row) != (2, 2),
)  # fmt: skip
# 276 x 254 px, for tests of names, where pixels do not matter.
TINY = MiraxSpec(
    positions_x=2, positions_y=2, divisions=1, image_width=144, image_height=132, levels=2,
    data_files=2,
)  # fmt: skip
# 3,100 x 2,900 px: with tile_size 64 there is time to kill who cuts it.
LARGE = MiraxSpec(
    positions_x=4, positions_y=4, divisions=4, image_width=196, image_height=184, levels=3
)


@dataclass(frozen=True)
class Ran:
    """What a program said before it ended; negative `code`: the signal that killed it."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that it said."""
        return self.out + self.err

    @property
    def jobs(self) -> list[str]:
        """The jobs that Snakemake ran or, dry, would run: `tile A`, sorted; without `all`.

        In a module, where our screen does not have the word, by the rules' messages.
        """
        found = re.findall(r"^Job \d+: (.*)$", self.text, re.MULTILINE)
        for rule, details in _JOB.findall(self.text):
            slide = _SLIDE.search(details)
            if rule != "all":
                found.append(f"{rule} {slide[1]}" if slide else rule)
        return sorted(found)

    @property
    def threads(self) -> list[int]:
        """The threads of all jobs, as Snakemake says them; it is silent about one."""
        return [
            int(number) for number in re.findall(r"^    threads: (\d+)$", self.text, re.MULTILINE)
        ]


_JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)
_SLIDE = re.compile(r"^    wildcards: slide=(.*)$", re.MULTILINE)


def run(*command: str | Path, cwd: Path | None = None, python_path: Path | None = None) -> Ran:
    """Run a program to its end, whatever its exit code."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=_environment(python_path),
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=PATIENCE,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def run_ours(*command: str | Path, cwd: Path | None = None, python_path: Path | None = None) -> Ran:
    """The same, of `snakemake` or `mrxs-tiles`: it costs less where it can be forked."""
    words, env = [str(part) for part in command], _environment(python_path)
    if as_windows.ACTIVE or not forked.can_run(words, env):
        return run(*command, cwd=cwd, python_path=python_path)
    code, *said = forked.run(words, cwd, env, PATIENCE)
    return Ran(code, *(text.decode("utf-8", "backslashreplace") for text in said))


def start(
    *command: str | Path, cwd: Path | None = None, log: Path | None = None
) -> subprocess.Popen[str]:
    """Start a program in a process group of its own, to be killed.

    What it says goes to ``log``, where it may say more than a pipe holds.
    """
    with ExitStack() as stack:
        out = stack.enter_context(log.open("w")) if log else subprocess.PIPE
        return subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=_environment(REPO / "workflow"),
            stdout=out,
            stderr=subprocess.STDOUT if log else subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )


def ended(process: subprocess.Popen[str]) -> Ran:
    """Wait for a started program."""
    out, err = process.communicate(timeout=PATIENCE)
    return Ran(process.returncode, out, err)


def kill_group(process: subprocess.Popen[str]) -> None:
    """What a power cut does to a started program and all that it started."""
    _to_group(process, "SIGKILL", psutil.Process.kill)
    process.wait()


def stop_group(process: subprocess.Popen[str]) -> None:
    """Have a started program, and all that it started, stand still."""
    _to_group(process, "SIGSTOP", psutil.Process.suspend)


def resume_group(process: subprocess.Popen[str]) -> None:
    """Have them go on."""
    _to_group(process, "SIGCONT", psutil.Process.resume)


def _to_group(
    process: subprocess.Popen[str], name: str, do: Callable[[psutil.Process], object]
) -> None:
    """Send a signal to a group or, on Windows, which has none, do it to one after another."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.Signals[name])
        return
    first = psutil.Process(process.pid)
    for one in (first, *first.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            do(one)


def _environment(python_path: Path | None) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
    kept.pop("PYTHONPATH", None)
    paths = [as_windows.SITE] if as_windows.ACTIVE else []
    paths += [] if python_path is None else [python_path]
    if paths:
        kept["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    return kept


def snakemake_command(
    folder: Path, *options: str | Path, repo: Path = REPO, cores: int = 2, **config: Any
) -> list[str | Path]:
    """The command that runs the workflow in a working directory."""
    command: list[str | Path] = [BIN / "snakemake", "--snakefile", repo / "Snakefile"]
    # -p: Snakemake's own words on each job, which the tests read
    command += ["--directory", folder, "--cores", str(cores), "-p", *options]
    if config:
        command += ["--config", *(f"{key}={value}" for key, value in config.items())]
    return command


def snakemake(
    folder: Path,
    *options: str | Path,
    repo: Path = REPO,
    cores: int = 2,
    cwd: Path | None = None,
    **config: Any,
) -> Ran:
    """Run the workflow in a working directory; no run may end in a Python traceback."""
    folder.mkdir(parents=True, exist_ok=True)
    command = snakemake_command(folder, *options, repo=repo, cores=cores, **config)
    ran = run_ours(*command, cwd=cwd)
    assert "Traceback" not in ran.text, ran.text
    assert all(threads <= cores for threads in ran.threads), ran.text
    return ran


def mrxs_tiles(*arguments: str | Path, cwd: Path | None = None) -> Ran:
    """Run the command line; no run may end in a Python traceback."""
    # the package of this clone, wherever the installed one lies
    ran = run_ours(BIN / "mrxs-tiles", *arguments, cwd=cwd, python_path=REPO / "workflow")
    assert "Traceback" not in ran.text, ran.text
    return ran


def cut(path: Path, results: Path, *options: str, slide: str = "", threads: int = 1) -> Ran:
    """`inspect` and `tile` one slide through the command line; returns what `tile` said."""
    name = f"--slide={slide or path.stem}"
    shared: tuple[str | Path, ...] = (path, "--results", results, name, *options)
    mrxs_tiles("inspect", *shared)
    return mrxs_tiles("tile", *shared, "--threads", str(threads))


def write(path: Path, spec: MiraxSpec = SPEC) -> WrittenSlide:
    """Write a slide, its folder too; what was drawn for an earlier one of its kind is copied."""
    slide, small_file, files = _drawn(spec)
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (path, *folder.glob("Data*.dat")):
        stale.unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path.write_bytes(small_file)
    return replace(slide, path=path, folder=folder)


@lru_cache(maxsize=8)
def _drawn(spec: MiraxSpec) -> tuple[WrittenSlide, bytes, dict[str, bytes]]:
    """A slide as it was written, its small file, and the files of its folder."""
    with tempfile.TemporaryDirectory() as name:
        slide = write_mirax(Path(name) / "drawn.mrxs", spec)
        files = {file.name: file.read_bytes() for file in slide.folder.iterdir()}
        return slide, slide.path.read_bytes(), files


def copy_slide(source: Path, target: Path) -> Path:
    """Copy a slide, both its parts, to another name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    shutil.copytree(source.with_suffix(""), target.with_suffix(""))
    return target


def copy_repo(folder: Path) -> Path:
    """Copy what the workflow needs of this clone."""
    for name in ("Snakefile", "config.yaml"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / name, folder / name)
    for name in ("workflow", "profiles", "envs"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(REPO / name, folder / name, ignore=ignore)
    return folder


def tree(folder: Path, logs: bool = False) -> dict[str, bytes]:
    """All files below a folder and their bytes, hidden ones too; an empty folder as `name/`.

    Without `logs/`: it holds times, so each run has its own.
    """
    found: dict[str, bytes] = {}
    for root, folders, files in os.walk(folder):
        if Path(root) == folder and "logs" in folders and not logs:
            folders.remove("logs")
            if not folders and not files:
                break
        for name in files:
            path = Path(root, name)
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        if not folders and not files:
            found[f"{Path(root).relative_to(folder).as_posix()}/"] = b""
    return found


def lasting(results: Path) -> dict[str, bytes]:
    """The same of results, but for `runtime.tsv`: it holds durations, so each run has its own."""
    return {name: content for name, content in tree(results).items() if name != "runtime.tsv"}


def times(folder: Path) -> dict[str, int]:
    """When each file below a folder was last written, ns."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def names(folder: Path) -> list[str]:
    """What lies directly in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def record(path: Path) -> dict[str, Any]:
    """A JSON file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a TSV as text."""
    header, *rows = [line.split("\t") for line in path.read_text("utf-8").split("\n")[:-1]]
    return [dict(zip(header, row, strict=True)) for row in rows]


def reasons(slide_results: Path) -> dict[tuple[int, int], str]:
    """Why each listed tile was dropped, by (col, row); empty: kept."""
    rows = table(slide_results / "tiles.tsv")
    return {(int(row["col"]), int(row["row"])): row["reason"] for row in rows}


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Ran]
) -> tuple[Path, Ran]:
    """A folder that one of pytest's processes fills and all of them read, and what was said."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, said = root / name, root / f"{name}.json"
    with (root / f"{name}.lock").open("w") as held:
        wait_for(lambda: is_locked(held.fileno()))
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            ran = make(folder)
            said.write_text(json.dumps([ran.code, ran.out, ran.err]), "utf-8")
    return folder, Ran(*json.loads(said.read_text("utf-8")))


def is_locked(descriptor: int) -> bool:
    """Whether a file could be locked now."""
    try:
        lock(descriptor)
    except BlockingIOError:
        return False
    return True


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until something is so, looking often."""
    last = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < last, "waited in vain"
        time.sleep(0.005)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own that is mounted at a folder; skips the test where nothing can be."""
    folder.mkdir(parents=True, exist_ok=True)
    needs.require("mount")
    done = run("mount", "-t", "tmpfs", "-o", f"size={size}", "mrxs-tiles-test", folder)
    assert not done.code, done.text
    try:
        yield folder
    finally:
        run("umount", "--lazy", folder)


def fill(folder: Path, leave: int) -> None:
    """Fill a disk but for some bytes."""
    ballast = folder / "ballast"
    ballast.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, free - leave)
