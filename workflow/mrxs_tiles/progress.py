"""How far a long step is: a bar on a terminal, regular lines in the log otherwise."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Self

from tqdm import tqdm

log = logging.getLogger(__name__)

LINE_SECONDS = 30.0  # between two lines in the log


class Progress:
    """Counts tiles. Used as a context; ``done`` may be called by any thread."""

    def __init__(self, label: str, total: int) -> None:
        """Begin to count ``total`` tiles of the slide ``label``."""
        self._label, self._total = label, total
        self._count = 0
        self._lock = threading.Lock()
        self._began = self._said = time.monotonic()
        self._bar = tqdm(
            total=total, desc=label, unit=" tiles", disable=not sys.stderr.isatty(), leave=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def done(self) -> None:
        """Count one more tile."""
        with self._lock:
            self._count += 1
            self._bar.update()
            now = time.monotonic()
            if self._bar.disable and now - self._said >= LINE_SECONDS:
                self._said = now
                rate = self._count / (now - self._began)
                left = (self._total - self._count) / rate
                log.info(
                    "%s: %d of %d tiles, %.1f tiles/s, %.0f s left",
                    *(self._label, self._count, self._total, rate, left),
                )
