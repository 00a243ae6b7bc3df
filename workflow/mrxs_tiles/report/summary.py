"""The lines that end a run on the terminal, from the report's rows.

A thousand slides may be bad for one reason: what would be longer than a screen is counted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrxs_tiles.errors import shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import BAD
from mrxs_tiles.pixels.reasons import LOOKS
from mrxs_tiles.report.report import unnamed
from mrxs_tiles.report.scales import differing_scales
from mrxs_tiles.report.twins import TWIN

MOST_BAD, MOST_WARNINGS, MOST_TWINS = 40, 8, 10  # lines
NAMED = 3  # slides with one warning
LONGEST = 300  # characters of a warning; the report has all of it

Row = dict[str, str]


def bad_slides(rows: Sequence[Row]) -> list[str]:
    """A line for each slide that failed or is damaged."""
    return [f"{r['slide']} ({r['status']}): {r['error']}" for r in rows if r["status"] in BAD]


def summary(results: Path, rows: Sequence[Row], finished: bool = True) -> list[str]:
    """What a run ends with: slides, tiles, warnings, bad slides, where the report is.

    ``finished``: all slides of the run are among the rows.
    """

    def total(column: str) -> int:
        return sum(int(row[column] or 0) for row in rows)

    ok = sum(row["status"] == "ok" for row in rows)
    bad = bad_slides(rows)
    dropped = [
        f", {total(reason):,} {LOOKS[reason].label}" for reason in manifest.REASONS if total(reason)
    ]
    lines = [
        f"{len(rows):,} slide{'' if len(rows) == 1 else 's'}: {ok:,} ok, {len(bad):,} bad",
        f"{total('tiles'):,} tile{'' if total('tiles') == 1 else 's'}: {total('kept'):,} kept"
        f"{''.join(dropped)}",
    ]
    if differing := differing_scales(rows):
        lines.append(differing)
    warned = [row for row in rows if row["warnings"] and row["status"] == "ok"]
    if warned:
        lines.append(f"{len(warned):,} with a warning: see the column warnings of the report")
        lines += [f"  {line}" for line in _first(_warnings(warned), MOST_WARNINGS, "warnings")]
    lines += [f"  {line}" for line in _first(bad, MOST_BAD, "bad slides")]
    lines += [f"  {line}" for line in _first(list(_twins(rows)), MOST_TWINS, "such slides")]
    if finished and (others := unnamed(results, (row["slide"] for row in rows))):
        lines.append(f"{others} (not in the report; remove their folders if they are not wanted)")
    lines.append(f"report: {results / manifest.REPORT_TSV}")
    lines.append(f"page: {results / manifest.REPORT_HTML}")
    return lines


def _first(lines: list[str], most: int, what: str) -> list[str]:
    """The first lines, and how many more there are."""
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"and {len(lines) - most:,} more {what}: see the report"]


def _warnings(rows: Sequence[Row]) -> list[str]:
    """A line for each sentence and the slides of which it is said; those of most slides first.

    That of twins has lines of its own.
    """
    slides: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        for sentence in row["warnings"].split("; "):
            if not sentence.startswith(TWIN):
                slides[sentence].append(row["slide"])
    lines = []
    for sentence, names in sorted(slides.items(), key=lambda pair: -len(pair[1])):
        count = f"{len(names):,} slides: " if len(names) > NAMED else ""
        more = ", ..." if len(names) > NAMED else ""
        end = " ..." if len(sentence) > LONGEST else ""
        lines.append(f"{count}{', '.join(names[:NAMED])}{more}: {sentence[:LONGEST]}{end}")
    return lines


def _twins(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each slide that is there under several names."""
    told: set[str] = set()
    for row in rows:
        twins = next((w for w in row["warnings"].split("; ") if w.startswith(TWIN)), "")
        names = {shown(row["slide"]), *re.findall('"[^"]*"', twins)}
        if twins and not told & names:
            yield f"{row['slide']} is {twins}"
        if twins:
            told |= names
