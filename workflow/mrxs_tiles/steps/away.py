"""Slides that cannot be opened as a run begins, and of which an earlier run has left tiles.

The workflow leaves them out, so nothing of theirs is touched, and nothing is to be done when the
disk that they lie on is back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from mrxs_tiles.cutting import kept
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.mirax.stamp import lost_since, why_away
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
        was = None if slide.refused else kept.earlier(results / slide.name)
        if was is None:
            continue
        why = why_away(slide.path)
        damage = (
            "" if why or slide.name in asked else lost_since(slide.path, _missing(results, slide))
        )
        if not (why or damage):
            continue
        if kept.of_same_keys(was, slide.settings):
            error = kept.kept_record(was, why or damage, bool(damage))["error"]
            found.kept.append((slide.name, str(slide.path), error))
        else:
            found.refused.append(
                (slide.name, str(slide.path), f"{kept.OTHER_KEYS} {why or damage}")
            )
    return found


def _missing(results: Path, slide: Slide) -> set[str]:
    """The files that were missing when the slide was inspected."""
    for place in (results / slide.name / kept.ASIDE, results / slide.name):
        try:
            record = manifest.read_record(place / manifest.SLIDE_JSON)
        except ResultsError:
            continue
        return set((record.get("mirax") or {}).get("missing", ()))
    return set()
