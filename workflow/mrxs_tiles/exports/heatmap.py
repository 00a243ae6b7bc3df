"""``heatmap-{name}.geojson``: the tiles that have a score, as objects of QuPath with that number.

QuPath shows only the scanned area and counts from its corner: so does this file. Its ids are not
those of ``qupath.geojson``: both can be brought into one project.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from mrxs_tiles.exports.qupath import NAMESPACE
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import write_pieces

Scored = tuple[int, int, int, int, int, int, float]  # col row x y width height score
LINES = 10_000  # written at once
BETWEEN = ",\n"


def write_heatmap(
    path: Path, slide: str, name: str, inspected: Record, tiles: Iterable[Scored]
) -> str:
    """Write the tiles of one score; returns the file's CRC-32.

    Args:
        path: the file.
        slide: the slide's name.
        name: the score's.
        inspected: what ``slide.json`` holds.
        tiles: those that have a score; places in level-0 px.

    Raises:
        ResultsError: it cannot be written.
    """
    x, y = (inspected["bounds"] or (0, 0))[:2]
    return write_pieces(path, _pieces(slide, name, (x, y), tiles))


def _pieces(
    slide: str, name: str, corner: tuple[int, int], tiles: Iterable[Scored]
) -> Iterator[bytes]:
    """The file, some lines at a time: a slide can have a million."""
    start = hashlib.sha1(NAMESPACE.bytes + f"{slide}/heatmap-{name}/".encode("utf-8", "replace"))  # noqa: S324 - as UUIDs of version 5 are
    measure = json.dumps(name)
    lines: list[str] = []
    before = '{"type":"FeatureCollection","features":[\n'
    for col, row, x, y, width, height, score in tiles:
        if not (width and height):
            continue
        digest = start.copy()
        digest.update(f"{col}_{row}".encode())
        left, top = x - corner[0], y - corner[1]
        right, bottom = left + width, top + height
        lines.append(
            f'{{"type":"Feature","id":"{_uuid(digest.hexdigest())}","geometry":{{"type":"Polygon",'
            f'"coordinates":[[[{left},{top}],[{right},{top}],[{right},{bottom}],[{left},{bottom}],'
            f'[{left},{top}]]]}},"properties":{{"objectType":"tile","name":"{col}_{row}",'
            f'"measurements":{{{measure}:{score:.6g}}}}}}}'
        )
        if len(lines) == LINES:
            yield (before + BETWEEN.join(lines)).encode()
            before = BETWEEN
            lines.clear()
    if lines or before != BETWEEN:
        yield (before + BETWEEN.join(lines)).encode()
    yield b"\n]}\n"


def _uuid(digest: str) -> str:
    """A UUID of version 5 (RFC 9562, 5.5) from its SHA-1; uuid.uuid5 takes three times as long."""
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
