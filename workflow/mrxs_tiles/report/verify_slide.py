"""Whether every file of a slide's results is there, whole and itself, and none too many."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mrxs_tiles.cutting import kept, publishing
from mrxs_tiles.cutting.check_pictures import check_pictures
from mrxs_tiles.cutting.samples import sheet_json
from mrxs_tiles.cutting.tile_record import is_counted
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.lock import SLIDE_LOCK
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.tile_folder import TILES
from mrxs_tiles.files.whole import Look, check_file, rows_of, sum_known, superfluous_below

EXPORTED = (*manifest.EXPORTS.values(), manifest.FEATURES_H5)
VIEWED = manifest.VIEWER_PAGE
TABLES = (
    *(manifest.SLIDE_JSON, manifest.COORDINATES_TSV, manifest.THUMBNAIL, manifest.TISSUE),
    *(manifest.TILES_TSV, manifest.TILE_MAP, manifest.TILES_JSON, manifest.LABELS_TSV),
)
KNOWING = {manifest.EXPORTS_JSON, manifest.VIEWER_JSON, manifest.HEATMAP_JSON}
OURS = {*TABLES, *EXPORTED, *VIEWED, *KNOWING}
FOLDERS = {TILES, manifest.VIEWER_FILES}
# What a run that goes on, or was asked for, has there.
PASSING = {SLIDE_LOCK, kept.ASKED_AGAIN, manifest.PREVIEW}
LEFT = tuple(f".{name}." for name in (*OURS, *FOLDERS))  # what a killed run leaves begins so
AGAIN = "is to be cut again"
NOT_CUT = "was not cut"
# Loose pictures, shards, and a viewer's levels. A file manager or a data loader names its own
# otherwise (.DS_Store, Thumbs.db, an index beside a shard).
_NAMED_AS_OURS = re.compile(
    rf"{TILES}/(?:[0-9]+_[0-9]+\.[a-z]+|[^/]+-[0-9]{{6,}}\.tar)"
    rf"|{manifest.VIEWER_FILES}/[0-9]+/(?:[0-9]+_[0-9]+\.[a-z]+)?"
)


@dataclass(slots=True)
class Found:
    """What was found of one slide."""

    slide: str
    look: Look = field(default_factory=Look)
    exports: Look = field(default_factory=Look)  # files that `export` or the user makes again alone
    viewer: Look = field(default_factory=Look)  # files that `viewer` makes again alone
    said: list[str] = field(default_factory=list)  # beside files: counts that differ
    others: list[str] = field(default_factory=list)  # files that are not ours
    is_old: bool = False  # it was made before there were sums of all files
    sheet: bytes | None = None  # what its shards hold of the user's sheet; None: not known
    records: set[str] = field(default_factory=set)  # sums of tiles.json, of now and of earlier
    row: dict[str, str] | None = None  # what report.tsv must say of it, as far as it is known

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        beside = self.exports.is_whole and self.viewer.is_whole
        return self.look.is_whole and beside and not self.said


def verify_slide(results: Path, slide: str, sheet: Mapping[str, str] | None = None) -> Found:
    """Look at all files of one slide; nothing is changed.

    Args:
        results: where everything lies.
        slide: its name.
        sheet: what the sheet carries for it; None: not known.
    """
    folder = results / slide
    found = Found(slide, sheet=None if sheet is None else sheet_json(sheet))
    if publishing.is_amid(folder):
        found.said.append(AGAIN)
    record = _record_of(folder, found)
    expected = {*TABLES}
    if record is None:  # nothing is known of tables and tiles
        if not (folder / manifest.SLIDE_JSON).exists():
            found.look.missing.append(manifest.SLIDE_JSON)
    else:
        was = record.get("earlier", record)
        tables = sum_known(was.get("tables"))
        sums = (sum_known(one.get("tables")).get(manifest.TILES_JSON) for one in (record, was))
        found.records = {one for one in sums if one is not None}
        found.is_old = not tables
        expected = set(_check_tables(folder, found, tables))
        pictures = _check_tiles(folder, found, was, tables)
        found.row = _report_row(record, found.row)
        _tell_apart(found, found.look, superfluous_below(folder, TILES, pictures))
    expected |= {f"{publishing.ASIDE}/", publishing.PUBLISHING}
    expected |= _check_exports(folder, found, manifest.EXPORTS_JSON)
    expected |= _check_exports(folder, found, manifest.HEATMAP_JSON)
    expected |= _check_viewer(folder, found)
    for name in _beside(folder):
        if name not in expected and name not in PASSING:
            _not_expected(found, name)
    return found


def _not_expected(found: Found, name: str) -> None:
    """Of what lies in a slide's folder and is not in its records: ours are too many."""
    is_heat = name == manifest.HEATMAP_JSON or bool(manifest.score_of(name))
    is_ours = name in OURS or name.rstrip("/") in FOLDERS or is_heat
    if not is_ours and not name.startswith(LEFT):
        found.others.append(f"{found.slide}/{name}")
    elif not (found.is_old and is_ours):  # of old results only the names are known
        look = found.exports if name in EXPORTED or is_heat else found.look
        look = found.viewer if name.startswith("viewer") else look
        look.superfluous.append(name)


def _tell_apart(found: Found, look: Look, names: Iterable[str]) -> None:
    """Of what nobody knows in a folder of ours: what is named as ours is too many."""
    for name in names:
        if _NAMED_AS_OURS.fullmatch(name):
            look.superfluous.append(name)
        else:
            found.others.append(f"{found.slide}/{name}")


def _record_of(folder: Path, found: Found) -> Record | None:
    """What ``tiles.json`` holds; None: nothing that can be gone by."""
    aside = folder / publishing.ASIDE / manifest.TILES_JSON
    path = folder / manifest.TILES_JSON
    if aside.is_file() and not path.exists():
        found.said.append(AGAIN)
        path = aside
    if not path.exists():
        if (folder / manifest.TILES_TSV).exists() or (folder / TILES).exists():
            found.look.missing.append(manifest.TILES_JSON)
        else:
            found.said.append(NOT_CUT)
        return None
    found.look.files += 1
    try:
        record = manifest.read_record(path)
    except ResultsError:
        found.look.changed.append(manifest.TILES_JSON)
        return None
    if "tables" in record and not manifest.is_sealed(record, path):
        found.look.changed.append(manifest.TILES_JSON)
        return record if is_counted(record) else None
    elif not is_counted(record):
        found.look.changed.append(manifest.TILES_JSON)
        return None
    return record


def _at(folder: Path, name: str) -> Path:
    """Where a table of the tiles lies: while a slide is to be cut again, put aside."""
    aside = folder / publishing.ASIDE / name
    return aside if aside.is_file() else folder / name


def _check_tables(folder: Path, found: Found, tables: Mapping[str, str]) -> Iterator[str]:
    """Look at the records, tables and pictures of the slide; yields the names that belong here."""
    names = [name for name in tables if not name.startswith(f"{TILES}/")]
    for name in names or (manifest.SLIDE_JSON, manifest.COORDINATES_TSV, manifest.TILES_TSV):
        if name == manifest.SLIDE_JSON:
            _check_slide_json(_at(folder, name), found.look, tables.get(name))
        elif name != manifest.TILES_JSON:
            check_file(found.look, _at(folder, name), name, tables.get(name), None)
        yield name
    yield manifest.TILES_JSON


def _check_slide_json(path: Path, look: Look, crc32: str | None) -> None:
    if not path.exists():
        look.missing.append(manifest.SLIDE_JSON)
        return
    look.files += 1
    try:
        record = manifest.read_record(path)
        is_same = crc32 is None or (
            crc32 == manifest.slide_crc32(record) and manifest.is_as_written(record, path)
        )
    except ResultsError:
        is_same = False
    if not is_same:
        look.changed.append(manifest.SLIDE_JSON)


def _check_tiles(folder: Path, found: Found, was: Record, tables: Mapping[str, str]) -> set[str]:
    """Look at the pictures, and count the rows of their table; returns the pictures' files."""
    shards = {name: one for name, one in tables.items() if name.startswith(f"{TILES}/")}
    table = _at(folder, manifest.TILES_TSV)
    bad = {*found.look.missing, *found.look.changed}
    if manifest.TILES_TSV in bad:  # a table that is not itself names nothing
        found.said.append("its tiles were not looked at")
        return {f"{TILES}/{name}" for name in _listed(folder / TILES)}
    try:
        rows = list(rows_of(table))
        files = check_pictures(found.look, folder, rows, shards, found.sheet)
        found.row = _counted(rows, was)
    except (ResultsError, ValueError, KeyError):
        found.look.changed.append(manifest.TILES_TSV)
        return {f"{TILES}/{name}" for name in _listed(folder / TILES)}
    counts = {name: str(count) for name, count in was["counts"].items()}
    odd = [name for name, count in counts.items() if found.row.get(name, count) != count]
    if str(was.get("tile_bytes")) != found.row["tile_bytes"]:
        odd.append("tile_bytes")
    if odd and manifest.TILES_JSON not in bad:
        found.said.append(f"tiles.json counts other tiles than tiles.tsv has ({', '.join(odd)})")
    return files


def _counted(rows: list[dict[str, str]], was: Record) -> dict[str, str]:
    """The counts of ``report.tsv``, of the table's rows."""
    reasons = Counter(row["reason"] for row in rows if row["kept"] != "1")
    if odd := reasons.keys() - set(manifest.REASONS):
        raise ValueError(odd)
    counted = {reason: reasons[reason] for reason in manifest.REASONS}
    # tiles without a row, which were known to be unscanned
    unlisted = was["counts"]["tiles"] - len(rows)
    if unlisted < 0:
        raise ValueError(unlisted)
    counted["unscanned"] += unlisted
    counted["tiles"] = len(rows) + unlisted
    counted["kept"] = sum(row["kept"] == "1" for row in rows)
    counted["tile_bytes"] = sum(int(row["bytes"] or 0) for row in rows)
    return {name: str(count) for name, count in counted.items()}


def _report_row(record: Record, counted: dict[str, str] | None) -> dict[str, str]:
    """What ``report.tsv`` says of a slide with this record."""
    row = {"status": record["status"]}
    if record["status"] != "failed":
        row |= counted or {}
    return row


def _check_exports(folder: Path, found: Found, record: str) -> set[str]:
    """Look at the files beside the tiles that a record knows; returns those that belong here."""
    path = folder / record
    if not path.exists():
        return set()
    tables = _sealed_tables(path, record, found.exports)
    for name, crc32 in tables.items():
        check_file(found.exports, folder / name, name, crc32, None)
    return {*tables, record}


def _check_viewer(folder: Path, found: Found) -> set[str]:
    """Look at the viewer; returns what of it belongs here."""
    path = folder / manifest.VIEWER_JSON
    if not path.exists():
        return set()
    tables = _sealed_tables(path, manifest.VIEWER_JSON, found.viewer)
    for name, crc32 in tables.items():
        check_file(found.viewer, folder / name, name, crc32, None)
    listed = f"{manifest.VIEWER_FILES}/{manifest.VIEWER_TSV}"
    expected = {*tables, manifest.VIEWER_JSON, f"{manifest.VIEWER_FILES}/"}
    if listed not in tables or listed in {*found.viewer.missing, *found.viewer.changed}:
        return expected
    files = {listed}
    for row in rows_of(folder / listed):
        name = f"{manifest.VIEWER_FILES}/{row['file']}"
        check_file(found.viewer, folder / name, name, row["crc32"], int(row["bytes"]))
        files.add(name)
    # levels without a picture have an empty folder
    there = _listed(folder / manifest.VIEWER_FILES)
    levels = {f"{manifest.VIEWER_FILES}/{name}/-" for name in there if name.isdigit()}
    odd = superfluous_below(folder, manifest.VIEWER_FILES, files | levels)
    _tell_apart(found, found.viewer, odd)
    return expected


def _sealed_tables(path: Path, name: str, look: Look) -> dict[str, str]:
    """The files that a record knows, without itself; none where it is not what was written."""
    look.files += 1
    try:
        record = manifest.read_record(path)
    except ResultsError:
        record = {}
    if not manifest.is_sealed(record, path):
        look.changed.append(name)
        return {}
    return {one: crc32 for one, crc32 in sum_known(record["tables"]).items() if one != name}


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except OSError:
        return []


def _beside(folder: Path) -> Iterator[str]:
    """What lies directly in a slide's folder; a folder with a slash behind it, but ``tiles``."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.name == TILES:
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            yield f"{entry.name}/" if is_folder and entry.name != manifest.PREVIEW else entry.name
