"""What the viewer knows of a slide's tiles, in scripts that it loads as it needs them.

A page that was opened from a disk may fetch nothing, but may load scripts. A million tiles as JSON
would be 50 MB; so each part of the table has one with what became of its tiles, a byte each, and
one for each measure, which is loaded when somebody looks at that.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrxs_tiles.files import manifest
from mrxs_tiles.pixels.label_tints import label_tint
from mrxs_tiles.pixels.reasons import LOOKS
from mrxs_tiles.viewer.heat import packed

ROWS = 1 << 16  # of the table, in one part
MEASURES = ("tissue", "focus", "pen")
KINDS = tuple(LOOKS)
_AT = {name: manifest.TILES.index(name) for name in manifest.TILES}


@dataclass(slots=True)
class _Part:
    """Tiles that follow each other in the table."""

    begin: int  # number of its first tile in the table
    columns: tuple[int, int]  # first and last
    runs: list[int] = field(default_factory=list)  # column, first row, how many, again and again
    kinds: array[int] = field(default_factory=lambda: array("B"))
    labels: array[int] = field(default_factory=lambda: array("H"))  # 0: none
    files: array[int] = field(default_factory=lambda: array("H"))  # 0: none
    measures: dict[str, array[float]] = field(
        default_factory=lambda: {name: array("f") for name in MEASURES}
    )

    def add(self, col: int, row: int) -> None:
        """Take in the address of the next tile."""
        self.columns = self.columns[0], col
        if self.runs and self.runs[-3] == col and self.runs[-2] + self.runs[-1] == row:
            self.runs[-1] += 1
        else:
            self.runs += [col, row, 1]


@dataclass(slots=True)
class GridData:
    """All that is known of the tiles of one slide."""

    columns: dict[int, tuple[int, int]] = field(default_factory=dict)  # begin, length: level-0 px
    rows: dict[int, tuple[int, int]] = field(default_factory=dict)
    parts: list[_Part] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)  # -> number, from 1
    kept_of_label: Counter[str] = field(default_factory=Counter)
    files: dict[str, int] = field(default_factory=dict)  # a file without its address -> number

    def about(self) -> dict[str, Any]:
        """What the page knows at once."""
        return {
            "columns": self.columns,
            "rows": self.rows,
            "labels": [
                [name, list(label_tint(name)), self.kept_of_label[name]] for name in self.labels
            ],
            "tileFiles": list(self.files),
            "parts": [[part.begin, *part.columns] for part in self.parts],
            "measures": {name: ends for name in MEASURES if (ends := self._ends(name))},
        }

    def _ends(self, name: str) -> list[float] | None:
        """The lowest and the highest of a measure; None: nothing was measured."""
        found = [np.array(part.measures[name], np.float64) for part in self.parts]
        known = [one[~np.isnan(one)] for one in found]
        known = [one for one in known if len(one)]
        if not known:
            return None
        low, high = min(float(one.min()) for one in known), max(float(one.max()) for one in known)
        return [low, high] if name == "focus" else [0, max(1.0, high)]

    def scripts(self) -> Iterator[tuple[str, bytes]]:
        """The names of the scripts, and what is in them."""
        about = self.about()["measures"]
        for number, part in enumerate(self.parts):
            told: dict[str, Any] = {
                "runs": part.runs,
                "kinds": packed(np.array(part.kinds, np.uint8), "u1"),
            }
            if self.labels:
                told["labels"] = packed(np.array(part.labels, np.uint16), "u2")
            told["files"] = packed(np.array(part.files, np.uint16), "u2")
            yield f"tiles-{number}.js", _call("part", number, told)
            for name in about:
                values = np.array(part.measures[name], np.float32)
                yield f"{name}-{number}.js", _call("measure", name, number, packed(values, "f4"))


def _call(function: str, *values: object) -> bytes:
    said = ",".join(json.dumps(one, ensure_ascii=True, separators=(",", ":")) for one in values)
    return f"{function}({said});\n".encode()


def grid_data(rows: Iterable[Sequence[str]]) -> GridData:
    """Read the rows of ``tiles.tsv``; of a million only what is packed is held."""
    found = GridData()
    for number, cells in enumerate(rows):
        col, row = int(cells[0]), int(cells[1])
        if number % ROWS == 0:
            found.parts.append(_Part(number, (col, col)))
        part = found.parts[-1]
        part.add(col, row)
        found.columns[col] = int(cells[2]), int(cells[4])
        found.rows[row] = int(cells[3]), int(cells[5])
        _add(found, part, cells, f"{col}_{row}")
    return found


def _add(found: GridData, part: _Part, cells: Sequence[str], address: str) -> None:
    reason = cells[_AT["reason"]]
    part.kinds.append(KINDS.index(reason or "kept"))
    for name, values in part.measures.items():
        cell = cells[_AT[name]]
        values.append(float(cell) if cell else float("nan"))
    label = manifest.plain(cells[_AT["label"]])
    part.labels.append(found.labels.setdefault(label, len(found.labels) + 1) if label else 0)
    if label and not reason:
        found.kept_of_label[label] += 1
    file = "{}".join(cells[_AT["file"]].rsplit(address, 1))
    part.files.append(found.files.setdefault(file, len(found.files) + 1) if file else 0)


def counts(tiled: Mapping[str, Any]) -> list[int]:
    """How many tiles are of each kind."""
    return [tiled["counts"].get(kind, 0) for kind in KINDS]
