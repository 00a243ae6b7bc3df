"""The time in which a slide's tables and tiles may be those of two runs, and how it ends."""

from __future__ import annotations

from pathlib import Path

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import remove_files, settle, write_file
from mrxs_tiles.files.tile_folder import discard_folder

ASIDE = ".earlier"  # the folder for records of the earlier run, see kept
PUBLISHING = ".publishing"  # is there while tables and tiles may be those of two runs


def begin_publishing(folder: Path, record: Record | None = None) -> None:
    """Say that the earlier run's results go now: until ``finish`` there are none.

    Snakemake puts the tables of a job that failed back: beside other tiles they would lie.
    ``record``: what ``tiles.json`` will hold, but for its ``tables``; None: not known.

    Raises:
        ResultsError: it cannot be said.
    """
    awaited = b"" if record is None else manifest.bare_crc32(record).encode()
    write_file(folder / PUBLISHING, awaited, lasting=True)
    discard_folder(folder, ASIDE)


def is_amid(folder: Path) -> bool:
    """Whether tables and tiles may be those of two runs.

    A power cut can bring the mark back that says so; then the record is there that it waited for.
    """
    try:
        awaited = (folder / PUBLISHING).read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return awaited != manifest.bare_crc32(manifest.read_record(folder / manifest.TILES_JSON))
    except ResultsError:
        return True


def finish(folder: Path, record: Record, stops: bool = False) -> Record:
    """Write ``tiles.json``: all that it speaks of is in place, and on the disk. Returns it.

    ``stops``, as in ``Source``: beside the tiles of a bad slide Snakemake may put other tables, so
    they are still not to be believed.

    Raises:
        ResultsError: it cannot be written.
    """
    settle(folder)
    sealed = manifest.sealed(record, manifest.TILES_JSON)
    manifest.write_record(folder / manifest.TILES_JSON, sealed)
    if stops and record["status"] in manifest.BAD:
        write_file(folder / PUBLISHING, b"", lasting=True)
    else:
        remove_files(folder / PUBLISHING)
    return sealed
