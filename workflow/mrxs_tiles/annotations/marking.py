"""Reads a slide's annotation files and covers its tiles with what is drawn in them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrxs_tiles.annotations.cover import CUT, LEAST_AREA, UNUSED, Cover, cover
from mrxs_tiles.annotations.marks import (
    Floats,
    Groups,
    Marks,
    marks_record,
    shown_name,
)
from mrxs_tiles.annotations.misplaced import beyond, misplaced
from mrxs_tiles.annotations.read import Annotations, read_annotations
from mrxs_tiles.errors import SlideError, printable, shown, some_of
from mrxs_tiles.grid.grid import Bools, Bounds, Grid
from mrxs_tiles.settings import GridSettings, rectangle
from mrxs_tiles.wording import ALIKE, spelled_alike

ALL = "*"  # a class that ends so is QuPath's to be ignored
ROUNDING = 1e-9  # of a tile


def marked(
    settings: GridSettings, size: tuple[int, int], bounds: Bounds | None, grid: Grid
) -> Marks:
    """As ``marks.marks_of``, where annotations are asked for."""
    work = _Work(settings, size, bounds, grid)
    inside, region = work.region()
    names, covered = work.labels()
    return Marks(
        inside=inside,
        region=region,
        names=names,
        label=None if covered is None else covered.group,
        label_fraction=None if covered is None else covered.share,
        shares=None if covered is None else covered.shares,
        warnings=tuple(work.warnings),
        record=work.record,
    )


class _Work:
    """Reads each file once, and does what is the same for the region and the labels once."""

    def __init__(
        self, settings: GridSettings, size: tuple[int, int], bounds: Bounds | None, grid: Grid
    ) -> None:
        self._settings, self._size, self._bounds, self._grid = settings, size, bounds, grid
        at_bounds = settings.region_origin == "bounds" and bounds is not None
        self._origin = (bounds[0], bounds[1]) if at_bounds and bounds is not None else (0, 0)
        self._read: dict[str, Annotations] = {}
        self._covered: list[tuple[Annotations, Groups, Cover]] = []
        self.warnings: list[str] = []
        self.record = marks_record(settings)

    def region(self) -> tuple[Bools | None, Floats | None]:
        """Which tiles are asked for, and how much of each lies in the region."""
        settings = self._settings
        drawn = settings.region is not None and rectangle(settings.region) is None
        if not drawn:
            self._say_unused()
        if settings.region is None:
            return None, None
        numbers = rectangle(settings.region)
        if numbers is not None:
            share = _in_rectangle(numbers, self._grid, self._origin)
            extent: Sequence[float] = (
                *numbers[:2],
                numbers[0] + numbers[2],
                numbers[1] + numbers[3],
            )
        else:
            found = self._file(settings.region, "region")
            self.record["region"] |= found.record
            group = self._region_groups(found)
            share = self._cover(found, group).joined
            extent = _extent(found, group)
        inside = share > 0
        if not inside.any():
            raise SlideError(self._outside(extent))
        self._say_misplaced(f"The region {shown(shown_name(settings.region))}", extent)
        if numbers is None:
            self._say_beyond(found, group)
        inside &= share >= settings.min_region - ROUNDING
        if not inside.any():
            raise SlideError(
                f"No tile lies in the region {shown(shown_name(settings.region))} by min_region "
                f"{settings.min_region:g} or more; the largest part of a tile that does is "
                f"{share.max():.3g}. Set a smaller min_region or tile_size."
            )
        return inside, share

    def labels(self) -> tuple[tuple[str, ...], Cover | None]:
        """The classes, and how much of each tile they cover."""
        if self._settings.labels is None:
            return (), None
        found = self._file(self._settings.labels, "labels")
        self.record["labels"] |= found.record
        polygons = found.polygons
        groups = np.array([CUT if _ignored(name) else at for at, name in enumerate(polygons.names)])
        # the last stands for -1, no class
        group = np.append(groups, UNUSED).astype(np.int32)[polygons.name]
        if not (group > CUT).any():
            raise SlideError(
                f"{found.called} has no polygon of a class that labels a tile ({_there(found)}). "
                "Give them classes in QuPath (properties.classification.name)."
            )
        if nameless := int((polygons.name < 0).sum()):
            self.warnings.append(
                f"{found.called}: polygons without a class, which label nothing: {nameless:,}"
            )
        self.record["labels"]["classes"] = [name for name in polygons.names if not _ignored(name)]
        self._say_two_labels(found)
        if self._settings.labels != self._settings.region:
            self._say_misplaced(found.called, _extent(found, group))
            self._say_beyond(found, group)
        return polygons.names, self._cover(found, group)

    def _file(self, path: str, key: str) -> Annotations:
        if path not in self._read:
            found = self._read[path] = read_annotations(Path(path), key)
            self.warnings += found.remarks.sentences(found.called)
        return self._read[path]

    def _cover(self, found: Annotations, group: Groups) -> Cover:
        """How much of each tile is covered; the same is not looked for twice."""
        for before, groups, covered in self._covered:
            if before is found and _alike(groups, group):
                return covered
        labels = self._settings.labels
        every = labels is not None and found is self._read.get(labels)
        covered = cover(found.polygons, group, self._grid, self._origin, every)
        self._covered.append((found, group, covered))
        return covered

    def _region_groups(self, found: Annotations) -> Groups:
        """Of each polygon the class, that it is cut out, or that it is not asked for."""
        settings, names = self._settings, found.polygons.names
        asked = settings.region_classes
        if asked is not None and (missing := [name for name in asked if name not in names]):
            joined = _between_commas(missing, names)
            raise SlideError(
                f"region_classes names {', '.join(map(shown, missing))}, of which "
                f"t{found.called[1:]} has no polygon ({_there(found)}). Write classes that are "
                f"there.{joined}"
            )
        self._say_not_there(found)
        self._say_other_spelling(found)
        groups = [len(names) if asked is None else UNUSED]  # no class: behind all others
        for at, name in enumerate(names):
            cut = _ignored(name) or name in settings.ignore_classes
            groups.insert(at, CUT if cut else at if asked is None or name in asked else UNUSED)
        group = np.array(groups, np.int32)[found.polygons.name]
        if not (group > CUT).any():
            raise SlideError(
                f"{found.called} has no polygon that is not ignored ({_there(found)}). Check "
                "ignore_classes; classes that end in * are ignored always."
            )
        return group

    def _say_not_there(self, found: Annotations) -> None:
        """Warn of ignored classes that no polygon has: what was to be cut out is in the region."""
        there = {name.casefold(): name for name in found.polygons.names}
        for name in self._settings.ignore_classes:
            if name not in found.polygons.names:
                close = difflib.get_close_matches(name.casefold(), there, n=1, cutoff=0.8)
                hint = f". Did you mean {shown(there[close[0]])}?" if close else ""
                if joined := _between_commas([name], found.polygons.names):
                    hint = f".{joined}"
                self.warnings.append(
                    f"ignore_classes names {shown(name)}, of which t{found.called[1:]} has no "
                    f"polygon ({_there(found)}){hint}"
                )

    def _say_other_spelling(self, found: Annotations) -> None:
        """Ask of classes that a key does not name, and of which it names another spelling."""
        asked = {
            "region_classes": self._settings.region_classes or (),
            "ignore_classes": self._settings.ignore_classes,
        }
        for key, named in asked.items():
            for alike in spelled_alike(found.polygons.names):
                others = [name for name in alike if name not in named]
                if len(others) < len(alike) and others:
                    self.warnings.append(
                        f"{key} does not name {', '.join(map(shown, others))}, of which "
                        f"t{found.called[1:]} has polygons, too, beside "
                        f"{', '.join(shown(name) for name in alike if name in named)}: are they "
                        f"meant as well? Then name them in {key}, or give them one name there."
                    )

    def _say_two_labels(self, found: Annotations) -> None:
        """Ask of classes that label as different ones, and are spelled alike."""
        for alike in spelled_alike([name for name in found.polygons.names if not _ignored(name)]):
            self.warnings.append(
                f"{found.called}: the classes {' and '.join(map(shown, alike))} differ "
                f"{ALIKE}, and label tiles as different classes: is one meant? Then give them one "
                "name there."
            )

    def _say_beyond(self, found: Annotations, group: Groups) -> None:
        """Ask of drawings that reach beyond the slide, with the classes that lie wholly there."""
        bounds = found.polygons.bounds() + np.tile(self._origin, 2)
        out = (bounds[:, 2:] <= 0).any(axis=1) | (bounds[:, :2] >= self._size).any(axis=1)
        used = group > CUT
        left = [
            name
            for at, name in enumerate(found.polygons.names)
            if (mine := used & (found.polygons.name == at)).any() and out[mine].all()
        ]
        extent = [*np.add(_extent(found, group), np.tile(self._origin, 2))]
        if said := beyond(found.called, extent, self._size, ", ".join(map(shown, left))):
            self.warnings.append(said)

    def _say_misplaced(self, called: str, extent: Sequence[float]) -> None:
        if said := misplaced(called, extent, self._settings.region_origin, self._bounds):
            self.warnings.append(said)

    def _say_unused(self) -> None:
        """Warn of keys that choose among polygons, where there are none."""
        settings = self._settings
        unused = [
            key
            for key, is_set in (
                ("region_classes", settings.region_classes is not None),
                ("ignore_classes", bool(settings.ignore_classes)),
                ("min_region", settings.min_region > 0 and settings.region is None),
            )
            if is_set
        ]
        if unused:
            what = "there is no region" if settings.region is None else "the region is a rectangle"
            verb = "does" if len(unused) == 1 else "do"
            self.warnings.append(f"{' and '.join(unused)} {verb} nothing here: {what}")

    def _outside(self, extent: Sequence[float]) -> str:
        left, top, right, bottom = extent
        called = printable(shown_name(self._settings.region or ""))
        return (
            f"The region '{called}' (x {left:.6g} to {right:.6g}, "
            f"y {top:.6g} to {bottom:.6g} in level-0 px) shares no area with the grid of this "
            f"slide of {self._size[0]} x {self._size[1]} px. Check its numbers, and "
            "region_origin: slide or bounds."
        )


def _extent(found: Annotations, group: Groups) -> tuple[float, ...]:
    """Left, top, right, bottom of the polygons that count."""
    bounds = found.polygons.bounds()[group > CUT]
    return (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))


def _ignored(name: str) -> bool:
    return name.endswith(ALL)


def _between_commas(asked: Sequence[str], there: Sequence[str]) -> str:
    """What to write where one class is asked for whose parts are classes; QuPath's hold commas."""
    parts = {part.strip() for name in asked if "," in name for part in name.split(",")}
    return ' Write "; " between classes, in quotation marks.' if parts & {*there} else ""


def _there(found: Annotations) -> str:
    """The classes of a file, in words."""
    names = found.polygons.names
    if not names:
        return "its polygons have no class"
    return f"its classes are {some_of(names, 20, shown)}"


def _alike(one: Groups, other: Groups) -> bool:
    """Whether two groupings tell the same polygons apart in the same way."""
    return bool((one == other).all())


def _in_rectangle(
    numbers: tuple[float, float, float, float], grid: Grid, origin: tuple[int, int]
) -> Floats:
    """How much of each tile lies in a rectangle, (cols, rows)."""
    shares = []
    for axis in (0, 1):
        starts, ends = grid.edges(axis)
        low = numbers[axis] + origin[axis]
        common = np.minimum(ends, low + numbers[axis + 2]) - np.maximum(starts, low)
        shares.append((common.clip(0), ends - starts))
    (across, width), (down, height) = shares
    area = np.outer(across, down)
    share: Floats = area / np.outer(width, height).clip(1)
    share[area <= LEAST_AREA] = 0
    return share
