"""Write a MIRAX slide (.mrxs and its folder) of anything, of any size, with bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mirax_files import DataFiles, Part, StoredImage, index, position_buffer, slidedat
from mirax_images import (
    View,
    associated_picture,
    camera_pixels,
    decode,
    encode,
    small_overview,
)
from mirax_pyramid import Pyramid
from mirax_spec import MiraxSpec
from mirax_variants import VARIANTS
from scene import Pixels, Scene

__all__ = [
    "VARIANTS", "MiraxSpec", "Part", "Scene", "StoredImage", "View", "WrittenSlide",
    "around_tissue", "scene_of", "write_mirax",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class WrittenSlide:
    """A slide on disk, and what OpenSlide must make of it."""

    path: Path
    folder: Path
    spec: MiraxSpec
    scene: View
    images: tuple[StoredImage, ...]  # by level, then index
    others: dict[str, Part]  # "macro", "label", "thumbnail", "positions": where they are stored

    @property
    def width(self) -> int:
        """Level-0 px."""
        return self.spec.size[0]

    @property
    def height(self) -> int:
        """Level-0 px."""
        return self.spec.size[1]

    @property
    def scanned(self) -> npt.NDArray[np.bool_]:
        """Which camera pictures exist, (positions_y, positions_x)."""
        return self.spec.scanned_pictures

    @property
    def positions(self) -> npt.NDArray[np.int32]:
        """Each camera picture's x and y, level-0 px; 0, 0 where never scanned."""
        return self.spec.locations * self.scanned[:, :, None]

    @property
    def bounds(self) -> tuple[int, int, int, int] | None:
        """(x, y, width, height) of the scanned area, level-0 px; None: nothing was scanned."""
        if not self.scanned.any():
            return None
        places = self.spec.locations[self.scanned]
        (left, top), (right, bottom) = places.min(0), places.max(0) + self.spec.picture
        return int(left), int(top), int(right - left), int(bottom - top)

    def data_path(self, image: StoredImage | Part) -> Path:
        """The data file that holds an image."""
        return self.folder / f"Data{image.file_number:04}.dat"

    def place(self, image: StoredImage) -> tuple[int, int, int, int]:
        """(x, y, width, height) in level-0 px of an image of level 0."""
        return (
            *_location(self.spec, image.x, image.y),
            self.spec.image_width,
            self.spec.image_height,
        )

    def scanned_mask(self, downsample: int) -> npt.NDArray[np.bool_]:
        """What was scanned, (height, width), in the same cells as Scene.tissue_mask."""
        columns, rows = (np.arange(downsample // 2, side, downsample) for side in self.spec.size)
        mask = np.zeros((len(rows), len(columns)), bool)
        for left, top in self.spec.locations[self.scanned]:
            x0, x1 = np.searchsorted(columns, [left, left + self.spec.picture[0]])
            y0, y1 = np.searchsorted(rows, [top, top + self.spec.picture[1]])
            mask[y0:y1, x0:x1] = True
        return mask

    def expected_region(self, x: int, y: int, width: int, height: int) -> Pixels:
        """What OpenSlide must show of a level-0 rectangle: RGBA, (height, width, 4).

        Made from the scene, not from the files: these may have been damaged since.
        """
        region = np.zeros((height, width, 4), np.uint8)
        # OpenSlide paints from the last row and column to the first, each image only where nothing
        # is painted yet: so the later image covers the earlier.
        for row, column in self._images_within(x, y, width, height):
            self._paint(region, x, y, column, row)
        return region

    def _images_within(self, x: int, y: int, width: int, height: int) -> list[tuple[int, int]]:
        """(row, column) of all images of level 0 in the pictures that touch a rectangle, sorted."""
        divisions, corner = self.spec.divisions, np.array([x, y])
        far_corner = corner + np.array([width, height])
        near = self.scanned & (self.spec.locations < far_corner).all(axis=2)
        near &= (self.spec.locations + self.spec.picture > corner).all(axis=2)
        return sorted(
            (int(row) * divisions + down, int(column) * divisions + across)
            for row, column in np.argwhere(near)
            for down in range(divisions)
            for across in range(divisions)
        )

    def _paint(self, region: Pixels, x: int, y: int, column: int, row: int) -> None:
        """Lay one image of level 0 over what it covers of a region that starts at x, y."""
        picture = column // self.spec.divisions, row // self.spec.divisions
        left, top = _location(self.spec, column, row)
        width, height = self.spec.image_width, self.spec.image_height
        x0, x1 = max(left, x), min(left + width, x + region.shape[1])
        y0, y1 = max(top, y), min(top + height, y + region.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        within = column % self.spec.divisions, row % self.spec.divisions, 1, 1
        pixels = camera_pixels(self.spec, self.scene, picture, within)
        if self.spec.image_format == "JPEG":
            pixels = decode(encode(pixels, "JPEG", self.spec.quality))
        target = region[y0 - y : y1 - y, x0 - x : x1 - x]
        target[:, :, :3] = pixels[y0 - top : y1 - top, x0 - left : x1 - left]
        target[:, :, 3] = 255


def scene_of(spec: MiraxSpec) -> Scene:
    """The scene that a spec's own fields describe, as large as its canvas."""
    return Scene(*spec.size, seed=spec.seed, pieces=spec.pieces, plain=spec.plain)


def around_tissue(spec: MiraxSpec, scene: Scene, margin: int = 64) -> npt.NDArray[np.bool_]:
    """What a scanner would scan: the pictures that tissue comes within `margin` level-0 px of."""
    mask = scene.tissue_mask(16)
    scanned = np.zeros((spec.positions_y, spec.positions_x), bool)
    for row, column in np.ndindex(*scanned.shape):
        start = (spec.locations[row, column] - margin).clip(0) // 16
        end = (spec.locations[row, column] + spec.picture + margin) // 16 + 1
        scanned[row, column] = mask[start[1] : end[1], start[0] : end[0]].any()
    return scanned


def write_mirax(path: Path, spec: MiraxSpec, scene: View | None = None) -> WrittenSlide:
    """Write `path` (NAME.mrxs) and the folder NAME beside it; `scene`: by default, scene_of."""
    scene = scene_of(spec) if scene is None else scene
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (path, *folder.glob("Data*.dat")):
        stale.unlink(missing_ok=True)
    others: dict[str, Part] = {}
    with DataFiles(folder, spec.slide_id, spec.data_files) as files:
        images = Pyramid(spec, scene, files).write()
        for name in spec.associated:
            picture = associated_picture(name, spec, scene)
            others[name] = files.append(spec.data_files - 1, encode(picture, "JPEG", 80))
        if spec.positions != "absent":
            others["positions"] = files.append(spec.data_files - 1, position_buffer(spec))
    (folder / "Index.dat").write_bytes(index(spec, images, list(others.values())))
    (folder / "Slidedat.ini").write_bytes(slidedat(spec))
    # Last, so that a slide that can be seen is whole.
    path.write_bytes(encode(small_overview(spec, scene), "JPEG", 80))
    ordered = sorted(images, key=lambda image: (image.level, image.index))
    return WrittenSlide(path, folder, spec, scene, tuple(ordered), others)


def _location(spec: MiraxSpec, x: int, y: int) -> tuple[int, int]:
    """Top left, level-0 px, of an image of level 0."""
    left, top = spec.locations[y // spec.divisions, x // spec.divisions]
    return (
        int(left) + x % spec.divisions * spec.image_width,
        int(top) + y % spec.divisions * spec.image_height,
    )
