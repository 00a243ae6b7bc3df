"""``report.html``: the report as one page, opened by double click, with its pictures beside it.

Names and sentences of slides are never trusted: the template escapes every text, links are
percent-encoded, and the page's own policy lets no script run but the one it was made with.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import mrxs_tiles
from mrxs_tiles.errors import as_size, printable
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import BAD, REASONS, Record
from mrxs_tiles.files.manifest import KEPT as KEPT_STATUS
from mrxs_tiles.files.store import write_file
from mrxs_tiles.made_by import versions
from mrxs_tiles.names import LOGS, name_fault, slide_id
from mrxs_tiles.pixels.reasons import KEPT, LOOKS
from mrxs_tiles.report import pictures as page_pictures
from mrxs_tiles.report.cohort import FENCE, LEAST
from mrxs_tiles.report.pictures import FOLDER, VIEWERS, Pictures
from mrxs_tiles.report.piece import extent_of
from mrxs_tiles.report.pieces import Pieces
from mrxs_tiles.report.places import highest_scores, places, with_ends_named
from mrxs_tiles.report.rows import write_rows
from mrxs_tiles.report.sample_tiles import DROPPED_SHOWN, KEPT_SHOWN, Sample, Tiles
from mrxs_tiles.report.scales import differing_scales
from mrxs_tiles.report.spreads import spreads_of
from mrxs_tiles.report.text import MEASURES, measured, number, slide_facts
from mrxs_tiles.viewer.page_template import filled

FILTERS = {"n": number}
# bad slides first, then what stands out
RANKS = {"failed": 0, "damaged": 1, "kept": 2, "empty": 3, "outlier": 4, "warning": 5, "ok": 6}


class Entry(NamedTuple):
    """One slide: its row of ``report.tsv``, its ``slide.json`` and its ``tiles.json``."""

    row: Record
    inspected: Record
    tiled: Mapping[str, Any] = MappingProxyType({})


def write_page(
    results: Path,
    entries: Sequence[Entry],
    pieces: Pieces,
    config: Mapping[str, object],
    unnamed: str = "",
    unfinished: str = "",
) -> None:
    """Write the page and the pictures that it shows.

    Args:
        results: where everything goes.
        entries: all slides.
        pieces: what an earlier report made of each; holds the new ones when this returns.
        config: keys and values that the page shows.
        unnamed: the sentence on results that no entry tells of.
        unfinished: the one on a run that did not come to its end.

    Raises:
        ResultsError: something cannot be written.
    """
    kept: set[str] = set()
    slides = []
    for entry in entries:
        slide, made = _slide(results, entry, pieces)
        slides.append(slide)
        kept |= {*made}
        if slide["viewer"]:
            kept.add(VIEWERS)
        kept.add(page_pictures.map_name(entry.row["slide"]))  # of a failed slide too
    spreads = spreads_of(slides)
    for slide in slides:
        slide["tags"] = _tags(slide)
        slide["rank"] = _rank(slide)
    slides.sort(key=_order)
    values = _values(slides, entries, config) | {"spreads": spreads}
    rows = write_rows(results, slides, values, FILTERS)
    values |= {"rows": rows.here, "index": rows.known, "elsewhere": bool(rows.scripts)}
    values["nonce"] = rows.nonce
    page = filled("report.page", values | {"unnamed": unnamed, "unfinished": unfinished}, FILTERS)
    _list_viewers(results, slides)
    write_file(results / manifest.REPORT_HTML, page.encode("utf-8", "backslashreplace"))
    page_pictures.remove_others(results, kept.union(rows.scripts))


def _slide(results: Path, entry: Entry, pieces: Pieces) -> tuple[Record, Pictures]:
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


def _list_viewers(results: Path, slides: Iterable[Record]) -> None:
    """Tell each viewer which is the slide before its own, and which the one behind it."""
    viewers = [[slide["id"], slide["viewer"]] for slide in slides if slide["viewer"]]
    if viewers:  # else the one of an earlier report is gone with its pictures
        text = f"slides({json.dumps(viewers, separators=(',', ':'))});\n"
        write_file(results / FOLDER / VIEWERS, text.encode())


def address(path: str) -> str:
    """A path below the results as a relative address, whatever it is made of."""
    return quote(os.fsencode(path))


def _values(
    slides: Sequence[Record], entries: Iterable[Entry], config: Mapping[str, object]
) -> Record:
    """What the templates need beside one slide and the rows."""
    rows = [entry.row for entry in entries]
    return {
        "slides": slides,
        "totals": _totals(rows),
        "scales": differing_scales(rows),
        "fates": _fates(rows),
        "places": places(slides),
        "looks": LOOKS,
        # a column that is 0 for every slide would only make the table wider
        "reasons": [(reason, LOOKS[reason]) for reason in REASONS if _sum(rows, reason)],
        "config": [(key, _value(value)) for key, value in config.items()],
        "versions": _versions(),
        "folder": FOLDER,
        "fence": FENCE,
        "least": LEAST,
        "kept_shown": KEPT_SHOWN,
        "dropped_shown": DROPPED_SHOWN,
    }


def _tags(slide: Record) -> list[str]:
    """The words that the page's filters go by."""
    row = slide["row"]
    tags = {
        slide["status"]: True,
        "bad": slide["bad"],
        "warning": slide["warned"],
        "outlier": bool(slide["outlier"]),
        "empty": row["kept"] == 0,
    }
    return [tag for tag, holds in tags.items() if holds] + [one for one in REASONS if row[one]]


def _rank(slide: Record) -> int:
    if slide["bad"]:
        return RANKS[slide["status"]]
    if slide["row"]["kept"] == 0:
        return RANKS["empty"]
    odd = "outlier" if slide["outlier"] else "warning" if slide["warned"] else "ok"
    return RANKS[odd]


def _order(slide: Record) -> tuple[int, str]:
    """By which slides are sorted, on the page and from viewer to viewer."""
    return slide["rank"], slide["name"]


def _sum(rows: Iterable[Record], column: str) -> Any:
    return sum(row[column] or 0 for row in rows)


def _totals(rows: Sequence[Record]) -> Record:
    status = [row["status"] for row in rows]
    return {
        "slides": len(rows),
        # not `kept`, which counts tiles
        **{name: status.count(name) for name in ("ok", "failed", "damaged")},
        "slides_kept": status.count(KEPT_STATUS),
        "bad": sum(name in BAD for name in status),
        "warned": sum(bool(row["warnings"]) for row in rows if row["status"] == "ok"),
        "tiles": _sum(rows, "tiles"),
        "kept": _sum(rows, "kept"),
        "size": as_size(_sum(rows, "tile_bytes")),
        "scanned_mm2": _sum(rows, "scanned_mm2"),
        "tissue_mm2": _sum(rows, "tissue_mm2"),
        "no_area": sum(row["tissue_mm2"] is None for row in rows),
    }


def _fates(rows: Sequence[Record]) -> list[Record]:
    """What became of all tiles: those that are kept, and each reason."""
    tiles = _sum(rows, "tiles")
    return [
        {
            "name": fate,
            "look": LOOKS[fate],
            "count": _sum(rows, fate),
            "share": _sum(rows, fate) / tiles if tiles else 0,
        }
        for fate in (KEPT, *REASONS)
    ]


def _value(value: object) -> str:
    """A value of the config as it is shown; of a path its last part alone."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    text = str(value)
    return printable(Path(text).name if os.path.isabs(text) else text)  # noqa: PTH117


def _versions() -> list[tuple[str, str]]:
    return [("mrxs-tiles", mrxs_tiles.__version__), *versions().items()]
