"""The step ``heatmap``: the numbers of a model, laid back onto the slides whose tiles it saw.

Writes ``heatmap-{name}.png``, ``heatmap-{name}.geojson`` and ``heatmap-{name}.js`` of each score,
and ``heatmap.json``, into ``results/{slide}``. No slide is opened; ``tile`` removes them where it
cuts anew, since they speak of the tiles that were there.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mrxs_tiles.cutting import kept
from mrxs_tiles.errors import ConfigError, ResultsError, printable, shown, some_of
from mrxs_tiles.exports.heatmap import write_heatmap
from mrxs_tiles.files import manifest
from mrxs_tiles.files.beside import read_beside
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, in_turn
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import settle, write_file
from mrxs_tiles.made_by import FIELD, made_by
from mrxs_tiles.names import name_fault
from mrxs_tiles.viewer.heat import Scale, layer, peak, picture, scales, span
from mrxs_tiles.viewer.matching import Matched, matched, read_grid
from mrxs_tiles.viewer.page import list_layers
from mrxs_tiles.viewer.scores import MOST_NAMED, Scores, Whole, read_scores

log = logging.getLogger(__name__)


def heatmap(scores: Path | Sequence[Path], results: Path, slide: str | None = None) -> list[str]:
    """Lay tables of scores onto the slides that they name, in the same colours on all of them.

    Args:
        scores: the table, or some of them (CLAM writes one a slide), as
            ``viewer.scores.read_scores`` takes it.
        results: where everything lies.
        slide: whose tiles they are, where a table does not say.

    Returns:
        A line for each slide, and for what was left out.

    Raises:
        ConfigError: a table cannot be read, two rows are of one tile, or none is of a tile.
        ResultsError: a slide's results cannot be read or written.
    """
    paths = [scores] if isinstance(scores, Path) else list(scores)
    if not results.is_dir():
        raise ResultsError(f"{results} is no folder: name the one that was given as results.")
    laid: dict[str, Matched] = {}
    unknown: Counter[str] = Counter()
    said: list[str] = []
    for path in paths:
        read = read_scores(path, slide)
        said += [f"{path.name}: {note}" if len(paths) > 1 else note for note in read.notes]
        for name, found in _laid(read, results, unknown):
            laid[name] = _joined(path, name, laid[name], found) if name in laid else found
    said += _of_unknown(unknown)
    if not any(np.isfinite(one).any() for found in laid.values() for one in found.values.values()):
        notes = [f"{printable(name)}: {note}" for name, one in laid.items() for note in one.notes]
        named = some_of([*map(str, paths)], 1, str)
        raise ConfigError(
            f"No row of {named} is of a tile of {results}. " + ". ".join([*said, *notes])
        )
    for name, found in laid.items():
        _refuse_one_file(results / name, name, found)
    common = scales(laid)
    for name, found in laid.items():
        with in_turn(results / name / SLIDE_LOCK, SLIDE_TAKEN.format(name)):
            said += _write(results / name, name, found, common)
    return said + [_of_scale(name, scale) for name, scale in common.items() if scale.slides > 1]


def _laid(read: Scores, results: Path, unknown: Counter[str]) -> Iterator[tuple[str, Matched]]:
    """The slides of one table that are there, with their scores; the others are counted."""
    order = np.argsort(read.slide, kind="stable")
    ends = np.searchsorted(read.slide[order], np.arange(len(read.slides) + 1))
    for number, name in enumerate(read.slides):
        rows: Whole = order[ends[number] : ends[number + 1]]
        if not name or name_fault(name) or not (results / name / manifest.TILES_TSV).is_file():
            unknown[name] += len(rows)
            continue
        kept.last_said(results / name)  # what cannot be gone by is told
        yield name, matched(name, read_grid(results / name / manifest.TILES_TSV), read, rows)


def _refuse_one_file(folder: Path, slide: str, found: Matched) -> None:
    """Raise where two scores of a slide, of now and of before, would have files of one name."""
    known = {score.casefold(): score for score in _told_before(folder)}
    for score in found.values:
        other = known.setdefault(score.casefold(), score)
        if other != score:
            raise ConfigError(
                f"The scores {other} and {score} of {printable(slide)} would be one file on some "
                "systems: rename a column."
            )


def _told_before(folder: Path) -> list[str]:
    """The scores that a slide has."""
    try:
        told = read_beside(folder / manifest.HEATMAP_JSON).get("scores", {})
    except ResultsError:
        return []
    script = manifest.HEAT_KINDS[-1]
    return [name for name in told if (folder / manifest.HEATMAP.format(name, script)).is_file()]


def _joined(path: Path, slide: str, before: Matched, found: Matched) -> Matched:
    """What two tables say of one slide: other scores."""
    if twice := sorted(before.values.keys() & found.values.keys()):
        raise ConfigError(
            f"{path} holds {', '.join(twice)} of {printable(slide)}, and so does a table named "
            "before it: leave one out, or put their rows into one table."
        )
    return Matched(before.grid, before.values | found.values, before.notes + found.notes)


def _of_scale(name: str, scale: Scale) -> str:
    said = f"{name}: the same colours on all {scale.slides:,} slides, "
    said += f"{scale.low:.4g} to {scale.high:.4g}"
    if top := scale.peak:
        said += f"; the highest of a kept tile is {top.value:.4g}, {top.tile} of "
        said += printable(top.slide)
    return said


def _of_unknown(unknown: Mapping[str, int]) -> list[str]:
    if not unknown:
        return []
    return [
        f"rows of slides that have no tiles here (names are those in report.tsv): "
        f"{sum(unknown.values()):,}, of {some_of([*unknown], MOST_NAMED, _called)}"
    ]


def _called(slide: str) -> str:
    """A slide's name, in quotation marks where blanks around it would not be seen."""
    return (printable(slide) if slide == slide.strip() else shown(slide)) or "(no name)"


def _write(folder: Path, slide: str, found: Matched, common: Mapping[str, Scale]) -> list[str]:
    """Write the files of one slide's scores; returns what is to be said of it."""
    said = [f"{printable(slide)}: {note}" for note in found.notes]
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    tables: dict[str, str] = {}
    told: dict[str, Record] = {}
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
            painted = picture(thumbnail, size, found, name, common[name])
            tables[png] = write_file(folder / png, painted)
        grid = found.grid
        columns = (grid.col, grid.row, grid.x, grid.y, grid.width, grid.height, values)
        rows = zip(*(column[known].tolist() for column in columns), strict=True)
        tables[geojson] = write_heatmap(folder / geojson, slide, name, inspected, rows)
        tables[script] = write_file(folder / script, layer(name, values, common[name]))
        told[name] = _told(slide, found, name, common[name])
        said.append(f"{printable(slide)}: {name} of {int(known.sum()):,} of {len(grid):,} tiles")
    _note(folder, slide, tables, told)
    return said


def _told(slide: str, found: Matched, name: str, scale: Scale) -> Record:
    """What the record says of one score: of this slide, and of its scale."""
    low, high = span(found.values[name])
    top = peak(slide, found.grid, found.values[name])
    return {
        "tiles": int((~np.isnan(found.values[name])).sum()),
        "lowest": low,
        "highest": high,
        "highest_kept": [top.tile, top.value] if top else None,
        "scale": [scale.low, scale.high],
        "slides": scale.slides,
    }


def _note(folder: Path, slide: str, tables: dict[str, str], told: dict[str, Record]) -> None:
    """Write down what there is, beside what was there before, and tell the viewer."""
    path = folder / manifest.HEATMAP_JSON
    try:
        record = read_beside(path)
        before, told_before = record.get("tables", {}), record.get("scores", {})
    except ResultsError:
        before, told_before = {}, {}
    there = {name: crc32 for name, crc32 in before.items() if (folder / name).is_file()}
    known = dict(sorted((there | tables).items()))
    scores = {manifest.score_of(name) for name in known}
    told = {name: one for name, one in (told_before | told).items() if name in scores}
    record = {"slide": slide, FIELD: made_by("heatmap"), "scores": dict(sorted(told.items()))}
    record["tables"] = known
    settle(folder, *tables)
    manifest.write_record(path, manifest.sealed(record, manifest.HEATMAP_JSON))
    list_layers(folder)
