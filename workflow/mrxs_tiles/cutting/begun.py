"""Word left in a slide's folder that a step has begun: by it what a failed one left is found."""

from __future__ import annotations

from pathlib import Path

from mrxs_tiles.cutting.kept import earlier, forget_asked, set_aside
from mrxs_tiles.cutting.publishing import ASIDE, begin_publishing, is_amid
from mrxs_tiles.files import manifest
from mrxs_tiles.files.store import remove_files, write_file

INSPECTING = ".inspecting"  # is there until `inspect` has written all, in the workflow


def begin(folder: Path) -> None:
    """Leave word that the record of `tile` is to come.

    When a job fails for another reason than its slide, Snakemake puts back what `tile` wrote
    before, and notes that it was made with today's keys. ``tidy`` sees by this that it was not.

    Raises:
        ResultsError: it cannot be said.
    """
    if not (folder / manifest.TILES_JSON).exists():
        return  # there is nothing to be put back
    if earlier(folder) is None:
        begin_publishing(folder)
    else:
        set_aside(folder, manifest.TILES_JSON)


def begin_inspecting(folder: Path) -> None:
    """Leave word that `inspect` has begun, as ``begin`` does for `tile`.

    Raises:
        ResultsError: it cannot be said.
    """
    if (folder / manifest.SLIDE_JSON).exists():
        write_file(folder / INSPECTING, b"")


def end_inspecting(folder: Path) -> None:
    """What `inspect` was to write is there, or was put back.

    Raises:
        ResultsError: it cannot be said.
    """
    remove_files(folder / INSPECTING)


def tidy(folder: Path) -> None:
    """After a run: forget what was asked, and remove tables that tell of other tiles.

    Raises:
        ResultsError: something cannot be removed.
    """
    forget_asked(folder)
    if is_amid(folder):
        remove_files(folder / manifest.TILES_JSON, folder / manifest.TILES_TSV)
    elif (folder / ASIDE / manifest.TILES_JSON).exists():
        # of a job that failed, put back by Snakemake
        remove_files(folder / manifest.TILES_JSON)
        if (folder / ASIDE / manifest.COORDINATES_TSV).exists():  # it may have been `inspect`
            remove_files(folder / manifest.COORDINATES_TSV)
