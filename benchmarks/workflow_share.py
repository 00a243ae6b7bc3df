"""What Snakemake itself costs: before the first job, per job, dry, and with nothing to do."""

from __future__ import annotations

import csv
import re
import sys
import tempfile
import time
from pathlib import Path

from measure import Heard, Run, run, table

REPO = Path(__file__).resolve().parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
FIRST_JOB = re.compile(r"^(local)?(rule|checkpoint) ")


def workflow_share(tiny: Path, slides: int, dry_slides: int) -> list[str]:
    """Measure with links to one tiny slide; returns Markdown."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        _link(tiny, work / "some", slides)
        _link(tiny, work / "many", dry_slides)
        before_first, whole = _first_run(work)
        again = _snakemake(work, "some")
        dry = _snakemake(work, "many", "--dry-run", "--quiet", "all")
        steps = _step_seconds(work)
    jobs = len(steps) + 1  # the report writes no benchmark file
    each, own = (seconds / jobs for seconds in (whole.wall - before_first, sum(steps)))
    rows = [
        ["before the first job", f"{before_first:.2f} s"],
        [f"per job, all of it ({jobs} jobs, one core)", f"{each:.3f} s"],
        ["per job, the step's own process, its start included", f"{own:.3f} s"],
        ["per job, Snakemake's share", f"{each - own:.3f} s"],
        ["a second run, nothing to do", f"{again.wall:.2f} s"],
        [f"a dry run of {dry_slides:,} slides", f"{dry.wall:.2f} s"],
    ]
    heading = f"{slides} tiny slides of one tile each; single runs."
    return [heading, "", *table(["what", "wall"], rows), ""]


def _link(slide: Path, folder: Path, count: int) -> None:
    """As many slides as wanted, each a link to the same one."""
    folder.mkdir()
    for number in range(count):
        link = folder / f"slide_{number:04}.mrxs"
        link.symlink_to(slide)
        link.with_suffix("").symlink_to(slide.with_suffix(""), target_is_directory=True)


def _first_run(work: Path) -> tuple[float, Run]:
    """Seconds before the first job began, and the whole run."""
    began = time.perf_counter()
    first: list[float] = []

    def heard(line: str) -> None:
        if not first and FIRST_JOB.match(line):
            first.append(time.perf_counter() - began)

    whole = _snakemake(work, "some", heard=heard)
    if not first:
        sys.exit("Snakemake did not say when its first job began")
    return first[0], whole


def _snakemake(work: Path, slides: str, *options: str, heard: Heard | None = None) -> Run:
    where = ("--snakefile", REPO / "Snakefile", "--directory", work, "--cores", "1")
    config = (f"slides={work / slides}", f"results={work / f'results_{slides}'}")
    return run([SNAKEMAKE, *where, *options, "--config", *config], heard=heard)


def _step_seconds(work: Path) -> list[float]:
    """How long each job's own process took, by the workflow's benchmark files."""
    files = sorted((work / "logs").glob("**/*.benchmark.tsv"))
    rows = (list(csv.DictReader(file.open(), delimiter="\t")) for file in files)
    return [float(row["s"]) for each in rows for row in each]
