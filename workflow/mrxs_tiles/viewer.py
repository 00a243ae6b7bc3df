"""A slide's viewer: its pyramid, its page, put in place together."""

from __future__ import annotations

from pathlib import Path

from mrxs_tiles import manifest
from mrxs_tiles.deepzoom import Builder, DeepZoom
from mrxs_tiles.manifest import Record
from mrxs_tiles.progress import Progress
from mrxs_tiles.reader import Reader
from mrxs_tiles.store import TileFolder
from mrxs_tiles.viewer_page import add_scripts, page_data, write_page


def write_viewer(
    folder: Path, reader: Reader, inspected: Record, made: DeepZoom, threads: int
) -> None:
    """Write ``viewer.html``, ``viewer.dzi`` and ``viewer_files/`` of a slide that was cut.

    Args:
        folder: ``results/{slide}``, with ``tiles.tsv``.
        reader: the slide, open.
        inspected: what ``slide.json`` holds.
        made: what the pyramid is made with.
        threads: how many blocks are worked on at the same time.

    Raises:
        ResultsError: a file cannot be written, or OpenSeadragon is not installed.
    """
    with TileFolder(folder, manifest.VIEWER_FILES) as files:
        builder = Builder(reader, made, files)
        label = f"{inspected['slide']}, viewer"
        with Progress(label, len(builder.blocks), "blocks") as progress:
            written = builder.build(threads, progress.done)
        rows = manifest.read_table(folder / manifest.TILES_TSV, manifest.TILES)
        add_scripts(files, page_data(inspected, made.background, written, rows))
        files.publish()
    write_page(folder, inspected)
