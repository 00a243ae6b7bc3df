"""The rows of the page: each slide's as HTML, and what sorting and searching go by.

A browser takes a second or more to lay out some thousand rows, and needs few. So a long page holds
its first rows, and of all slides what they are sorted and searched by; the other rows are handed
over by scripts beside it, since a page that was opened from a disk may fetch nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mrxs_tiles.files.checksums import sha256
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import write_file
from mrxs_tiles.report.pictures import FOLDER, ROWS
from mrxs_tiles.report.text import MEASURES
from mrxs_tiles.viewer.page_template import Filters, template

ALL_HERE = 500  # slides: the page of so many holds all their rows
HERE = 200  # rows in the page of more, and shown at once
PART = 250  # rows in one script: 1.2 MB


class Rows(NamedTuple):
    """The rows that stand in the page, what it must know of all, and the scripts with the rest."""

    here: list[str]
    known: str  # JSON that may stand in a page
    scripts: list[str]  # their names in ``report_files``

    @property
    def nonce(self) -> str:
        """By which the page knows the scripts that it loads: who writes a name cannot guess it."""
        return sha256(self.known.encode())


def write_rows(
    results: Path, slides: Sequence[Record], shared: Mapping[str, Any], filters: Filters
) -> Rows:
    """Write the scripts with the rows that do not stand in the page.

    Args:
        results: where everything goes.
        slides: in the order of the page.
        shared: what the template needs beside one slide; ``reasons`` are columns.
        filters: of the template.

    Raises:
        ResultsError: a script cannot be written.
    """
    row = template("report.row", filters)
    html = [row.render(shared, slide=slide) for slide in slides]
    here = len(html) if len(html) <= ALL_HERE else HERE
    scripts = [
        _write_part(results, html[begin : begin + PART]) for begin in range(here, len(html), PART)
    ]
    about = {
        "here": here,
        "size": PART,
        "shown": HERE if scripts else None,  # at once; null: all
        "folder": FOLDER,
        "scripts": scripts,
        "slides": [_known(slide, [reason for reason, _ in shared["reasons"]]) for slide in slides],
    }
    return Rows(html[:here], _in_page(about), scripts)


def _write_part(results: Path, rows: Sequence[str]) -> str:
    """Write some rows as a script; returns its name, by which a page knows that it is its own."""
    text = _json(list(rows))
    name = ROWS.format(sha256(text.encode())[:16])
    write_file(results / FOLDER / name, f'rows("{name}",{text});\n'.encode())
    return name


def _known(slide: Record, reasons: Iterable[str]) -> list[Any]:
    """What the page knows of a slide whose row is elsewhere: id, tags, text, and its columns."""
    row = slide["row"]
    columns = [row[name] for name in ("tiles", "kept", "kept_fraction", *reasons, "tissue_mm2")]
    text = [
        slide["status"],
        *(["has a warning"] if slide["warned"] else []),
        *(["outlier"] if slide["outlier"] else []),
        *(MEASURES[key].title for key in slide["outlier"]),
        *(text for label, text in slide["facts"] if label == "file"),
        *filter(None, [slide["error"]]),
        *slide["warnings"],
    ]
    return [slide["id"], slide["tags"], text, slide["name"], slide["rank"], *columns]


def _in_page(what: object) -> str:
    """JSON inside of a page's script: nothing in it ends that."""
    return _json(what).replace("<", "\\u003c")


def _json(what: object) -> str:
    return json.dumps(what, ensure_ascii=True, separators=(",", ":"))
