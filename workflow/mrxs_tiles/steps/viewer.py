"""The step ``viewer``: the zoomable page of a cut slide.

Writes ``viewer.html``, ``viewer.dzi``, ``viewer_files/`` and ``viewer.json`` into
``results/{slide}``. Each stored image is read once more: no tile is cut, and ``tile`` removes the
page where it cuts anew.
"""

from __future__ import annotations

import logging
from pathlib import Path

from mrxs_tiles.cutting import kept
from mrxs_tiles.cutting.job import WHERE_IT_LIES, Source
from mrxs_tiles.cutting.space import check_space
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, in_turn
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.mirax.unchanged import explained
from mrxs_tiles.settings import Settings
from mrxs_tiles.viewer import page
from mrxs_tiles.viewer.opened import opened_to_show
from mrxs_tiles.viewer.viewer import built_viewer, write_refused

log = logging.getLogger(__name__)

NOT_OF_KEPT = "No viewer: the tiles are those of an earlier run, and the slide is not what it was."


def viewer(
    slide: str,
    path: Path,
    results: Path,
    settings: Settings,
    threads: int,
    source: Source = WHERE_IT_LIES,
) -> Record:
    """Make the zoomable page of one cut slide.

    Args:
        slide: its name, the folder below ``results``.
        path: its file.
        results: where everything goes.
        settings: its background and how pictures are encoded; none of the grid.
        threads: how many blocks are worked on at the same time.
        source: whether the slide is copied to a local disk first, and since when it is known.

    Returns:
        What ``tiles.json`` holds: a slide that failed has no page, nothing is raised for it. Where
        a page could not be made of a slide that was cut, its status is ``failed`` and ``error``
        says why; a page that was there is left as it was, and the workflow's next run tries again.

    Raises:
        ResultsError: ``tile`` has not been run, OpenSeadragon is not installed, a file cannot be
            written, or another process is at this slide.
        StageError: the slide cannot be copied to ``source.stage``.
    """
    page.openseadragon()  # before a long read: is it there?
    with in_turn(results / slide / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
        return _viewer(slide, path, results / slide, settings, threads, source)


def _viewer(
    slide: str, path: Path, folder: Path, settings: Settings, threads: int, source: Source
) -> Record:
    tiled = kept.last_said(folder)
    if "earlier" in tiled or tiled["status"] in ("failed", manifest.KEPT):
        is_there = tiled["status"] == "failed" or (folder / manifest.VIEWER).exists()
        write_refused(folder, slide, "" if is_there else NOT_OF_KEPT)
        return tiled
    inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    try:
        with opened_to_show(path, folder, inspected, settings, threads, source.stage) as shown:
            check_space(folder, slide, shown.bytes())
            with built_viewer(shown, threads) as built:
                if built.refused is not None and not tiled["error"]:
                    raise built.refused
                shown.end_reading()
                built.put(tiled)
    except SlideError as problem:
        said = f"The viewer could not be made: {explained(path, problem, source.begun_with)}"
        write_refused(folder, slide, said)
        return {"slide": slide, "status": "failed", "error": said}
    log.info("%s: viewer written", slide)
    return tiled
