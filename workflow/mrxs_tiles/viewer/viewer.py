"""A slide's viewer: its pyramid, its page, put in place together."""

from __future__ import annotations

from mrxs_tiles.cutting.job import Job
from mrxs_tiles.cutting.space import estimate_bytes
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import TileFolder
from mrxs_tiles.pixels.encode import Encode, make_encoder
from mrxs_tiles.progress import Progress
from mrxs_tiles.viewer.deepzoom import SUFFIX, Builder, DeepZoom
from mrxs_tiles.viewer.page import add_scripts, page_data, write_page

PYRAMID_SHARE = 1.4  # bytes of all levels for one of full resolution


def write_viewer(job: Job, tiled: Record, threads: int) -> SlideError | None:
    """Write ``viewer.html``, ``viewer.dzi`` and ``viewer_files/`` of a slide that was cut.

    Args:
        job: the slide, open; its folder holds ``tiles.tsv``.
        tiled: what ``tiles.json`` will hold.
        threads: how many blocks are worked on at the same time.

    Returns:
        Why a part is missing that may be there the next time; None: none is.

    Raises:
        ResultsError: a file cannot be written, or OpenSeadragon is not installed.
    """
    inspected, folder = job.inspected, job.folder
    encode = _encoder(job)
    made = DeepZoom((inspected["width"], inspected["height"]), job.background, encode)
    with TileFolder(folder, manifest.VIEWER_FILES) as files:
        builder = Builder(job.reader, made, files)
        label = f"{inspected['slide']}, viewer"
        with Progress(label, len(builder.blocks), "blocks") as progress:
            refused = builder.build(threads, progress.done)
        rows = manifest.read_table(folder / manifest.TILES_TSV, manifest.TILES)
        add_scripts(files, page_data(inspected, tiled, job.background, builder.written, rows))
        files.publish()
    write_page(folder, inspected, builder.written)
    return refused


def viewer_bytes(job: Job) -> int:
    """About how many bytes a viewer takes: as the tiles look, so all that was scanned."""
    grid, listed = job.grid, list(job.tissue)
    guess = estimate_bytes(job.reader, grid, listed, _encoder(job), job.background)
    px = listed_px = len(listed) * (job.settings.tile_size * grid.downsample) ** 2
    scanned, mpp_x, mpp_y = (job.inspected[key] for key in ("scanned_mm2", "mpp_x", "mpp_y"))
    if scanned and mpp_x and mpp_y:
        px = scanned * 1e6 / (mpp_x * mpp_y)
    full = guess * grid.downsample**2 * px / max(1, listed_px)
    return int(full * PYRAMID_SHARE)


def _encoder(job: Job) -> Encode:
    """What turns a piece of the pyramid into a JPEG, as tiles are."""
    return make_encoder(SUFFIX, job.settings.quality, job.settings.subsampling)[0]
