"""Nothing of a copied slide is left, however its cutting ends."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import running
from large_cut import FINE, large_and_cut
from mrxs_tiles.cutting import slide_copy, stage
from mrxs_tiles.mirax.locate import locate
from running import mrxs_tiles, names, tree


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The slide `slides/A.mrxs`; below `undisturbed` its results."""
    return large_and_cut(tmp_path_factory)


def start_tile(large: Path, results: Path, local: Path) -> subprocess.Popen[str]:
    """`mrxs-tiles tile`, started, with the slide copied and some tiles cut."""
    shared = (large / "slides" / "A.mrxs", "--results", results, FINE)
    assert mrxs_tiles("inspect", *shared).code == 0
    command = (*shared, "--threads=2", "--stage", local)
    process = running.start(running.BIN / "mrxs-tiles", "tile", *command)
    running.wait_for(lambda: len(list(results.glob("*/.tiles.partial/*.jpg"))) > 20)
    assert len(list(local.glob("*/slide/A/Data*.dat"))) > 1
    return process


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_ended_while_copying(
    tiny: Path, local: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends it while the slide is still being copied, what was copied goes."""

    def ending(path: Path, *_: int) -> Any:
        yield memoryview(path.read_bytes())
        if path.name == "Data0000.dat":
            running.wait_for(lambda: len(tree(local)) > 3)  # other files are copied beside it
            raise error

    monkeypatch.setattr(slide_copy, "_chunks", ending)
    with pytest.raises(error), stage.staged(locate(tiny), str(local)):
        raise AssertionError
    assert names(local) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signals", "code", "says"),
    [
        pytest.param(
            *([signal.SIGTERM], 143, "mrxs-tiles: terminated\n"),
            marks=(pytest.mark.torture, pytest.mark.needs("SIGTERM")),
        ),
        ([signal.SIGINT], 130, "mrxs-tiles: interrupted\n"),
        pytest.param(
            *([signal.SIGTERM, signal.SIGTERM], 143, "mrxs-tiles: terminated\n"),
            marks=pytest.mark.needs("SIGTERM"),
        ),
    ],
    ids=["SIGTERM", "Ctrl-C", "twice"],
)
def test_ended(
    large: Path, tmp_path: Path, local: Path, signals: list[int], code: int, says: str
) -> None:
    """SIGTERM and Ctrl-C end it soon, with one line; neither copy nor half results are left."""
    process = start_tile(large, tmp_path / "results", local)
    for number in signals:
        process.send_signal(number)
    ran = running.ended(process)
    assert (ran.code, ran.err) == (code, says)
    assert names(local) == []
    assert not list((tmp_path / "results" / "A").glob("*tiles*"))


@pytest.mark.slow
@pytest.mark.needs("process groups")
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.torture)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_workflow_ended(large: Path, tmp_path: Path, local: Path, number: int) -> None:
    """A signal to Snakemake and all its jobs, as clusters and terminals send it, leaves no copy."""
    command = running.snakemake_command(
        tmp_path, slides=large / "slides" / "A.mrxs", tile_size=64, stage=local
    )
    process = running.start(*command)
    running.wait_for(lambda: len(list(tmp_path.glob("results/*/.tiles.partial/*.jpg"))) > 20)
    assert len(names(local)) == 1
    os.killpg(process.pid, number)
    assert running.ended(process).code != 0
    running.wait_for(lambda: names(local) == [])


@pytest.mark.slow
def test_killed(large: Path, tiny: Path, tmp_path: Path, local: Path) -> None:
    """What a killed run left goes when the next one starts; a live one's copy stays."""
    process = start_tile(large, tmp_path / "killed", local)
    running.kill_group(process)
    running.ended(process)
    [left] = names(local)
    live = start_tile(large, tmp_path / "live", local)
    [own] = names(local)  # it has removed the other
    assert own != left
    with stage.staged(locate(tiny), str(local)):
        assert own in names(local)
        assert len(names(local)) == 2
    assert names(local) == [own]
    assert (running.ended(live).code, names(local)) == (0, [])
    assert tree(tmp_path / "live" / "A") == tree(large / "undisturbed" / "A")
