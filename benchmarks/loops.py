"""What ``tile`` is compared with, each a program of its own.

    python benchmarks/loops.py plain SLIDE TILE_SIZE OUT
    python benchmarks/loops.py pool SLIDE TILE_SIZE OUT
    python benchmarks/loops.py floor SLIDE TILE_SIZE TILES

``plain`` is the little script that one would write first, ``pool`` the same loop in two
processes, ``floor`` what no program that decodes and encodes with these libraries can beat.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from pathlib import Path
from typing import ClassVar

from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from PIL.Image import Image

PROCESSES = 2


def plain(slide: str, tile_size: int, out: str) -> None:
    """All tiles one after the other, in one process."""
    generator = DeepZoomGenerator(OpenSlide(slide), tile_size, 0, limit_bounds=False)
    level = generator.level_count - 1
    cols, rows = generator.level_tiles[level]
    for col in range(cols):
        for row in range(rows):
            tile = generator.get_tile(level, (col, row))
            darkest, brightest = tile.convert("L").getextrema()
            if darkest != brightest:
                tile.save(Path(out) / f"{col}_{row}.jpg")


class Worker:
    """What a process of the pool holds: the slide, opened once, and the last tile.

    A tile that is let go before the next is read makes glibc give the memory back to the
    system and fetch it again, which costs this loop a third more. ``plain`` keeps its last
    tile by being a loop; so that the pool is not slowed down by an accident, so does this.
    """

    slide: ClassVar[Worker]

    def __init__(self, slide: str, tile_size: int, out: str) -> None:
        self.generator = DeepZoomGenerator(OpenSlide(slide), tile_size, 0, limit_bounds=False)
        self.level = self.generator.level_count - 1
        self.out = Path(out)
        self.tile: Image | None = None

    def cut(self, address: tuple[int, int]) -> None:
        """The body of the loop in ``plain``."""
        tile = self.tile = self.generator.get_tile(self.level, address)
        darkest, brightest = tile.convert("L").getextrema()
        if darkest != brightest:
            tile.save(self.out / f"{address[0]}_{address[1]}.jpg")


def _begin(slide: str, tile_size: int, out: str) -> None:
    Worker.slide = Worker(slide, tile_size, out)


def _one(address: tuple[int, int]) -> None:
    Worker.slide.cut(address)


def pool(slide: str, tile_size: int, out: str) -> None:
    """The same in two processes, each with the slide opened once; a tile is a task."""
    generator = DeepZoomGenerator(OpenSlide(slide), tile_size, 0, limit_bounds=False)
    cols, rows = generator.level_tiles[generator.level_count - 1]
    addresses = [(col, row) for col in range(cols) for row in range(rows)]
    with multiprocessing.Pool(PROCESSES, _begin, (slide, tile_size, out)) as workers:
        workers.map(_one, addresses, chunksize=1)


def floor(slide: str, tile_size: int, tiles: str) -> None:
    """Print the seconds of the codecs' work alone, on one thread, as JSON.

    Decoding: each stored image of level 0 exactly once, from bytes in memory, with
    imagecodecs' JPEG decoder, into OpenSlide's order of bytes. Encoding: each tile that was
    kept (``tiles`` holds their files) exactly once, from pixels in memory, with the very call
    of ``tile``. Start, file reading, placing, tests and writing are not counted; the pixels
    that are encoded are made before the clock runs.
    """
    wall, cpu = (
        a + b for a, b in zip(_decode(slide), _encode(slide, tile_size, tiles), strict=True)
    )
    print(json.dumps({"wall": wall, "cpu": cpu}))


def _decode(slide: str) -> tuple[float, float]:
    import imagecodecs

    from mrxs_tiles.mirax.index import read_index

    index = read_index(Path(slide).with_suffix(""))
    data = [(index.folder / name).read_bytes() for name in index.slidedat.data_files]
    stored = [data[file][at : at + length] for _, at, length, file in index.images[0].tolist()]
    wall, cpu = time.perf_counter(), time.process_time()
    for image in stored:
        imagecodecs.jpeg8_decode(image, outcolorspace=imagecodecs.JPEG8.CS.EXT_BGRA)
    return time.perf_counter() - wall, time.process_time() - cpu


def _encode(slide: str, tile_size: int, tiles: str) -> tuple[float, float]:
    import numpy as np

    from mrxs_tiles.pixels.encode import make_encoder

    generator = DeepZoomGenerator(OpenSlide(slide), tile_size, 0, limit_bounds=False)
    encode, _ = make_encoder("jpg", 75, "420")
    wall = cpu = 0.0
    for file in Path(tiles).iterdir():
        col, row = map(int, file.stem.split("_"))
        picture = generator.get_tile(generator.level_count - 1, (col, row)).convert("RGBX")
        pixels = np.ascontiguousarray(np.asarray(picture)[..., [2, 1, 0, 3]])
        began_wall, began_cpu = time.perf_counter(), time.process_time()
        content = encode(pixels)
        wall += time.perf_counter() - began_wall
        cpu += time.process_time() - began_cpu
        if content != file.read_bytes():
            sys.exit(f"{file.name}: the encoded bytes are not those of the tile")
    return wall, cpu


if __name__ == "__main__":
    _, name, given_slide, given_size, given_out = sys.argv
    {"plain": plain, "pool": pool, "floor": floor}[name](given_slide, int(given_size), given_out)
