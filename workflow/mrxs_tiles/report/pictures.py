"""The small pictures beside ``report.html``: each slide's map, thumbnail and sample tiles.

They lie in ``results/report_files``, so that the page and this folder can be sent to somebody
without the tiles. A picture that cannot be made is left out: the page is made all the same.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from mrxs_tiles.files import manifest
from mrxs_tiles.files.store import remove_files, told, write_file
from mrxs_tiles.files.tile_files import TileFiles, file_on_disk
from mrxs_tiles.made_by import made_by
from mrxs_tiles.names import slide_id
from mrxs_tiles.pixels.decode import open_picture
from mrxs_tiles.pixels.reasons import TINTS
from mrxs_tiles.report.sample_tiles import Sample

FOLDER = "report_files"
MAP_PX, THUMBNAIL_PX, CELL_PX = 420, 320, 160  # sides, at most
QUALITY = 62  # of JPEG: some 45 kB a slide of dense tissue, 500 of them below 30 MB
PAPER = (238, 238, 238)  # around a sample that is not square
MOST_PX = 5e7  # of a tile that is decoded for its sample
LEAST_CROP = 48  # px of the thumbnail around a dropped tile: what is smaller shows nothing
NO_MAP = "no map of this slide"
UNUSABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # Pillow's complaints
VIEWERS = "slides.js"  # beside the pictures: which slides have a viewer
ROWS = "{}-rows.js"  # rows of a long page; their digest, 16 hex digits
_OURS = re.compile(
    r"\.?(?:[0-9a-f]{16}(-[0-9a-f]{16})?-(map|slide|tiles)\.jpg|[0-9a-f]{16}-rows\.js|slides\.js)"
    r"(\.[0-9a-f]{8})?(\.partial)?"
)


class Pictures(NamedTuple):
    """The names in ``report_files`` of a slide's pictures; "" where one cannot be made."""

    map: str = ""
    thumbnail: str = ""
    samples: str = ""


def map_name(slide: str) -> str:
    """The name of a slide's map, which every slide has, a failed one too."""
    return f"{slide_id(slide)}-map.jpg"


def is_ours(name: str) -> bool:
    """Whether a file in that folder is one of these pictures."""
    return _OURS.fullmatch(name) is not None


def maps_beside(page: Path) -> frozenset[str]:
    """The names of all maps that lie in the folder of a page's pictures."""
    try:
        return frozenset(path.name for path in (page.parent / FOLDER).glob("*-map.jpg"))
    except OSError:
        return frozenset()


class Made(NamedTuple):
    """The pictures of one slide: the map, which is not written yet, and the others, which are."""

    pictures: Pictures
    map: bytes
    sums: Mapping[str, str]  # CRC-32 of the others, by name


def make_pictures(
    results: Path, slide: str, size: tuple[int, int] | None, samples: Sequence[Sample]
) -> Made:
    """Make the pictures of one slide, and write all but its map.

    Args:
        results: where everything goes.
        slide: its name.
        size: width and height in level-0 px, if known.
        samples: the tiles that are shown, side by side in one picture.

    Raises:
        ResultsError: they cannot be written.
    """
    folder, out = results / slide, results / FOLDER
    content = _bytes(folder / manifest.THUMBNAIL)
    thumbnail = _decoded(content)
    shown = _map(folder, thumbnail)
    # Snakemake's own report shows the maps, too, and a failed slide is to be found there
    map_jpeg = _jpeg(shown or _no_map())
    names = Pictures(map=map_name(slide) if shown else "")
    if thumbnail is None or size is None:
        return Made(names, map_jpeg, {})
    small = thumbnail.copy()
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    names = names._replace(thumbnail=f"{slide_id(slide)}-slide.jpg")
    sums = {names.thumbnail: write_picture(out / names.thumbnail, _jpeg(small))}
    if samples:
        names = names._replace(samples=_strip_name(folder, slide, content, samples))
        strip = _jpeg(_strip(folder, thumbnail, size, samples))
        sums[names.samples] = write_picture(out / names.samples, strip)
    return Made(names, map_jpeg, sums)


def write_picture(path: Path, content: bytes) -> str:
    """Write one of a slide's pictures; its job and a report may be at it at once.

    Raises:
        ResultsError: it cannot be written.
    """
    return write_file(path, content, alone=False)


def remove_others(results: Path, kept: Collection[str]) -> None:
    """Remove the pictures of slides that are gone, and what a killed run left.

    Raises:
        ResultsError: one cannot be removed.
    """
    out = results / FOLDER
    with told(out):
        found = [path for path in out.iterdir() if _OURS.fullmatch(path.name)]
    remove_files(*(path for path in found if path.name not in kept))


def _strip_name(folder: Path, slide: str, thumbnail: bytes, samples: Sequence[Sample]) -> str:
    """A name that changes with what is shown: no browser takes another report's for it."""
    digest = hashlib.sha256(thumbnail)
    digest.update(repr(made_by("report")).encode())
    for sample in samples:
        # of a folder the size hangs on the file system, and the name must not
        size = _size(folder / file_on_disk(sample.file)) if sample.file else None
        digest.update(repr((sample, size)).encode())
    with suppress(OSError):
        digest.update((folder / manifest.TILES_TSV).read_bytes())
    return f"{slide_id(slide)}-{digest.hexdigest()[:16]}-tiles.jpg"


def _map(folder: Path, thumbnail: Image.Image | None) -> Image.Image | None:
    """``tiles.png`` without its legend, which the page has once for all slides."""
    picture = _decoded(_bytes(folder / manifest.TILE_MAP))
    if picture is None:
        return None
    if thumbnail is not None:
        picture = picture.crop((0, 0, *thumbnail.size))
    picture.thumbnail((MAP_PX, MAP_PX), Image.Resampling.LANCZOS)
    return picture


def _no_map() -> Image.Image:
    picture = Image.new("RGB", (240, 60), PAPER)
    font = ImageFont.load_default(14)
    ImageDraw.Draw(picture).text((120, 30), NO_MAP, fill=(60, 60, 60), font=font, anchor="mm")
    return picture


def _strip(
    folder: Path, thumbnail: Image.Image, size: tuple[int, int], samples: Sequence[Sample]
) -> Image.Image:
    strip = Image.new("RGB", (CELL_PX * len(samples), CELL_PX), PAPER)
    with TileFiles(folder) as files:
        for number, sample in enumerate(samples):
            cell = _tile(files, sample) or _place(thumbnail, size, sample)
            left = number * CELL_PX + (CELL_PX - cell.width) // 2
            strip.paste(cell, (left, (CELL_PX - cell.height) // 2))
    return strip


def _tile(files: TileFiles, sample: Sample) -> Image.Image | None:
    """A kept tile, small; None where it has no file that can be shown."""
    if not sample.file or sample.pixels > MOST_PX:
        return None
    try:
        picture = _decoded(files.read(sample.file), 2 * CELL_PX)
    except OSError:
        return None
    if picture is not None:
        picture.thumbnail((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    return picture


def _place(thumbnail: Image.Image, size: tuple[int, int], sample: Sample) -> Image.Image:
    """A tile's place on the thumbnail, framed, with what lies around it."""
    scale_x, scale_y = thumbnail.width / size[0], thumbnail.height / size[1]
    x, y, width, height = sample.box
    left, top = x * scale_x, y * scale_y
    right, bottom = left + width * scale_x, top + height * scale_y
    side = max(LEAST_CROP, 1.5 * max(right - left, bottom - top))
    corner = (left + right - side) / 2, (top + bottom - side) / 2
    box = (*corner, corner[0] + side, corner[1] + side)
    cell = thumbnail.transform(
        *((CELL_PX, CELL_PX), Image.Transform.EXTENT, box),
        resample=Image.Resampling.BILINEAR,
        fillcolor=PAPER,
    )
    zoom = CELL_PX / side
    frame = [(left - corner[0]) * zoom, (top - corner[1]) * zoom]
    frame += [(right - corner[0]) * zoom, (bottom - corner[1]) * zoom]
    draw = ImageDraw.Draw(cell)
    draw.rectangle([frame[0] - 1, frame[1] - 1, frame[2] + 1, frame[3] + 1], outline=(0, 0, 0))
    draw.rectangle(frame, outline=TINTS[sample.fate], width=2)
    return cell


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _decoded(content: bytes, side: int = 0) -> Image.Image | None:
    """A picture in RGB; of a JPEG, with ``side``, no more px than that needs."""
    try:
        with open_picture(content) as picture:
            if side:
                picture.draft("RGB", (side, side))
            return picture.convert("RGB")
    except UNUSABLE:
        return None


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
