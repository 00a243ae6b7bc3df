"""Puts in place what ``tile`` made of a slide, after what told of other tiles is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mrxs_tiles.cutting import publishing
from mrxs_tiles.cutting.tile_map import TileMap
from mrxs_tiles.cutting.tile_record import Fates, failed_record
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import make_folder, remove_files, write_file
from mrxs_tiles.files.tile_folder import TILES, TileFolder, discard_folder

_LABEL = manifest.COORDINATES.index("label")


def publish(
    folder: Path,
    tiles: TileFolder,
    fates: Fates,
    inspected: Record | None,
    record: Record,
) -> None:
    """Put a slide's tiles in place, then the table and the map; ``publishing.finish`` is to follow.

    Nothing of the slide may be left to be read or to be found out.

    Args:
        folder: ``results/{slide}``.
        tiles: the new tiles, written.
        fates: of all tiles in ``coordinates.tsv``.
        inspected: what ``slide.json`` holds; None: there is nothing to make a map of.
        record: what ``tiles.json`` will hold; it is told which tables there are.

    Raises:
        ResultsError: something cannot be written or removed.
    """
    publishing.begin_publishing(folder, record)
    _remove_old(folder)
    tiles.publish()
    painter = None if inspected is None else _map_of(folder, inspected)
    rows = _fates_of_rows(folder, fates, painter) if fates else ()
    tables = _inspected_tables(folder)
    table = folder / manifest.TILES_TSV
    tables[manifest.TILES_TSV] = manifest.write_table(table, manifest.TILES, rows)
    if inspected is not None and painter is not None:
        picture = painter.png(record["counts"], inspected["mpp_x"])
        tables[manifest.TILE_MAP] = write_file(folder / manifest.TILE_MAP, picture)
    tables |= {f"{TILES}/{name}": checksum for name, (_, checksum) in tiles.written.items()}
    record["tables"] = tables


def _remove_old(folder: Path) -> None:
    """Remove what speaks of the old tiles, whoever has written it; first what knows the others."""
    remove_files(*(folder / name for name in (manifest.TILES_JSON, manifest.TILES_TSV)))
    remove_files(folder / manifest.TILE_MAP)
    knowing = (manifest.EXPORTS_JSON, manifest.VIEWER_JSON, manifest.HEATMAP_JSON)
    remove_files(*(folder / name for name in knowing))
    remove_files(*(path for path in folder.glob("heatmap-*") if manifest.score_of(path.name)))
    remove_files(*(folder / name for name in manifest.VIEWER_PAGE))
    remove_files(*(folder / name for name in (*manifest.EXPORTS.values(), manifest.FEATURES_H5)))
    discard_folder(folder, manifest.VIEWER_FILES)


def _inspected_tables(folder: Path) -> dict[str, str]:
    """What ``inspect`` has written, and its record."""
    try:
        inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
    except ResultsError:  # what failed before
        return {}
    tables: dict[str, str] = dict(inspected.get("tables") or {})
    return tables | {manifest.SLIDE_JSON: manifest.slide_crc32(inspected)}


def write_failed(slide: str, results: Path, error: str, stops: bool = False) -> Record:
    """Write the files of a slide of which nothing can be cut; ``stops`` as in ``Source``.

    Raises:
        ResultsError: the results cannot be written.
    """
    make_folder(results / slide)
    record = failed_record(slide, error)
    with TileFolder(results / slide) as tiles:
        publish(results / slide, tiles, {}, None, record)
    return publishing.finish(results / slide, record, stops)


def coordinates(folder: Path) -> Iterator[list[str]]:
    """The rows of a slide's ``coordinates.tsv``."""
    return manifest.read_table(folder / manifest.COORDINATES_TSV, manifest.COORDINATES)


def _map_of(folder: Path, inspected: Record) -> TileMap | None:
    """A map to paint the tiles on; None where the thumbnail was deleted."""
    try:
        thumbnail = (folder / manifest.THUMBNAIL).read_bytes()
    except OSError:
        return None
    return TileMap(thumbnail, (inspected["width"], inspected["height"]))


def _fates_of_rows(
    folder: Path, fates: Fates, painter: TileMap | None
) -> Iterator[tuple[object, ...]]:
    """The rows of ``tiles.tsv``, each painted as it passes: a slide can have a million."""
    for row in coordinates(folder):
        fate = fates[int(row[0]), int(row[1])]
        row[_LABEL] = manifest.plain(row[_LABEL])
        if painter is not None:
            x, y, width, height = map(int, row[2:6])
            painter.add(x, y, width, height, fate.reason, row[_LABEL])
        yield (*row, *fate)
