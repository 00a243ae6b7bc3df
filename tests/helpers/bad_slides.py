"""Slides that are damaged in known ways, and what must come out of each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from openslide import OpenSlide, OpenSlideError
from openslide.deepzoom import DeepZoomGenerator

from running import (
    reasons,
    table,
    tree,
)
from write_mirax import StoredImage, WrittenSlide

TILE = 200
MIRAX = "A MIRAX slide is a small .mrxs file and a folder of the same name beside it"
COPY = "Copy the slide's folder again from the scanner or the archive"
AGAIN = f"{COPY} and run again: only this slide is cut again."
Address = tuple[int, int]


# --- how they are damaged ---------------------------------------------------------------------


def zero(slide: WrittenSlide, images: Iterable[StoredImage], folder: Path) -> None:
    """Overwrite stored images with zeros in a copy of a slide's folder."""
    for image in images:
        with (folder / slide.data_path(image).name).open("r+b") as stream:
            stream.seek(image.offset)
            stream.write(bytes(image.length))


# --- what must come out, from the writer and from OpenSlide -----------------------------------


def one_by_one(path: Path, tile_size: int, downsample: int = 1) -> set[Address]:
    """The tiles that OpenSlide cannot read, each asked of a handle that never failed."""
    unreadable = set()
    with OpenSlide(path) as handle:
        zoom = DeepZoomGenerator(handle, tile_size, 0, False)
        level = zoom.level_count - downsample.bit_length()
        cols, rows = zoom.level_tiles[level]
    for col in range(cols):
        for row in range(rows):
            with OpenSlide(path) as handle:
                try:
                    DeepZoomGenerator(handle, tile_size, 0, False).get_tile(level, (col, row))
                except OpenSlideError:
                    unreadable.add((col, row))
    return unreadable


def touching(slide: WrittenSlide, images: Iterable[StoredImage], tile_size: int) -> set[Address]:
    """The tiles that share a pixel with some images of level 0, by the writer's word."""
    tiles = set()
    for image in images:
        x, y, width, height = slide.place(image)
        right, bottom = min(x + width, slide.width), min(y + height, slide.height)
        tiles |= {
            (col, row)
            for col in range(x // tile_size, -(-right // tile_size))
            for row in range(y // tile_size, -(-bottom // tile_size))
        }
    return tiles


def unreadable(slide_results: Path) -> set[Address]:
    """The tiles that `tiles.tsv` calls so."""
    return {at for at, reason in reasons(slide_results).items() if reason == "unreadable"}


@cache
def report_rows(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a run's report by slide."""
    return {row["slide"]: row for row in table(folder / "results" / "report.tsv")}


def check_others(slide_results: Path, undamaged: Path, wrong: set[Address], suffix: str) -> None:
    """All tiles but the wrong ones are there, with the bytes of the undamaged slide's."""
    expected = {
        name: content
        for name, content in tree(undamaged / "tiles").items()
        if name not in {f"{col}_{row}.{suffix}" for col, row in wrong}
    }
    assert tree(slide_results / "tiles") == expected
