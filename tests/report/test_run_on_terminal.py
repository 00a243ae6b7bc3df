"""What a run shows while it goes on, made of Snakemake's messages, without Snakemake."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mrxs_tiles.files.manifest import write_record
from mrxs_tiles.report.run_lines import failed_job, last_line, slide_line, to_do, why
from mrxs_tiles.report.run_on_terminal import MARK, SAID, RunOnTerminal


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(*messages: dict[str, Any], dry: bool = False, quiet: tuple[str, ...] = ()) -> list[str]:
    """The lines that some messages of a run of two slides come to."""
    stream = io.StringIO()
    run = RunOnTerminal(stream, SimpleNamespace(dryrun=dry, quiet=quiet))
    run.show(record({MARK: {"slides": 2, "results": "nowhere"}}))
    for message in messages:
        run.show(record(message))
    return stream.getvalue().splitlines()


def record(message: dict[str, Any]) -> logging.LogRecord:
    """One as Snakemake makes it."""
    return logging.makeLogRecord({"levelno": logging.INFO, "msg": "", **message})


def job(number: int, rule: str, slide: str, reason: str = "Missing output files: x") -> Any:
    """The message that a job begins."""
    wildcards = {"slide": slide} if slide else {}
    known = {"jobid": number, "rule_name": rule, "wildcards": wildcards, "reason": reason}
    return {"event": "job_info", "log": [], **known}


STATS = {"event": "run_info", "stats": {"inspect": 2, "tile": 2, "report": 1, "all": 1, "total": 6}}
ENDED = [{"event": "job_finished", "job_id": number} for number in range(5)]
JOBS = [job(0, "inspect", "A"), job(1, "tile", "A"), job(2, "inspect", "B"), job(3, "tile", "B")]


def test_a_line_for_each_slide() -> None:
    """Of six jobs a slide's last step has a line, and what is to be done one before them."""
    cores = {"event": "resources_info", "cores": 2}
    assert shown(cores, STATS, *JOBS, job(4, "report", ""), *ENDED) == [
        "2 slides: 2 to inspect, 2 to cut, on 2 cores",
        "1 of 2  A: done",
        "2 of 2  B: done",
    ]


def test_only_inspected() -> None:
    """Where slides are only inspected, that is what has the lines."""
    stats = {"event": "run_info", "stats": {"inspect": 1, "total": 1}}
    lines = shown(stats, JOBS[0], ENDED[0])
    assert lines == ["2 slides: 1 to inspect", "1 of 1  A: done"]


@pytest.mark.parametrize(("quiet", "count"), [((), 3), (("progress",), 1), (("all",), 0)])
def test_quiet(quiet: tuple[str, ...], count: int) -> None:
    """What is asked to be left out is; what the rules say themselves is never."""
    said = {"msg": "2 slides: 2 ok", MARK: SAID}
    lines = shown(STATS, *JOBS, *ENDED, said, quiet=quiet)
    assert lines[-1] == "2 slides: 2 ok"
    assert len(lines) == count + 1


def test_a_dry_run() -> None:
    """Some jobs are named with why, many are counted."""
    behind = "Only shown (-n): nothing was done. Snakemake's own list: -n -p"
    forced = job(9, "tile", "C", "Forced execution")
    lines = shown(STATS, *JOBS[:2], forced, job(4, "report", ""), STATS, dry=True)
    assert lines == [
        "2 slides: 2 to inspect, 2 to cut",
        "  inspect A: not done yet",
        "  tile A: not done yet",
        "  tile C: asked for again",
        "  report",
        behind,
    ]
    many = [job(number, "tile", str(number)) for number in range(4000)]
    remarks = [{"msg": "Reasons:\n ..."}, {"msg": "This was a dry-run (flag -n)."}]
    assert shown(STATS, *many, STATS, *remarks, dry=True) == [lines[0], behind]
    nothing = "Nothing to be done (all requested files are present and up to date)."
    assert shown({"msg": nothing}, dry=True) == [nothing]


def test_snakemakes_remarks() -> None:
    """What nobody can do anything with is left out; what is not known is shown."""
    noise = [
        "Using shell: /usr/bin/bash",
        "Select jobs to execute...",
        "Complete log(s): /x/y.log",
        "Job 3 has been submitted with SLURM jobid 17 (log: x).",
        "Config file a.yaml is extended by additional config specified via the command line.",
    ]
    lines = shown(*({"msg": text} for text in noise), {"msg": "Unlocked working directory."})
    assert lines == ["Unlocked working directory."]


def test_errors_of_ours() -> None:
    """A sentence of the rules is shown without the place in the rules."""
    where = 'WorkflowError in file "/a b/rules/common.smk", line 46:\n'
    behind = '\n  File "/a b/rules/common.smk", line 46, in <module>'
    one = {"event": "error", "exception": "WorkflowError"}
    assert shown(one | {"msg": f"{where}slides is x.{behind}"}) == ["slides is x."]
    other = "WildcardError in rule x in file y"
    assert shown(one | {"msg": other}) == [other]
    assert shown({"event": "error", "exception": "RuleException", "msg": "exit status 1"}) == []


def test_a_failed_job(tmp_path: Path) -> None:
    """It is named with the last line of its log, and where that lies; in a group as well."""
    log = tmp_path / "tile.log"
    log.write_text("12:00:00 A: begun\n12:00:07 the disk is full\n\n")
    error = {"event": "job_error", "jobid": 1, "rule_name": "tile", "log": [str(log)]}
    expected = ["tile A failed: the disk is full", f"  {log}"]
    assert shown(JOBS[1], error) == expected
    waiting = {"event": "job_error", "jobid": 0, "rule_name": "inspect", "indent": True}
    group = [error | {"indent": True}, waiting | {"log": [str(tmp_path / "no.log")]}]
    assert shown(*JOBS[:2], *group) == expected
    assert list(failed_job("report", "", [])) == ["report failed: it has left no word"]
    assert last_line(tmp_path / "none") == ""


def test_on_a_terminal() -> None:
    """A bar is there until the run says its last word, and goes without a trace."""
    stream = Terminal()
    run = RunOnTerminal(stream, SimpleNamespace(dryrun=False, quiet=None))
    for message in ({MARK: {"slides": 2}}, STATS, *JOBS, ENDED[0], ENDED[1]):
        run.show(record(message))
    run.show(record({"event": "progress", "done": 2, "total": 6}))
    assert "1 of 2 slides |" in stream.getvalue()
    run.show(record({"msg": "the end", MARK: SAID}))
    run.close()
    assert stream.getvalue().endswith("the end\n")


def test_other_workflows() -> None:
    """What a workflow of others says, and all where -p asks for it, is Snakemake's to show."""
    run = RunOnTerminal(io.StringIO(), SimpleNamespace(dryrun=False, quiet=None))
    assert not run.takes(record(STATS), plain=False)
    run.show(record({MARK: {}}))
    assert run.takes(record(STATS), plain=False)
    assert not run.takes(record(STATS), plain=True)
    assert run.takes(record({MARK: SAID}), plain=True)


@pytest.mark.parametrize(
    ("status", "error", "line"),
    [
        ("ok", "", "A: 3 of 1,000 tiles kept"),
        (
            "damaged",
            "It is cut short. Copy it.",
            "A: damaged, 3 tiles kept: It is cut short",
        ),
        (
            "damaged",
            "22 of 63 tiles cannot be read: it is missing. Copy it.",  # 63 have a row, of 1,000
            "A: damaged, 3 tiles kept: 22 of 63 tiles cannot be read: it is missing",
        ),
        ("failed", "No folder. Copy it.", "A: failed: No folder"),
    ],
)
def test_slide_line(tmp_path: Path, status: str, error: str, line: str) -> None:
    """What became of a slide, in one line."""
    counts = {"kept": 3, "tiles": 1000}
    write_record(tmp_path / "tiles.json", {"status": status, "error": error, "counts": counts})
    assert slide_line(tmp_path, "A") == line


def test_words() -> None:
    """What is to be done and why, in words."""
    assert to_do({"tile": 1200, "export": 3}, 2000) == "2,000 slides: 1,200 to cut, 3 to export"
    assert to_do({"report": 1}, 1) == "1 slide: nothing to cut, the report is made anew"
    assert why("Params have changed since last execution: x") == (
        ": its settings, the slide or the program have changed"
    )
    assert why("Input files updated by another job: x") == ""
