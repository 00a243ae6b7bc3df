"""``exports.json``: which files for other programs lie beside a slide's tiles, and their sums."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import settle


def note_exports(folder: Path, slide: str, tables: Mapping[str, str]) -> None:
    """Write down what was exported, beside what an earlier run has exported.

    Args:
        folder: ``results/{slide}``.
        slide: its name.
        tables: file -> CRC-32.

    Raises:
        ResultsError: it cannot be written.
    """
    known = {name: sum_ for name, sum_ in _before(folder).items() if (folder / name).is_file()}
    record: Record = {"slide": slide, "tables": dict(sorted((known | dict(tables)).items()))}
    settle(folder, *tables)
    path = folder / manifest.EXPORTS_JSON
    manifest.write_record(path, manifest.sealed(record, manifest.EXPORTS_JSON))


def _before(folder: Path) -> dict[str, str]:
    try:
        tables = manifest.read_record(folder / manifest.EXPORTS_JSON).get("tables", {})
    except ResultsError:
        return {}
    return {name: str(checksum) for name, checksum in tables.items()}
