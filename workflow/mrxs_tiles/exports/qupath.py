"""``qupath.geojson``: every tile as an object of QuPath, its class what became of it.

QuPath shows only the scanned area and counts from its corner: so does this file.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mrxs_tiles.files.manifest import TILES, Record, plain
from mrxs_tiles.files.store import write_pieces
from mrxs_tiles.pixels.reasons import KEPT, TINTS

# The same tile has the same id in every run: uuid5 of the slide and the address in this one.
NAMESPACE = uuid.UUID("6a1c7b52-63e4-5b0e-9f0b-5d2c1e7a9b40")
MEASURED = ("tissue", "region", "label_fraction", "focus", "pen")
_REASON, _LABEL = TILES.index("reason"), TILES.index("label")
_MEASURED = [(name, TILES.index(name)) for name in MEASURED]
_CLASSES = {
    fate: json.dumps({"name": fate, "color": list(tint)}, separators=(",", ":"))
    for fate, tint in TINTS.items()
}


def write_qupath(path: Path, name: str, inspected: Record, rows: Iterable[Sequence[str]]) -> str:
    """Write all tiles of one slide, kept and dropped; returns the file's CRC-32.

    Args:
        path: the file.
        name: the slide's.
        inspected: what ``slide.json`` holds.
        rows: those of ``tiles.tsv``.

    Raises:
        ResultsError: it cannot be written.
    """
    x, y = (inspected["bounds"] or (0, 0))[:2]
    return write_pieces(path, _pieces(name, (x, y), rows))


def _pieces(name: str, corner: tuple[int, int], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """The file, a line for each tile: a slide can have a million."""
    yield b'{"type":"FeatureCollection","features":['
    before = "\n"
    for row in rows:
        if int(row[4]) and int(row[5]):  # rounding may leave a last column nothing to cover
            yield f"{before}{_feature(name, corner, row)}".encode()
            before = ",\n"
    yield b"\n]}\n"


def _feature(name: str, corner: tuple[int, int], row: Sequence[str]) -> str:
    col, line, x, y, width, height = map(int, row[:6])
    left, top = x - corner[0], y - corner[1]
    right, bottom = left + width, top + height
    ring = f"[{left},{top}],[{right},{top}],[{right},{bottom}],[{left},{bottom}],[{left},{top}]"
    # numbers as they stand in the table, which is as JSON has them
    measured = ",".join(f'"{key}":{row[place]}' for key, place in _MEASURED if row[place])
    label = ""
    if row[_LABEL]:
        label = f',"metadata":{{"label":{json.dumps(plain(row[_LABEL]))}}}'
    return (
        f'{{"type":"Feature","id":"{uuid.uuid5(NAMESPACE, f"{name}/{col}_{line}")}",'
        f'"geometry":{{"type":"Polygon","coordinates":[[{ring}]]}},'
        f'"properties":{{"objectType":"tile","name":"{col}_{line}",'
        f'"classification":{_CLASSES[row[_REASON] or KEPT]},'
        f'"measurements":{{{measured}}}{label}}}}}'
    )
