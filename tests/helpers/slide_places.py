"""What ``slides`` may name, made below the working directory, and what comes out of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import Found, find_slides
from mrxs_tiles.errors import ConfigError

ASK = "name a folder, one slide, a glob or a sheet (.tsv, .csv, .xlsx)."


def make(*paths: str | bytes) -> None:
    """Make empty files; a path that ends in a slash is a folder."""
    for path in map(os.fsdecode, paths):
        folder = path if path.endswith("/") else os.path.dirname(path)  # noqa: PTH120 - bytes
        Path(folder).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            Path(path).touch()


def find(slides: str | Path, **keys: Any) -> Found:
    return find_slides(read_config({"slides": str(slides), **keys}))


def names(slides: str | Path, **keys: Any) -> list[str]:
    return [slide.name for slide in find(slides, **keys)]


def faults(slides: str | Path, **keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        find(slides, **keys)
    assert all(fault.isprintable() for fault in caught.value.faults)
    return list(caught.value.faults)


def sheet(text: str, name: str = "slides.csv") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path
