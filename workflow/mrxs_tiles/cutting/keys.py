"""A digest of the keys that decide a slide's tiles."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import cache
from pathlib import Path

from mrxs_tiles.files.checksums import sha256_of
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.settings import Settings, rectangle

# What changes no tile: which program reads, a page beside the tiles, what a warning speaks of.
NOT_CUTTING = ("reader", "deepzoom", "replaced_scale")


def keys_digest(settings: Settings, inspected: Record | None = None) -> str:
    """What changes when a key changes that decides a tile.

    Of a region's or the labels' file its content alone: where it lies and what it is called
    decides nothing.

    Args:
        settings: the keys.
        inspected: what ``slide.json`` holds, which knows the files; None: they are read.
    """
    keys = {key: value for key, value in asdict(settings).items() if key not in NOT_CUTTING}
    for key in ("region", "labels"):
        text = keys[key]
        if text is not None and rectangle(text) is None:
            known = _content(Path(text)) if inspected is None else inspected["grid"][key]["sha256"]
            keys[key] = known
    return hashlib.sha256(repr(sorted(keys.items())).encode()).hexdigest()[:16]


def _content(path: Path) -> str:
    """A digest of what is in a file; "" where it cannot be read."""
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return ""


@cache
def _digest(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - part of what is known
    """One file may be that of thousands of slides whose disk is away."""
    return sha256_of(path)
