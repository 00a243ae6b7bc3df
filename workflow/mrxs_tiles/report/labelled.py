"""Classes that label tiles, and that one slide spells otherwise than others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

from mrxs_tiles.errors import printable, shown
from mrxs_tiles.files import manifest
from mrxs_tiles.names import name_fault
from mrxs_tiles.report.shown_slide import Entry
from mrxs_tiles.wording import ALIKE, spelled_alike

MOST_NAMED = 5  # slides in one warning


def labels_spelled_otherwise(results: Path, entries: Iterable[Entry]) -> dict[str, list[str]]:
    """By slide, what is to be asked of its classes that most slides spell otherwise.

    All tiles together would have two labels where one is meant. What one slide's own file spells in
    two ways is asked by ``inspect``.
    """
    labelled = [str(one.row["slide"]) for one in entries if _is_labelled(one)]
    if len(labelled) < 2:
        return {}
    return _asked({slide: _classes(results / slide / manifest.LABELS_TSV) for slide in labelled})


def _is_labelled(entry: Entry) -> bool:
    grid = entry.inspected.get("grid")
    return (
        isinstance(grid, Mapping)
        and bool(grid.get("labels"))
        and not name_fault(str(entry.row["slide"]))
    )


def _classes(table: Path) -> Set[str]:
    """The classes of a ``labels.tsv``; none where it cannot be read: ``verify`` says so."""
    at = manifest.LABELS.index("class")
    try:
        lines = table.read_bytes().split(b"\n")[1:-1]
        found = {line.split(b"\t")[at] for line in lines}
        return {manifest.plain(name.decode()) for name in found}
    except (OSError, ValueError, IndexError):
        return frozenset()


def _asked(classes: Mapping[str, Set[str]]) -> dict[str, list[str]]:
    asked: dict[str, list[str]] = {}
    counts = Counter(name for found in classes.values() for name in sorted(found))
    for alike in spelled_alike(sorted(counts)):
        usual = max(alike, key=counts.__getitem__)
        having = [slide for slide, found in classes.items() if usual in found]
        more = f" and {len(having) - MOST_NAMED:,} more" if len(having) > MOST_NAMED else ""
        named = ", ".join(map(printable, having[:MOST_NAMED])) + more
        for other in alike:
            said = (
                f"the label {shown(other)} differs from {shown(usual)} of {named} {ALIKE}: is one "
                "class meant? Then give it one name in the annotation files, and run again"
            )
            for slide, found in classes.items():
                if other in found and usual not in found:
                    asked.setdefault(slide, []).append(said)
    return asked
