"""How one slide is cut. Alone here, so that a step's code does not hang on the config's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NUMBER = r"\s*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*"
_RECTANGLE = re.compile(",".join([_NUMBER] * 4))


@dataclass(frozen=True, slots=True)
class GridSettings:
    """Where the tiles of one slide lie: all that ``inspect`` goes by."""

    tile_size: int
    overlap: int
    downsample: float
    mpp: float | None
    magnification: float | None
    replaced_scale: str  # "mpp 0.5": the config's, where a sheet's row asks for an mpp instead
    slide_mpp: float | None  # µm per level-0 px, where the slide does not say or is wrong
    mpp_tolerance: float  # part of `mpp` by which a slide's own px may be coarser
    limit_bounds: bool
    region: str | None  # x,y,width,height in level-0 px, or the absolute path of an annotation file
    region_origin: str
    region_classes: tuple[str, ...] | None  # only polygons of these; None: all but ignored ones
    ignore_classes: tuple[str, ...]  # cut out of the region, beside those that end in *
    min_region: float  # fraction of a tile
    edge: str  # what becomes of tiles smaller than the others: keep, pad or drop
    labels: str | None  # the absolute path of an annotation file
    drop_blank: bool
    reader: str


@dataclass(frozen=True, slots=True)
class Settings(GridSettings):
    """How one slide is cut: the keys that a row of the slide sheet may override."""

    max_tiles: int | None  # kept of a slide, drawn
    max_tiles_per_label: int | None  # the same of each label
    min_tissue: float  # fraction of a tile
    min_focus: float  # variance of the Laplacian
    max_pen: float  # fraction of a tile
    background: tuple[int, int, int] | None
    format: str
    quality: int
    subsampling: str
    packing: str
    shard_size: int  # MB
    deepzoom: bool


def rectangle(region: str) -> tuple[float, float, float, float] | None:
    """A region as x, y, width, height; None where it is not four numbers."""
    found = _RECTANGLE.fullmatch(region)
    if found is None:
        return None
    x, y, width, height = map(float, found.groups())
    return x, y, width, height


def without_places(keys: Mapping[str, object]) -> dict[str, object]:
    """Keys as they may be told: of an annotation file its name, not where it lies."""
    found = {key: value for key, value in keys.items() if key != "replaced_scale"}
    for key in ("region", "labels"):
        text = found.get(key)
        if isinstance(text, str) and rectangle(text) is None:
            found[key] = Path(text).name
    return {key: list(one) if isinstance(one, tuple) else one for key, one in found.items()}
