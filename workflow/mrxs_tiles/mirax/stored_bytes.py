"""What the lengths of a slide's stored images tell: where tissue lies, how large tiles will be.

Glass compresses to a tenth of what tissue takes, so the index alone, which holds each image's
length, is a coarse picture of the slide. No pixel is decoded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mrxs_tiles.grid.coverage import tile_sums
from mrxs_tiles.grid.grid import Bools, Grid
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.pixels.otsu import otsu_of
from mrxs_tiles.pixels.picture_file import opened

CELLS_PER_IMAGE = 4  # cells of the map along a side of a stored image, if these are not
MOST_CELLS = 1 << 23  # more than so many: 67 MB
HEAD_BYTES = 4096  # of a stored JPEG: its tables stand before its pixels
# Lengths within one kind of ground differ by less than this; glass and tissue by far more.
LEAST_CONTRAST = 3.0

# Bytes of a JPEG of the same tissue by quality, 75 as one, and by chroma, 420 as one; measured
# on scikit-image's immunohistochemistry picture, and measured again by a test.
QUALITIES = (10, 30, 50, 60, 70, 75, 80, 85, 90, 95, 98, 100)
SIZES = (0.23, 0.49, 0.68, 0.77, 0.91, 1.0, 1.14, 1.33, 1.67, 2.38, 3.31, 4.34)
CHROMA = {"420": 1.0, "422": 1.08, "444": 1.20}
LUMA_MEAN = 57.625  # of the standard's luminance table, which is quality 50
JPEG_HEAD_BYTES = 623  # of a JPEG that Pillow writes: all before its pixels
FLAT_BYTES_PER_PX = 1 / 64  # a JPEG of one colour: 32 bits for each 16 x 16 px


@dataclass(frozen=True, slots=True)
class StoredMap:
    """Which stored image lies where on a level.

    ``image`` (rows, cols) int64 is the row in ``MiraxIndex.images[level]`` of the image in each
    cell, -1 where there is none; ``cell`` the side of a cell in px of the level.
    """

    level: int
    image: npt.NDArray[np.int64]
    cell: int

    def spread(self, of_image: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """A quantity of each stored image as a map, (rows, cols), 0 where there is none."""
        return np.append(of_image.astype(float), 0.0)[self.image]

    def px(self, cells: npt.NDArray[np.bool_]) -> float:
        """Px of the level that some cells cover, to a quarter of a stored image at the rim."""
        return float(cells.sum()) * self.cell**2

    def tile_px(
        self, values: npt.NDArray[np.generic], index: MiraxIndex, grid: Grid, kept: Bools
    ) -> float:
        """A quantity per px of the level, given as a map, summed over the kept tiles."""
        side = float(self.cell * layout.downsample(index, self.level))
        return float(tile_sums(values, (side, side), grid)[kept].sum()) * self.cell**2


def stored_map(index: MiraxIndex, level: int, size: tuple[int, int]) -> StoredMap:
    """Lay a level's stored images onto cells; where they overlap one of them counts.

    ``size`` is the level's (width, height) in px; what an odd index puts beyond it is left out.

    Raises:
        SlideError: an image belongs to no camera picture.
    """
    places = layout.pieces(index, level, layout.scanned_positions(index))
    finest = math.ceil(math.sqrt(size[0] * size[1] / MOST_CELLS))
    cell = max(1, finest, int(math.sqrt(places.width * places.height)) // CELLS_PER_IMAGE)
    image = np.full((math.ceil(size[1] / cell), math.ceil(size[0] / cell)), -1, np.int64)
    if not len(places.x):
        return StoredMap(level, image, cell)
    # a cell belongs to the image that its centre lies in
    first_x = np.ceil(places.x / cell - 0.5).astype(np.int64)
    first_y = np.ceil(places.y / cell - 0.5).astype(np.int64)
    end_x = np.ceil((places.x + places.width) / cell - 0.5).astype(np.int64)
    end_y = np.ceil((places.y + places.height) / cell - 0.5).astype(np.int64)
    for down in range(int((end_y - first_y).max())):
        for across in range(int((end_x - first_x).max())):
            x, y = first_x + across, first_y + down
            inside = (x < end_x) & (y < end_y) & (x >= 0) & (y >= 0)
            inside &= (x < image.shape[1]) & (y < image.shape[0])
            image[y[inside], x[inside]] = places.image[inside]
    return StoredMap(level, image, cell)


def tissue_images(index: MiraxIndex) -> npt.NDArray[np.bool_] | None:
    """Which stored images of level 0 hold tissue, (n,) bool; None where lengths do not tell.

    Otsu's threshold (IEEE Trans. Syst. Man Cybern. 9, 1979) on the logarithm of the lengths.
    Where the two sides differ by less than ``LEAST_CONTRAST`` there is one kind of ground only.
    """
    lengths = index.images[0][:, 2] - _head_bytes(index, 0)
    logs = np.log(np.maximum(1, lengths))
    if not len(logs) or logs.min() == logs.max():
        return None
    tissue: npt.NDArray[np.bool_] = logs > otsu_of(logs)
    if np.median(logs[tissue]) - np.median(logs[~tissue]) < np.log(LEAST_CONTRAST):
        return None
    return tissue


def jpeg_px_bytes(
    index: MiraxIndex, level: int, quality: int, subsampling: str
) -> npt.NDArray[np.float64] | None:
    """About how many bytes a px of each stored image takes in JPEG tiles; None: not known.

    The stored images' own bytes, brought from the scanner's quality to the tiles'.
    """
    head = _jpeg_head(index, level)
    at = index.slidedat.levels[level]
    if head is None:
        return None
    stored_quality, stored_subsampling = head
    lengths = np.maximum(0, index.images[level][:, 2] - _head_bytes(index, level))
    per_px: npt.NDArray[np.float64] = lengths / (at.image_width * at.image_height)
    factor = np.interp(quality, QUALITIES, SIZES) / np.interp(stored_quality, QUALITIES, SIZES)
    chroma = CHROMA[subsampling] / CHROMA.get(stored_subsampling, 1.0)
    return per_px * float(factor * chroma)


def _first_image(index: MiraxIndex, level: int) -> bytes:
    """The head of a level's first stored image; empty where it cannot be read."""
    if not len(index.images[level]):
        return b""
    _, offset, length, file = index.images[level][0].tolist()
    try:
        with (index.folder / index.slidedat.data_files[file]).open("rb") as stream:
            stream.seek(offset)
            head: bytes = stream.read(min(length, HEAD_BYTES))
            return head
    except OSError:
        return b""


def _head_bytes(index: MiraxIndex, level: int) -> int:
    """Bytes of a stored JPEG before its pixels: they are the same in all of a slide's."""
    if index.slidedat.levels[level].image_format != "JPEG":
        return 0
    return max(0, _first_image(index, level).find(b"\xff\xda"))


def _jpeg_head(index: MiraxIndex, level: int) -> tuple[float, str] | None:
    """Quality and subsampling of the stored JPEGs; None where they are none."""
    if index.slidedat.levels[level].image_format != "JPEG":
        return None
    try:
        with opened(_first_image(index, level)) as image:
            table = image.quantization[0]  # type: ignore[attr-defined]
            layers = image.layer  # type: ignore[attr-defined]
    except (OSError, SyntaxError, KeyError):
        return None
    scale = 100 * sum(table) / len(table) / LUMA_MEAN
    quality = 5000 / scale if scale > 100 else (200 - scale) / 2
    across, down = layers[0][1], layers[0][2]
    return quality, {(2, 2): "420", (2, 1): "422"}.get((across, down), "444")
