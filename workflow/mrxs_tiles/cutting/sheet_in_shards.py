"""The sheet's columns in shards that are there: of these only the rows' JSON is written anew.

No tile is cut, decoded or encoded for a value that was corrected, and no picture moves to another
shard. A shard is written beside its place and renamed: who reads it meanwhile reads the old one.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import IO

from mrxs_tiles.cutting import publishing
from mrxs_tiles.cutting.samples import (
    SHEET,
    member,
    padding,
    shard_name,
    sheet_json,
    slide_key,
    with_sheet,
)
from mrxs_tiles.cutting.shards import END
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.lock import SLIDE_LOCK, SLIDE_TAKEN, alone
from mrxs_tiles.files.store import write_pieces
from mrxs_tiles.files.tile_folder import TILES

_SUFFIX = ".json"
_BLOCK = tarfile.BLOCKSIZE


def renew_sheet(results: Path, slide: str, sheet: Mapping[str, str]) -> int:
    """Put the sheet's columns into a slide's shards where others are in them.

    Args:
        results: where everything goes.
        slide: its name, the folder below ``results``.
        sheet: the columns that go with the slide, and their cells; none: they hold none then.

    Returns:
        How many shards were written anew. None where the slide has none, or its tiles are not to
        be believed: `tile` cuts them again.

    Raises:
        ResultsError: a shard cannot be read or written, or another process is at this slide.
    """
    wanted = sheet_json(sheet)
    if not any(_differs(shard, wanted) for shard in _shards(results / slide, slide)):
        return 0
    with alone(results / slide / SLIDE_LOCK, SLIDE_TAKEN.format(slide)):
        if publishing.is_amid(results / slide):
            return 0
        written = 0
        for shard in _shards(results / slide, slide):
            if _differs(shard, wanted):
                # run.json will be on the disk: no power cut may leave it beside half a shard
                write_pieces(shard, _with_sheet(shard, wanted), lasting=True)
                written += 1
        return written


def held_sheet(results: Path, slide: str) -> dict[str, str]:
    """The sheet's columns that are in a slide's shards, by the first; none: it has none.

    Raises:
        ResultsError: a shard cannot be read.
    """
    for shard in _shards(results / slide, slide):
        if row := _first_row(shard):
            try:
                cells = json.loads(row).get("sheet") or {}
                return {str(name): str(cell or "") for name, cell in cells.items()}
            except (ValueError, AttributeError):
                raise ResultsError(f"{shard} is no whole shard. Cut the slide again.") from None
    return {}


def _shards(folder: Path, slide: str) -> Iterator[Path]:
    """Those that lie there, by their names: a folder may hold a million loose files."""
    key = slide_key(slide)
    for number in count():
        path = folder / TILES / shard_name(key, number)
        if not path.is_file():
            return
        yield path


def _differs(shard: Path, wanted: bytes) -> bool:
    """Whether the first row of a shard, and so each, has other columns of a sheet."""
    if not (row := _first_row(shard)):
        return False
    _, found, now = row.removesuffix(b"}").partition(SHEET)
    return found + now != wanted


def _first_row(shard: Path) -> bytes:
    """The JSON of a shard's first row; empty: it has none."""
    members = _members(shard, pictures=False)
    return next((content for name, content in members if name.endswith(_SUFFIX)), b"")


def _with_sheet(shard: Path, wanted: bytes) -> Iterator[bytes]:
    """A shard in pieces, its rows with other columns of the sheet."""
    for name, content in _members(shard):
        if name.endswith(_SUFFIX):
            content = with_sheet(content, wanted)
        yield from (member(name, content), content, padding(content))
    yield END


def _members(shard: Path, pictures: bool = True) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a shard as we write them; "" for pictures not asked for.

    Raises:
        ResultsError: it cannot be read, or is cut short.
    """
    try:
        with shard.open("rb", buffering=1 << 20 if pictures else 1 << 12) as stream:
            while (header := _exactly(stream, _BLOCK))[0]:
                name, size = header[:100].rstrip(b"\0").decode(), int(header[124:135], 8)
                blocks = -(-size // _BLOCK) * _BLOCK
                if pictures or name.endswith(_SUFFIX):
                    yield name, _exactly(stream, blocks)[:size]
                else:
                    stream.seek(blocks, 1)
                    yield name, b""
    except (EOFError, ValueError):
        raise ResultsError(f"{shard} is no whole shard. Cut the slide again.") from None
    except OSError as error:
        if isinstance(error, ResultsError):
            raise
        raise ResultsError(f"{shard} cannot be read: {error.strerror}. Check its disk.") from None


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
