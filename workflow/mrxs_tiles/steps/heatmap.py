"""The step ``heatmap``: the numbers of a model, laid back onto the slides whose tiles it saw.

Writes ``heatmap-{name}.png``, ``heatmap-{name}.geojson`` and ``heatmap-{name}.js`` of each score,
and ``heatmap.json``, into ``results/{slide}``. No slide is opened; ``tile`` removes them where it
cuts anew, since they speak of the tiles that were there.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from mrxs_tiles.cutting import kept
from mrxs_tiles.errors import ConfigError, ResultsError, printable
from mrxs_tiles.exports.heatmap import write_heatmap
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, in_turn
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import settle, write_file
from mrxs_tiles.made_by import FIELD, made_by
from mrxs_tiles.names import name_fault
from mrxs_tiles.viewer.heat import layer, picture
from mrxs_tiles.viewer.matching import Matched, matched, read_grid
from mrxs_tiles.viewer.page import list_layers
from mrxs_tiles.viewer.scores import MOST_NAMED, Whole, read_scores

log = logging.getLogger(__name__)


def heatmap(scores: Path, results: Path, slide: str | None = None) -> list[str]:
    """Lay a table of scores onto the slides that it names.

    Args:
        scores: the table, as ``viewer.scores.read_scores`` takes it.
        results: where everything lies.
        slide: whose tiles they are, where the table does not say.

    Returns:
        A line for each slide, and for what was left out.

    Raises:
        ConfigError: the table cannot be read, two rows are of one tile, or none is of a tile.
        ResultsError: a slide's results cannot be read or written.
    """
    read = read_scores(scores, slide)
    said = list(read.notes)
    order = np.argsort(read.slide, kind="stable")
    ends = np.searchsorted(read.slide[order], np.arange(len(read.slides) + 1))
    laid: dict[str, Matched] = {}
    unknown: dict[str, int] = {}
    for number, name in enumerate(read.slides):
        rows: Whole = order[ends[number] : ends[number + 1]]
        if not name or name_fault(name) or not (results / name / manifest.TILES_TSV).is_file():
            unknown[name] = len(rows)
            continue
        kept.last_said(results / name)  # what cannot be gone by is told
        laid[name] = matched(name, read_grid(results / name / manifest.TILES_TSV), read, rows)
    said += _of_unknown(unknown)
    if not any(np.isfinite(one).any() for found in laid.values() for one in found.values.values()):
        notes = [f"{printable(name)}: {note}" for name, one in laid.items() for note in one.notes]
        raise ConfigError(
            f"No row of {scores} is of a tile of {results}. " + ". ".join([*said, *notes])
        )
    for name, found in laid.items():
        with in_turn(results / name / SLIDE_LOCK, SLIDE_TAKEN.format(name)):
            said += _write(results / name, name, found)
    return said


def _of_unknown(unknown: dict[str, int]) -> list[str]:
    if not unknown:
        return []
    named = ", ".join(printable(name) or "(no name)" for name in list(unknown)[:MOST_NAMED])
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    return [
        f"rows of slides that have no tiles here (names are those in report.tsv): "
        f"{sum(unknown.values()):,}, of {named}{more}"
    ]


def _write(folder: Path, slide: str, found: Matched) -> list[str]:
    """Write the files of one slide's scores; returns what is to be said of it."""
    said = [f"{printable(slide)}: {note}" for note in found.notes]
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    tables: dict[str, str] = {}
    for name, values in found.values.items():
        known = ~np.isnan(values)
        if not known.any():
            continue
        png, geojson, script = (manifest.HEATMAP.format(name, kind) for kind in manifest.HEAT_KINDS)
        try:
            thumbnail = (folder / manifest.THUMBNAIL).read_bytes()
        except OSError:
            said.append(f"{printable(slide)}: {png} is left out, since there is no thumbnail")
        else:
            size = inspected["width"], inspected["height"]
            painted = picture(thumbnail, size, found.grid, values, name)
            tables[png] = write_file(folder / png, painted)
        grid = found.grid
        columns = (grid.col, grid.row, grid.x, grid.y, grid.width, grid.height, values)
        rows = zip(*(column[known].tolist() for column in columns), strict=True)
        tables[geojson] = write_heatmap(folder / geojson, slide, name, inspected, rows)
        tables[script] = write_file(folder / script, layer(name, values))
        said.append(f"{printable(slide)}: {name} of {int(known.sum()):,} of {len(grid):,} tiles")
    _note(folder, slide, tables)
    return said


def _note(folder: Path, slide: str, tables: dict[str, str]) -> None:
    """Write down what there is, beside what was there before, and tell the viewer."""
    path = folder / manifest.HEATMAP_JSON
    try:
        before = manifest.read_record(path).get("tables", {})
    except ResultsError:
        before = {}
    there = {name: crc32 for name, crc32 in before.items() if (folder / name).is_file()}
    record: Record = {"slide": slide, FIELD: made_by("heatmap")}
    record["tables"] = dict(sorted((there | tables).items()))
    settle(folder, *tables)
    manifest.write_record(path, manifest.sealed(record, manifest.HEATMAP_JSON))
    list_layers(folder)
