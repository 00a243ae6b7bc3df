"""What waiting for a disk costs: the same work where each open and each read takes some ms more."""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from measure import Run, fresh_folder, run, table
from speed import MRXS_TILES

DELAYS_MS = (0, 1, 5, 20)
GOALS = {5: 1.15, 20: 1.5}  # times what it takes without waiting: of TILE
TILE = "`tile`, 512 px"
THREADS = 2
MOST_MS = 5  # at which OpenSlide is measured: at 20 it takes five minutes
OPENSLIDE = ("--reader", "openslide")
SECONDS = 20  # until a disk that does not come is given up
FAR_DISK = Path(__file__).resolve().with_name("far_disk.py")


class Work(NamedTuple):
    """A step, its options, and whether the slide is copied first."""

    step: str
    options: tuple[str, ...] = ()
    stage: bool = False


WORKS = {
    "`inspect`": Work("inspect"),
    TILE: Work("tile"),
    "`downsample: 2`": Work("tile", ("--downsample", "2")),
    "`mpp: 0.5`": Work("tile", ("--mpp", "0.5")),
    "`stage`": Work("tile", stage=True),
    "`reader: openslide`": Work("tile", OPENSLIDE),
    "`reader: openslide`, `stage`": Work("tile", OPENSLIDE, stage=True),
}


class Done(NamedTuple):
    """One run, and what the disk was asked for."""

    run: Run
    opens: int
    reads: int


def far_disks(slide: Path, rounds: int) -> list[str]:
    """Measure and return Markdown; a line that says why where there is no FUSE.

    Raises:
        SystemExit: a run failed, or the disk does not come.
    """
    if why := _without():
        return [f"Not measured: {why}."]
    done: dict[tuple[str, int], list[Done]] = {}
    with fresh_folder() as work:
        for number in range(rounds):
            for name, what in WORKS.items():
                for delay in DELAYS_MS:
                    if what.options == OPENSLIDE and not what.stage and delay > MOST_MS:
                        continue
                    print(f"  {name}, {delay} ms, round {number + 1}", file=sys.stderr)
                    done.setdefault((name, delay), []).append(_run(slide, what, delay, work))
    header = ["", *(f"{delay} ms" for delay in DELAYS_MS), "opens", "reads"]
    return [
        f"Seconds, medians of {rounds} (times what it takes at 0 ms), {THREADS} threads. The disk "
        "is mounted anew for each run, so nothing of it is in memory.",
        "",
        *table(header, [_row(name, done) for name in WORKS]),
        "",
        *(_goal(done, delay, most) for delay, most in GOALS.items()),
    ]


def _without() -> str:
    """What is missing to mount a disk of our own; "" where nothing is."""
    if not Path("/dev/fuse").exists():
        return "there is no /dev/fuse here"
    if importlib.util.find_spec("mfusepy") is None:
        return "mfusepy is missing (`.venv/bin/pip install mfusepy`)"
    try:
        import mfusepy  # noqa: F401 - it looks for libfuse
    except OSError as error:
        return f"libfuse is missing ({error})"
    return "" if _unmount() else "fusermount is missing"


def _unmount() -> list[str]:
    """The command that unmounts, without the place."""
    for program, *options in (("fusermount3", "-u"), ("fusermount", "-u"), ("umount",)):
        if found := shutil.which(program):
            return [found, *options]
    return []


@contextmanager
def _mounted(folder: Path, delay_ms: int, said: list[str]) -> Iterator[Path]:
    """A folder on a disk that lets wait; when it is gone ``said`` holds its last words."""
    with tempfile.TemporaryDirectory() as name:
        disk = subprocess.Popen(
            [sys.executable, FAR_DISK, folder, name, str(delay_ms)],
            stdout=subprocess.PIPE,
            text=True,
        )
        give_up = time.monotonic() + SECONDS
        while not Path(name).is_mount():
            if disk.poll() is not None or time.monotonic() > give_up:
                disk.kill()
                sys.exit("the disk that lets wait could not be mounted")
            time.sleep(0.02)
        try:
            yield Path(name)
        finally:
            subprocess.run([*_unmount(), name], check=True)
            said += disk.communicate()[0].split()


def _run(slide: Path, what: Work, delay_ms: int, work: Path) -> Done:
    """One run, into a fresh folder."""
    results = work / "results"
    shutil.rmtree(results, ignore_errors=True)
    options = ["--results", results, "--tile-size", "512", *what.options]
    said: list[str] = []
    if what.step == "tile":
        run([MRXS_TILES, "inspect", slide, *options], cpus=THREADS)
        options += ["--threads", str(THREADS)]
    if what.stage:
        options += ["--stage", work]
    with _mounted(slide.parent, delay_ms, said) as far:
        ran = run([MRXS_TILES, what.step, far / slide.name, *options], cpus=THREADS)
    return Done(ran, *map(int, said))


def _row(name: str, done: dict[tuple[str, int], list[Done]]) -> list[str]:
    cells = []
    for delay in DELAYS_MS:
        if (name, delay) not in done:
            cells.append("")
        elif not delay:
            cells.append(f"{_seconds(done[name, delay]):.1f}")
        else:
            cells.append(f"{_seconds(done[name, delay]):.1f} ({_times(name, delay, done):.2f})")
    asked = done[name, DELAYS_MS[1]][0]
    return [name, *cells, str(asked.opens), str(asked.reads)]


def _seconds(done: list[Done]) -> float:
    return statistics.median(one.run.wall for one in done)


def _times(name: str, delay: int, done: dict[tuple[str, int], list[Done]]) -> float:
    return _seconds(done[name, delay]) / _seconds(done[name, 0])


def _goal(done: dict[tuple[str, int], list[Done]], delay: int, most: float) -> str:
    found = _times(TILE, delay, done)
    verdict = "met" if found <= most else "missed"
    return f"- {TILE}, {delay} ms against none: {found:.2f}, goal <= {most}: {verdict}"
