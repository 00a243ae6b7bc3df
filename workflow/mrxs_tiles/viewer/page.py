"""``viewer.html``: a slide's Deep Zoom pyramid in a browser, with the grid of its tiles over it.

All that the page needs lies beside it in ``viewer_files/``, and nothing is fetched: pictures and
scripts are loaded as such, which browsers also do from a disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mrxs_tiles.clone import BROUGHT, CLONE, OPENSEADRAGON
from mrxs_tiles.errors import ResultsError, printable
from mrxs_tiles.files import manifest
from mrxs_tiles.files.beside import read_beside
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import remove_files, settle, write_file
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.names import slide_id
from mrxs_tiles.pixels.filters import Color
from mrxs_tiles.pixels.pyramid import TILE_PX
from mrxs_tiles.pixels.reasons import LOOKS
from mrxs_tiles.viewer.deepzoom import SUFFIX, Written
from mrxs_tiles.viewer.grid_data import GridData, counts
from mrxs_tiles.viewer.heat import COLOURS
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


def add_scripts(folder: TileFolder, data: Mapping[str, Any], grid: GridData) -> None:
    """Put what the page loads into ``viewer_files/``.

    Raises:
        ResultsError: OpenSeadragon is not installed, or a file cannot be written.
    """
    for name, content in openseadragon().items():
        folder.write(name, content)
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    folder.write(DATA, f"const SLIDE = {text};\n".encode())
    for name, content in grid.scripts():
        folder.write(name, content)


def write_page(slide_results: Path, inspected: Record, written: Written) -> dict[str, str]:
    """Write ``viewer.html`` and ``viewer.dzi``; returns the CRC-32 of each by its name.

    Args:
        slide_results: ``results/{slide}``.
        inspected: what ``slide.json`` holds.
        written: which tiles of the pyramid there are.

    Raises:
        ResultsError: they cannot be written.
    """
    page = _write_html(slide_results, inspected["slide"])
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


def _write_html(slide_results: Path, slide: str) -> str:
    """Write the page alone; returns its CRC-32."""
    root = "../" * (slide.count("/") + 1)
    values = {
        "slide": printable(slide),
        "data": f"{manifest.VIEWER_FILES}/{DATA}",
        "openseadragon": f"{manifest.VIEWER_FILES}/{SCRIPT}",
        "root": root,
        "report": f"{root}{manifest.REPORT_HTML}#s-{slide_id(slide)}",
        "slide_id": slide_id(slide),
        "scores": " ".join(_scores(slide_results)),
    }
    filled_in = filled("viewer.page", values, scripts=("data", "heat", "layers", "ruler", "page"))
    return write_file(slide_results / manifest.VIEWER, filled_in.encode())


def _scores(slide_results: Path) -> list[str]:
    """The scores of which there are heat maps."""
    try:
        tables = read_beside(slide_results / manifest.HEATMAP_JSON).get("tables", {})
    except ResultsError:
        return []
    return sorted(manifest.score_of(file) for file in tables if file.endswith(".js"))


def list_layers(slide_results: Path) -> None:
    """Have a viewer that is there know the heat maps that are there now; it reads no slide.

    Raises:
        ResultsError: it cannot be written.
    """
    path = slide_results / manifest.VIEWER_JSON
    try:
        record = read_beside(path)
    except ResultsError:
        return
    if manifest.VIEWER not in record.get("tables", {}):
        return
    remove_files(path, lasting=True)  # until the page that it knows is there
    page = _write_html(slide_results, record["slide"])
    tables = record["tables"] | {manifest.VIEWER: page}
    settle(slide_results, manifest.VIEWER)
    manifest.write_record(path, manifest.sealed(record | {"tables": tables}, path.name))


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
    inspected: Record, tiled: Record, background: Color, written: Written, grid: GridData
) -> dict[str, Any]:
    """What the page knows of a slide at once.

    Args:
        inspected: what ``slide.json`` holds.
        tiled: what ``tiles.json`` holds.
        background: colour of what was not scanned.
        written: which tiles of the pyramid there are.
        grid: what is known of its tiles.
    """
    return grid.about() | {
        "name": inspected["slide"],
        "width": inspected["width"],
        "height": inspected["height"],
        "mpp": [inspected["mpp_x"], inspected["mpp_y"]],
        "background": list(background),
        "tileSize": TILE_PX,
        "format": SUFFIX,
        "files": manifest.VIEWER_FILES,
        "levels": [_runs(written[level]) for level in sorted(written)],
        "kinds": [[name, look.label, list(look.tint)] for name, look in LOOKS.items()],
        "heatColours": [list(colour) for colour in COLOURS],
        "counts": counts(tiled),
        "error": tiled["error"],
    }


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
