"""Classes that label tiles, and that one slide spells otherwise than others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set

from mrxs_tiles.errors import shown, some_of
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.report.shown_slide import Entry
from mrxs_tiles.wording import ALIKE, usual_spellings

MOST_NAMED = 5  # slides in one warning


def labels_spelled_otherwise(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """By slide, what is to be asked of its classes that most slides spell otherwise.

    All tiles together would have two labels where one is meant. What one slide's own file spells in
    two ways is asked by ``inspect``.
    """
    return _asked({str(one.row["slide"]): _classes(one.inspected) for one in entries})


def _classes(inspected: Record) -> Set[str]:
    """The classes that label a slide's tiles, as ``slide.json`` has them."""
    grid = inspected.get("grid")
    labels = grid.get("labels") if isinstance(grid, Mapping) else None
    classes = labels.get("classes") if isinstance(labels, Mapping) else None
    return frozenset(map(str, classes)) if isinstance(classes, list) else frozenset()


def _asked(classes: Mapping[str, Set[str]]) -> dict[str, list[str]]:
    asked: dict[str, list[str]] = {}
    counts = Counter(sorted(name for found in classes.values() for name in found))
    for other, usual in usual_spellings(counts).items():
        having = [slide for slide, found in classes.items() if usual in found]
        said = (
            f"the label {shown(other)} differs from {shown(usual)} of "
            f"{some_of(having, MOST_NAMED)} {ALIKE}: is one class meant? Then give it one name in "
            "the annotation files, and run again"
        )
        for slide, found in classes.items():
            if other in found and usual not in found:
                asked.setdefault(slide, []).append(said)
    return asked
