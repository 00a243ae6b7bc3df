"""The slides that a report is of, as a run or a command names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reported:
    """Which slides a report has, and what it was told of them.

    Attributes:
        slides: their names, perhaps with where each lies now; None: all that have a
            ``slide.json`` in the results.
        refused: name, path and why, of slides that no step could be run for.
        away: name, path and why, of slides that were left out and whose results are kept.
        carried: by slide, the columns of the sheet that go into the table, and into the JSON of
            shards where others are in it; None: those that a table that is there has.
        sheet: that names the slides; None: none, or that of the report that is there.
    """

    slides: Iterable[str] | Mapping[str, str] | None = None
    refused: Iterable[tuple[str, str, str]] = ()
    away: Iterable[tuple[str, str, str]] = ()
    carried: Mapping[str, Mapping[str, str]] | None = None
    sheet: Path | None = None


ALL_THAT_ARE_THERE = Reported()
