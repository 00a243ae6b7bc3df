"""``exports.json``: which files for other programs lie beside a slide's tiles, and their sums."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.beside import read_beside
from mrxs_tiles.files.manifest import EXPORTS, Record
from mrxs_tiles.files.store import settle
from mrxs_tiles.made_by import FIELD, made_by


def note_exports(folder: Path, slide: str, tables: Mapping[str, str]) -> None:
    """Write down what was exported, beside what an earlier run has exported.

    Args:
        folder: ``results/{slide}``.
        slide: its name.
        tables: file -> CRC-32.

    Raises:
        ResultsError: it cannot be written.
    """
    before = _before(folder)
    there = [name for name in before.get("tables", {}) if (folder / name).is_file()]
    known = {name: before["tables"][name] for name in there} | dict(tables)
    exported = {*EXPORTS.values()}
    makers = before.get(FIELD, {}) | dict.fromkeys(tables, made_by("export"))
    record: Record = {
        "slide": slide,
        # of each, since they are written at different times; what a model made is the user's
        FIELD: {name: makers[name] for name in sorted(known) if name in exported & makers.keys()},
        "tables": dict(sorted(known.items())),
    }
    settle(folder, *tables)
    path = folder / manifest.EXPORTS_JSON
    manifest.write_record(path, manifest.sealed(record, manifest.EXPORTS_JSON))


def _before(folder: Path) -> Record:
    try:
        return read_beside(folder / manifest.EXPORTS_JSON)
    except ResultsError:
        return {}
