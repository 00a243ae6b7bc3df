"""How far a long step is: a bar on a terminal, regular lines in the log otherwise."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

LINE_SECONDS = 30.0  # between two lines in the log
SILENT_SECONDS = 2.0  # for what is mostly over by then

INTERRUPTED = "interrupted"  # the last word of a job at Ctrl-C
# Set where a run shows how far it is itself, for its jobs, which have the same terminal.
SCREEN = "MRXS_TILES_SCREEN"


def shown_elsewhere() -> bool:
    """Whether the terminal is another process's to write on."""
    return bool(os.environ.get(SCREEN))


class Progress:
    """Counts tiles, or blocks. Used as a context; ``done`` may be called by any thread."""

    def __init__(
        self, label: str, total: int | None, unit: str = "tiles", delay: float = 0
    ) -> None:
        """Begin to count ``total`` of some unit, of what ``label`` names.

        ``total``: None, not known. ``delay``: seconds before the bar is there.
        """
        self._label, self._total, self._unit = label, total, unit
        self._count = 0
        self._lock = threading.Lock()
        self._began = self._said = time.monotonic()
        self._bar: tqdm[NoReturn] | None = None
        if sys.stderr.isatty() and not shown_elsewhere():
            from tqdm import tqdm  # where nobody looks it would only cost each job time

            self._bar = tqdm(total=total, desc=label, unit=f" {unit}", leave=False, delay=delay)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def done(self) -> None:
        """Count one more."""
        with self._lock:
            self._count += 1
            if self._bar is not None:
                self._bar.update()
                return
            now = time.monotonic()
            if now - self._said >= LINE_SECONDS:
                self._said = now
                rate = self._count / (now - self._began)
                if self._total is None:
                    log.info("%s: %d %s", self._label, self._count, self._unit)
                    return
                left = (self._total - self._count) / rate
                log.info(
                    "%s: %d of %d %s, %.1f a second, %.0f s left",
                    *(self._label, self._count, self._total, self._unit, rate, left),
                )
