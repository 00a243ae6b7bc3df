"""Reads an annotation file: GeoJSON, or the XML of ASAP and Aperio ImageScope; also packed."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path

from mrxs_tiles.annotations import geojson, viewer_xml
from mrxs_tiles.annotations.drawing import Drawing, NotUsableError
from mrxs_tiles.annotations.json_stream import JsonStream
from mrxs_tiles.annotations.packed import Read, unpacked
from mrxs_tiles.annotations.polygons import Polygons, sound_polygons
from mrxs_tiles.annotations.remarks import Remarks
from mrxs_tiles.errors import SlideError, not_given, printable
from mrxs_tiles.files.manifest import Record

EXPORT_AGAIN = "Export it again as GeoJSON with polygons"
START = 1 << 16  # bytes that tell what a file is
_CALLED = {"region": "The region", "labels": "The file of labels"}
_DAMAGED = (BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Annotations:
    """What an annotation file holds.

    ``record``: its ``name``, ``bytes`` and ``sha256``, by which it is known again.
    """

    called: str
    polygons: Polygons
    remarks: Remarks
    record: Record


def read_annotations(path: Path, key: str) -> Annotations:
    """Read the polygons of a file; ``key`` is the one of the config that names it.

    Raises:
        SlideError: the file cannot be read, or holds not one usable polygon.
    """
    called = f"{_CALLED[key]} '{printable(path.name)}'"
    remarks = Remarks()
    try:
        record = _known_by(path)
        with unpacked(path) as read:
            polygons = sound_polygons(_drawings(read), remarks)
    except NotUsableError as error:
        raise SlideError(f"{called} {error}. {EXPORT_AGAIN}.") from None
    except (*_DAMAGED, RuntimeError) as error:  # RuntimeError: a password is asked for
        raise SlideError(f"{called} is a damaged archive ({error}). Pack it again.") from None
    except OSError as error:
        sentence = f"{called} cannot be read ({error.strerror}). Check the file."
        raise not_given(sentence, error) from None
    if not len(polygons):
        raise SlideError(f"{called} holds no usable polygon{_instead(remarks)}. {EXPORT_AGAIN}.")
    return Annotations(called, polygons, remarks, record)


def _known_by(path: Path) -> Record:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"name": path.name, "bytes": stream.tell(), "sha256": digest}


def _drawings(read: Read) -> Iterator[Drawing]:
    """The drawings of a file, by what it begins with."""
    start = read(START)
    text = start.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0\x1e")
    if text[:1] == b"<":
        yield from viewer_xml.drawings(read, start)
    elif text[:1] in (b"{", b"[") or not text:
        yield from geojson.drawings(JsonStream(read, start))
    else:
        raise NotUsableError("is neither GeoJSON nor XML")


def _instead(remarks: Remarks) -> str:
    """What a file without a usable polygon holds."""
    found = []
    if remarks.passed_over.count:
        found.append(f"not usable: {remarks.passed_over}")
    if counts := remarks.counts():
        found.append(counts)
    return f" ({'; '.join(found)})" if found else ": no drawing at all"
