"""What a run of the workflow shows while it goes on, made of Snakemake's messages.

Snakemake's own text is six lines for each job. Here each slide has one line, when it has ended, and
a terminal a bar. What the rules say themselves (``SAID``) comes through as it is.
"""

from __future__ import annotations

import re
import shutil
import textwrap
import threading
from collections.abc import Iterable, Mapping
from logging import WARNING, LogRecord
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TextIO

from mrxs_tiles.progress import INTERRUPTED
from mrxs_tiles.report.run_lines import failed_job, last_line, slide_line, to_do, why

if TYPE_CHECKING:
    from tqdm import tqdm

MARK = "mrxs_tiles"  # the attribute of a message of ours
SAID = "said"  # its value where the message is to be shown whatever is asked for
MOST_LISTED = 20  # jobs that a dry run names one by one
STEPS = (
    "tile",
    "viewer",
    "export",
    "inspect",
)  # a slide's line stands for the first that a run has
# Of what Snakemake says in passing: nothing that its user can do anything with.
NOISE = re.compile(
    r"Config file \S.* is extended by|Assuming unrestricted shared|Using shell:|host: |"
    r"Conda environments: ignored|Updating job|"
    r"Singularity containers: ignored|Group jobs: inactive|Select jobs to execute|"
    r"Building DAG of jobs|Complete log|Elapsed time:|Shutting down, this might|Execute \d+ jobs|"
    r"Multiple includes|Workflow has started|Terminating processes on user|Exiting because a job|"
    r"Will exit after finishing|Rules claiming more threads|SLURM run ID|"
    r"(Group job|Job) \S+ has been submitted|Trying to restart|"
    r"Restored previous version of|Cannot restore"
)
# How Snakemake begins a sentence of our own rules.
_WHERE = re.compile(
    r'\AWorkflowError in file "[^"]*\.smk"(?:, line \d+)?:\n|'
    r'(\n  File "[^"]*\.smk", line \d+, in <?\w+>?)+\Z'
)
# Says no more than the line on the job that failed.
_OF_A_JOB = ("RuleException", "CalledProcessError", "SpawnedJobError", "NonSpawnedJobError")


class Asked(Protocol):
    """Of Snakemake's settings what counts here."""

    dryrun: bool
    quiet: Iterable[Any] | None


class RunOnTerminal:
    """The messages of one run, one after another."""

    def __init__(self, stream: TextIO, asked: Asked) -> None:
        """Begin: whose workflow it is, is told later."""
        self._stream = stream
        self._dry = asked.dryrun
        self._quiet = {str(getattr(one, "name", one)).lower() for one in asked.quiet or ()}
        self._told: dict[str, Any] | None = None
        self._jobs: dict[int, Mapping[str, Any]] = {}  # by Snakemake's number: what it says of them
        self._cores = 0
        self._step = ""  # whose end is a slide's
        self._slides, self._ended = 0, 0  # of this run
        self._summed = False
        self._bar: _Bar | None = None

    def takes(self, record: LogRecord, plain: bool) -> bool:
        """Whether a message is shown here; else Snakemake shows it.

        ``plain``: all but our own words is to be Snakemake's.
        """
        if hasattr(record, MARK):
            return True
        return self._told is not None and not plain

    def show(self, record: LogRecord) -> None:
        """Show a message, or none."""
        mark = getattr(record, MARK, None)
        if mark == SAID:
            self.close()
            self._write(record.getMessage())
        elif mark is not None:
            self._told = (self._told or {}) | mark
        elif "all" not in self._quiet:
            event = str(getattr(record, "event", None) or "")
            shown = getattr(self, f"_{event}", None) if event else None
            if shown is not None:
                shown(record.__dict__)
            elif not event:
                self._passing(record)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    # --- by Snakemake's events ------------------------------------------------------------------

    def _resources_info(self, told: Mapping[str, Any]) -> None:
        self._cores = told.get("cores") or self._cores

    def _run_info(self, told: Mapping[str, Any]) -> None:
        """The jobs of the run are known: in a dry run once before them, once behind."""
        stats = told.get("stats") or {}
        if self._dry:
            if self._summed or {"rules", "progress"} <= self._quiet:
                self._dry_run(stats)
            self._summed = True
            return
        self._step = next((step for step in STEPS if stats.get(step)), "")
        self._slides = stats.get(self._step, 0)
        cores = ""
        if self._cores and self._step:
            cores = f", on {self._cores} core{'' if self._cores == 1 else 's'}"
        self._write(to_do(stats, self._told_slides()) + cores)
        if self._stream.isatty() and "progress" not in self._quiet:
            jobs = stats.get("total", 0) - stats.get("all", 0)
            self._bar = _Bar(self._stream, jobs, self._slides)

    def _job_info(self, told: Mapping[str, Any]) -> None:
        self._jobs[told["jobid"]] = {
            name: told.get(name) for name in ("rule_name", "wildcards", "reason", "log")
        }

    def _job_finished(self, told: Mapping[str, Any]) -> None:
        job = self._jobs.pop(told["job_id"], None)
        if job is None or job["rule_name"] != self._step:
            return
        self._ended += 1
        slide = job["wildcards"].get("slide", "")
        if not {"rules", "progress"} & self._quiet:
            of = f"{self._ended:{len(str(self._slides))},} of {self._slides:,}  "
            self._write(of + slide_line(self._results() / slide, slide), clip=True)

    def _progress(self, told: Mapping[str, Any]) -> None:
        if self._bar is not None:
            self._bar.stand(told["done"], self._ended)

    def _job_error(self, told: Mapping[str, Any]) -> None:
        """A job failed; of a group all are named, also those that had not begun."""
        job = self._jobs.get(told["jobid"], {})
        slide = (job.get("wildcards") or {}).get("slide", "")
        logs = [Path(name) for name in told.get("log") or ()]
        if told.get("indent") and not any(log.is_file() for log in logs):
            return
        if any(last_line(log) == INTERRUPTED for log in logs):
            return  # who did that knows it
        for line in failed_job(str(told["rule_name"]), slide, logs):
            self._write(line)

    def _group_error(self, told: Mapping[str, Any]) -> None:
        for log in told.get("aux_logs") or ():
            self._write(f"A job of the cluster failed: {last_line(Path(log))}\n  {log}")

    def _error(self, told: Mapping[str, Any]) -> None:
        if told.get("exception") not in _OF_A_JOB:
            self.close()
            self._write(_WHERE.sub("", str(told["msg"])))

    def _passing(self, record: LogRecord) -> None:
        """What is no event: Snakemake's remarks, and those of executors."""
        text = record.getMessage()
        if text in ("", "None") or NOISE.match(text):
            return
        if not self._dry or record.levelno >= WARNING or text.startswith("Nothing to be done"):
            self._write(_WHERE.sub("", text))

    # --- and what they are made into --------------------------------------------------------------

    def _dry_run(self, stats: Mapping[str, int]) -> None:
        self._write(to_do(stats, self._told_slides()))
        jobs = [job for job in self._jobs.values() if job["rule_name"] != "all"]
        if 0 < len(jobs) <= MOST_LISTED:
            for job in sorted(jobs, key=lambda job: job["wildcards"].get("slide", "￿")):
                # that of the report is the slides, or that bad ones are told in each run
                slide = job["wildcards"].get("slide", "")
                reason = why(str(job["reason"])) if slide else ""
                self._write(f"  {job['rule_name']} {slide}".rstrip() + reason)
        self._write("Only shown (-n): nothing was done. Snakemake's own list: -n -p")

    def _results(self) -> Path:
        return Path((self._told or {}).get("results", ""))

    def _told_slides(self) -> int:
        return int((self._told or {}).get("slides", 0))

    def _write(self, text: str, clip: bool = False) -> None:
        if self._stream.isatty():
            columns = shutil.get_terminal_size().columns
            if not clip:
                text = "\n".join(_wrapped(line, columns) for line in text.split("\n"))
            elif len(text) >= columns:
                text = f"{text[: columns - 2]}…"
        # what the stream cannot say in its encoding
        encoding = self._stream.encoding or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        if self._bar is None:
            self._stream.write(f"{text}\n")
        else:
            self._bar.write(text)
        self._stream.flush()


def _wrapped(line: str, columns: int) -> str:
    """A line that a terminal need not break within a word."""
    inner = line.lstrip(" ")
    indent = line[: len(line) - len(inner)]
    return textwrap.fill(
        *(inner, columns),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


class _Bar:
    """A bar over the jobs of a run; its time goes on while a large slide is cut."""

    def __init__(self, stream: TextIO, jobs: int, slides: int) -> None:
        from tqdm import tqdm  # where nobody looks it would only cost time

        self._slides = slides
        shape = "{desc} |{bar}| {percentage:3.0f}% {elapsed}<{remaining}"
        self._bar: tqdm[NoReturn] = tqdm(
            total=jobs, file=stream, bar_format=shape, leave=False, desc=self._counted(0)
        )
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._clock.start()

    def _counted(self, ended: int) -> str:
        return f"{ended:,} of {self._slides:,} slides" if self._slides else "running"

    def _tick(self) -> None:
        while not self._over.wait(1):
            self._bar.refresh()

    def stand(self, done: int, ended: int) -> None:
        """So many jobs are done, and slides have ended."""
        self._bar.n = min(done, self._bar.total or done)
        self._bar.set_description_str(self._counted(ended))

    def write(self, text: str) -> None:
        """A line above the bar."""
        self._bar.write(text, file=self._bar.fp)

    def close(self) -> None:
        """Take it away."""
        self._over.set()
        self._clock.join()
        self._bar.close()
