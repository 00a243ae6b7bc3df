"""What the annotations of a slide say of its tiles: which are asked for, and their labels.

Every step imports this; what reads the files and covers the tiles is in ``marking``, which a slide
without annotations does without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mrxs_tiles.files.manifest import Record
from mrxs_tiles.grid.grid import Bools, Bounds, Grid
from mrxs_tiles.settings import GridSettings, rectangle

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]
PACKED = 8  # times smaller, coordinates as text
Mark = tuple[float | None, str, float | None]
NOTHING: Mark = (None, "", None)


@dataclass(frozen=True, slots=True)
class ClassShares:
    """How much of a tile each class covers, a line for each of both: by col, row, class.

    ``group``: the class, a number in ``Marks.names``; ``share``: of the tile, above 0, to 1.
    """

    col: Ints
    row: Ints
    group: Groups
    share: Floats


@dataclass(frozen=True, slots=True)
class Marks:
    """What a slide's annotations say of its tiles, arrays (cols, rows).

    ``inside``: the tiles that are asked for; ``region``: how much of each lies in the region; both
    None where there is none. ``names``: classes; ``label``: the one that covers most of each tile,
    -1 where none does, and ``label_fraction`` how much; ``shares``: of all classes; None where no
    labels are asked for. ``record``: what ``slide.json`` says of the region and the labels.
    """

    inside: Bools | None
    region: Floats | None
    names: tuple[str, ...]
    label: Groups | None
    label_fraction: Floats | None
    shares: ClassShares | None
    warnings: tuple[str, ...]
    record: Record

    def of(self, col: int, row: int) -> Mark:
        """The columns ``region``, ``label`` and ``label_fraction`` of a tile."""
        region = None if self.region is None else float(self.region[col, row])
        if self.label is None or self.label_fraction is None:
            return region, "", None
        label = self.label[col, row]
        name = "" if label < 0 else self.names[label]
        return region, name, float(self.label_fraction[col, row])

    def class_rows(self, listed: Bools | None) -> Iterator[tuple[int, int, str, float]]:
        """The rows of ``labels.tsv``, of the tiles that are listed; None: all."""
        if self.shares is None:
            return
        found = self.shares
        lists = (part.tolist() for part in (found.col, found.row, found.group, found.share))
        for col, row, group, share in zip(*lists, strict=True):
            if listed is None or listed[col, row]:
                yield col, row, self.names[group], share


def file_stamp(asked: str | None) -> str:
    """What changes when the file of a region or of labels does; "" where there is none.

    As of slides: its size and time, so that half a gigabyte is not read at each start.
    """
    if asked is None or rectangle(asked) is not None:
        return ""
    try:
        status = Path(asked).stat()
    except OSError:
        return "unreadable"
    known = f"{status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def file_megabytes(asked: str | None) -> float:
    """MB of the file of a region or of labels, as if unpacked; 0 where there is none."""
    if asked is None or rectangle(asked) is not None:
        return 0.0
    try:
        size = Path(asked).stat().st_size / 1e6
    except OSError:
        return 0.0
    return size * (PACKED if asked.lower().endswith((".gz", ".zip")) else 1)


def marks_record(settings: GridSettings) -> Record:
    """What of the settings decides the marks, without a file's content; for ``slide.json``."""
    record: Record = {"region": None, "labels": None}
    if settings.region is not None:
        record["region"] = {
            "asked": shown_name(settings.region),
            "origin": settings.region_origin,
            "classes": None if settings.region_classes is None else list(settings.region_classes),
            "ignore_classes": list(settings.ignore_classes),
            "min_region": settings.min_region,
        }
    if settings.labels is not None:
        record["labels"] = {"asked": shown_name(settings.labels), "origin": settings.region_origin}
    return record


def shown_name(asked: str) -> str:
    """A rectangle as it is, the name of a file: where it lies is no one's business."""
    return asked if rectangle(asked) is not None else Path(asked).name


def marks_of(
    settings: GridSettings, size: tuple[int, int], bounds: Bounds | None, grid: Grid
) -> Marks:
    """What the annotations that the settings name say of a slide's tiles.

    Args:
        settings: what is asked for.
        size: (width, height) of the slide, level-0 px.
        bounds: of its scanned area, from whose corner the annotations may count.
        grid: its tiles.

    Raises:
        SlideError: a file cannot be used, a class is not in it, or no tile lies in the region.
    """
    chosen = settings.region_classes is not None or settings.ignore_classes or settings.min_region
    if settings.region is None and settings.labels is None and not chosen:
        return Marks(None, None, (), None, None, None, (), marks_record(settings))
    from mrxs_tiles.annotations.marking import marked  # here, since most slides have none

    return marked(settings, size, bounds, grid)
