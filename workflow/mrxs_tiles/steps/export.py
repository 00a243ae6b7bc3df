"""The step ``export``: what became of a slide's tiles, in files that other programs read.

Writes ``clam.h5``, ``qupath.geojson`` and ``tiles.parquet`` into ``results/{slide}``, those that
are asked for, from the records and the table that ``inspect`` and ``tile`` left: no slide is
opened and no tile is cut. ``tile`` removes them where it cuts anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from mrxs_tiles.cutting import kept
from mrxs_tiles.exports.known import note_exports
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, in_turn
from mrxs_tiles.files.manifest import Record

log = logging.getLogger(__name__)


def export(
    slide: str, results: Path, exports: Iterable[str], sheet: Mapping[str, str] | None = None
) -> Record:
    """Write the files of one cut slide that other programs read.

    Args:
        slide: its name, the folder below ``results``.
        results: where everything goes.
        exports: which files, by the names in ``manifest.EXPORTS``.
        sheet: the columns of the user's sheet that go with the slide, for ``tiles.parquet``.

    Returns:
        What ``tiles.json`` holds. Files of a failed slide have no tile in them.

    Raises:
        ResultsError: ``tile`` has not been run, a file cannot be written, or another process is
            at this slide.
    """
    with in_turn(results / slide / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
        return _export(slide, results / slide, exports, sheet or {})


def _export(slide: str, folder: Path, exports: Iterable[str], sheet: Mapping[str, str]) -> Record:
    # its tables are whole if it is there
    tiled = kept.last_said(folder)
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    # as in the tables: a name on the disk may be no Unicode text
    name = slide.encode("utf-8", "backslashreplace").decode()
    tables: dict[str, str] = {}
    for kind in exports:
        tables[manifest.EXPORTS[kind]] = _write(kind, folder, name, inspected, sheet)
        log.info("%s: %s written", slide, manifest.EXPORTS[kind])
    note_exports(folder, slide, tables)
    return tiled


def _write(kind: str, folder: Path, name: str, inspected: Record, sheet: Mapping[str, str]) -> str:
    """Write one file; returns its CRC-32."""
    # Imported here: each brings a library of its own that the others do not need.
    path = folder / manifest.EXPORTS[kind]
    rows = manifest.read_table(folder / manifest.TILES_TSV, manifest.TILES)
    if kind == "clam":
        from mrxs_tiles.exports.clam import write_clam

        return write_clam(path, name, inspected, rows)
    if kind == "qupath":
        from mrxs_tiles.exports.qupath import write_qupath

        return write_qupath(path, name, inspected, rows)
    from mrxs_tiles.exports.parquet import write_parquet

    return write_parquet(path, name, rows, sheet)
