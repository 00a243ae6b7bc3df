"""What Snakemake itself costs, and how that grows with the number of slides.

Each slide is a link to the same tiny one, of one tile, so that what is measured is the workflow
around the steps. The rules and the steps are the real ones.
"""

from __future__ import annotations

import csv
import re
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
DRY_GOAL_S, DRY_GOAL_MB = 20, 1000
# how an executor for a cluster starts Snakemake again, on the node, for one job
ON_A_NODE = (
    *("--mode", "remote", "--target-jobs", "inspect:slide=slide_0000"),
    *("--allowed-rules", "inspect", "--nolock", "--ignore-incomplete"),
)


@dataclass(frozen=True, slots=True)
class PerSlide:
    """What a run took and left, divided by its slides."""

    steps: float  # s of inspect and tile, their own processes, start included
    share: float  # s of a core between the first job and the report that no step used
    cpu: float  # s that Snakemake itself used in the whole run: says more on a busy machine
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
    few, many = (f"{count:,} slides" for count in sizes)
    rows = [[words, *_growth(form, found, name)] for name, (words, form) in WORDS.items()]
    return [
        f"Runs of tiny slides of one tile each, {CORES} cores; single runs. Before the first job: "
        f"{before[0]:.2f} s and {before[1]:.2f} s.",
        "",
        *table(["per slide", few, many, "growth"], rows),
        "",
        "Dry runs, and how long Snakemake takes on a cluster's node before the one job that it was "
        "started for.",
        "",
        *table(["slides", "dry run", "goal", "peak MB", "goal", "on a node"], dry),
        "",
    ]


def _growth(form: str, found: Sequence[PerSlide], name: str) -> list[str]:
    few, many = (getattr(one, name) for one in found)
    return [form.format(few), form.format(many), f"{many / few:.2f}"]


def _link(slide: Path, folder: Path, count: int) -> None:
    """As many slides as wanted, each a link to the same one."""
    folder.mkdir()
    for number in range(count):
        link = folder / f"slide_{number:04}.mrxs"
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
    totals = (steps, CORES * cutting - steps, cpu, whole.wall - first["report"], second.wall)
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
    dry = run([*_command(work, count, "dry"), "--dry-run", "--quiet", "all"])
    node = run([*_command(work, count, "dry"), "--dry-run", *ON_A_NODE])
    if not any(JOB.match(line) for line in node.output):
        sys.exit("Snakemake found no job to do on the node")
    goals = "", ""
    if count >= 5000:
        goals = _verdict(dry.wall, DRY_GOAL_S, "s"), _verdict(dry.peak_mb, DRY_GOAL_MB, "MB")
    seconds = f"{dry.wall:.2f} s", f"{node.wall:.2f} s"
    return [f"{count:,}", seconds[0], goals[0], f"{dry.peak_mb:.0f}", goals[1], seconds[1]]


def _verdict(value: float, goal: float, unit: str) -> str:
    return f"< {goal} {unit}: {'met' if value < goal else 'missed'}"


def _command(work: Path, count: int, name: str = "run") -> list[str | Path]:
    folder = work / f"{name}_{count}"
    where = ("--snakefile", REPO / "Snakefile", "--directory", folder, "-p", "--cores", str(CORES))
    return [sys.executable, "-c", SNAKEMAKE, *where, "--config", f"slides={work / str(count)}"]


def _step_seconds(logs: Path) -> list[float]:
    """How long each job's own process took, by the workflow's benchmark files."""
    files = sorted(logs.glob("**/*.benchmark.tsv"))
    rows = (list(csv.DictReader(file.open(), delimiter="\t")) for file in files)
    return [float(row["s"]) for each in rows for row in each]
