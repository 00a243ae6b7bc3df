"""Runs one step for the command line or a workflow job: log, sentence, exit code."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from mrxs_tiles import progress
from mrxs_tiles.errors import ConfigError, MrxsTilesError
from mrxs_tiles.files.manifest import BAD, Record
from mrxs_tiles.system import STOP_SIGNALS

log = logging.getLogger("mrxs_tiles")

DONE, BAD_INPUT, INTERRUPTED = 0, 1, 130
TERMINATED = 128 + signal.SIGTERM  # what a shell makes of it


def run(step: Callable[[], Record | None], ignore_bad: bool) -> int:
    """Run a step of one slide and return the exit code; what is wrong is one line on stderr.

    Args:
        step: does the work and returns its record.
        ignore_bad: a slide that failed or is damaged is no reason for a non-zero exit.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _terminate)
    try:
        record = step()
    except MrxsTilesError as error:
        return complain(error)
    except Exception:
        log.exception("unexpected")  # into the job's log file too, which Snakemake shows
        raise
    except KeyboardInterrupt:
        _say(progress.INTERRUPTED)
        return INTERRUPTED
    except SystemExit:
        _say("terminated")
        return TERMINATED
    if record is not None and record["status"] in BAD:
        sentence = f"{record['slide']} ({record['status']}): {record['error']}"
        if not ignore_bad:
            _say(sentence)
            return BAD_INPUT
        log.warning(sentence)
    return DONE


def _terminate(*_: object) -> NoReturn:
    """What a cluster sends when the time is up, a while before it kills: enough to tidy up."""
    raise SystemExit(TERMINATED)


def complain(error: MrxsTilesError) -> int:
    """Say what is wrong in one line on stderr and return the exit code for it."""
    _say(" ".join(error.faults) if isinstance(error, ConfigError) else str(error))
    return BAD_INPUT


def _say(sentence: str) -> None:
    log.error(sentence)
    if not progress.shown_elsewhere():  # else the run says it, with where the log lies
        print(f"mrxs-tiles: {sentence}", file=sys.stderr)


class _LogFile(logging.FileHandler):
    """A log on a disk that may be full: then what counts is what the step says of it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def log_to(file: Path) -> None:
    """Write what this process says into a file, too.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = _LogFile(file, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def run_job(step: Callable[[], Record | None], log_file: str, on_bad_slide: str) -> NoReturn:
    """Run a step as a job of the workflow, which ends with it.

    The job of a bad slide succeeds, unless ``on_bad_slide`` is ``stop``: Snakemake deletes
    what a failed job wrote, and these files say what is wrong with the slide.
    """
    log_to(Path(log_file))
    code = run(step, ignore_bad=on_bad_slide != "stop")
    end_quickly()
    sys.exit(code)


def end_quickly() -> None:
    """Spare a process that ends Python's last search for garbage in all that was imported.

    It takes as long as importing a third of that.
    """
    gc.freeze()
