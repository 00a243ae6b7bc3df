"""Cutting in-process: `inspect` and `tile` on one slide, and what they left."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mrxs_tiles.config.config import read_config
from mrxs_tiles.files import manifest
from mrxs_tiles.settings import Settings
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.steps.viewer import viewer
from write_mirax import WrittenSlide

Variant = Callable[[str], WrittenSlide]
NAME = "slide"


@dataclass(frozen=True)
class Cut:
    """What the steps `inspect` and `tile` left of one slide."""

    folder: Path
    inspected: dict[str, Any]
    tiled: dict[str, Any]

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The files of `tiles/`."""
        return {path.name: path.read_bytes() for path in (self.folder / "tiles").iterdir()}

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """The rows of `tiles.tsv`."""
        return table(self.folder / "tiles.tsv")

    @cached_property
    def coordinates(self) -> list[dict[str, str]]:
        """The rows of `coordinates.tsv`."""
        return table(self.folder / "coordinates.tsv")


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a table, read as a stranger would."""
    lines = path.read_bytes().decode().split("\n")
    assert lines.pop() == ""
    header = lines.pop(0).split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines]


def look(path: Path, results: Path, **keys: Any) -> dict[str, Any]:
    """Run `inspect` alone on one slide; `keys` are the config's."""
    settings = read_config(keys).settings
    return inspect(NAME, path, results, settings)


def cut(
    path: Path,
    results: Path,
    threads: int = 2,
    settings: Settings | None = None,
    name: str = NAME,
    like: Cut | None = None,
    **keys: Any,
) -> Cut:
    """Run `inspect`, `tile` and perhaps `viewer`; `keys` are the config's, its defaults else.

    `like`: the same slide with the same grid and reader; what was inspected is copied from there,
    for to inspect costs as much as to cut.
    """
    chosen = settings or read_config(keys).settings
    if like is None:
        inspected = inspect(name, path, results, chosen)
    else:
        inspected = _inspected_as(like, results / name)
    tiled = tile(name, path, results, chosen, threads)
    if chosen.deepzoom:
        viewer(name, path, results, chosen, threads)
    return Cut(results / name, inspected, tiled)


def _inspected_as(like: Cut, folder: Path) -> dict[str, Any]:
    """Copy what `inspect` left of a slide to where nothing lies of it yet."""
    folder.mkdir(parents=True)
    for name in (manifest.SLIDE_JSON, *like.inspected["tables"]):
        shutil.copy2(like.folder / name, folder / name)
    return copy.deepcopy(like.inspected)
