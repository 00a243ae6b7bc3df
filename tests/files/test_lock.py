"""Two at once: on one slide or report the second is refused, and the first is not disturbed."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import running
from large_cut import FINE, large_and_cut
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import lock
from mrxs_tiles.files.lock import SLIDE_LOCK, SURVEY_LOCK, alone, in_turn
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.survey import survey
from running import BIN, lasting, mrxs_tiles, tree

MANY = 50
WAIT = (
    "Wait until it has ended, or end it; then run again. (After a run that was killed, one of its "
    "jobs may go on.)"
)


# --- the lock itself --------------------------------------------------------------------------


def test_alone(tmp_path: Path) -> None:
    """The second is told who the first is; afterwards nothing is left."""
    path = tmp_path / ".lock"
    with alone(path, "It is done"):
        with pytest.raises(ResultsError) as caught, alone(path, "It is done"):
            pass
        assert str(caught.value) == (
            "It is done by another process right now "
            f"(process {os.getpid()} on {socket.gethostname()}). {WAIT}"
        )
        assert path.exists()
    assert running.names(tmp_path) == []
    with alone(path, "It is done"):
        pass


def test_in_turn(tmp_path: Path) -> None:
    """Who takes turns waits for another that does; who is alone is waited for by nobody."""
    path, done = tmp_path / ".lock", []

    def second() -> None:
        with in_turn(path, "It is done"):
            done.append("second")

    with in_turn(path, "It is done"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(2 * lock.ASK_AGAIN)
        with pytest.raises(ResultsError, match=r"\(process \d+ on [^,]*\)\. Wait"):
            alone(path, "It is done").__enter__()
        done.append("first")
    waiting.join()
    assert done == ["first", "second"]
    with alone(path, "It is done"), pytest.raises(ResultsError), in_turn(path, "It is done"):
        pass
    assert running.names(tmp_path) == []


def test_left_by_a_killed_one(tmp_path: Path) -> None:
    """What a killed process leaves locks nothing, and goes with the next."""
    path = tmp_path / ".lock"
    path.write_text("process 1 on elsewhere, and a longer text than that of the next one" * 9)
    with alone(path, "It is done"):
        assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}"
    assert running.names(tmp_path) == []


def test_removed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who locks a file that the first has just removed locks another one."""
    path = tmp_path / ".lock"
    plain = lock.lock
    calls = []

    def late(descriptor: int) -> None:
        if not calls:
            try:
                path.unlink()
            except PermissionError:
                pytest.skip("an open file stays on Windows")
        calls.append(descriptor)
        plain(descriptor)

    monkeypatch.setattr(lock, "lock", late)
    with alone(path, "It is done"):
        assert path.exists()
        with pytest.raises(ResultsError), alone(path, "It is done"):
            pass
    assert len(calls) == 3


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_no_locks_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """On a file system without locks it goes on without, and leaves no file."""

    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock, "lock", refuse)
    with alone(tmp_path / ".lock", "It is done"), alone(tmp_path / ".lock", "It is done"):
        pass
    assert running.names(tmp_path) == []


def test_no_folder(tmp_path: Path) -> None:
    """Where the folder is missing, the step itself has a better sentence."""
    with alone(tmp_path / "missing" / ".lock", "It is done"):
        pass
    assert running.names(tmp_path) == []


# --- two programs -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two slides of 2,300 tiles, and below `undisturbed` their results and report."""
    return large_and_cut(tmp_path_factory)


@pytest.fixture(autouse=True)
def nobody_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test has started and stopped does not outlive it, also where the test fails."""
    started: list[subprocess.Popen[str]] = []
    start = running.start

    def recorded(*command: str | Path, **options: Any) -> subprocess.Popen[str]:
        started.append(start(*command, **options))
        return started[-1]

    monkeypatch.setattr(running, "start", recorded)
    yield
    for process in started:
        if process.poll() is None:
            running.kill_group(process)
            running.ended(process)


def cutting(slides: Path, results: Path) -> tuple[subprocess.Popen[str], tuple[str | Path, ...]]:
    """A `tile` of slide A that stands still in its midst, and the arguments that it was given."""
    shared = (slides / "slides" / "A.mrxs", "--results", results, FINE)
    assert mrxs_tiles("inspect", *shared).code == 0
    first = running.start(BIN / "mrxs-tiles", "tile", *shared)
    stopped_amid(first, results)
    return first, shared


def stopped_amid(process: subprocess.Popen[str], results: Path) -> None:
    """Stop a program where it is, when it has written some tiles."""
    running.wait_for(lambda: len(list(results.glob("*/.tiles.partial/*.jpg"))) > MANY)
    running.stop_group(process)
    time.sleep(1)  # a thread may be in the midst of a call, which it ends first


@pytest.mark.slow
def test_two_tiles_of_one_slide(slides: Path, tmp_path: Path) -> None:
    """`inspect` and `tile` of a slide that is being cut are refused; the cut goes on unharmed."""
    first, shared = cutting(slides, tmp_path)
    before = tree(tmp_path)
    holder = f"(process {first.pid} on {socket.gethostname()})"
    for command in ("inspect", "tile"):
        ran = mrxs_tiles(command, *shared)
        assert (ran.code, ran.err) == (
            1,
            "mrxs-tiles: The slide A is being inspected or cut by another process right now "
            f"{holder}. {WAIT}\n",
        )
        assert tree(tmp_path) == before
    running.resume_group(first)
    assert running.ended(first).code == 0
    assert tree(tmp_path / "A") == tree(slides / "undisturbed" / "A")


@pytest.mark.slow
def test_killed_one_locks_nothing(slides: Path, tmp_path: Path) -> None:
    """A killed `tile` leaves no lock behind it."""
    first, shared = cutting(slides, tmp_path)
    running.kill_group(first)
    running.ended(first)
    assert mrxs_tiles("tile", *shared).code == 0
    assert tree(tmp_path / "A") == tree(slides / "undisturbed" / "A")


@pytest.mark.slow
def test_two_slides_at_once(slides: Path, tmp_path: Path) -> None:
    """Different slides go into one folder at once; a report meanwhile says what is not done."""
    tiling = []
    with ThreadPoolExecutor(2) as beside:
        for name in ("A", "B"):
            shared = (slides / "slides" / f"{name}.mrxs", "--results", tmp_path, FINE)
            assert mrxs_tiles("inspect", *shared).code == 0
            tiling.append(beside.submit(mrxs_tiles, "tile", *shared))
        ran = mrxs_tiles("report", "--results", tmp_path, FINE)
    assert ran.code in (0, 1)
    assert [tile.result().code for tile in tiling] == [0, 0]
    assert mrxs_tiles("report", "--results", tmp_path, FINE).code == 0
    assert tree(tmp_path) == tree(slides / "undisturbed")


@pytest.mark.slow
def test_two_reports(slides: Path, tmp_path: Path) -> None:
    """A second report of the same results is refused."""
    results = tmp_path / "results"
    shutil.copytree(slides / "undisturbed", results)
    before = tree(results)
    with alone(results / ".report.lock", "It is held"):
        ran = mrxs_tiles("report", "--results", results, FINE)
    assert (ran.code, ran.err) == (
        1,
        f"mrxs-tiles: The report of {results} is being written by another process right now "
        f"(process {os.getpid()} on {socket.gethostname()}). {WAIT}\n",
    )
    assert tree(results) == before


@pytest.mark.slow
@pytest.mark.parametrize("other", [pytest.param("A.mrxs", marks=pytest.mark.torture), "B.mrxs"])
def test_two_snakemakes(slides: Path, tmp_path: Path, other: str) -> None:
    """A second Snakemake on the same results, from elsewhere, is refused before it does a thing."""
    results = tmp_path / "results"
    config: dict[str, Any] = {"results": results, "tile_size": 64}
    slide = slides / "slides" / "A.mrxs"
    command = running.snakemake_command(tmp_path / "one", slides=slide, **config)
    (tmp_path / "one").mkdir()
    first = running.start(*command, log=tmp_path / "first.log")
    stopped_amid(first, results)
    before = tree(results)
    config["slides"] = slides / "slides" / other
    ran = running.snakemake(tmp_path / "two", **config)
    assert ran.code == 1
    assert (
        f"The folder {results} is being filled by another process right now "
        f"(process {first.pid} on {socket.gethostname()}). {WAIT}\n"
    ) in ran.text
    assert tree(results) == before
    assert running.snakemake(tmp_path / "two", "--dry-run", **config).code == 0
    assert tree(results) == before
    running.resume_group(first)
    assert running.ended(first).code == 0, (tmp_path / "first.log").read_text()
    assert tree(results / "A") == tree(slides / "undisturbed" / "A")
    ran = running.snakemake(tmp_path / "two", **config)  # its working directory was not locked
    assert ran.code == 0
    assert lasting(results / other[0]) == lasting(slides / "undisturbed" / other[0])
    assert not [name for name in running.names(results) if name.startswith(".")]


@pytest.mark.torture
@pytest.mark.needs("process groups")  # its first one is dead
def test_job_that_outlives_its_snakemake(slides: Path, tmp_path: Path) -> None:
    """The next run meets a job that still cuts, and says so; when that has ended, it completes."""
    slide, results = slides / "slides" / "A.mrxs", tmp_path / "results"
    config: dict[str, Any] = {"slides": slide, "tile_size": 64}
    first = running.start(*running.snakemake_command(tmp_path, **config))
    stopped_amid(first, results)
    os.kill(first.pid, signal.SIGKILL)
    assert running.snakemake(tmp_path, "--unlock", **config).code == 0
    ran = running.snakemake(tmp_path, **config)
    assert ran.code == 1
    assert "The slide A is being inspected or cut by another process right now (" in ran.text
    running.resume_group(first)
    running.ended(first)
    running.wait_for(lambda: not (results / "A" / ".slide.lock").exists())
    assert running.snakemake(tmp_path, **config).code == 0
    assert tree(results / "A") == tree(slides / "undisturbed" / "A")


@pytest.mark.slow
def test_export_of_a_slide_that_is_cut(tmp_path: Path) -> None:
    """What is written for other programs is not made of a table that is being replaced."""
    slide = running.write(tmp_path / "A.mrxs", running.TINY).path
    assert running.cut(slide, tmp_path / "results").code == 0
    with (
        alone(tmp_path / "results" / "A" / SLIDE_LOCK, "A is cut"),
        pytest.raises(ResultsError, match="The slide A is being inspected or cut by another"),
    ):
        export("A", tmp_path / "results", ["qupath"])


def test_two_surveys(tmp_path: Path) -> None:
    """The second is refused: both would write the same file."""
    with (
        alone(tmp_path / SURVEY_LOCK, "It"),
        pytest.raises(ResultsError, match=r"The survey of .* is being made by another process"),
    ):
        survey([], tmp_path)
