"""``run.json``: what made these results, enough to make the same bytes again years later.

The version and every step's number and libraries, the config, which slide with which keys, and the
sums of the report's files. No host, user, time or label, no column of the sheet, no absolute path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import mrxs_tiles
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.checksums import crc32_of, sha256_of
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import settle, told
from mrxs_tiles.made_by import FIELD, all_made_by
from mrxs_tiles.report.crate import write_crate
from mrxs_tiles.report.pictures import FOLDER, is_ours
from mrxs_tiles.report.pieces import Pieces
from mrxs_tiles.report.shown_slide import Entry
from mrxs_tiles.settings import without_places


def write_run(
    results: Path,
    entries: Iterable[Entry],
    pieces: Pieces,
    config: Mapping[str, object],
    sheet: Path | None,
) -> None:
    """Write ``ro-crate-metadata.json`` and ``run.json``, after all else of the report.

    Args:
        results: where everything lies.
        entries: all slides.
        pieces: knows the sums of pictures that are the last report's.
        config: keys and values of this run.
        sheet: that names the slides; None: none, or that of an earlier report.

    Raises:
        ResultsError: a file cannot be written, or one of the report's cannot be read.
    """
    record = run_record(entries, config, _named_by(results, sheet))
    write_crate(results, record)
    names = [manifest.REPORT_TSV, manifest.REPORT_HTML, manifest.CRATE_JSON]
    with told(results):
        record["tables"] = {name: crc32_of(results / name) for name in names}
        pictures = sorted(path.name for path in (results / FOLDER).iterdir())
    settle(results, *names)
    sums = pieces.sums(name for name in pictures if is_ours(name))
    record["tables"] |= {f"{FOLDER}/{name}": one for name, one in sums.items()}
    path = results / manifest.RUN_JSON
    manifest.write_record(path, manifest.sealed(record, path.name))


def known_config(results: Path) -> dict[str, object]:
    """The keys of the run that a report of before was made for; none where that is not known."""
    try:
        config = manifest.read_record(results / manifest.RUN_JSON).get("config")
    except ResultsError:
        return {}
    return config if isinstance(config, dict) else {}


class NamedBy(NamedTuple):
    """A sheet: its name and digest, and slides' paths from where it lies, as far as is known."""

    record: Record | None
    folder: Path | None
    paths: Mapping[str, str]

    def path(self, slide: str, path: str) -> str:
        """A slide's path from the sheet, where it lies below it; else its file's name."""
        if self.folder is not None and Path(path).is_relative_to(self.folder):
            return Path(path).relative_to(self.folder).as_posix()
        known = self.paths.get(slide, "")
        return known if Path(known).name == Path(path).name else Path(path).name


def run_record(entries: Iterable[Entry], config: Mapping[str, object], sheet: NamedBy) -> Record:
    """What ``run.json`` holds, but for ``tables``."""
    settings: list[Record] = []
    slides = [of_slide(entry, settings, sheet) for entry in entries]
    return {
        "version": mrxs_tiles.__version__,
        "steps": all_made_by(),
        "config": without_places(config),
        "sheet": sheet.record,
        "settings": settings,
        "slides": slides,
    }


def of_slide(entry: Entry, settings: list[Record], sheet: NamedBy) -> Record:
    """What it says of one slide, whose keys go to ``settings`` where they are not there yet."""
    row, inspected, tiled = entry
    grid = inspected["grid"] or {}
    keys = tiled.get("settings")
    if keys is not None and keys not in settings:
        settings.append(keys)
    return {
        "slide": row["slide"],
        "path": sheet.path(row["slide"], row["path"]),
        "status": row["status"],
        "quickhash": inspected.get("quickhash"),
        "index_sha256": inspected.get("index_sha256"),
        "settings": None if keys is None else settings.index(keys),
        "inspect": inspected.get(FIELD, {}).get("number"),
        "tile": tiled.get(FIELD, {}).get("number"),
        **{name: (grid.get(name) or {}).get("sha256") for name in ("region", "labels")},
        "record": tiled.get("tables", {}).get(manifest.TILES_JSON),
    }


def _named_by(results: Path, sheet: Path | None) -> NamedBy:
    """What is known of the sheet; of none that which an earlier report knew."""
    if sheet is not None:
        with told(sheet):
            digest = sha256_of(sheet)
        return NamedBy({"name": sheet.name, "sha256": digest}, sheet.absolute().parent, {})
    try:
        before = manifest.read_record(results / manifest.RUN_JSON)
        if isinstance(before["sheet"], dict):
            told_of = {slide["slide"]: slide["path"] for slide in before["slides"]}
            paths = {slide: path for slide, path in told_of.items() if isinstance(path, str)}
            return NamedBy(before["sheet"], None, paths)
    except (ResultsError, KeyError, TypeError):  # there is none, or it was harmed
        pass
    return NamedBy(None, None, {})
