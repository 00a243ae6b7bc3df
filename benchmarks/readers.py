"""Reads all of a slide's level 0 and throws it away: what the readers alone take.

    python benchmarks/readers.py openslide|own|fastslide SLIDE SIDE THREADS

Prints the seconds of reading, without starting and opening, as JSON. ``openslide`` and ``own``
are this project's two readers, ``fastslide`` the library of that name with its own cache; that
one blends where stored images overlap, so its pixels are others.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mrxs_tiles.grid.blocks import in_blocks
from mrxs_tiles.grid.deep_zoom import make_grid
from mrxs_tiles.grid.grid import Grid
from mrxs_tiles.inspecting.slide_grid import stored_boxes
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.slide.reader import Reader, SlideReader, cache_for

Place = tuple[tuple[int, int], tuple[int, int]]  # location, size


def main(name: str, slide: Path, side: int, threads: int) -> None:
    """Read every tile that holds something, once."""
    index = read_index(slide.with_suffix(""))
    with SlideReader(slide, cache_for(side * side, threads)) as reader:
        grid = make_grid(reader.facts().levels, side, 0, 1, None, 0)
        wanted = [tile[:2] for tile in grid.tiles(grid.touched(stored_boxes(index, 0)))]
        groups = [[_place(grid, at) for at in group] for group in in_blocks(wanted, side)]
        if name == "fastslide":
            took = _timed(_fastslide(slide), groups, threads)
        elif name == "own":
            with MiraxReader(index, reader) as own:
                took = _timed(_whole_groups(own), groups, threads)
        else:
            took = _timed(_whole_groups(reader), groups, threads)
    print(json.dumps({"wall": took[0], "cpu": took[1]}))


def _place(grid: Grid, address: tuple[int, int]) -> Place:
    region = grid.region(*address)
    return region.location, region.size


def _timed(
    read: Callable[[list[Place]], object], groups: list[list[Place]], threads: int
) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, groups))
    return time.perf_counter() - wall, time.process_time() - cpu


def _whole_groups(reader: Reader) -> Callable[[list[Place]], object]:
    """As ``tile`` reads: a rectangle of small tiles at once, into a buffer of the thread's own."""
    own = threading.local()

    def read(group: list[Place]) -> None:
        (left, top), _ = group[0]
        (right, bottom), (width, height) = group[-1]
        shape = (bottom + height - top, right + width - left, 4)
        if getattr(own, "shape", None) != shape:
            own.shape, own.pixels = shape, np.empty(shape, np.uint8)
        reader.read((left, top), 0, own.pixels)

    return read


def _fastslide(path: Path) -> Callable[[list[Place]], object]:
    import fastslide

    slide = fastslide.FastSlide.from_file_path(str(path))

    def read(group: list[Place]) -> None:
        for location, size in group:
            slide.read_region(location, 0, size)

    return read


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
