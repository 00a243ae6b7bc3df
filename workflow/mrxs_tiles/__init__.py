"""Cut MIRAX whole-slide images into tiles, with a manifest that accounts for every tile."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrxs_tiles.iterate import tiles

__version__ = "0.1.0"
__all__ = ["tiles"]

_HOMES = {"tiles": "mrxs_tiles.iterate"}


def __getattr__(name: str) -> object:
    # imported when asked for: the command line needs none of it
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
