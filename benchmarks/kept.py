"""The kept tiles of a slide once more, as others would make them; each a program of its own.

    python benchmarks/kept.py plan SLIDE RESULTS OPTIONS PLAN
    python benchmarks/kept.py plain SLIDE PLAN OUT
    python benchmarks/kept.py floor SLIDE PLAN

``plan`` writes where the tiles lie (OPTIONS: the config's keys as JSON), ``plain`` is the loop that
one would write over such a list, ``floor`` what no program can beat that decodes, resamples and
encodes with these libraries.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openslide import OpenSlide
from PIL import Image

Tile = dict[str, Any]  # name, location (level-0 px), level, size (its px), box or None, tile_size


def plan(slide: str, results: str, options: str, out: str) -> None:
    """Where the kept tiles of a slide that was just cut lie, and which stored images hold them."""
    from mrxs_tiles.config.config import read_config
    from mrxs_tiles.cutting.job import opened_job
    from mrxs_tiles.files import manifest

    folder = Path(results) / Path(slide).stem
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    settings = read_config(json.loads(options)).settings
    tiles: list[Tile] = []
    with opened_job(Path(slide), folder, inspected, settings, 1, None) as job:
        for file in sorted((folder / "tiles").iterdir()):
            col, row = map(int, file.stem.split("_"))
            region = job.grid.region(col, row)
            names = ("location", "level", "size", "box", "tile_size")
            tiles.append({"name": file.name} | {name: getattr(region, name) for name in names})
    Path(out).write_text(json.dumps(tiles), encoding="utf-8")


def plain(slide: str, plan: str, out: str) -> None:
    """All tiles one after the other, with OpenSlide and Pillow alone."""
    opened = OpenSlide(slide)
    for tile in json.loads(Path(plan).read_text("utf-8")):
        _picture(opened, tile).save(Path(out) / tile["name"], quality=75)


def _read(opened: OpenSlide, tile: Tile) -> Image.Image:
    """What is read of a tile, on white."""
    read = opened.read_region(tile["location"], tile["level"], tile["size"])
    picture = Image.new("RGB", read.size, "white")
    picture.paste(read, None, read)
    return picture


def _picture(opened: OpenSlide, tile: Tile) -> Image.Image:
    picture = _read(opened, tile)
    if tile["box"]:
        left, top, right, bottom = tile["box"]
        box = (left, top, min(right, picture.width), min(bottom, picture.height))
        return picture.resize(tile["tile_size"], Image.Resampling.LANCZOS, box)
    return picture


def floor(slide: str, plan: str) -> None:
    """Print the CPU seconds of the codecs' and the filter's work alone, on one thread, as JSON.

    Each stored image that a kept tile needs is decoded once, from bytes in memory, each kept tile
    resampled and encoded once, from pixels in memory. Nothing else is counted.
    """
    tiles = json.loads(Path(plan).read_text("utf-8"))
    decode, images = _decode(slide, tiles)
    resample, encode = _make(slide, tiles)
    parts = {"decode": decode, "resample": resample, "encode": encode, "images": images}
    print(json.dumps({"cpu": decode + resample + encode} | parts))


def _decode(slide: str, tiles: list[Tile]) -> tuple[float, int]:
    import imagecodecs

    from mrxs_tiles.mirax.index import read_index

    index = read_index(Path(slide).with_suffix(""))
    data = [(index.folder / name).read_bytes() for name in index.slidedat.data_files]
    level = tiles[0]["level"]
    rows = [index.images[level][number].tolist() for number in _needed(slide, tiles)]
    stored = [data[file][at : at + length] for _, at, length, file in rows]
    began = time.process_time()
    for image in stored:
        imagecodecs.jpeg8_decode(image, outcolorspace=imagecodecs.JPEG8.CS.EXT_BGRA)
    return time.process_time() - began, len(stored)


def _needed(slide: str, tiles: list[Tile]) -> list[int]:
    """The rows of the stored images that show in what is read of some tile."""
    import numpy as np

    from mrxs_tiles.mirax.index import read_index
    from mrxs_tiles.mirax.layout import pieces, scanned_positions

    index = read_index(Path(slide).with_suffix(""))
    level = tiles[0]["level"]
    laid = pieces(index, level, scanned_positions(index))
    scale = index.slidedat.levels[level].concat / index.slidedat.levels[0].concat
    needed: set[int] = set()
    for tile in tiles:
        (x, y), (width, height) = (at / scale for at in tile["location"]), tile["size"]
        across = (laid.x < x + width) & (laid.x + laid.width > x)
        down = (laid.y < y + height) & (laid.y + laid.height > y)
        needed.update(laid.image[np.flatnonzero(across & down)].tolist())
    return sorted(needed)


def _make(slide: str, tiles: list[Tile]) -> tuple[float, float]:
    """Seconds of resampling, and of encoding."""
    import numpy as np

    from mrxs_tiles.pixels.encode import make_encoder
    from mrxs_tiles.pixels.resample import resampler

    encode, _ = make_encoder("jpg", 75, "420")
    resample, _ = resampler()
    opened = OpenSlide(slide)
    seconds = [0.0, 0.0]
    for tile in tiles:
        picture = _read(opened, tile).convert("RGBX")
        pixels = np.ascontiguousarray(np.asarray(picture)[..., [2, 1, 0, 3]])
        if tile["box"]:
            left, top, right, bottom = tile["box"]
            box = (left, top, min(right, picture.width), min(bottom, picture.height))
            pixels, took = _timed(
                lambda px=pixels, at=box, to=tile: resample(px, at, to["tile_size"])
            )
            seconds[0] += took
        seconds[1] += _timed(lambda px=pixels: encode(px))[1]
    return seconds[0], seconds[1]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    done = work()
    return done, time.process_time() - began


if __name__ == "__main__":
    {"plan": plan, "plain": plain, "floor": floor}[sys.argv[1]](*sys.argv[2:])
