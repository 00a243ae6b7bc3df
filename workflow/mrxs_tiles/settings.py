"""How one slide is cut. Alone here, so that a step's code does not hang on the config's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How one slide is cut: the keys that a row of the slide sheet may override."""

    tile_size: int
    overlap: int
    downsample: int
    limit_bounds: bool
    drop_blank: bool
    background: tuple[int, int, int] | None
    format: str
    quality: int
    subsampling: str
