"""``report.html``: the report as one page, opened by double click, with its pictures beside it.

Names and sentences of slides are never trusted: the template escapes every text, links are
percent-encoded, and the page's own policy lets no script run but the one it was made with.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mrxs_tiles
from mrxs_tiles.errors import as_size, printable
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import BAD, REASONS, Record
from mrxs_tiles.files.manifest import KEPT as KEPT_STATUS
from mrxs_tiles.files.store import write_file
from mrxs_tiles.made_by import versions
from mrxs_tiles.pixels.reasons import KEPT, LOOKS
from mrxs_tiles.report import pictures as page_pictures
from mrxs_tiles.report.cohort import FENCE, LEAST
from mrxs_tiles.report.pictures import FOLDER, VIEWERS
from mrxs_tiles.report.pieces import Pieces
from mrxs_tiles.report.places import places
from mrxs_tiles.report.rows import write_rows
from mrxs_tiles.report.sample_tiles import DROPPED_SHOWN, KEPT_SHOWN
from mrxs_tiles.report.scales import differing_scales
from mrxs_tiles.report.shown_slide import Entry, order, rank, shown_slide, tags
from mrxs_tiles.report.spreads import spreads_of
from mrxs_tiles.report.text import number
from mrxs_tiles.viewer.page_template import filled

FILTERS = {"n": number}


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
    slides, kept = _slides(results, entries, pieces)
    spreads = spreads_of(slides)
    for slide in slides:
        slide["tags"] = tags(slide)
        slide["rank"] = rank(slide)
    slides.sort(key=order)
    values = _values(slides, entries, config) | {"spreads": spreads}
    rows = write_rows(results, slides, values, FILTERS)
    values |= {"rows": rows.here, "index": rows.known, "elsewhere": bool(rows.scripts)}
    values["nonce"] = rows.nonce
    page = filled("report.page", values | {"unnamed": unnamed, "unfinished": unfinished}, FILTERS)
    _list_viewers(results, slides)
    write_file(results / manifest.REPORT_HTML, page.encode("utf-8", "backslashreplace"))
    page_pictures.remove_others(results, kept.union(rows.scripts))


def _slides(
    results: Path, entries: Sequence[Entry], pieces: Pieces
) -> tuple[list[Record], set[str]]:
    """What the template needs to know of all slides, and the files beside the page."""
    kept: set[str] = set()
    slides = []
    for entry in entries:
        slide, made = shown_slide(results, entry, pieces)
        slides.append(slide)
        kept |= {*made}
        if slide["viewer"]:
            kept.add(VIEWERS)
        kept.add(page_pictures.map_name(entry.row["slide"]))  # of a failed slide too
    return slides, kept


def _list_viewers(results: Path, slides: Iterable[Record]) -> None:
    """Tell each viewer which is the slide before its own, and which the one behind it."""
    viewers = [[slide["id"], slide["viewer"]] for slide in slides if slide["viewer"]]
    if viewers:  # else the one of an earlier report is gone with its pictures
        text = f"slides({json.dumps(viewers, separators=(',', ':'))});\n"
        write_file(results / FOLDER / VIEWERS, text.encode())


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
