"""What a written slide is like, and where its camera pictures lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

WRITER_VERSION = 1  # part of SLIDE_ID: a slide written by another version is another slide

ImageFormat = Literal["JPEG", "PNG", "BMP24"]
Scanned = Callable[[int, int], bool] | npt.NDArray[np.bool_] | None
Associated = Literal["macro", "label", "thumbnail"]


@dataclass(frozen=True, eq=False)
class MiraxSpec:
    """A slide to write. A picture is what the camera took, an image what is stored of it."""

    positions_x: int = 4  # camera pictures each way
    positions_y: int = 4
    divisions: int = 4  # stored images each way of one camera picture
    image_width: int = 128  # px of a stored image, on every level
    image_height: int = 112
    overlap_x: float = 12.5  # level-0 px that neighbouring camera pictures share
    overlap_y: float = 10.0
    jitter: int = 3  # level-0 px by which a camera picture may lie beside its place
    levels: int = 6
    image_format: ImageFormat = "JPEG"
    quality: int = 80
    positions: Literal["plain", "zlib", "absent"] = "plain"
    fill_color: tuple[int, int, int] = (255, 255, 255)
    data_files: int = 3
    scanned: Scanned = None  # (column, row) -> bool, or (positions_y, positions_x); None: all
    mpp: tuple[float | str | None, float | str | None] = (0.2325, 0.2325)  # text as it stands
    objective: str | None = "20"  # None: no such key
    associated: tuple[Associated, ...] = ("macro", "label", "thumbnail")
    general: tuple[tuple[str, str], ...] = ()  # further keys of [GENERAL], such as SLIDE_NAME
    filters: tuple[str, ...] = ()  # names of a "Slide filter level" hierarchy
    focus_levels: tuple[str, ...] = ()  # names of a "Microscope focus level" hierarchy
    page_length: int = 64  # images in a page of Index.dat
    camera_step: int = 1  # grey values by which neighbouring camera pictures differ; 0: none
    plain: bool = False  # glass in exactly one colour, where the scene is not given
    pieces: int = 3  # pieces of tissue, where the scene is not given
    seed: int = 0

    @property
    def images(self) -> tuple[int, int]:
        """Stored images of level 0 each way, (across, down), those never scanned included."""
        return self.positions_x * self.divisions, self.positions_y * self.divisions

    @property
    def picture(self) -> tuple[int, int]:
        """(width, height) of a camera picture, level-0 px."""
        return self.image_width * self.divisions, self.image_height * self.divisions

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) of level 0 as OpenSlide says it: cut to whole px at every picture."""
        return (
            _canvas_side(self.positions_x, self.picture[0], self.overlap_x),
            _canvas_side(self.positions_y, self.picture[1], self.overlap_y),
        )

    @cached_property
    def scanned_pictures(self) -> npt.NDArray[np.bool_]:
        """Which camera pictures exist, (positions_y, positions_x)."""
        shape = (self.positions_y, self.positions_x)
        if self.scanned is None:
            return np.ones(shape, bool)
        if callable(self.scanned):
            cells = [self.scanned(x, y) for y in range(shape[0]) for x in range(shape[1])]
            return np.array(cells, bool).reshape(shape)
        return np.asarray(self.scanned, bool).reshape(shape)

    @cached_property
    def locations(self) -> npt.NDArray[np.int32]:
        """Top left of each camera picture, level-0 px: (positions_y, positions_x, 2), x first."""
        rows, columns = np.mgrid[: self.positions_y, : self.positions_x]
        steps = np.array(self.picture) - (self.overlap_x, self.overlap_y)
        # Cut, not rounded: so does OpenSlide where a slide says nothing of positions.
        places = np.trunc(np.stack([columns, rows], axis=2) * steps).astype(np.int32)
        if self.positions == "absent":
            return places
        random = np.random.default_rng([self.seed, 5])
        places += random.integers(-self.jitter, self.jitter, places.shape, np.int32, True)
        # On the canvas; and x = y = 0 would mean "never scanned" to OpenSlide.
        places = np.clip(places, 0, np.maximum(np.array(self.size) - self.picture, 0))
        hidden = np.logical_not(places.any(axis=2))
        hidden[0, 0] = False
        places[hidden] = 1
        return places.astype(np.int32)

    @cached_property
    def slide_id(self) -> str:
        """32 hex digits, of everything that shapes the slide."""
        shaping = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "scanned"}
        text = f"{WRITER_VERSION} {shaping} {self.scanned_pictures.tolist()}"
        return hashlib.sha256(text.encode()).hexdigest()[:32].upper()

    def darkening(self, column: int, row: int) -> int:
        """Grey values taken off a camera picture: no two neighbours lose the same."""
        return (column % 2 + row % 2 * 2) * self.camera_step


def _canvas_side(pictures: int, side: int, overlap: float) -> int:
    total = 0
    for _ in range(pictures - 1):
        total = int(total + side - overlap)
    return total + side
