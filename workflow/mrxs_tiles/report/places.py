"""Tiles that one wants to see first: the sharpest, the least sharp, where a score is highest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.names import name_fault
from mrxs_tiles.pixels.reasons import KEPT
from mrxs_tiles.report.text import number

SHARPEST, LEAST_SHARP = "sharpest", "least sharp"
MOST_SCORES = 5  # that the page leads to; the viewers have all
_TILE = re.compile(r"\d+_\d+")


def with_ends_named(samples: list[Record]) -> list[Record]:
    """The shown tiles of a slide, told which kept one is the sharpest and which the least sharp."""
    sharp = [one for one in samples if one["measure"] == "focus" and one["fate"] == KEPT]
    sharp = [one for one in sharp if one["number"] is not None]
    if sharp:
        sharp.sort(key=lambda one: one["number"])
        for called, one in ((LEAST_SHARP, sharp[0]), (SHARPEST, sharp[-1])):
            one["called"] = called
            one["value"] = f"{called}: {number(one['number'])}"
    return samples


def highest_scores(results: Path, slide: str) -> dict[str, tuple[str, float]]:
    """By score, the kept tile of a slide where it is highest, and that number."""
    if name_fault(slide):
        return {}
    path = results / slide / manifest.HEATMAP_JSON
    try:
        scores = manifest.read_record(path).get("scores", {}) if path.exists() else {}
    except (ResultsError, OSError):  # who edited it loses the link
        return {}
    return dict(_tops(scores)) if isinstance(scores, dict) else {}


def _tops(scores: dict[str, Any]) -> Iterator[tuple[str, tuple[str, float]]]:
    for name, told in scores.items():
        match told:
            case {"highest_kept": [str(tile), int() | float() as value]} if _TILE.fullmatch(tile):
                if manifest.score_of(manifest.HEATMAP.format(name, "js")) == name:
                    yield name, (tile, float(value))


def places(slides: Sequence[Record]) -> list[Record]:
    """What the page leads to at its top: ``label``, ``href``, ``slide`` and ``value`` of each."""
    found = []
    kept = [
        (one["number"], slide, one)
        for slide in slides
        for one in slide["samples"]
        if one.get("called")
    ]
    for called, choose in ((SHARPEST, max), (LEAST_SHARP, min)):
        of_all = [one for one in kept if one[0] is not None]
        if of_all:
            value, slide, tile = choose(of_all, key=lambda one: one[0])
            href = tile["place"] or tile["href"] or f"#s-{slide['id']}"
            found.append(_place(f"{called} kept tile", href, slide, value))
    return [*found, *_of_scores(slides)]


def _of_scores(slides: Iterable[Record]) -> Iterator[Record]:
    best: dict[str, tuple[float, str, Record]] = {}
    for slide in slides:
        for name, (tile, value) in slide["scores"].items():
            if name not in best or value > best[name][0]:
                best[name] = value, tile, slide
    for name in sorted(best)[:MOST_SCORES]:
        value, tile, slide = best[name]
        href = f"#s-{slide['id']}"
        if slide["viewer"]:
            href = f"{slide['viewer']}#tile={tile}&heat=score-{name}"
        yield _place(f"highest {name}", href, slide, value)


def _place(label: str, href: str, slide: Record, value: float) -> Record:
    return {"label": label, "href": href, "slide": slide["name"], "value": number(value)}
