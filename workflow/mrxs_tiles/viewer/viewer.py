"""A slide's viewer: its pyramid, its page, put in place together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.errors import ResultsError, SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.beside import read_beside
from mrxs_tiles.files.checksums import crc32
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import remove_files, settle
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.made_by import FIELD, made_by
from mrxs_tiles.progress import Progress
from mrxs_tiles.viewer.deepzoom import Builder, DeepZoom, Written
from mrxs_tiles.viewer.grid_data import grid_data
from mrxs_tiles.viewer.opened import Shown
from mrxs_tiles.viewer.page import add_scripts, page_data, write_page


@dataclass(frozen=True, slots=True)
class Viewer:
    """A viewer whose pyramid is built, aside.

    ``refused``: why a part is missing that may be there the next time; None: none is.
    """

    refused: SlideError | None
    _shown: Shown
    _files: TileFolder
    _written: Written

    def put(self, tiled: Record) -> None:
        """Put ``viewer.html``, ``viewer.dzi`` and ``viewer_files/`` in place; reads no slide.

        ``tiled``: what ``tiles.json`` holds.

        Raises:
            ResultsError: a file cannot be written, or OpenSeadragon is not installed.
        """
        inspected, folder = self._shown.inspected, self._shown.folder
        rows = manifest.read_table(folder / manifest.TILES_TSV, manifest.TILES)
        background = self._shown.background
        grid = grid_data(rows)
        about = page_data(inspected, tiled, background, self._written, grid)
        add_scripts(self._files, about, grid)
        listed = ((name, *known) for name, known in self._files.written.items())
        lines = b"".join(manifest.table_lines(manifest.VIEWED, listed))
        table = self._files.write(manifest.VIEWER_TSV, lines)
        # the record first: while files of two viewers may lie there, none says that they are one
        known = (manifest.VIEWER_JSON, *manifest.VIEWER_PAGE)
        remove_files(*(folder / name for name in known), lasting=True)
        self._files.publish()
        tables = write_page(folder, inspected, self._written) | {table: crc32(lines)}
        settle(folder)
        _write_record(folder, {"slide": inspected["slide"], "error": "", "tables": tables})


@contextmanager
def built_viewer(shown: Shown, threads: int) -> Iterator[Viewer]:
    """Build the pyramid of an open slide; what was not put in place is gone when this ends.

    Args:
        shown: the slide.
        threads: how many blocks are worked on at the same time.

    Raises:
        ResultsError: a file cannot be written.
    """
    made = DeepZoom(shown.size, shown.background, shown.encode)
    with TileFolder(shown.folder, manifest.VIEWER_FILES, summed=True) as files:
        builder = Builder(shown.reader, made, files)
        label = f"{shown.inspected['slide']}, viewer"
        with Progress(label, len(builder.blocks), "blocks") as progress:
            refused = builder.build(threads, progress.done)
        yield Viewer(refused, shown, files, builder.written)


def write_refused(folder: Path, slide: str, error: str) -> None:
    """Write the record of a slide without a new viewer; one that is there is left as it is.

    Args:
        folder: ``results/{slide}``.
        slide: its name.
        error: why there is none; "": the slide has no tiles either.

    Raises:
        ResultsError: it cannot be written.
    """
    try:
        tables = read_beside(folder / manifest.VIEWER_JSON).get("tables", {})
    except ResultsError:
        tables = {}
    _write_record(folder, {"slide": slide, "error": error, "tables": tables})


def _write_record(folder: Path, record: Record) -> None:
    sealed = manifest.sealed(record | {FIELD: made_by("viewer")}, manifest.VIEWER_JSON)
    manifest.write_record(folder / manifest.VIEWER_JSON, sealed)
