"""In Python: a slide's kept tiles one after another, with no file written."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting.choose import dropped_unread
from mrxs_tiles.cutting.cutter import look
from mrxs_tiles.cutting.picture import Pictures
from mrxs_tiles.cutting.verdict import Judge, Verdict, judge_for
from mrxs_tiles.errors import ConfigError, SlideError, StoredImageError, bare
from mrxs_tiles.files import manifest
from mrxs_tiles.grid.blocks import Address, in_blocks
from mrxs_tiles.inspecting.inspection import Inspection, inspected
from mrxs_tiles.inspecting.slide_grid import grid_record, tile_mpp
from mrxs_tiles.mirax.locate import locate
from mrxs_tiles.mirax.readers import opened
from mrxs_tiles.mirax.unchanged import unchanged
from mrxs_tiles.pixels.filters import WHITE, Pixels, rgb
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.resolution import scale_warnings

Row = dict[str, Any]

# Keys that say what becomes of files: pictures, tables.
NOT_HERE = {
    *("slides", "results", "format", "quality", "subsampling", "deepzoom"),
    *("packing", "shard_size", "exports", "stage", "carry"),
}
COLUMNS = tuple(name for name in manifest.TILES if name not in ("file", "bytes", "crc32"))

Batch = tuple[list[Row], npt.NDArray[np.uint8]]


class _Cut(NamedTuple):
    """One tile: what was found of it, and its picture where it is kept, (height, width, 3)."""

    address: Address
    verdict: Verdict
    rgb: Pixels | None
    error: SlideError | None = None
    is_certain: bool = True  # the error


def tiles(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    slide: str | None = None,
    **keys: object,
) -> Iterator[tuple[Row, Pixels]]:
    """Cut a slide as ``mrxs-tiles tile`` does, and give each kept tile instead of writing it.

    The order is the same in each run, whatever the threads: rectangles of neighbours, each by row,
    then column. At most ``threads + 2`` rectangles (2048 px a side, or one larger tile) are held
    at a time. Leaving the loop ends the threads and closes the slide.

    Args:
        path: the slide's file.
        threads: how many tiles are cut at the same time; None: the machine's cores.
        slide: its name, which ``max_tiles`` draws by; None: the file's, without suffix.
        keys: those of the config that choose tiles: ``tile_size``, ``mpp``, ``min_tissue``, ...;
            and ``on_bad_slide="ignore"``: tiles that cannot be read are passed over in silence.

    Yields:
        The tile's row of ``tiles.tsv`` (a dict, without ``file`` and ``bytes``; ``kept`` is True,
        ``reason`` and what was not measured None), and its picture,
        (height, width, 3) uint8, RGB; the array is the caller's.

    Raises:
        ConfigError: an option is unknown or wrong.
        SlideError: the slide cannot be opened; or, after all other tiles, some cannot be read.
    """
    odd = sorted(NOT_HERE & keys.keys())
    if odd:
        raise ConfigError(
            f"{odd[0]} says what becomes of files, and tiles() writes none: leave it."
        )
    config = read_config(keys)
    if threads is not None and (isinstance(threads, bool) or threads < 1):
        raise ConfigError(f"threads is {threads!r}: write a whole number from 1, or None.")
    silent = config.on_bad_slide == "ignore"
    name = Path(path).stem if slide is None else slide
    return _stream(Path(path), name, config.settings, threads or os.cpu_count() or 1, silent)


def batches(given: Iterator[tuple[Row, Pixels]], size: int) -> Iterator[Batch]:
    """Join tiles, as ``tiles`` gives them, to arrays (``size``, height, width, 3) uint8.

    The last one may hold fewer.

    Raises:
        ConfigError: ``size`` is no whole number from 1, or a tile is smaller than the others.
    """
    if type(size) is not int or size < 1:
        raise ConfigError(f"batch is {size!r}: write a whole number from 1, or None.")
    return _batches(given, size)


def _batches(given: Iterator[tuple[Row, Pixels]], size: int) -> Iterator[Batch]:
    with closing(given):  # type: ignore[type-var]
        shape = None
        while some := list(islice(given, size)):
            rows, pictures = [row for row, _ in some], [rgb for _, rgb in some]
            shape = shape or pictures[0].shape
            for row, picture in some:
                if picture.shape != shape:
                    raise ConfigError(
                        f"batch needs tiles of one size: that of column {row['col']}, row "
                        f"{row['row']} is {picture.shape[1]} x {picture.shape[0]} px, the first "
                        f"{shape[1]} x {shape[0]}. Pass edge='pad' or edge='drop', since tiles "
                        "at the slide's rim are smaller."
                    )
            yield rows, np.stack(pictures)


def _stream(
    path: Path, name: str, settings: Settings, threads: int, silent: bool
) -> Iterator[tuple[Row, Pixels]]:
    with unchanged(locate(path)), inspected(path, settings) as seen:
        scaled = scale_warnings(seen.said, seen.facts, settings)
        for warning in (*scaled, *seen.marks.warnings):
            warnings.warn(f"{path.name}: {warning}", stacklevel=3)
        rows = _rows(seen, name, settings)
        px = settings.tile_size**2
        level = seen.grid.level
        with opened(seen.reader_name, seen.files, seen.index, level, px, threads) as reader:
            colour = settings.background or seen.facts.background or WHITE
            pictures = Pictures(reader, seen.grid, colour, settings.drop_blank)
            mpp = tile_mpp(grid_record(seen.grid, seen.facts, 0, 0))
            cut = _cutter(pictures, judge_for(settings, mpp, colour))
            lost: list[SlideError] = []
            groups = in_blocks(list(rows), seen.grid.stride)
            pictures.expect(groups)
            for one in _in_order(cut, groups, threads):
                if one.error is not None:
                    lost.append(one.error)
                elif one.rgb is not None:
                    measured = {"focus": one.verdict.focus, "pen": one.verdict.pen}
                    yield rows[one.address] | measured, one.rgb
    if lost and not silent:
        raise SlideError(
            f"{path.name}: {len(lost)} of {len(rows)} tiles cannot be read, all others were given: "
            f"{lost[0]}. Copy the slide again, or pass on_bad_slide='ignore'."
        )


def _rows(seen: Inspection, name: str, settings: Settings) -> dict[Address, Row]:
    """The rows of the tiles that are read, as if they were kept."""
    fractions = seen.tissue.fractions(seen.grid)
    found: dict[Address, Row] = {}
    for tile in seen.grid.tiles(seen.listed):
        tissue = float(manifest.field(fractions[tile[:2]]) or "nan")  # as the table says it
        known = None if np.isnan(tissue) else tissue
        values = (*tile, known, *_mark(seen, *tile[:2]), True, None, None, None)
        found[tile[0], tile[1]] = dict(zip(COLUMNS, values, strict=True))
    tissues = {at: 1.0 if row["tissue"] is None else row["tissue"] for at, row in found.items()}
    labels = {at: row["label"] or "" for at, row in found.items()}
    for address in dropped_unread(name, settings, seen.grid, tissues, labels):
        del found[address]
    return found


def _mark(seen: Inspection, col: int, row: int) -> tuple[float | None, str | None, float | None]:
    """What annotations say of a tile, as the table has it."""
    region, label, share = seen.marks.of(col, row)
    return _as_written(region), label or None, _as_written(share)


def _as_written(value: float | None) -> float | None:
    return None if value is None else float(manifest.field(value))


def _cutter(pictures: Pictures, judge: Judge) -> Callable[[Sequence[Address]], list[_Cut]]:
    """What cuts a group of tiles, on any thread."""

    def attempt(address: Address) -> _Cut:
        try:
            pixels, verdict = look(pictures, judge, address)
        except SlideError as error:
            certain = isinstance(error, StoredImageError)
            return _Cut(address, Verdict("unreadable"), None, bare(error), certain)
        if pixels is None or verdict.reason:
            return _Cut(address, verdict, None)
        return _Cut(address, verdict, rgb(pixels))

    def cut(group: Sequence[Address]) -> list[_Cut]:
        if len(group) > 1:
            pictures.prepare(group)
        return [attempt(address) for address in group]

    return cut


def _in_order(
    cut: Callable[[Sequence[Address]], list[_Cut]],
    groups: Sequence[Sequence[Address]],
    threads: int,
) -> Iterator[_Cut]:
    """Cut groups on threads, a few ahead of who takes them, and give their tiles in order.

    An error that is not certain may be another thread's: the tile is tried again alone, once all
    that was begun has ended.
    """
    ahead: deque[Future[list[_Cut]]] = deque()
    left = iter(groups)
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                while len(ahead) <= threads and (group := next(left, None)) is not None:
                    ahead.append(pool.submit(cut, group))
                if not ahead:
                    return
                for one in ahead.popleft().result():
                    if one.is_certain:
                        yield one
                    else:
                        wait(ahead)
                        yield cut([one.address])[0]
        finally:
            for future in ahead:
                future.cancel()
