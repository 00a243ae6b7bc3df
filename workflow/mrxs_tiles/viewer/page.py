"""``viewer.html``: a slide's Deep Zoom pyramid in a browser, with the grid of its tiles over it.

All that the page needs lies beside it in ``viewer_files/``, and nothing is fetched: pictures and
scripts are loaded as such, which browsers also do from a disk.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrxs_tiles.clone import BROUGHT, CLONE, OPENSEADRAGON
from mrxs_tiles.errors import ResultsError, printable
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import TileFolder, write_file
from mrxs_tiles.pixels.filters import Color
from mrxs_tiles.pixels.label_tints import label_tint
from mrxs_tiles.pixels.pyramid import TILE_PX
from mrxs_tiles.pixels.reasons import LOOKS
from mrxs_tiles.viewer.deepzoom import SUFFIX, Written
from mrxs_tiles.viewer.page_template import filled

DATA, SCRIPT, LICENCE = "slide.js", "openseadragon.min.js", "openseadragon-LICENSE.txt"
_NAMESPACE = "http://schemas.microsoft.com/deepzoom/2008"


def openseadragon() -> dict[str, bytes]:
    """The files of OpenSeadragon that each viewer carries, by the names they have there.

    Raises:
        ResultsError: it is not installed.
    """
    try:
        script = (OPENSEADRAGON / "build/openseadragon" / SCRIPT).read_bytes()
        licence = (OPENSEADRAGON / "LICENSE.txt").read_bytes()
    except OSError:
        do = "Run make env in the folder of mrxs-tiles, which installs it from npm"
        if CLONE == BROUGHT:
            do = "mrxs-tiles was installed from where npm was not: install npm and then it, again"
        raise ResultsError(
            f"deepzoom needs OpenSeadragon, which is not in {OPENSEADRAGON}. {do}, or set deepzoom "
            "to false."
        ) from None
    return {SCRIPT: script, LICENCE: licence}


def add_scripts(folder: TileFolder, data: Mapping[str, Any]) -> None:
    """Put what the page loads into ``viewer_files/``.

    Raises:
        ResultsError: OpenSeadragon is not installed, or a file cannot be written.
    """
    for name, content in openseadragon().items():
        folder.write(name, content)
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    folder.write(DATA, f"const SLIDE = {text};\n".encode())


def write_page(slide_results: Path, inspected: Record, written: Written) -> dict[str, str]:
    """Write ``viewer.html`` and ``viewer.dzi``; returns the CRC-32 of each by its name.

    Args:
        slide_results: ``results/{slide}``.
        inspected: what ``slide.json`` holds.
        written: which tiles of the pyramid there are.

    Raises:
        ResultsError: they cannot be written.
    """
    values = {
        "slide": printable(inspected["slide"]),
        "data": f"{manifest.VIEWER_FILES}/{DATA}",
        "openseadragon": f"{manifest.VIEWER_FILES}/{SCRIPT}",
    }
    page = write_file(slide_results / manifest.VIEWER, filled("viewer.page", values).encode())
    width, height = inspected["width"], inspected["height"]
    top = max(written)
    rects = "".join(
        f'<DisplayRect MinLevel="0" MaxLevel="{top}">'
        f'<Rect X="{x}" Y="{y}" Width="{w}" Height="{h}"/></DisplayRect>\n'
        for x, y, w, h in display_rects(written[top], (width, height))
    )
    dzi = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Image TileSize="{TILE_PX}" Overlap="0" Format="{SUFFIX}" xmlns="{_NAMESPACE}">'
        f'<Size Width="{width}" Height="{height}"/>\n<DisplayRects>\n{rects}</DisplayRects>\n'
        "</Image>\n"
    )
    described = write_file(slide_results / manifest.VIEWER_DZI, dzi.encode())
    return {manifest.VIEWER: page, manifest.VIEWER_DZI: described}


def display_rects(
    tiles: Iterable[tuple[int, int]], size: tuple[int, int]
) -> list[tuple[int, int, int, int]]:
    """Where a sparse pyramid has tiles: x, y, width, height, px of full resolution.

    As Deep Zoom's ``DisplayRects``, by which a viewer asks for no tile that is not there. A tile
    of any level is there if it shares area with one of them. Where none is, one without area says
    so: without any, all tiles would be taken for there.

    Args:
        tiles: column and row of each tile of the finest level.
        size: (width, height) of the picture.
    """
    found: list[tuple[int, int, int, int]] = []
    open_rects: dict[tuple[int, int], int] = {}  # by first column and the one behind the last
    runs = _runs(tiles)
    last = max(runs, default=-1)
    for row in range(last + 2):
        line = runs.get(row, [])
        now = set(zip(line[::2], line[1::2], strict=True))
        for run in sorted(open_rects.keys() - now):
            left, top = run[0] * TILE_PX, open_rects.pop(run) * TILE_PX
            right, bottom = min(run[1] * TILE_PX, size[0]), min(row * TILE_PX, size[1])
            found.append((left, top, right - left, bottom - top))
        open_rects |= dict.fromkeys(now - open_rects.keys(), row)
    return found or [(0, 0, 0, 0)]


def page_data(
    inspected: Record,
    tiled: Record,
    background: Color,
    written: Written,
    rows: Iterable[Sequence[str]],
) -> dict[str, Any]:
    """What the page knows of a slide.

    Args:
        inspected: what ``slide.json`` holds.
        tiled: what ``tiles.json`` will hold.
        background: colour of what was not scanned.
        written: which tiles of the pyramid there are.
        rows: those of ``tiles.tsv``.
    """
    kinds = list(LOOKS)
    columns, lines, tiles, labels = _grid_and_tiles(rows)
    return {
        "name": inspected["slide"],
        "width": inspected["width"],
        "height": inspected["height"],
        "mpp": [inspected["mpp_x"], inspected["mpp_y"]],
        "background": list(background),
        "tileSize": TILE_PX,
        "format": SUFFIX,
        "files": manifest.VIEWER_FILES,
        "levels": [_runs(written[level]) for level in sorted(written)],
        "kinds": [[look.label, list(look.tint), look.sentence] for look in LOOKS.values()],
        "columns": columns,
        "rows": lines,
        "tiles": tiles,
        "labels": [[name, list(label_tint(name)), kept] for name, kept in labels.items()],
        "counts": [tiled["counts"].get(kind, 0) for kind in kinds],
        "error": tiled["error"],
    }


def _grid_and_tiles(
    rows: Iterable[Sequence[str]],
) -> tuple[
    dict[int, tuple[int, int]], dict[int, tuple[int, int]], list[list[object]], Counter[str]
]:
    """Where columns and rows lie (begin and length, level-0 px), and what became of each tile.

    And of how many kept tiles each label is; a tile has the number of its own, or none.
    """
    labels: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    kinds = list(LOOKS)
    columns: dict[int, tuple[int, int]] = {}
    lines: dict[int, tuple[int, int]] = {}
    tiles: list[list[object]] = []
    for cells in rows:
        row = dict(zip(manifest.TILES, cells, strict=True))
        col, line = int(row["col"]), int(row["row"])
        columns[col] = int(row["x"]), int(row["width"])
        lines[line] = int(row["y"]), int(row["height"])
        kind = kinds.index(row["reason"] or "kept")
        measured = [_number(row[name]) for name in ("tissue", "focus", "pen")]
        tiles.append([col, line, kind, *measured, row["file"]])
        if row["label"]:
            label = manifest.plain(row["label"])
            labels[label] += row["reason"] == ""
            tiles[-1].append(numbers.setdefault(label, len(numbers)))
    return columns, lines, tiles, labels


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _runs(addresses: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """By row: first column, and the one behind the last, of each run of tiles."""
    runs: dict[int, list[int]] = {}
    for row, col in sorted((row, col) for col, row in addresses):
        line = runs.setdefault(row, [])
        if line and line[-1] == col:
            line[-1] = col + 1
        else:
            line += [col, col + 1]
    return runs
