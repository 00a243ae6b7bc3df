"""The records of files beside a slide's tiles, which `export`, `viewer` and `heatmap` write."""

from __future__ import annotations

from pathlib import Path

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.made_by import FIELD, is_maker


def read_beside(path: Path) -> Record:
    """Read ``exports.json``, ``viewer.json`` or ``heatmap.json``, as far as it is one of ours.

    It may have been edited, or be a strange program's: who reads it by this need not ask again.

    Raises:
        ResultsError: it is not there, cannot be read, or says other things than ours do.
    """
    record = manifest.read_record(path)
    if not _is_ours(record, path.name):
        raise ResultsError(
            f"{path} is not ours: what a step writes there is missing or of another kind. Put it "
            "back, or run mrxs-tiles verify --results DIR --repair, which says what makes it again."
        )
    return record


def _is_ours(record: Record, name: str) -> bool:
    makers, tables = record.get(FIELD, {}), record.get("tables", {})
    if not all(isinstance(one, dict) for one in (makers, tables, record.get("scores", {}))):
        return False
    each = makers.values() if name == manifest.EXPORTS_JSON else [makers]  # of each of its files
    texts = (record.get("slide"), record.get("error", ""), *tables.values())
    return all(map(is_maker, each)) and all(isinstance(text, str) for text in texts)
