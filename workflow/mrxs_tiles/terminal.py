"""What the command line says, to a terminal or to a program that may end before us."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from mrxs_tiles.config.config import Config
from mrxs_tiles.steps.run_step import BAD_INPUT, DONE
from mrxs_tiles.system import has_no_reader


class Terminal(logging.StreamHandler[TextIO]):
    """The terminal, or a program such as head, which may end before us."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Go on where nobody reads."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and has_no_reader(error):
            _write_to_nobody()
        else:
            super().handleError(record)


def say(lines: Sequence[str]) -> None:
    """Print lines."""
    with perhaps_unread():
        print("\n".join(lines))


def verdict(config: Config, bad: int, unread: int = 0) -> int:
    """The exit code of a command that has listed so many bad slides and unreadable folders."""
    counts = [f"bad slides: {bad}"] if bad else []
    counts += [f"folders that cannot be read: {unread}"] if unread else []
    if counts and config.on_bad_slide != "ignore":
        print(f"mrxs-tiles: {', '.join(counts)}, listed above", file=sys.stderr)
        return BAD_INPUT
    return DONE


@contextmanager
def perhaps_unread() -> Iterator[None]:
    """Say something to a program that may have ended before us."""
    try:
        yield
    except OSError as error:
        if not has_no_reader(error):
            raise
        _write_to_nobody()


def _write_to_nobody() -> None:
    """Go on without a reader: the files count, and the exit code."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nobody, sys.stdout.fileno())
    os.close(nobody)
