"""Slides that cannot be opened as a run begins, and of which an earlier run has left tiles.

The workflow leaves them out, so nothing of theirs is touched, and nothing is to be done when the
disk that they lie on is back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from mrxs_tiles.cutting import kept, publishing
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.mirax.stamp import first_stamp, lost_since, why_away
from mrxs_tiles.names import Slide

Told = tuple[str, str, str]  # name, path, why


class Away(NamedTuple):
    """``kept``: the earlier run had the same keys; ``refused``: it had others."""

    kept: list[Told]
    refused: list[Told]

    @property
    def names(self) -> set[str]:
        """Of both."""
        return {told[0] for told in (*self.kept, *self.refused)}


def away(slides: Iterable[Slide], results: Path, asked: Collection[str] = ()) -> Away:
    """Find them.

    Args:
        slides: all.
        results: where everything goes.
        asked: names of slides that are to be cut whatever is left of them.
    """
    found = Away([], [])
    for slide in slides:
        if slide.refused or not kept.may_be_there(results / slide.name):
            continue  # why a thousand new slides cannot be opened is said when they are inspected
        why = why_away(slide.path)
        lost = not why and slide.name not in asked and bool(first_stamp(slide.path).lost)
        # only now: the records of thousands of slides that are there are not read
        was = kept.earlier(results / slide.name) if why or lost else None
        if was is None:
            continue
        same = kept.of_same_keys(was, slide.settings)
        damage = ""
        if lost and same and was["status"] == "ok":  # else what is left of it is cut
            damage = lost_since(slide.path, _lost(results, slide))
        if not (why or damage):
            continue
        if same:
            error = kept.kept_record(was, why or damage, bool(damage))["error"]
            found.kept.append((slide.name, str(slide.path), error))
        else:
            found.refused.append((slide.name, str(slide.path), f"{kept.OTHER_KEYS} {why}"))
    return found


def _lost(results: Path, slide: Slide) -> set[str]:
    """The files that were not there when the slide was inspected."""
    for place in (results / slide.name / publishing.ASIDE, results / slide.name):
        try:
            record = manifest.read_record(place / manifest.SLIDE_JSON)
        except ResultsError:
            continue
        return {*(record.get("lost") or ()), *(record.get("mirax") or {}).get("missing", ())}
    return set()
