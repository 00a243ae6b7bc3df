"""The sentences of ``run_on_terminal``: what is to be done, what became of a slide, what failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mrxs_tiles.errors import ResultsError, printable
from mrxs_tiles.files import manifest

VERBS = {"inspect": "to inspect", "tile": "to cut", "viewer": "to show", "export": "to export"}
# What Snakemake gives as reasons, and what that means here; the first that holds counts.
REASONS = (
    ("Forced execution", "asked for again"),
    ("Missing output files", "not done yet"),
    ("Params have changed", "its settings, the slide or the program have changed"),
    ("Code has changed", "the program has changed"),
    ("Software environment", "the program's libraries have changed"),
    ("Incomplete", "an earlier run was interrupted"),
)


def to_do(stats: Mapping[str, int], slides: int) -> str:
    """What a run will do, by Snakemake's count of jobs for each rule."""
    parts = [f"{stats[step]:,} {verb}" for step, verb in VERBS.items() if stats.get(step)]
    cohort = f"{slides:,} slide{'' if slides == 1 else 's'}"
    if parts:
        return f"{cohort}: {', '.join(parts)}"
    return f"{cohort}: nothing to cut, the report is made anew" if stats.get("report") else cohort


def why(reason: str) -> str:
    """Snakemake's reason for a job in our words, behind a colon; "" where it needs none."""
    return next((f": {ours}" for theirs, ours in REASONS if theirs in reason), "")


def slide_line(folder: Path, slide: str) -> str:
    """What became of a slide: its counts, or its fault."""
    try:
        record = manifest.read_record(folder / manifest.TILES_JSON)
        counts, status = record["counts"], record["status"]
        told = manifest.kept_in_words(status, counts)
        if status == "ok":
            return f"{printable(slide)}: {told}"
        counted = f", {told}" if status == "damaged" else ""
        # the whole of it stands at the end of the run
        return f"{printable(slide)}: {status}{counted}: {record['error'].split('. ')[0]}"
    except (ResultsError, KeyError, TypeError, ValueError):
        return f"{printable(slide)}: done"


def failed_job(rule: str, slide: str, logs: Sequence[Path]) -> Iterator[str]:
    """The lines on a job that failed: which, the last line of its log, and where that lies."""
    of = f" {printable(slide)}" if slide else ""
    there = [log for log in logs if log.is_file()]
    said = next(filter(None, map(last_line, there)), "it has left no word")
    yield f"{rule}{of} failed: {said}"
    yield from (f"  {printable(str(log))}" for log in there)


def last_line(log: Path) -> str:
    """The last line of a log that says something, without its time; "" where there is none."""
    try:
        lines = log.read_text("utf-8", "backslashreplace").splitlines()
    except OSError:
        return ""
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return printable(re.sub(r"\A\d\d:\d\d:\d\d ", "", said))
