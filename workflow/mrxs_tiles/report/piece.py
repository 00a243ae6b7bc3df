"""What the page shows of one slide beyond its records, made once: by the job that cut the slide.

The report takes what lies there, where it was made of just these files; whatever is doubtful, or
is not there, it makes itself, to the byte the same. So that the slide has no further file, its map,
which every slide has, says in a JPEG comment what was made, and of what: digests, no times.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from mrxs_tiles.files import manifest
from mrxs_tiles.files.checksums import crc32_of, sha256, sha256_of
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import make_own_folder
from mrxs_tiles.files.tile_files import file_on_disk
from mrxs_tiles.made_by import made_by
from mrxs_tiles.report.pictures import (
    FOLDER,
    Pictures,
    is_ours,
    make_pictures,
    map_name,
    write_picture,
)
from mrxs_tiles.report.sample_tiles import Sample, Tiles, look_at_tiles

log = logging.getLogger(__name__)

MADE_OF = (manifest.TILES_TSV, manifest.THUMBNAIL, manifest.TILE_MAP)
COMMENT = b"\xff\xfe"  # the marker (ISO/IEC 10918-1, B.2.4.5); two bytes with the length follow
BEHIND = 20  # bytes: the JPEG's beginning and JFIF's own segment, which must come first
SEAL = 64  # hex digits
MOST_NOTE = 65_000  # bytes: a comment holds no more


class Piece(NamedTuple):
    """What the page shows of one slide beyond its records."""

    tiles: Tiles
    pictures: Pictures

    def plain(self) -> Record:
        """As JSON can hold it."""
        tissue, focus, samples = self.tiles.tissue, self.tiles.focus, self.tiles.samples
        told = [[getattr(one, field) for field in Sample.__slots__] for one in samples]
        return {"tiles": [tissue, focus, told], "pictures": [*self.pictures]}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Self:
        """From what ``plain`` returned."""
        tissue, focus, samples = plain["tiles"]
        return cls(Tiles(tissue, focus, tuple(map(_sample, samples))), Pictures(*plain["pictures"]))


def make_early(results: Path, record: Record) -> Record:
    """Make a slide's piece when it was just cut; returns the record.

    Args:
        results: where everything goes.
        record: what ``tile`` returned of the slide.
    """
    slide = record["slide"]
    folder = results / slide
    try:
        inspected = manifest.read_record(folder / manifest.SLIDE_JSON)
        size = extent_of(inspected)
        make_own_folder(results / FOLDER)
        content = made_of(folder, size)
        if piece_there(results, slide, content) is None:
            make_piece(results, slide, size, content, look_at_tiles(folder))
    except Exception as fault:  # noqa: BLE001 - the slide is done, and the report says what is wrong
        log.debug("%s: what its report shows is left to the report: %s", slide, fault)
    return record


def extent_of(row: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height in level-0 px of a slide, by its record or its row; None: not known."""
    return (row["width"], row["height"]) if row["width"] and row["height"] else None


def made_of(folder: Path, size: tuple[int, int] | None) -> str:
    """A digest of all that a piece hangs on, but for the files of the tiles that it shows.

    Args:
        folder: ``results/{slide}``.
        size: width and height in level-0 px, if known.
    """
    return digest([made_by("report"), size, [_digest_of(folder / name) for name in MADE_OF]])


def piece_there(results: Path, slide: str, of: str) -> Piece | None:
    """A slide's piece, where it lies there and is what would be made now; else None.

    ``of``: what ``made_of`` says now.
    """
    out = results / FOLDER
    path = out / map_name(slide)
    try:
        note = _note_in(path.read_bytes())
        if note is None or note["of"] != of:
            return None
        piece = Piece.of_plain(note)
        files = _files(results / slide, piece.tiles.samples)
        if note["sizes"] != [size for size, _ in files]:
            return None
        if max((time for _, time in files), default=0) > path.stat().st_mtime_ns:
            return None  # a tile that was put there since may show something else
        for name, crc32 in note["sums"].items():
            if not is_ours(name) or crc32_of(out / name) != crc32:
                return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none, or not as ours are
        return None
    return piece


def make_piece(
    results: Path, slide: str, size: tuple[int, int] | None, of: str, tiles: Tiles
) -> Piece:
    """Make a slide's piece; its map last, which vouches for the others.

    ``of``: what ``made_of`` said before ``tiles`` were looked at.

    Raises:
        ResultsError: a picture cannot be written.
    """
    sizes = [size for size, _ in _files(results / slide, tiles.samples)]
    made = make_pictures(results, slide, size, tiles.samples)
    piece = Piece(tiles, made.pictures)
    note = {"of": of, "sizes": sizes, "sums": made.sums} | piece.plain()
    write_picture(results / FOLDER / map_name(slide), _with_note(made.map, note))
    return piece


def _with_note(jpeg: bytes, note: Record) -> bytes:
    """A JPEG with a comment, sealed together with the picture."""
    text = json.dumps(note, separators=(",", ":")).encode()
    comment = sha256(jpeg + text).encode() + text
    if len(comment) > MOST_NOTE:
        return jpeg
    length = (len(comment) + 2).to_bytes(2, "big")
    return b"".join((jpeg[:BEHIND], COMMENT, length, comment, jpeg[BEHIND:]))


def _note_in(jpeg: bytes) -> Record | None:
    """The comment, where it and the picture are to the byte what was written."""
    begin = BEHIND + len(COMMENT) + 2
    if jpeg[BEHIND : BEHIND + len(COMMENT)] != COMMENT:
        return None
    end = BEHIND + len(COMMENT) + int.from_bytes(jpeg[begin - 2 : begin], "big")
    seal, text = jpeg[begin : begin + SEAL], jpeg[begin + SEAL : end]
    if sha256(jpeg[:BEHIND] + jpeg[end:] + text).encode() != seal:
        return None
    note: Record = json.loads(text)
    return note


def digest(what: object) -> str:
    """Of what JSON can hold."""
    return sha256(json.dumps(what, sort_keys=True, default=repr).encode("utf-8", "surrogatepass"))


def _digest_of(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None


def _sample(plain: Iterable[Any]) -> Sample:
    fate, col, row, box, *others = plain
    return Sample(fate, col, row, tuple(box), *others)


def _files(folder: Path, samples: Iterable[Sample]) -> list[tuple[int | None, int]]:
    """Bytes and time of the files that the samples' pictures lie in; None, 0: it has none."""
    return [_file(folder / file_on_disk(one.file)) if one.file else (None, 0) for one in samples]


def _file(path: Path) -> tuple[int | None, int]:
    try:
        stat = path.stat()
    except OSError:
        return None, 0
    return stat.st_size, stat.st_mtime_ns
