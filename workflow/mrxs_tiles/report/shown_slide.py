"""One slide as ``report.html`` shows it: what the page's template needs to know of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from mrxs_tiles.errors import printable
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import BAD, REASONS, Record
from mrxs_tiles.names import LOGS, name_fault, slide_id
from mrxs_tiles.report.pictures import Pictures
from mrxs_tiles.report.piece import extent_of
from mrxs_tiles.report.pieces import Pieces
from mrxs_tiles.report.places import highest_scores, with_ends_named
from mrxs_tiles.report.sample_tiles import Sample, Tiles
from mrxs_tiles.report.text import MEASURES, measured, slide_facts

# bad slides first, then what stands out
RANKS = {"failed": 0, "damaged": 1, "kept": 2, "empty": 3, "outlier": 4, "warning": 5, "ok": 6}


class Entry(NamedTuple):
    """One slide: its row of ``report.tsv``, its ``slide.json`` and its ``tiles.json``."""

    row: Record
    inspected: Record
    tiled: Mapping[str, Any] = MappingProxyType({})


def shown_slide(results: Path, entry: Entry, pieces: Pieces) -> tuple[Record, Pictures]:
    """What the template needs to know of one slide, and its pictures."""
    row, inspected, tiled = entry
    name = row["slide"]
    tiles, made = Tiles(), Pictures()
    if not name_fault(name):  # a folder of that name would be somewhere else
        tiles, made = pieces.of(name, extent_of(row), tiled.get("tables"))
    status = row["status"]
    files = _files(results, name)
    beside = dict(files)
    slide = {
        "id": slide_id(name),
        "name": printable(name),
        "row": row,
        "status": status,
        "warned": status == "ok" and bool(row["warnings"]),
        "bad": status in BAD,
        "error": printable(row["error"]),
        "log": _log(results, entry),
        "warnings": [printable(text) for text in row["warnings"]],
        "facts": [(label, printable(text)) for label, text in slide_facts(row, inspected, tiles)],
        "map": made.map,
        "thumbnail": made.thumbnail,
        "strip": made.samples,
        "viewer": beside.get("viewer", ""),
        "picture": beside.get("thumbnail", ""),
        "samples": with_ends_named(
            [_shown(results, name, sample, beside.get("viewer", "")) for sample in tiles.samples]
        ),
        "files": files,
        "scores": highest_scores(results, name),
        "measured": {key: measure.of(row, tiles) for key, measure in MEASURES.items()},
        "outlier": {},
    }
    return slide, made


def _shown(results: Path, slide: str, sample: Sample, viewer: str) -> Record:
    there = sample.file and os.path.isfile(f"{results}/{slide}/{sample.file}")  # noqa: PTH113 - 12 a slide
    file = sample.file if there else ""
    return {
        "fate": sample.fate,
        "col": sample.col,
        "row": sample.row,
        "value": measured(sample.measure, sample.value),
        "measure": sample.measure,
        "number": sample.value,
        "href": address(f"{slide}/{file}") if file else "",
        "place": f"{viewer}#tile={sample.col}_{sample.row}" if viewer else "",
    }


def _files(results: Path, slide: str) -> list[tuple[str, str]]:
    """The slide's own files that are there: what a link says, and where it leads."""
    named = {
        "viewer": manifest.VIEWER,
        "slide.json": manifest.SLIDE_JSON,
        "tiles.tsv": manifest.TILES_TSV,
        "tiles": "tiles/",
        "map": manifest.TILE_MAP,
        "thumbnail": manifest.THUMBNAIL,
        "tissue mask": manifest.TISSUE,
    }
    if name_fault(slide):
        return []
    try:
        there = {*os.listdir(results / slide)}  # noqa: PTH208 - names; one look for all of them
    except OSError:
        return []
    return [
        (label, address(f"{slide}/{file}"))
        for label, file in named.items()
        if file.rstrip("/") in there
    ]


def _log(results: Path, entry: Entry) -> str:
    """Where the log of the step lies that says what is wrong with a slide; "" where nothing is."""
    name = entry.row["slide"]
    if entry.row["status"] not in BAD or name_fault(name):
        return ""
    step = "inspect" if entry.inspected["status"] == "failed" else "tile"
    file = f"{LOGS}/{name}/{step}.log"
    return address(file) if (results / file).is_file() else ""


def address(path: str) -> str:
    """A path below the results as a relative address, whatever it is made of."""
    return quote(os.fsencode(path))


def tags(slide: Record) -> list[str]:
    """The words that the page's filters go by."""
    row = slide["row"]
    holding = {
        slide["status"]: True,
        "bad": slide["bad"],
        "warning": slide["warned"],
        "outlier": bool(slide["outlier"]),
        "empty": row["kept"] == 0,
    }
    return [tag for tag, holds in holding.items() if holds] + [one for one in REASONS if row[one]]


def rank(slide: Record) -> int:
    """Where a slide stands among the others: what is to be looked at comes first."""
    if slide["bad"]:
        return RANKS[slide["status"]]
    if slide["row"]["kept"] == 0:
        return RANKS["empty"]
    odd = "outlier" if slide["outlier"] else "warning" if slide["warned"] else "ok"
    return RANKS[odd]


def order(slide: Record) -> tuple[int, str]:
    """By which slides are sorted, on the page and from viewer to viewer."""
    return slide["rank"], slide["name"]
