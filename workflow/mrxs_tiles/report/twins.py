"""Slides that are there under several names: each would count twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from mrxs_tiles.errors import shown
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.report.shown_slide import Entry

# Begins the warning on a slide that is there under several names.
TWIN = "the same slide, by its "
MOST_NAMED = 10  # slides in one warning


def name_twins(entries: Iterable[Entry]) -> None:
    """Warn of each slide that is there under another name too: it would count twice.

    One file that a sheet names twice is cut in two ways on purpose. A copy from which names were
    taken has another quickhash, and the same index.
    """
    told: set[str] = set()
    for by, field in (("quickhash", "quickhash"), ("Index.dat", "index_sha256")):
        groups: defaultdict[str, list[Record]] = defaultdict(list)
        for entry in entries:
            digest = entry.inspected.get(field)
            if digest and str(entry.row["slide"]) not in told:
                groups[digest].append(entry.row)
        for rows in groups.values():
            told |= _warn_of_twins(rows, by)


def _warn_of_twins(rows: Sequence[Record], by: str) -> set[str]:
    """Warn each of those that are one slide of the others; returns the names of the warned."""
    told = set()
    first = sorted(rows, key=lambda row: str(row["slide"]))[: MOST_NAMED + 1]
    paths = Counter(row["path"] for row in rows)
    for row in rows:
        # not all of a thousand copies with each: that is a million names
        twins = [str(one["slide"]) for one in first if one["path"] != row["path"]]
        if left := len(rows) - paths[row["path"]]:
            named = ", ".join(map(shown, twins[:MOST_NAMED]))
            more = left - len(twins[:MOST_NAMED])
            more_named = f" and {more:,} more" if more else ""
            row["warnings"].append(f"{TWIN}{by}, as {named}{more_named}")
            told.add(str(row["slide"]))
    return told
