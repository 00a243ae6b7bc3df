"""The plain script that everything is compared with: DeepZoomGenerator and Pillow, no more.

Nothing of the package is used here.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

Address = tuple[int, int]
SUBSAMPLINGS = {"420": "4:2:0", "422": "4:2:2", "444": "4:4:4"}


@dataclass(frozen=True)
class KnownTile:
    """What the plain script finds at one address."""

    location: Address  # what is read: top left, level-0 px
    read_size: tuple[int, int]  # px of the level that is read
    size: tuple[int, int]  # px of the picture
    reason: str  # "" where it is kept


@dataclass(frozen=True)
class Known:
    """What the plain script makes of a slide."""

    cols: int
    rows: int
    files: dict[str, bytes] = field(default_factory=dict)
    tiles: dict[Address, KnownTile] = field(default_factory=dict)

    def count(self, reason: str) -> int:
        """How many tiles have a reason."""
        return sum(tile.reason == reason for tile in self.tiles.values())


def plain_script(
    path: Path,
    *,
    tile_size: int = 3000,
    overlap: int = 0,
    downsample: int = 1,
    limit_bounds: bool = False,
    drop_blank: bool = True,
    background: str | None = None,
    quality: int | None = None,
    subsampling: str | None = None,
    format: str = "jpg",
) -> Known:
    """Every tile of a slide, and the files that are to be kept of them.

    `background`: "r,g,b". `quality`, `subsampling`: None leaves them to Pillow.
    """
    colour = None if background is None else tuple(map(int, background.split(",")))
    with OpenSlide(path) as slide:
        generator = DeepZoomGenerator(slide, tile_size, overlap, limit_bounds)
        level = generator.level_count - 1 - (downsample.bit_length() - 1)
        try:
            cols, rows = generator.level_tiles[level]
        except IndexError:  # there is no picture at all, and so no smaller one
            return Known(0, 0)
        known = Known(cols if rows else 0, rows if cols else 0)
        for address in ((col, row) for col in range(known.cols) for row in range(known.rows)):
            picture = _picture(slide, generator, level, address, colour)
            reason = "unscanned" if 0 in picture.size else ""
            if not reason and drop_blank and not _has_two_greys(picture):
                reason = "blank" if _has_alpha(slide, generator, level, address) else "unscanned"
            location, _, read_size = generator.get_tile_coordinates(level, address)
            known.tiles[address] = KnownTile(location, read_size, picture.size, reason)
            if not reason:
                name = f"{address[0]}_{address[1]}.{format}"
                known.files[name] = encoded(picture, format, quality, subsampling)
    return known


def encoded(
    picture: Image.Image, image_format: str, quality: int | None, subsampling: str | None
) -> bytes:
    """What Pillow writes; a png is packed loosely, for only its pixels are compared."""
    options: dict[str, object] = {} if image_format == "jpg" else {"compress_level": 1}
    if quality is not None:
        options["quality"] = quality
    if subsampling is not None:
        options["subsampling"] = SUBSAMPLINGS[subsampling]
    out = io.BytesIO()
    picture.save(out, "JPEG" if image_format == "jpg" else "PNG", **options)
    return out.getvalue()


def _picture(
    slide: OpenSlide,
    generator: DeepZoomGenerator,
    level: int,
    address: Address,
    colour: tuple[int, ...] | None,
) -> Image.Image:
    """A tile as `get_tile` gives it, or the same with another colour behind it."""
    if colour is None:
        return generator.get_tile(level, address)
    region = slide.read_region(*generator.get_tile_coordinates(level, address))
    picture = Image.composite(region, Image.new("RGB", region.size, colour), region)
    wanted = generator.get_tile_dimensions(level, address)
    if picture.size != wanted:
        picture.thumbnail(wanted, Image.Resampling.LANCZOS)
    return picture


def _has_two_greys(picture: Image.Image) -> bool:
    extrema = picture.convert("L").getextrema()
    return extrema is not None and extrema[0] != extrema[1]


def _has_alpha(
    slide: OpenSlide, generator: DeepZoomGenerator, level: int, address: Address
) -> bool:
    region = slide.read_region(*generator.get_tile_coordinates(level, address))
    return region.getchannel("A").getextrema() != (0, 0)
