"""A slide's viewer: its pyramid, its page, put in place together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mrxs_tiles.cutting.job import Job
from mrxs_tiles.cutting.space import estimate_bytes
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.checksums import crc32
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import TileFolder, settle
from mrxs_tiles.made_by import FIELD, made_by
from mrxs_tiles.mirax.proof import choose
from mrxs_tiles.mirax.readers import MIRAX, reading
from mrxs_tiles.mirax.without_levels import openable_levels
from mrxs_tiles.pixels.encode import Encode, make_encoder
from mrxs_tiles.progress import Progress
from mrxs_tiles.slide.reader import Reader, SlideReader
from mrxs_tiles.viewer.deepzoom import SUFFIX, Builder, DeepZoom, Written
from mrxs_tiles.viewer.page import add_scripts, page_data, write_page

PYRAMID_SHARE = 1.4  # bytes of all levels for one of full resolution


@dataclass(frozen=True, slots=True)
class Viewer:
    """A viewer whose pyramid is built, aside.

    ``refused``: why a part is missing that may be there the next time; None: none is.
    """

    refused: SlideError | None
    _job: Job
    _files: TileFolder
    _written: Written

    def put(self, tiled: Record) -> None:
        """Put ``viewer.html``, ``viewer.dzi`` and ``viewer_files/`` in place; reads no slide.

        ``tiled``: what ``tiles.json`` will hold. The slide's folder holds ``tiles.tsv`` by now.

        Raises:
            ResultsError: a file cannot be written, or OpenSeadragon is not installed.
        """
        inspected, folder = self._job.inspected, self._job.folder
        rows = manifest.read_table(folder / manifest.TILES_TSV, manifest.TILES)
        background = self._job.background
        add_scripts(self._files, page_data(inspected, tiled, background, self._written, rows))
        listed = ((name, *known) for name, known in self._files.written.items())
        lines = b"".join(manifest.table_lines(manifest.VIEWED, listed))
        table = self._files.write(manifest.VIEWER_TSV, lines)
        self._files.publish()
        tables = write_page(folder, inspected, self._written) | {table: crc32(lines)}
        record = {"slide": inspected["slide"], FIELD: made_by("viewer"), "tables": tables}
        settle(folder)
        manifest.write_record(
            folder / manifest.VIEWER_JSON, manifest.sealed(record, manifest.VIEWER_JSON)
        )


@contextmanager
def built_viewer(job: Job, threads: int) -> Iterator[Viewer]:
    """Build the pyramid of an open slide; what was not put in place is gone when this ends.

    Args:
        job: the slide.
        threads: how many blocks are worked on at the same time.

    Raises:
        ResultsError: a file cannot be written.
    """
    inspected = job.inspected
    encode = _encoder(job)
    made = DeepZoom((inspected["width"], inspected["height"]), job.background, encode)
    with (
        TileFolder(job.folder, manifest.VIEWER_FILES, summed=True) as files,
        _level_0(job) as reader,
    ):
        builder = Builder(reader, made, files)
        label = f"{inspected['slide']}, viewer"
        with Progress(label, len(builder.blocks), "blocks") as progress:
            refused = builder.build(threads, progress.done)
        yield Viewer(refused, job, files, builder.written)


@contextmanager
def _level_0(job: Job) -> Iterator[Reader]:
    """What reads level 0: that of the tiles, which `inspect` has proven on their level alone.

    Where they come from a coarser level and our own reader reads them, it is proven here.

    Raises:
        SlideError: the slide cannot be opened again.
    """
    if job.grid.level == 0 or job.inspected["reader"] != MIRAX or job.index is None:
        yield job.reader
        return
    with openable_levels(job.files, job.index) as path, SlideReader(path) as slide:
        name, _ = choose(job.settings.reader, job.index, 0, slide)
        with reading(name, slide, job.index, 0) as reader:
            yield reader


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
