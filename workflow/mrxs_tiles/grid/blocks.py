"""In which order tiles are cut, and which are read together. Addresses in, addresses out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

Address = tuple[int, int]

# Tiles are cut block by block of about this side, px, so that the stored images along most of a
# tile's edges are still decoded when its neighbour is read.
BLOCK_PX = 8192

# Small tiles are read together, up to this side, px: what each read costs beside its px would
# be a fifth of the whole at 512 px, and keep other threads waiting. 17 MB a thread.
READ_PX = 2048


def in_blocks(addresses: Sequence[Address], stride_px: int) -> list[list[Address]]:
    """The addresses in an order that keeps neighbours together, in groups to be read at once.

    A group is a whole rectangle of tiles, by row, then column. ``stride_px``: from tile to tile.
    """
    small = max(1, READ_PX // stride_px)
    side = max(1, round(BLOCK_PX / (small * stride_px))) * small

    def block(at: Address) -> tuple[int, int, int, int]:
        return at[1] // side, at[0] // side, at[1] // small, at[0] // small

    order = sorted(addresses, key=lambda at: (*block(at), at[1], at[0]))
    return [group for _, near in groupby(order, block) for group in _rectangles(list(near))]


def _rectangles(addresses: list[Address]) -> Iterator[list[Address]]:
    """Addresses, by row, then column, as whole rectangles: runs of a row, and equal ones below."""
    open_runs: dict[tuple[int, int], list[Address]] = {}  # by first column and length
    last_row = None
    for row, line in groupby(addresses, lambda at: at[1]):
        runs = {(run[0][0], len(run)): run for run in _runs(list(line))}
        for place in list(open_runs):
            if row - 1 != last_row or place not in runs:
                yield open_runs.pop(place)
        for place, run in runs.items():
            open_runs[place] = open_runs.get(place, []) + run
        last_row = row
    yield from open_runs.values()


def _runs(line: list[Address]) -> Iterator[list[Address]]:
    """The tiles of a row as runs of neighbours."""
    begin = 0
    for end in range(1, len(line) + 1):
        if end == len(line) or line[end][0] != line[end - 1][0] + 1:
            yield line[begin:end]
            begin = end
