"""The workflow on a real Slurm: same bytes as on one machine, and every fault survived.

A Slurm of one node is set up by tests/helpers/slurm.sh, which wants root on Debian or Ubuntu.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from running import (
    BIN,
    LARGE,
    PATIENCE,
    REPO,
    TINY,
    Ran,
    is_locked,
    lasting,
    run,
    snakemake,
    start,
    wait_for,
    write,
)

SLURM = REPO / "tests" / "helpers" / "slurm.sh"
PROFILE = REPO / "profiles" / "slurm"
QUICK = ("--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "3")
# for what need not be tried twice
WITHOUT_ACCOUNTING = pytest.mark.parametrize("slurm", [""], ids=["plain"], indirect=True)

pytestmark = [
    pytest.mark.usefixtures("slurm"),
    pytest.mark.slow,
    pytest.mark.needs("slurm", "root"),
]


def _slurm(*arguments: str) -> None:
    done = subprocess.run(
        [SLURM, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert not done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module", params=["", "--accounting"], ids=["plain", "accounting"])
def slurm(request: pytest.FixtureRequest) -> Iterator[str]:
    """A running Slurm of eight cores, without and with accounting."""
    with Path(tempfile.gettempdir(), "mrxs-tiles-slurm.lock").open("w") as lock:
        wait_for(
            lambda: is_locked(lock.fileno())
        )  # there is one Slurm, and other processes test, too
        _slurm("down")
        _slurm("up", *([request.param] if request.param else []))
        yield request.param
        _slurm("down")


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three slides with names that a shell would stumble over, and one without its data."""
    folder = tmp_path_factory.mktemp("slurm") / "slides"
    (folder / "sub").mkdir(parents=True)
    for name in ("A", "b's; touch x", "sub/$(touch y) `z` ü"):
        write(folder / f"{name}.mrxs", TINY)
    (folder / "no data.mrxs").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slides that take long enough to be hit, cut to small tiles."""
    folder = tmp_path_factory.mktemp("slurm") / "large"
    for name in "ABC":
        write(folder / f"{name}.mrxs", LARGE)
    return folder


SMALL_TILES = {"tile_size": 64}


@pytest.fixture(scope="module")
def here(large: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What this machine alone makes of the large slides."""
    return _local(tmp_path_factory.mktemp("here"), large, **SMALL_TILES)


def _head(work: Path, slides: Path, *options: str, **config: object) -> tuple[str | Path, ...]:
    """The command of a run on the cluster, with the profile as a user has it."""
    work.mkdir(exist_ok=True)
    # -p: with Snakemake's own words, which the tests read
    where = ("--snakefile", REPO / "Snakefile", "--directory", work, "-p", "--profile", PROFILE)
    config = {"slides": slides, "results": "results", **config}
    pairs = (f"{key}={value}" for key, value in config.items())
    return (BIN / "snakemake", *where, *QUICK, *options, "--config", *pairs)


class _Head:
    """A run on the cluster that has been started."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._log = log
        self.process = start(*command, log=log)

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def ended(self) -> Ran:
        """Wait for it."""
        code = self.process.wait(PATIENCE)
        return Ran(code, self._log.read_text("utf-8"), "")


def _slurm_logs(work: Path) -> str:
    """What Slurm wrote about the jobs that failed."""
    logs = sorted((work / ".snakemake" / "slurm_logs").rglob("*.log"))
    return "\n".join(log.read_text("utf-8", "replace") for log in logs)


def _local(work: Path, slides: Path, **config: object) -> dict[str, bytes]:
    """What a run on this machine alone gives, packed as the profile has it."""
    snakemake(work, slides=slides, results="results", packing="tar", **config)
    return lasting(work / "results")


def _jobs(state: str) -> dict[str, str]:
    """Slurm's jobs in a state: the slide that each cuts, and its number."""
    listed = run("squeue", "-h", "-t", state, "-o", "%i").out.split()
    found = {}
    for number in listed:
        script = run("scontrol", "write", "batch_script", number, "-").out
        if match := re.search(r"tile:slide=([^'\"]+)", script):
            found[match[1]] = number
    return found


def _running(slide: str, seen: set[str], head: _Head) -> str:
    """The number of a slide's job, once it is one that was not seen before and has begun."""
    number = ""

    def begun() -> bool:
        nonlocal number
        assert not head.is_over, "the run is over before the fault"
        number = _jobs("RUNNING").get(slide, "")
        return bool(number) and number not in seen and bool(_processes(slide))

    wait_for(begun, 100)
    seen.add(number)
    return number


def _processes(slide: str) -> list[int]:
    """The processes of a slide's job on the node."""
    lines = run("pgrep", "-af", f"snakemake.*(tile|inspect):slide={slide}( |$)").out.splitlines()
    return [int(line.split()[0]) for line in lines if "--profile" not in line]


def test_the_same_bytes_as_on_one_machine(slides: Path, tmp_path: Path) -> None:
    """Names that a shell would take apart, and a bad slide, which ends the run as it does here."""
    away = run(*_head(tmp_path / "away", slides))
    here = _local(tmp_path / "here", slides)
    assert lasting(tmp_path / "away" / "results") == here, away.text
    assert away.code
    assert "Bad slides: 1 of 4" in away.text
    assert not list(tmp_path.rglob("[xy]")), "a name was run by a shell"
    submitted = re.findall(r"submitted with SLURM jobid (\d+)", away.text)
    assert len(submitted) == len(set(submitted)) == 4, away.text  # one for each slide, no retry
    assert "localrule report" in away.text


@WITHOUT_ACCOUNTING
def test_asks_for_memory_and_time_by_size(slides: Path, tmp_path: Path) -> None:
    """What the rules work out arrives at Slurm, for the two steps of a slide together."""
    run("scontrol", "update", "PartitionName=main", "State=DOWN")  # the jobs stay in the queue
    try:
        head = _Head(_head(tmp_path / "away", slides, "--verbose"), tmp_path / "log")
        wait_for(lambda: len(_jobs("PENDING")) == 4)
        # Interrupted amid a look at its jobs, or before it knows of one, it would not cancel those:
        # it has just looked at all four, and looks again in ten seconds or more.
        wait_for(lambda: "Checking 4 active jobs with" in (tmp_path / "log").read_text(), 60)
        number = _jobs("PENDING")["A"]
        asked = run("scontrol", "show", "job", number).out
        head.process.send_signal(signal.SIGINT)
        told = head.ended()
    finally:
        run("scontrol", "update", "PartitionName=main", "State=UP")
    megabytes = int(re.search(r"MinMemoryNode=(\d+)M", asked)[1])  # type: ignore[index]
    assert 1100 <= megabytes <= 1400, asked
    assert "TimeLimit=00:30:00" in asked, asked
    assert "NumCPUs=1 " in asked
    assert "Requeue=1" in asked
    assert not _jobs("PENDING"), told.text  # an interrupted head takes its jobs along


@WITHOUT_ACCOUNTING
def test_survives_a_cancelled_and_a_hanging_job(
    large: Path, here: dict[str, bytes], tmp_path: Path
) -> None:
    """Both are begun again; that Slurm's master is away meanwhile changes nothing."""
    seen: set[str] = set()
    head = _Head(_head(tmp_path / "away", large, **SMALL_TILES), tmp_path / "log")
    run("scancel", _running("A", seen, head))
    late = _running("B", seen, head)
    for process in _processes("B"):
        os.kill(process, signal.SIGSTOP)  # as where a disk does not answer
    run("scontrol", "update", f"JobId={late}", "TimeLimit=1")
    _slurm("restart-controller")
    told = head.ended()
    assert not told.code, told.text
    assert told.text.count("Trying to restart") == 2, told.text
    said = _slurm_logs(tmp_path / "away")
    assert "DUE TO TIME LIMIT" in said
    assert "CANCELLED AT" in said
    assert lasting(tmp_path / "away" / "results") == here


@WITHOUT_ACCOUNTING
def test_survives_preemption_and_a_lost_node(
    large: Path, here: dict[str, bytes], tmp_path: Path
) -> None:
    """A job stopped for a more urgent one goes back into the queue; one whose node died, too."""
    seen: set[str] = set()
    head = _Head(_head(tmp_path / "away", large / "A.mrxs", **SMALL_TILES), tmp_path / "log")
    stopped = _running("A", seen, head)
    run("sbatch", "-p", "urgent", "-c", "8", "--output", tmp_path / "urgent", "--wrap", "sleep 1")
    wait_for(lambda: "Restarts=1" in run("scontrol", "show", "job", stopped).out, 60)
    wait_for(lambda: not run("squeue", "-h", "-p", "urgent").out, 60)
    run("scontrol", "update", f"JobId={stopped}", "StartTime=now")  # Slurm: in two minutes
    _running("A", set(), head)
    node = run("hostname", "-s").out.strip()
    run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    run("scontrol", "update", f"NodeName={node}", "State=RESUME")
    wait_for(lambda: "Restarts=2" in run("scontrol", "show", "job", stopped).out, 60)
    run("scontrol", "update", f"JobId={stopped}", "StartTime=now")
    told = head.ended()
    assert not told.code, told.text
    alone = {name: content for name, content in here.items() if name.startswith("A/")}
    assert alone.items() <= lasting(tmp_path / "away" / "results").items()


@WITHOUT_ACCOUNTING
def test_asks_for_more_memory_after_too_little(slides: Path, tmp_path: Path) -> None:
    """A job that Slurm kills for its memory is begun again with more of it."""
    little = ("inspect:mem_mb=60 if attempt == 1 else 2000", "tile:mem_mb=60")
    told = run(*_head(tmp_path / "away", slides / "A.mrxs", "--set-resources", *little))
    assert not told.code, told.text
    assert "exceeded memory limit" in _slurm_logs(tmp_path / "away")
    assert lasting(tmp_path / "away" / "results") == _local(tmp_path / "here", slides / "A.mrxs")


@WITHOUT_ACCOUNTING
def test_sees_the_end_of_a_job_that_slurm_has_forgotten(slides: Path, tmp_path: Path) -> None:
    """A head that stood still while its job ended does not wait for it for ever."""
    head = _Head(_head(tmp_path / "away", slides / "A.mrxs"), tmp_path / "log")
    number = _running("A", set(), head)
    wait_for(lambda: "No SLURM account" in (tmp_path / "log").read_text(), 60)
    time.sleep(5)  # it has seen the job
    head.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: number not in run("squeue", "-h", "-t", "all", "-o", "%i").out.split(), 120)
    head.process.send_signal(signal.SIGCONT)
    told = head.ended()
    assert not told.code, told.text


@WITHOUT_ACCOUNTING
def test_goes_on_after_the_head_was_killed(
    large: Path, here: dict[str, bytes], tmp_path: Path
) -> None:
    """Its jobs end by themselves; after --unlock the next run does what is left."""
    command = _head(tmp_path / "away", large, **SMALL_TILES)
    head = _Head(command, tmp_path / "log")
    wait_for(lambda: len(_jobs("RUNNING")) > 1, 100)
    head.process.kill()
    head.ended()
    locked = run(*command)
    assert locked.code
    assert "--unlock" in locked.text
    wait_for(lambda: not run("squeue", "-h").out.strip())
    assert not run(*command, "--unlock").code
    told = run(*command)
    assert not told.code, told.text
    assert lasting(tmp_path / "away" / "results") == here
    assert "Nothing to be done" in run(*command).text


@WITHOUT_ACCOUNTING
def test_several_slides_in_a_job(large: Path, here: dict[str, bytes], tmp_path: Path) -> None:
    """One job for all slides, cancelled while it cuts and begun again, gives the same bytes."""
    several = ("--group-components", f"slide={len(list(large.glob('*.mrxs')))}")
    head = _Head(_head(tmp_path / "away", large, *several, **SMALL_TILES), tmp_path / "log")
    wait_for(lambda: list((tmp_path / "away" / "results" / "logs").rglob("tile.log")) != [])
    (job,) = run("squeue", "-h", "-o", "%i").out.split()
    run("scancel", job)
    told = head.ended()
    assert not told.code, told.text
    assert len(re.findall(r"submitted with SLURM jobid", told.text)) == 2, told.text
    assert lasting(tmp_path / "away" / "results") == here
