"""A slide's viewer: its pyramid, its page, put in place together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mrxs_tiles.cutting.space import estimate_bytes
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import TileFolder
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.grid.grid import Grid
from mrxs_tiles.pixels.encode import make_encoder
from mrxs_tiles.pixels.filters import Color
from mrxs_tiles.progress import Progress
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.reader import Reader
from mrxs_tiles.viewer.deepzoom import SUFFIX, Builder, DeepZoom
from mrxs_tiles.viewer.page import add_scripts, page_data, write_page

PYRAMID_SHARE = 1.4  # bytes of all levels for one of full resolution


def write_viewer(
    folder: Path,
    reader: Reader,
    inspected: Record,
    tiled: Record,
    settings: Settings,
    background: Color,
    threads: int,
) -> SlideError | None:
    """Write ``viewer.html``, ``viewer.dzi`` and ``viewer_files/`` of a slide that was cut.

    Args:
        folder: ``results/{slide}``, with ``tiles.tsv``.
        reader: the slide, open.
        inspected: what ``slide.json`` holds.
        tiled: what ``tiles.json`` will hold.
        settings: how the pictures are encoded.
        background: colour where nothing was scanned.
        threads: how many blocks are worked on at the same time.

    Returns:
        Why a part is missing that may be there the next time; None: none is.

    Raises:
        ResultsError: a file cannot be written, or OpenSeadragon is not installed.
    """
    encode, _ = make_encoder(SUFFIX, settings.quality, settings.subsampling)
    made = DeepZoom((inspected["width"], inspected["height"]), background, encode)
    with TileFolder(folder, manifest.VIEWER_FILES) as files:
        builder = Builder(reader, made, files)
        label = f"{inspected['slide']}, viewer"
        with Progress(label, len(builder.blocks), "blocks") as progress:
            refused = builder.build(threads, progress.done)
        rows = manifest.read_table(folder / manifest.TILES_TSV, manifest.TILES)
        add_scripts(files, page_data(inspected, tiled, background, builder.written, rows))
        files.publish()
    write_page(folder, inspected)
    return refused


def viewer_bytes(
    reader: Reader,
    grid: Grid,
    listed: Sequence[Address],
    inspected: Record,
    settings: Settings,
    background: Color,
) -> int:
    """About how many bytes a viewer takes: as the tiles look, so all that was scanned.

    ``listed``: the tiles of the grid that can hold pixels.
    """
    encode, _ = make_encoder(SUFFIX, settings.quality, settings.subsampling)
    guess = estimate_bytes(reader, grid, listed, encode, background)
    px = listed_px = len(listed) * (settings.tile_size * grid.downsample) ** 2
    scanned, mpp_x, mpp_y = (inspected[key] for key in ("scanned_mm2", "mpp_x", "mpp_y"))
    if scanned and mpp_x and mpp_y:
        px = scanned * 1e6 / (mpp_x * mpp_y)
    full = guess * grid.downsample**2 * px / max(1, listed_px)
    return int(full * PYRAMID_SHARE)
