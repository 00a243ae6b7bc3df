"""How far a long step is: a bar on a terminal, regular lines in the log otherwise."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

LINE_SECONDS = 30.0  # between two lines in the log


class Progress:
    """Counts tiles, or blocks. Used as a context; ``done`` may be called by any thread."""

    def __init__(self, label: str, total: int, unit: str = "tiles") -> None:
        """Begin to count ``total`` of some unit, of what ``label`` names."""
        self._label, self._total, self._unit = label, total, unit
        self._count = 0
        self._lock = threading.Lock()
        self._began = self._said = time.monotonic()
        self._bar: tqdm[NoReturn] | None = None
        if sys.stderr.isatty():
            from tqdm import tqdm  # where nobody looks it would only cost each job time

            self._bar = tqdm(total=total, desc=label, unit=f" {unit}", leave=False)

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
                left = (self._total - self._count) / rate
                log.info(
                    "%s: %d of %d %s, %.1f a second, %.0f s left",
                    *(self._label, self._count, self._total, self._unit, rate, left),
                )
