"""After a power cut no record speaks of what is not on the disk, and the next run completes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import running
from crashing import Crashes
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import kept, keys, publishing
from mrxs_tiles.report.verify_slide import verify_slide
from power_cut import Log, Tree, late
from running import TINY, record, tree

pytestmark = [pytest.mark.slow, pytest.mark.needs("proc")]

NAME = "A"
OLD: dict[str, Any] = {"tile_size": 150, "format": "png"}
NEW: dict[str, dict[str, Any]] = {
    "loose": {"tile_size": 100},
    "shards": {"tile_size": 100, "packing": "tar"},
    "viewer": {"tile_size": 100, "deepzoom": True},
}
CUTS = 60


@pytest.fixture(scope="module")
def crashes() -> Iterator[Crashes]:
    with Crashes() as server:
        yield server


class Powerless:
    """The steps of a slide, written down once; the states that cuts leave are made from that."""

    def __init__(
        self, crashes: Crashes, folder: Path, old: dict[str, Any] | None, new: dict[str, Any]
    ) -> None:
        self._crashes, self._new = crashes, new
        self._results = folder / "results"
        self._slide = running.write(folder / f"{NAME}.mrxs", TINY).path
        self._results.mkdir(parents=True)
        self._steps = ("inspect", "tile", "viewer") if new.get("deepzoom") else ("inspect", "tile")
        if old is not None:
            for step in ("inspect", "tile"):
                assert crashes.run(step, self._results, self._slide, **old) == 0
        self.logs = []
        for step in self._steps:
            before, log = tree(self._results), folder / step
            assert crashes.log(step, self._results, self._slide, log, **new) == 0
            self.logs.append(Log(log, self._results, before, tree(self._results)))
        self.after = tree(self._results)

    def begin(self, state: Tree) -> None:
        """Put a state in place."""
        shutil.rmtree(self._results)
        self._results.mkdir()
        for name, content in state.items():
            path = self._results / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def is_done(self, step: str) -> bool:
        """Whether the next run of the workflow finds nothing to do for a step."""
        folder, settings = self._results / NAME, read_config(self._new).settings
        outputs = {
            "inspect": ("slide.json", "coordinates.tsv"),
            "tile": ("tiles.json", "tiles.tsv"),
            "viewer": ("viewer.json",),
        }[step]
        if not all((folder / name).exists() for name in outputs):
            return False
        if step == "inspect":
            return bool(record(folder / "slide.json")["grid"]["tile_size"] == settings.tile_size)
        if step == "viewer":
            return True
        digest = keys.keys_digest(settings, record(folder / "slide.json"))
        return bool(record(folder / "tiles.json")["keys"] == digest)

    def check(self) -> bool:
        """See that a record that is believed speaks of what is whole; False: there is none."""
        folder = self._results / NAME
        if kept.earlier(folder) is None or (folder / publishing.ASIDE).exists():
            return False
        look = verify_slide(self._results, NAME).look
        assert not look.missing
        assert not look.changed
        return True

    def complete(self) -> None:
        """Run what the workflow would run, and compare with an undisturbed run."""
        again = False
        for step in self._steps:
            if again or not self.is_done(step):
                assert self._crashes.run(step, self._results, self._slide, **self._new) == 0
                again = True
        assert finals(tree(self._results)) == finals(self.after)


def finals(files: Tree) -> Tree:
    """Without what is on its way to its place, or out of it."""
    return {
        name: content
        for name, content in files.items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }


def cut_often(powerless: Powerless, cuts: int, completed: int, seed: int) -> int:
    """Cut the power so often, and complete the first so many; how often a record was believed."""
    dice = random.Random(seed)  # noqa: S311
    believed = 0
    for number in range(cuts):
        log = powerless.logs[number % len(powerless.logs)]
        moment = late(0, len(log.done), dice)
        powerless.begin(log.after_a_cut(moment, dice))
        try:
            believed += powerless.check()
            if number < completed:
                powerless.complete()
        except AssertionError as error:
            error.add_note(f"cut {number} of seed {seed}, before operation {moment}")
            raise
    return believed


@pytest.mark.parametrize("new", NEW)
def test_power_cut(crashes: Crashes, tmp_path: Path, new: str) -> None:
    """Sixty cuts amid a run over other results: what a record speaks of is there."""
    powerless = Powerless(crashes, tmp_path, OLD, NEW[new])
    assert 0 < cut_often(powerless, CUTS, 4, seed=1) < CUTS


def test_without_waiting(crashes: Crashes, tmp_path: Path) -> None:
    """The same cuts show what is torn where nothing waits for the disk."""
    powerless = Powerless(crashes, tmp_path, None, NEW["loose"])
    for log in powerless.logs:
        log.waits = False
    with pytest.raises(AssertionError, match=r"missing|changed"):
        cut_often(powerless, 4 * CUTS, 0, seed=1)


@pytest.mark.torture
@pytest.mark.parametrize("old", [None, OLD])
@pytest.mark.parametrize("new", NEW)
def test_each_cut_is_completed(
    crashes: Crashes, tmp_path: Path, old: dict[str, Any] | None, new: str
) -> None:
    """After each of sixty cuts the next run gives the bytes of an undisturbed one."""
    powerless = Powerless(crashes, tmp_path, old, NEW[new])
    for log in powerless.logs:  # each beginning and end, too
        for moment in (0, len(log.done)):
            powerless.begin(log.after_a_cut(moment, random.Random(0)))  # noqa: S311
            powerless.complete()
    believed = cut_often(powerless, CUTS, CUTS, seed=2)
    print(f"{CUTS} cuts, a record was believed after {believed}")  # noqa: T201
