"""What Snakemake itself costs, and how that grows with the number of slides.

Each slide is a link to the same tiny one, of one tile, so that what is measured is the workflow
around the steps. The rules and the steps are the real ones.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import run, table

REPO = Path(__file__).resolve().parents[1]
# Snakemake, which says at its end what CPU it used itself, without the jobs that it started
SNAKEMAKE = """
import resource, sys
from snakemake.cli import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("own CPU:", used.ru_utime + used.ru_stime, file=sys.stderr)
"""
OWN_CPU = re.compile(r"^own CPU: (.*)$")
# as -p has it; or by the rule's message, where Snakemake runs on a node
JOB = re.compile(r"^(?:(?:local)?rule |Job \d+: )(\w+)(?::$| |$)")
CORES = 2
DRY_GOAL, DRY_GOAL_MB, DRY_FROM = 1.3, 1500, 5000
CPU_GOAL, LOCAL_GOAL, SLURM_GOAL = 0.2, 0.7, 3.5  # s of a core for each slide
SLURM_SLIDES = 8
DRY_TITLES = (
    *("slides", "-n", "-n -p", "empty", "-n / empty", "goal", "-n -p / empty"),
    *("MB", "goal", "on a node"),
)
# What Snakemake takes for as many jobs that are nothing: two a slide, one behind the other.
EMPTY = """
SLIDES = [f"slide_{number:05}" for number in range(int(config["count"]))]
rule all:
    input: expand("results/{slide}/second", slide=SLIDES)
rule first:
    output: "results/{slide}/first"
    script: "empty.py"
rule second:
    input: rules.first.output
    output: "results/{slide}/second"
    script: "empty.py"
"""
# Each Python that ends notes its own CPU: those of a cluster's jobs are no children of the run.
NOTES = """
import atexit, os, resource
def note(folder=os.environ.get("CPU_NOTES")):
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open(f"{folder}/{os.getpid()}", "a") as file:
        file.write(f"{used.ru_utime + used.ru_stime}\\n")
atexit.register(note)
"""
# What a run on a cluster writes down for its jobs when it begins.
WRITE_DOWN = """
import os, sys
os.chdir(sys.argv[1])
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.config.slides_of_job import slides_file, write_slides
values = {key: rules["default"] for key, rules in load_schema("config").items()}
config = read_config(values | {"slides": sys.argv[2]})
write_slides(slides_file(config), find_slides(config))
"""
# how an executor for a cluster starts Snakemake again, on the node, for one job
ON_A_NODE = (
    *("--mode", "remote", "--target-jobs", "inspect:slide=slide_00000"),
    *("--allowed-rules", "inspect", "--nolock", "--ignore-incomplete"),
)


@dataclass(frozen=True, slots=True)
class PerSlide:
    """What a run took and left, divided by its slides."""

    steps: float  # s of inspect and tile, their own processes, start included
    share: float  # s of a core between the first job and the report that no step used
    cpu: float  # s that Snakemake itself used in the whole run: says more on a busy machine
    all_cpu: float  # s of all processes of the whole run, the report's too
    report: float  # s
    second: float  # s of a second run, which finds nothing to do
    results: float  # files
    records: float  # files in .snakemake
    record_bytes: float  # of these
    logs: float  # files


WORDS = {
    "steps": ("inspect and tile themselves", "{:.3f} s"),
    "share": ("Snakemake's share of their run", "{:.3f} s"),
    "cpu": ("Snakemake's own CPU", "{:.3f} s"),
    "all_cpu": ("CPU of all processes", "{:.3f} s"),
    "report": ("report, its start included", "{:.4f} s"),
    "second": ("a second run, nothing to do", "{:.4f} s"),
    "results": ("files in results", "{:.2f}"),
    "records": ("files in .snakemake", "{:.2f}"),
    "record_bytes": ("bytes in .snakemake", "{:,.0f}"),
    "logs": ("files in logs", "{:.2f}"),
}


def workflow_share(tiny: Path, sizes: tuple[int, int], dry_sizes: Sequence[int]) -> list[str]:
    """Measure with links to one tiny slide; returns Markdown.

    Args:
        tiny: the slide.
        sizes: of two real runs, in slides; each figure's growth is from the first to the second.
        dry_sizes: of dry runs, in slides.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for count in {*sizes, *dry_sizes}:
            _link(tiny, work / f"{count}", count)
        before, found = zip(*(_real_run(work, count) for count in sizes), strict=True)
        dry = [_dry_run(work, count) for count in dry_sizes]
        slurm = _on_slurm(work, tiny)
    few, many = (f"{count:,} slides" for count in sizes)
    rows = [[words, *_growth(form, found, name)] for name, (words, form) in WORDS.items()]
    return [
        f"Runs of tiny slides of one tile each, {CORES} cores; single runs. Before the first job: "
        f"{before[0]:.2f} s and {before[1]:.2f} s.",
        "",
        *table(["per slide", few, many, "growth"], rows),
        "",
        f"Snakemake's own CPU of {many}: {_goal(found[-1].cpu, CPU_GOAL)}. All of a tiny slide: "
        f"{_goal(found[-1].all_cpu, LOCAL_GOAL)}.",
        "",
        "Dry runs, as one types them (`-n`); with all that Snakemake says of each job (`-n -p`); "
        "the same of two empty rules a slide, of which Snakemake always says all, measured beside; "
        "and what Snakemake takes on a cluster's node before the one job that it was started for. "
        "Seconds of CPU, single runs.",
        "",
        *table([*DRY_TITLES], dry),
        "",
        slurm,
        "",
    ]


def _growth(form: str, found: Sequence[PerSlide], name: str) -> list[str]:
    few, many = (getattr(one, name) for one in found)
    return [form.format(few), form.format(many), f"{many / few:.2f}"]


def _link(slide: Path, folder: Path, count: int) -> None:
    """As many slides as wanted, each a link to the same one."""
    folder.mkdir()
    for number in range(count):
        link = folder / f"slide_{number:05}.mrxs"
        link.symlink_to(slide)
        link.with_suffix("").symlink_to(slide.with_suffix(""), target_is_directory=True)


def _real_run(work: Path, count: int) -> tuple[float, PerSlide]:
    """Seconds before the first job began, and the rest per slide."""
    began = time.perf_counter()
    first: dict[str, float] = {}  # when the first job of a rule began

    def heard(line: str) -> None:
        if match := JOB.match(line):
            first.setdefault(match[1], time.perf_counter() - began)

    command = _command(work, count)
    whole = run(command, heard=heard)
    second = run(command)
    steps = sum(_step_seconds(work / f"run_{count}" / "results/logs"))
    cutting = first["report"] - first["inspect"]
    (cpu,) = (float(match[1]) for line in whole.output if (match := OWN_CPU.match(line)))
    totals = (
        steps,
        CORES * cutting - steps,
        cpu,
        whole.cpu,
        whole.wall - first["report"],
        second.wall,
    )
    left = _left_behind(work / f"run_{count}")
    return first["inspect"], PerSlide(*(total / count for total in (*totals, *left)))


def _left_behind(folder: Path) -> tuple[int, int, int, int]:
    """How many files are in the results and in .snakemake, the bytes there, the files of logs."""
    results, records, logs = (
        [path for path in (folder / name).rglob("*") if path.is_file()]
        for name in ("results", ".snakemake", "results/logs")
    )
    size = sum(path.stat().st_size for path in records)
    return len(results) - len(logs), len(records), size, len(logs)


def _dry_run(work: Path, count: int) -> list[str]:
    """A row of the table of dry runs."""
    (work / "empty").mkdir(exist_ok=True)
    (work / "empty" / "Snakefile").write_text(EMPTY)
    (work / "empty" / "empty.py").touch()
    where = ("--snakefile", work / "empty" / "Snakefile", "--directory", work / "empty")
    typed = ("--dry-run", "--cores", str(CORES))
    snakemake = (sys.executable, "-c", SNAKEMAKE)
    empty = run([*snakemake, *where, *typed, "--config", f"count={count}"])
    all_said = run([*_command(work, count, "dry"), "--dry-run"])
    dry = run([part for part in _command(work, count, "dry") if part != "-p"] + ["--dry-run"])
    run([sys.executable, "-c", WRITE_DOWN, work / f"dry_{count}", work / str(count)])
    node = run([*_command(work, count, "dry"), "--dry-run", *ON_A_NODE])
    if not any(JOB.match(line) for line in node.output):
        sys.exit("Snakemake found no job to do on the node")
    ratio, goals = dry.cpu / empty.cpu, ("", "")
    if count >= DRY_FROM:
        goals = _verdict(ratio, DRY_GOAL, ""), _verdict(dry.peak_mb, DRY_GOAL_MB, " MB")
    seconds = (f"{one.cpu:.2f} s" for one in (dry, all_said, empty))
    ratios = (f"{ratio:.2f}", goals[0], f"{all_said.cpu / empty.cpu:.2f}")
    memory = (f"{dry.peak_mb:.0f}", goals[1], f"{node.cpu:.2f} s")
    return [f"{count:,}", *seconds, *ratios, *memory]


def _on_slurm(work: Path, tiny: Path) -> str:
    """A sentence on what a slide's job costs on a Slurm, if one is running here."""
    if shutil.which("sinfo") is None or subprocess.run(["sinfo"], capture_output=True).returncode:
        return "No Slurm is running here (tests/helpers/slurm.sh up), so none was measured."
    slides, folder, notes = (work / f"slurm_{name}" for name in ("slides", "run", "notes"))
    _link(tiny, slides, SLURM_SLIDES)
    for one in (folder, notes):
        one.mkdir()
    (notes / "sitecustomize.py").write_text(NOTES)
    os.environ |= {"CPU_NOTES": str(notes), "PYTHONPATH": str(notes)}
    where = ("--snakefile", REPO / "Snakefile", "--directory", folder)
    # often: the Slurm of the tests forgets a job that ended 20 s ago
    often = ("--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "3")
    how = ("--profile", REPO / "profiles" / "slurm", *often)
    run([Path(sys.executable).with_name("snakemake"), *where, *how, "--config", f"slides={slides}"])
    del os.environ["CPU_NOTES"], os.environ["PYTHONPATH"]
    used = sum(float(file.read_text()) for file in notes.iterdir() if file.name.isdigit())
    return (
        f"{SLURM_SLIDES} tiny slides on a Slurm of this machine, all processes, the run's own "
        f"start and the report too: {_goal(used / SLURM_SLIDES, SLURM_GOAL)}."
    )


def _verdict(value: float, goal: float, unit: str) -> str:
    return f"<= {goal}{unit}: {'met' if value <= goal else 'missed'}"


def _goal(value: float, goal: float) -> str:
    return f"{value:.2f} s of a core for each slide (goal {_verdict(value, goal, ' s')})"


def _command(work: Path, count: int, name: str = "run") -> list[str | Path]:
    folder = work / f"{name}_{count}"
    where = ("--snakefile", REPO / "Snakefile", "--directory", folder, "-p", "--cores", str(CORES))
    return [sys.executable, "-c", SNAKEMAKE, *where, "--config", f"slides={work / str(count)}"]


def _step_seconds(logs: Path) -> list[float]:
    """How long each job's own process took, by the workflow's benchmark files."""
    files = sorted(logs.glob("**/*.benchmark.tsv"))
    rows = (list(csv.DictReader(file.open(), delimiter="\t")) for file in files)
    return [float(row["s"]) for each in rows for row in each]
