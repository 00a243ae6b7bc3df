"""How much of each tile some polygons cover: exact areas, also where polygons overlap.

The grid is halved again and again, and what lies across a cut is clipped there, until the
polygons of a block are few points. So one polygon of a million points costs about as much as
half a million of twenty, and what covers a block wholly ends the search there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mrxs_tiles.annotations.clipping import clipped, joined, packed, pairs, within
from mrxs_tiles.annotations.marks import ClassShares, Groups
from mrxs_tiles.annotations.polygons import Floats, Ints, Polygons, Shapes
from mrxs_tiles.annotations.tile_places import Block, TilePlaces
from mrxs_tiles.grid.grid import Grid

UNUSED, CUT = -2, -1  # instead of a group
NO_GROUP = -1
BUILT = 400_000  # points of the polygons that are held as shapely's at a time
WORK = 200_000  # points x tiles of polygons that lie in several, clipped tile by tile
LEAST_AREA = 1e-9  # level-0 px²: less is a rounding error
TIE = 1e-9  # of a tile: areas that differ by less are equal


@dataclass(frozen=True, slots=True)
class Cover:
    """How much of each tile is covered, all (cols, rows).

    ``group``: the one that covers most of it, the first of those that cover the same;
    ``NO_GROUP`` where there is none. ``share``: how much that one covers, 0 to 1. ``joined``: how
    much all groups cover together. ``shares``: how much each group covers; None if not asked for.
    """

    group: npt.NDArray[np.int32]
    share: Floats
    joined: Floats
    shares: ClassShares | None = None


def cover(
    polygons: Polygons,
    group: npt.NDArray[np.int32],
    grid: Grid,
    origin: tuple[int, int],
    every: bool = False,
) -> Cover:
    """How much of each tile the groups of some polygons cover.

    Args:
        polygons: they may overlap; what two of a group cover counts once.
        group: of each polygon, from 0; ``CUT``: it is cut out of all others; ``UNUSED``.
        grid: the tiles; a tile is what it covers of the slide, overlap included.
        origin: (x, y) level-0 px, where the polygons' 0, 0 lies.
        every: whether ``shares`` are asked for. Else a group that cannot win is not looked for.
    """
    work = _Covering(polygons, group, grid, origin, every)
    if grid.cols and grid.rows:
        used = np.flatnonzero(group != UNUSED)
        work.packed(used, polygons.bounds()[used], Block(0, grid.cols, 0, grid.rows))
    return replace(work.found, shares=work.shares()) if every else work.found


class _Covering:
    """The search, and what it has found."""

    def __init__(
        self,
        polygons: Polygons,
        group: npt.NDArray[np.int32],
        grid: Grid,
        origin: tuple[int, int],
        every: bool,
    ) -> None:
        self._every = every
        self._shares: list[tuple[Ints, Ints, Groups, Floats]] = []
        self._of_tiles: list[tuple[int, int, int, float]] = []
        self._polygons, self._group = polygons, group
        self._tiles = TilePlaces(grid, origin)
        size = (grid.cols, grid.rows)
        self.found = Cover(np.full(size, NO_GROUP, np.int32), np.zeros(size), np.zeros(size))

    def shares(self) -> ClassShares:
        """What was found of each group, by col, row and group."""
        tiles = zip(*self._of_tiles, strict=True) if self._of_tiles else ((), (), (), ())
        columns = zip(*self._shares, tiles, strict=True)
        col, row, group, share = (np.concatenate([np.asarray(p) for p in c]) for c in columns)
        order = np.lexsort((group, row, col))
        return ClassShares(
            col=col[order].astype(np.int64),
            row=row[order].astype(np.int64),
            group=group[order].astype(np.int32),
            share=share[order].astype(np.float64),
        )

    def packed(self, which: Ints, bounds: Floats, block: Block) -> None:
        """Search a block; its polygons are not yet shapely's, as long as they are many."""
        near = self._tiles.near(bounds, block)
        which, bounds = which[near], bounds[near]
        if not (self._group[which] != CUT).any():
            return
        ends = self._polygons.point_ends
        points = ends[which] - np.where(which > 0, ends[which - 1], 0)
        if points.sum() > BUILT and block.tiles > 1 and len(which) > 1:
            for half in block.halves():
                self.packed(which, bounds, half)
        else:
            self._search(self._polygons.shapes(which), self._group[which], block)

    def _search(self, shapes: Shapes, group: npt.NDArray[np.int32], block: Block) -> None:
        import shapely

        bounds = shapely.bounds(shapes)
        near = self._tiles.near(bounds, block)
        shapes, group, bounds = shapes[near], group[near], bounds[near]
        shapes, group, bounds = self._without_covered(shapes, group, bounds, block)
        if not (group != CUT).any():
            return
        points = shapely.get_num_coordinates(shapes)
        first_col, end_col, first_row, end_row = self._tiles.spans(bounds, block)
        tiles = (end_col - first_col) * (end_row - first_row)
        if block.tiles == 1 or (points * tiles)[tiles > 1].sum() <= WORK:
            self._tile_by_tile(shapes, group, (first_col, end_col, first_row, end_row))
            return
        for half in block.halves():
            box = self._tiles.box(half)
            crossing = self._tiles.near(bounds, half) & ~within(bounds, box) & (points > 100)
            parts, owners = clipped(shapes[crossing], packed(shapely.box(*box)))
            whole = ~crossing
            self._search(
                np.concatenate([shapes[whole], parts]),
                np.concatenate([group[whole], group[crossing][owners]]),
                half,
            )

    def _without_covered(
        self, shapes: Shapes, group: npt.NDArray[np.int32], bounds: Floats, block: Block
    ) -> tuple[Shapes, npt.NDArray[np.int32], Floats]:
        """What is left to be searched where one polygon covers a whole block.

        Where a group covers all of it its own other polygons add nothing, and no later group can
        cover more. Nothing is left where all of it is cut out, or nothing is.
        """
        import shapely

        box = self._tiles.box(block)
        around = np.flatnonzero(within(np.array([box]), bounds.T))
        whole = shapely.box(*box)
        around = around[shapely.covers(shapes[around], whole)]
        if not len(around):
            return shapes, group, bounds
        covering = np.unique(group[around])
        winner = covering[0]
        if winner == CUT:
            return shapes[:0], group[:0], bounds[:0]
        if not self._every:
            covering = covering[:1]
        left = ~np.isin(group, covering) if self._every else group < winner
        if not left.any():
            self._fill(block, covering)
            return shapes[:0], group[:0], bounds[:0]
        return (
            np.concatenate([shapes[left], *[packed(whole)] * len(covering)]),
            np.append(group[left], covering).astype(np.int32),
            np.concatenate([bounds[left], [box] * len(covering)]),
        )

    def _fill(self, block: Block, covering: Groups) -> None:
        """Some groups cover all of a block, and there are no others."""
        at = slice(block.col, block.end_col), slice(block.row, block.end_row)
        sizes = self._tiles.areas(block) > 0
        self.found.group[at] = np.where(sizes, covering[0], NO_GROUP)
        self.found.share[at] = self.found.joined[at] = sizes
        if self._every:
            cols, rows = np.nonzero(sizes)
            for one in covering:
                group = np.full(len(cols), one, np.int32)
                share = np.ones(len(cols))
                self._shares.append((cols + block.col, rows + block.row, group, share))

    def _tile_by_tile(
        self, shapes: Shapes, group: npt.NDArray[np.int32], spans: tuple[Ints, Ints, Ints, Ints]
    ) -> None:
        """Clip the polygons to each tile that they come near, and sum up."""
        import shapely

        which, col, row = pairs(*spans)
        boxes = self._tiles.boxes(col, row)
        inside = within(shapely.bounds(shapes)[which], boxes.T)
        crossing = np.flatnonzero(~inside)
        parts, owners = clipped(shapes[which[crossing]], shapely.box(*boxes[crossing].T))
        pair = np.concatenate([np.flatnonzero(inside), crossing[owners]])
        pieces = np.concatenate([shapes[which[inside]], parts])
        if not len(pair):
            return
        order = np.lexsort((group[which[pair]], row[pair], col[pair]))
        pair, pieces = pair[order], pieces[order]
        cols, rows = col[pair], row[pair]
        new_tile = np.flatnonzero(
            (np.diff(cols, prepend=-1) != 0) | (np.diff(rows, prepend=-1) != 0)
        )
        for start, end in zip(new_tile, [*new_tile[1:], len(pair)], strict=True):
            self._tile((cols[start], rows[start]), pieces[start:end], group[which[pair[start:end]]])

    def _tile(self, at: tuple[Any, Any], pieces: Shapes, group: npt.NDArray[np.int32]) -> None:
        """Sum up the pieces of one tile, which stand by group; what is cut out comes first."""
        import shapely

        size = self._tiles.area(at)
        if not size:
            return
        cut = joined(pieces[group == CUT]) if group[0] == CUT else None
        areas: dict[int, float] = {}
        united: list[Any] = []
        for one in np.unique(group[group != CUT]).tolist():
            area = joined(pieces[group == one])
            united.append(area if cut is None else shapely.difference(area, cut))
            areas[one] = shapely.area(united[-1])
        best = max(areas.values(), default=0.0)
        if best <= LEAST_AREA:
            return
        if self._every:
            col, row = int(at[0]), int(at[1])
            self._of_tiles += [
                (col, row, one, min(area / size, 1.0))
                for one, area in areas.items()
                if area > LEAST_AREA
            ]
        self.found.group[at] = next(one for one, area in areas.items() if area >= best - TIE * size)
        self.found.share[at] = min(best / size, 1.0)
        total = best if len(united) == 1 else shapely.area(joined(packed(*united)))
        self.found.joined[at] = min(total / size, 1.0)
