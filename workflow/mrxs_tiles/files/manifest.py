r"""The tables and records in ``results``: their columns, their order, reading and writing.

TSV: UTF-8, tab, ``\\n``, a header, no index; floats as ``%.6g``; tab, newline and backslash
in text as ``\\t``, ``\\n``, ``\\\\``, no quoting; an empty field is not known or not measured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.checksums import crc32
from mrxs_tiles.files.store import write_file, write_pieces

Record = dict[str, Any]

SLIDE_JSON = "slide.json"
TILES_JSON = "tiles.json"
COORDINATES_TSV = "coordinates.tsv"
TILES_TSV = "tiles.tsv"
LABELS_TSV = "labels.tsv"
REPORT_TSV = "report.tsv"
REPORT_HTML = "report.html"
RUN_JSON, CRATE_JSON = "run.json", "ro-crate-metadata.json"
SURVEY_TSV = "survey.tsv"
PREVIEW = "preview"  # a folder
THUMBNAIL = "thumbnail.jpg"
TISSUE = "tissue.png"
TILE_MAP = "tiles.png"
VIEWER, VIEWER_FILES, VIEWER_DZI = "viewer.html", "viewer_files", "viewer.dzi"
VIEWER_PAGE = (VIEWER, VIEWER_DZI)  # what of it lies beside its folder
# What `exports` names, and its file.
EXPORTS = {"clam": "clam.h5", "qupath": "qupath.geojson", "parquet": "tiles.parquet"}
# What knows the files that `export` and the viewer wrote, as tiles.json those of `tile`.
EXPORTS_JSON, VIEWER_JSON = "exports.json", "viewer.json"
# What `heatmap` writes of each score, and what knows these files.
HEATMAP, HEAT_KINDS = "heatmap-{}.{}", ("png", "geojson", "js")
HEATMAP_JSON = "heatmap.json"
_HEATMAP = re.compile(r"heatmap-([A-Za-z0-9_-]+)\.(?:png|geojson|js)")
VIEWER_TSV = "files.tsv"  # in the viewer's folder
FEATURES_H5 = "features.h5"  # what a model made of the kept tiles

KEPT = "kept"
BAD = ("failed", "damaged", KEPT)  # statuses

# In the order in which they are tested: the first that holds is a tile's reason.
REASONS = ("edge", "tissue", "surplus", "unreadable", "unscanned", "blank", "focus", "pen")

UNREAD = ("edge", "tissue", "surplus")  # those of tiles that nobody looks at

COORDINATES = (
    *("col", "row", "x", "y", "width", "height", "tile_width", "tile_height", "tissue"),
    *("region", "label", "label_fraction"),
)
TILES = (*COORDINATES, "kept", "reason", "focus", "pen", "file", "bytes", "crc32")
LABELS = ("col", "row", "class", "fraction")  # a row for each class of a tile
SHEET_COLUMN = "sheet_{}"  # beside TILES, of what the sheet carries
# Columns that tables of earlier numbers of the steps have not: they are read as empty.
ADDED = ("region", "label", "label_fraction", "crc32")
TILING = ("tile_size", "overlap", "downsample", "cols", "rows")  # of a slide's grid
REPORT = (
    *("slide", "path", "status", "width", "height", "mpp_x", "mpp_y", "objective", "levels"),
    *TILING,
    *("tiles", "kept", *REASONS, "kept_fraction", "tile_bytes", "scanned_mm2", "tissue_mm2"),
    *("warnings", "error"),
)
SURVEY = (
    *("slide", "path", "status", "gigabytes", "width", "height", "mpp_x", "mpp_y", "objective"),
    *("scanned_mm2", "tissue_mm2", "tiles", "kept_estimate", "tile_gigabytes", "core_hours"),
    *("warnings", "error"),
)

VIEWED = ("file", "bytes", "crc32")

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPE = re.compile(r"\\(.)")


def score_of(file: str) -> str:
    """The name of the score whose heat map a file is; "": it is none."""
    found = _HEATMAP.fullmatch(file)
    return found[1] if found else ""


def field(value: object) -> str:
    """One value as it stands in a table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, list | tuple):
        return "; ".join(field(part) for part in value)
    return str(value)


def plain(text: str) -> str:
    """A text that stands in a table, as it was before."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    return {"t": "\t", "n": "\n", "r": "\r"}.get(found[1], found[1])


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a table whole or not at all; returns its CRC-32, 8 hex digits.

    Raises:
        ResultsError: it cannot be written.
    """
    return write_pieces(path, table_lines(columns, rows))


def table_lines(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[bytes]:
    """A table, line by line."""
    return (_utf8("\t".join(map(field, row)) + "\n") for row in chain([columns], rows))


def read_table(path: Path, columns: Sequence[str], more: bool = False) -> Iterator[list[str]]:
    """The rows of a table, each a list of its fields as they stand there.

    ``more``: it may have further columns, which are left out. Of a table that an earlier version
    wrote, the columns that it has not are empty.

    Raises:
        ResultsError: the file cannot be read or has other columns.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            header = stream.readline().rstrip("\n").split("\t")
            absent = [] if more else [at for at in ADDED if at in columns and at not in header]
            if (header[: len(columns)] if more else header) != [
                name for name in columns if name not in absent
            ]:
                raise ResultsError(
                    f"{path} has the columns {' '.join(header)}, not {' '.join(columns)}. "
                    "Run the step before this one again."
                )
            for line in stream:
                fields = line.rstrip("\n").split("\t")
                if len(fields) != len(header):
                    raise ResultsError(
                        f"{path} has a row of {len(fields)} fields, not {len(header)}. Run the "
                        "step before this one again."
                    )
                if absent:
                    cells = dict(zip(header, fields, strict=True))
                    fields = [cells.get(name, "") for name in columns]
                yield fields[: len(columns)]
    except OSError as error:
        raise _not_read(path, error) from None
    except UnicodeDecodeError:
        raise ResultsError(f"{path} is no UTF-8. Run the step before this one again.") from None


def write_record(path: Path, record: Record) -> None:
    """Write a JSON record whole or not at all; it is on the disk when this returns.

    Raises:
        ResultsError: it cannot be written.
    """
    write_file(path, _text(record), lasting=True)


def _text(record: Record) -> bytes:
    return _utf8(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def kept_in_words(status: str, counts: Mapping[str, int]) -> str:
    """How many tiles of a slide were kept: of a good slide, of how many.

    The error of a bad one counts those that have a row, without what was never scanned: two totals
    in one line would leave the reader to find out which is which.
    """
    kept = f"{counts['kept']:,}"
    if status == "ok":
        return f"{kept} of {counts['tiles']:,} tiles kept"
    return f"{kept} {'tile' if counts['kept'] == 1 else 'tiles'} kept"


def slide_crc32(inspected: Record) -> str:
    """The CRC-32 of what ``slide.json`` holds, without ``path``: a moved slide is the same."""
    return crc32(_text({key: value for key, value in inspected.items() if key != "path"}))


def bare_crc32(record: Record) -> str:
    """The CRC-32 of a record without its ``tables``: of what it says itself."""
    return crc32(_text({key: value for key, value in record.items() if key != "tables"}))


def sealed(record: Record, name: str) -> Record:
    """A record whose ``tables`` know the record, too: the CRC-32 of all the rest of it.

    ``name``: its file.
    """
    others = {key: value for key, value in record.get("tables", {}).items() if key != name}
    bare = record | {"tables": others}
    return bare | {"tables": others | {name: crc32(_text(bare))}}


def is_sealed(record: Record, path: Path) -> bool:
    """Whether a record, and the file that it was read from, is what was written."""
    if not isinstance(record.get("tables"), dict):
        return False
    return sealed(record, path.name) == record and is_as_written(record, path)


def is_as_written(record: Record, path: Path) -> bool:
    """Whether a record's file holds it to the byte."""
    try:
        return path.read_bytes() == _text(record)
    except OSError:
        return False


def read_record(path: Path) -> Record:
    """Read a JSON record.

    Raises:
        ResultsError: it cannot be read or is no JSON.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _not_read(path, error) from None
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise ResultsError(f"{path} is no JSON. Run the step before this one again.")
    return record


def _not_read(path: Path, error: OSError) -> ResultsError:
    if isinstance(error, ResultsError):
        return error
    if isinstance(error, FileNotFoundError):
        return ResultsError(f"{path} is not there. Run the step before this one first.")
    return ResultsError(f"{path} cannot be read: {error.strerror}. Check who may read it.")


def _utf8(text: str) -> bytes:
    # A file name that is no Unicode text has surrogates in it; they must not stop the table.
    return text.encode("utf-8", errors="backslashreplace")
