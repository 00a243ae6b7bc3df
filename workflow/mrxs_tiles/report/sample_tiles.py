"""A few telling tiles of a slide for its page, and the middle values of those that were kept.

Without pandas, whose import takes longer than all this: the job of each slide does it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from mrxs_tiles.files import manifest
from mrxs_tiles.pixels.reasons import KEPT

KEPT_SHOWN, DROPPED_SHOWN = 4, 2
# What a reason's tiles are ordered by before some are picked. Of tiles that were never scanned
# or cannot be read the thumbnail shows plain background: there is nothing to be seen.
ORDERED_BY = {KEPT: "tissue", "tissue": "tissue", "blank": "tissue", "focus": "focus", "pen": "pen"}
FATES = (*ORDERED_BY, "another")
PLACES = ("col", "row", "x", "y", "width", "height", "tile_width", "tile_height")
MEASURED = ("tissue", "focus", "pen")
COLUMNS = (*PLACES, *MEASURED, "kept", "reason", "file")


@dataclass(frozen=True, slots=True)
class Sample:
    """One tile that is shown."""

    fate: str  # "kept", or the reason
    col: int
    row: int
    box: tuple[int, int, int, int]  # level-0 px: x, y, width, height
    pixels: int  # of its picture
    measure: str  # the column that it was picked by, and its value there
    value: float | None
    file: str  # below results/{slide}; "" where it has none


@dataclass(frozen=True, slots=True)
class Tiles:
    """What the page tells of a slide's tiles beyond their counts."""

    tissue: float | None = None  # median of the kept tiles
    focus: float | None = None
    samples: tuple[Sample, ...] = ()


def look_at_tiles(folder: Path) -> Tiles:
    """Read a slide's ``tiles.tsv``; what cannot be read has nothing to tell."""
    try:
        with (folder / manifest.TILES_TSV).open("rb") as stream:
            return _looked(_Table(stream))
    except (OSError, ValueError):
        return Tiles()


class _Table:
    """What tiles are picked by, 50 bytes a row; of those that are shown the line is read again."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Read ``tiles.tsv``.

        Raises:
            OSError: it cannot be read.
            ValueError: a column is missing, or a cell is not what belongs there.
        """
        self._stream = stream
        header = stream.readline()
        names = header.decode().rstrip("\r\n").split("\t")
        self._at = {name: names.index(name) for name in COLUMNS}
        self._cells = len(names)
        codes = {fate.encode(): code for code, fate in enumerate(FATES)}
        col, row, kept, reason = (self._at[name] for name in ("col", "row", "kept", "reason"))
        measures = [self._at[name] for name in MEASURED]
        fates, begins, places, values = array("b"), array("q"), array("q"), array("d")
        begin = len(header)
        for line in stream:
            cells = self._split(line)
            is_kept = int(cells[kept]) == 1
            fates.append(0 if is_kept else codes.get(cells[reason], len(ORDERED_BY)))
            begins.append(begin)
            places.extend((int(cells[col]), int(cells[row])))
            values.extend(float(cells[at] or b"nan") for at in measures)
            begin += len(line)
        self._begins = begins
        self.fates = np.array(fates, np.int8)
        self.places = np.array(places, np.int64).reshape(-1, 2)
        self.values = dict(zip(MEASURED, np.array(values, float).reshape(-1, 3).T, strict=True))

    def cells(self, number: int) -> dict[str, str]:
        """The cells of one row."""
        self._stream.seek(self._begins[number])
        cells = self._split(self._stream.readline())
        return {name: cells[at].decode() for name, at in self._at.items()}

    def _split(self, line: bytes) -> list[bytes]:
        cells = line.rstrip(b"\r\n").split(b"\t")
        if len(cells) != self._cells:
            raise ValueError(line)
        return cells


def _looked(table: _Table) -> Tiles:
    kept = table.fates == FATES.index(KEPT)
    tissue, focus = table.values["tissue"][kept], table.values["focus"][kept]
    asked = _asked_for(has_focus=bool((~np.isnan(focus)).any()))
    samples = [
        _sample(fate, table.cells(number), measure)
        for fate, measure, count in asked
        for number in _picked(table, fate, measure, count)
    ]
    once = {(one.col, one.row): one for one in samples}  # by what it was picked by last
    return Tiles(_median(tissue), _median(focus), tuple(once.values()))


def _asked_for(has_focus: bool) -> Sequence[tuple[str, str, int]]:
    """What is shown: a fate, what its tiles are ordered by, and how many of them."""
    asked = [
        (fate, measure, KEPT_SHOWN if fate == KEPT else DROPPED_SHOWN)
        for fate, measure in ORDERED_BY.items()
    ]
    if has_focus:  # half of the kept ones by that
        half = KEPT_SHOWN // 2
        asked[0:1] = [(KEPT, "tissue", half), (KEPT, "focus", KEPT_SHOWN - half)]
    return asked


def _picked(table: _Table, fate: str, measure: str, count: int) -> list[int]:
    """The rows of some of a fate's tiles, spread over them in the order of what was measured."""
    rows = np.flatnonzero(table.fates == FATES.index(fate))
    col, row = table.places[rows].T
    value = table.values[measure][rows]
    order = np.lexsort((row, col, np.where(np.isnan(value), -np.inf, value)))
    return [int(rows[order[place]]) for place in _spread(len(rows), count)]


def _spread(found: int, wanted: int) -> list[int]:
    """Places spread over a row of ``found``, its first and last among them."""
    if not found:
        return []
    return sorted(set(np.linspace(0, found - 1, wanted).round().astype(int).tolist()))


def _sample(fate: str, cells: dict[str, str], measure: str) -> Sample:
    col, row, x, y, width, height, tile_width, tile_height = (int(cells[name]) for name in PLACES)
    return Sample(
        fate=fate,
        col=col,
        row=row,
        box=(x, y, width, height),
        pixels=tile_width * tile_height,
        measure=measure,
        value=float(cells[measure]) if cells[measure] else None,
        file=cells["file"],
    )


def _median(values: npt.NDArray[Any]) -> float | None:
    """Without numpy's own, which imports masked arrays, nor its ``unique``: each job would."""
    known = np.sort(values[~np.isnan(values)])
    count = len(known)
    return float((known[(count - 1) // 2] + known[count // 2]) / 2) if count else None
