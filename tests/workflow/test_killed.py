"""Killed at any moment: what stands under a final name is whole, and the next run completes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import running
from crashing import Crashes
from running import LARGE, TINY, Ran, fill, mrxs_tiles, tree

pytestmark = pytest.mark.slow

STEPS = ("inspect", "tile", "viewer", "report")
KILLED = -9
NEW: dict[str, Any] = {"tile_size": 100}
# what stands there before: nothing, or the results of these settings
BEFORE: dict[str, dict[str, Any] | None] = {
    "nothing": None,
    "the same": NEW,
    "other tiles": {"tile_size": 150, "format": "png"},
    "a viewer": {"tile_size": 150, "deepzoom": True},
}
# which files are there, and of one run, where a record says that its step is done
DONE = {
    "slide.json": ("coordinates.tsv", "thumbnail.jpg", "tissue.png"),
    "tiles.json": ("tiles.tsv", "tiles.png", "tiles/", "slide.json"),
    "viewer.json": ("viewer", "tiles.json"),
}


@pytest.fixture(scope="module")
def crashes() -> Iterator[Crashes]:
    with Crashes() as server:
        yield server


def is_final(name: str) -> bool:
    """False for what is on its way to its place, or out of it."""
    return not any(part.startswith(".") for part in Path(name).parts)


def check_whole(
    now: dict[str, bytes], before: dict[str, bytes], after: dict[str, bytes], slide: str
) -> None:
    """Each file is the old one or the new one, and all are there that a record speaks of."""
    for name, content in now.items():
        if is_final(name) and not name.endswith("/"):
            assert content in (before.get(name), after.get(name)), name
    for name, files in DONE.items():
        if (told := now.get(f"{slide}/{name}")) is None:
            continue
        prefixes = tuple(f"{slide}/{file}" for file in files)
        here = {key: value for key, value in now.items() if key.startswith(prefixes)}
        runs = [run for run in (before, after) if run.get(f"{slide}/{name}") == told]
        expected = [
            {key: value for key, value in run.items() if key.startswith(prefixes)} for run in runs
        ]
        assert here in expected, f"{name} is there, but not all that it speaks of"


class Torn:
    """One step that is killed again and again, each time from the same beginning."""

    def __init__(
        self, crashes: Crashes, folder: Path, slide: Path, new: dict[str, Any], bad: Path | None
    ) -> None:
        self._crashes, self._slide, self._new = crashes, slide, new
        self._bad = bad or slide  # what the slide has become since the old results were made
        self.folder, self._results = folder, folder / "results"

    def run(self, steps: tuple[str, ...], slide: Path, config: dict[str, Any]) -> None:
        for step in steps:
            if step == "viewer" and not config.get("deepzoom"):
                continue
            assert self._crashes.run(step, self._results, slide, **config) == 0

    def begin(self, old: dict[str, Any] | None, step: str) -> None:
        """Make what stands there before the step, and what an undisturbed run leaves."""
        if old is not None:
            self.run(STEPS, self._slide, old)
        self._results.mkdir(parents=True, exist_ok=True)
        self.old = tree(self._results)
        self.run(STEPS[: STEPS.index(step)], self._bad, self._new)
        shutil.copytree(self._results, self.folder / "before")
        self.run((step,), self._bad, self._new)
        self.after = tree(self._results)

    def kill(self, step: str, moment: int) -> bool:
        """Kill the step at a moment, look, run it again and look; False: it ended before."""
        shutil.rmtree(self._results)
        shutil.copytree(self.folder / "before", self._results)
        before = tree(self._results)
        code = self._crashes.run(step, self._results, self._bad, moment, **self._new)
        if code == 0:
            return False
        assert code == KILLED
        check_whole(tree(self._results), before, self.after, self._slide.stem)
        self.run((step,), self._bad, self._new)
        assert tree(self._results) == self.after
        return True


def kill_all(torn: Torn, step: str, moments: Callable[[], Iterator[int]]) -> int:
    """Kill a step at moments until it ends before one; returns at how many it was."""
    count = 0
    for moment in moments():
        try:
            if not torn.kill(step, moment):
                break
        except AssertionError as error:
            error.add_note(f"killed at operation {moment} of {step}")
            raise
        count += 1
    return count


def everyone() -> Iterator[int]:
    return iter(range(1, 100_000))


def some() -> Iterator[int]:
    return iter(range(1, 100_000, 11))


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_some_operations(crashes: Crashes, tmp_path: Path, step: str) -> None:
    """Killed at some of its operations on files, a step is completed by the next run."""
    slide = running.write(tmp_path / "A.mrxs", TINY).path
    new = NEW | {"deepzoom": step == "viewer"}
    torn = Torn(crashes, tmp_path / "torn", slide, new, None)
    torn.begin(BEFORE["other tiles"], step)
    assert kill_all(torn, step, some)


@pytest.mark.torture
@pytest.mark.parametrize("new", [NEW, NEW | {"deepzoom": True}, None])
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_operation(
    crashes: Crashes, tmp_path: Path, step: str, before: str, new: dict[str, Any] | None
) -> None:
    """Each operation is the last one once; `None`: the slide has meanwhile become unreadable."""
    if step == "viewer" and (new is None or "deepzoom" not in new):
        return
    slide = running.write(tmp_path / "A.mrxs", TINY).path
    bad = None
    if new is None:
        bad = tmp_path / "bad" / "A.mrxs"
        bad.parent.mkdir()
        bad.write_text("no slide")
    torn = Torn(crashes, tmp_path / "torn", slide, new or NEW, bad)
    torn.begin(BEFORE[before], step)
    count = kill_all(torn, step, everyone)
    print(f"{step} over {before} was killed at each of its {count} operations")  # noqa: T201
    assert count


# --- by chance, in time -----------------------------------------------------------------------

FINE: dict[str, Any] = {"tile_size": 64}
MANY = 50
MOMENTS = 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 2,300 tiles at 64 px; below `undisturbed` its results and their report."""

    def make(folder: Path) -> Ran:
        slide = running.write(folder / "L.mrxs", LARGE)
        running.cut(slide.path, folder / "undisturbed", "--tile-size=64", threads=2)
        return mrxs_tiles("report", "--results", folder / "undisturbed", "--tile-size=64")

    folder, ran = running.once(tmp_path_factory, "killed", make)
    assert ran.code == 0, ran.text
    return folder


def arguments(step: str, slide: Path, results: Path) -> tuple[str | Path, ...]:
    """A step of the command line."""
    named = () if step == "report" else (slide,)
    return (step, *named, "--results", results, "--tile-size=64")


@pytest.mark.torture
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_random(large: Path, tmp_path: Path, step: str, name: str) -> None:
    """The command line ends at once, all files are whole, and the same command completes."""
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201 - for whoever wants the same moments again
    chance = random.Random(seed)  # noqa: S311
    slide, results = large / "L.mrxs", tmp_path / "results"
    for before in STEPS[: STEPS.index(step)]:
        assert mrxs_tiles(*arguments(before, slide, results)).code == 0
    began = time.monotonic()
    shutil.copytree(results, tmp_path / "before") if results.exists() else None
    assert mrxs_tiles(*arguments(step, slide, results)).code == 0
    seconds, after = time.monotonic() - began, tree(results)
    ended_before = 0
    for _ in range(MOMENTS):
        shutil.rmtree(results)
        if (tmp_path / "before").exists():
            shutil.copytree(tmp_path / "before", results)
        before_it = tree(results)
        process = running.start(running.BIN / "mrxs-tiles", *arguments(step, slide, results))
        time.sleep(chance.uniform(0, seconds))
        process.send_signal(signal.Signals[name])
        asked = time.monotonic()
        ran = running.ended(process)
        assert time.monotonic() - asked < 5
        ended_before += ran.code == 0
        check_whole(tree(results), before_it, after, "L")
        assert mrxs_tiles(*arguments(step, slide, results)).code == 0
        assert tree(results) == after
    print(f"{step}: {MOMENTS - ended_before} of {MOMENTS} were in time")  # noqa: T201


def amid(results: Path) -> bool:
    """Whether a slide's tiles are being written."""
    return len(list(results.glob("*/.tiles.partial/*.jpg"))) > MANY


@pytest.mark.needs("process groups")
@pytest.mark.parametrize("everyone", [True, pytest.param(False, marks=pytest.mark.torture)])
def test_terminated_snakemake(large: Path, tmp_path: Path, everyone: bool) -> None:
    """SIGTERM, as a cluster sends it to all processes or to the first: the next run completes."""
    config: dict[str, Any] = {"slides": large / "L.mrxs", "tile_size": 64}
    process = running.start(*running.snakemake_command(tmp_path, **config))
    running.wait_for(lambda: amid(tmp_path / "results"))
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGTERM)
    ran = running.ended(process)
    assert ran.code != 0
    assert "Traceback" not in ran.text, ran.text
    undisturbed = tree(large / "undisturbed")
    check_whole(tree(tmp_path / "results"), {}, undisturbed, "L")
    assert running.snakemake(tmp_path, **config).code == 0
    assert running.lasting(tmp_path / "results") == undisturbed


@pytest.mark.torture
@pytest.mark.needs("process groups")
@pytest.mark.parametrize(
    ("name", "everyone"),  # the name: Windows has no SIGKILL
    [("SIGKILL", True), ("SIGKILL", False), ("SIGTERM", True)],
)
def test_snakemake_killed_at_random(large: Path, tmp_path: Path, name: str, everyone: bool) -> None:
    """Killed with its jobs, or without: what is there is whole, and the next run completes."""
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    undisturbed = tree(large / "undisturbed")
    config: dict[str, Any] = {"slides": large / "L.mrxs", "tile_size": 64}
    began = time.monotonic()
    assert running.snakemake(tmp_path / "first", **config).code == 0
    seconds = time.monotonic() - began
    refused = 0
    for moment in range(MOMENTS):
        work = tmp_path / f"{moment}"
        work.mkdir()
        process = running.start(*running.snakemake_command(work, **config), log=tmp_path / "log")
        time.sleep(chance.uniform(0, seconds))
        with suppress(ProcessLookupError):  # it has ended
            (os.killpg if everyone else os.kill)(process.pid, signal.Signals[name])
        running.ended(process)
        if (work / "results").exists() and everyone:
            check_whole(running.lasting(work / "results"), {}, undisturbed, "L")
        running.snakemake(work, "--unlock", **config)
        while (ran := running.snakemake(work, **config)).code:
            # a job that outlives its Snakemake keeps others off its slide
            assert not everyone, ran.text
            assert "is being" in ran.text, ran.text
            refused += 1
        done = running.lasting(work / "results")
        done.pop(".run.lock", None)  # of one that was killed when there was nothing left to do
        assert done == undisturbed
    print(f"{MOMENTS} moments in {seconds:.1f} s, refused {refused} times meanwhile")  # noqa: T201


# --- the disk ---------------------------------------------------------------------------------


def sizes(needed: int, count: int) -> list[int]:
    """Sizes of a disk in bytes, from almost none to more than is needed."""
    return [4096 * (2 + needed * 5 // 4 // 4096 * number // (count - 1)) for number in range(count)]


@pytest.mark.torture
@pytest.mark.parametrize("step", STEPS)
def test_disks_of_all_sizes(tmp_path: Path, step: str) -> None:
    """Whatever room there is, the step completes, or says why not and leaves whole files."""
    slide = running.write(tmp_path / "L.mrxs", TINY).path
    whole, before = tmp_path / "whole", tmp_path / "before"
    for one in STEPS[: STEPS.index(step)]:
        assert mrxs_tiles(*arguments(one, slide, whole)).code == 0
    shutil.copytree(whole, before) if whole.exists() else before.mkdir()
    assert mrxs_tiles(*arguments(step, slide, whole)).code == 0
    needed = 4096 * sum(2 + len(content) // 4096 for content in tree(whole).values())
    codes = []
    for size in sizes(needed, 12):
        with running.small_disk(tmp_path / "disk", "8m") as disk:
            shutil.copytree(before, disk, dirs_exist_ok=True)
            (disk / "L").mkdir(exist_ok=True)
            leave = max(0, size - 4096 * sum(2 + len(c) // 4096 for c in tree(before).values()))
            fill(disk, leave)
            ran = mrxs_tiles(*arguments(step, slide, disk))
            codes.append(ran.code)
            now = {name: content for name, content in tree(disk).items() if name != "ballast"}
            check_whole(now, tree(before), tree(whole), "L")
            assert all(map(is_final, now)), now.keys()
            if ran.code:
                assert len(ran.err.splitlines()) == 1
                assert "Free space" in ran.err
            (disk / "ballast").unlink()
            assert mrxs_tiles(*arguments(step, slide, disk)).code == 0
            assert tree(disk) == tree(whole)
    assert codes == sorted(codes, reverse=True)
    assert (codes[0], codes[-1]) == (1, 0)
