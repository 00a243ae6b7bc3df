"""What was made of each slide, kept from one report to the next.

To look through a slide's tiles and to draw its pictures takes a hundred times as long as to write
its row. The job that cut the slide has done it (see ``piece``), or else the first report does. What
a report has seen to be right is taken as it is by the next, unread, while all that it was made of,
and its pictures, are the same files: size, times and number on the disk. A file that was written
just before the report began may change once more without a sign of it, so what was made of one is
not kept, and whatever else is doubtful is read, and made again where it is not right.

It holds times, so it lies in ``logs``. Who deletes it loses nothing but some minutes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.checksums import crc32_of, sha256
from mrxs_tiles.files.lock import REPORT_LOCK
from mrxs_tiles.files.store import make_folder, make_own_folder, settle, told, write_file
from mrxs_tiles.files.tile_files import file_on_disk
from mrxs_tiles.made_by import made_by
from mrxs_tiles.names import LOGS
from mrxs_tiles.report.pictures import FOLDER, Pictures, map_name
from mrxs_tiles.report.piece import (
    MADE_OF,
    Piece,
    digest,
    made_of,
    make_piece,
    piece_there,
)
from mrxs_tiles.report.sample_tiles import Sample, look_at_tiles

PIECES = "report.pieces"  # in the folder of logs
GRAIN_NS = 2_000_000_000  # FAT's times are even seconds, and no other system's are coarser

Stamp = list[int] | None  # of a file; None: it is not there


class Pieces:
    """The pieces of all slides: those of the last report, and those that are made now."""

    def __init__(self, results: Path) -> None:
        """Take up what the last report left; the caller holds the report's lock.

        Raises:
            ResultsError: the folder of the pictures cannot be made.
        """
        make_own_folder(results / FOLDER)
        self._results = results
        self._clock = _clock(results)
        before = _read(results / LOGS / PIECES)
        self._before: dict[str, Any] = before.get("slides", {})
        self._sums: dict[str, Any] = before.get("pictures", {})
        self._now: dict[str, Any] = {}
        # all at once: a look at each of them alone takes longer, on a far disk much longer
        self._there = _stamps(results / FOLDER)
        self._known: dict[str, Any] = {}

    def of(self, slide: str, size: tuple[int, int] | None, tables: object) -> Piece:
        """The piece of one slide, made now where none is there that must be the same.

        Args:
            slide: its name.
            size: width and height in level-0 px, if known.
            tables: what the slide's record knows of its files: of a disk far away a stamp may be
                older than what is read.

        Raises:
            ResultsError: its pictures cannot be written.
        """
        folder = self._results / slide
        stamps = [_stamp(f"{folder}/{name}") for name in MADE_OF]
        of = digest([made_by("report"), size, tables, stamps])
        before = self._before.get(slide)
        if before is not None and before["of"] == of:
            piece = Piece.of_plain(before)
            samples = _sample_stamps(folder, piece.tiles.samples)
            if samples == before["files"] and self._are_there(slide, piece.pictures):
                self._now[slide] = before
                return piece
        content = made_of(folder, size)
        there = None
        if before is None or before["of"] != of:  # else a tile or a picture is what changed
            there = piece_there(self._results, slide, content)
        # a sample's file before it is read: what changes later has another stamp
        tiles = look_at_tiles(folder) if there is None else there.tiles
        files = _sample_stamps(folder, tiles.samples)
        piece = there or make_piece(self._results, slide, size, content, tiles)
        if self._are_old(stamps) and self._are_old(files):
            self._now[slide] = {"of": of, "files": files} | piece.plain()
        return piece

    def sums(self, names: Iterable[str]) -> dict[str, str]:
        """The CRC-32 of each picture in ``report_files``, all of them on the disk by now.

        Raises:
            ResultsError: one cannot be read or written.
        """
        out = self._results / FOLDER
        found = {}
        new = []
        stamps = _stamps(out)
        for name in names:
            stamp = stamps.get(name)
            before = self._sums.get(name)
            if before is None or stamp is None or before[0] != stamp:
                new.append(name)
                with told(out / name):
                    before = [stamp, crc32_of(out / name)]
            self._known[name] = before
            found[name] = before[1]
        if new:
            settle(out, *new)
        return found

    def keep(self) -> None:
        """Keep for the next report what can be believed then."""
        path = self._results / LOGS / PIECES
        if self._clock is None or not (self._now or path.exists()):
            return
        text = json.dumps({"slides": self._now, "pictures": self._known}, separators=(",", ":"))
        with suppress(ResultsError):  # all of the report is there
            make_folder(path.parent)
            write_file(path, f"{sha256(text.encode())}\n{text}\n".encode())

    def _are_there(self, slide: str, pictures: Pictures) -> bool:
        """Whether a slide's pictures are those that the last report left."""
        names = {map_name(slide), *pictures} - {""}
        known = (self._sums.get(name, (None,)) for name in names)
        return all(
            stamp is not None and self._there.get(name) == stamp
            for name, (stamp, *_) in zip(names, known, strict=True)
        )

    def _are_old(self, stamps: Iterable[Stamp]) -> bool:
        """Whether files are older than the report by so much that a change now would be seen."""
        if self._clock is None:
            return False
        latest = self._clock - GRAIN_NS
        return all(one is None or max(one[1:3]) < latest for one in stamps)


def _sample_stamps(folder: Path, samples: Iterable[Sample]) -> list[Stamp]:
    return [_stamp(f"{folder}/{file_on_disk(one.file)}") if one.file else None for one in samples]


def _stamp(path: str | os.PathLike[str]) -> Stamp:
    try:
        return _stamp_of(os.stat(path))  # noqa: PTH116 - of a thousand slides it is half the time
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None


def _stamp_of(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _stamps(folder: Path) -> dict[str, Stamp]:
    """Those of all files of a folder."""
    try:
        with os.scandir(folder) as entries:
            # not the entry's own `stat`: on Windows that lacks the number
            return {entry.name: _stamp(entry.path) for entry in entries}
    except OSError:
        return {}


def _clock(results: Path) -> int | None:
    """What time it is to the disk, which may be another machine's; None: not known."""
    lock = results / REPORT_LOCK
    try:
        os.utime(lock)
        return lock.stat().st_mtime_ns
    except OSError:
        return None


def _read(path: Path) -> dict[str, Any]:
    """What the last report kept; nothing where it is not to the byte what was written."""
    try:
        seal, text, end = path.read_bytes().decode("utf-8").split("\n")
    except (OSError, ValueError):
        return {}
    if end or seal != sha256(text.encode()):
        return {}
    kept: dict[str, Any] = json.loads(text)
    return kept
