"""A slide that is open and about to be cut, and known to be the one that was inspected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mrxs_tiles.annotations.marks import Mark, marks_record
from mrxs_tiles.cutting.publish import coordinates
from mrxs_tiles.cutting.stage import staged
from mrxs_tiles.errors import PassingError, ResultsError, SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.grid.grid import Grid
from mrxs_tiles.inspecting.slide_grid import grid_of, grid_record
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from mrxs_tiles.mirax.locate import SlideFiles, locate
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE, opened
from mrxs_tiles.mirax.record import mirax_record
from mrxs_tiles.mirax.unchanged import changed, unchanged
from mrxs_tiles.pixels.filters import WHITE, Color
from mrxs_tiles.settings import Settings
from mrxs_tiles.slide.reader import Reader
from mrxs_tiles.slide.resolution import with_scale

_TISSUE, _REGION = (manifest.COORDINATES.index(column) for column in ("tissue", "region"))


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a slide, and of who asks, beside how it is cut.

    ``stage``: the folder of a local disk to which it is copied first, or ``auto``; None: it is
    read where it lies. ``begun_with``: its ``stamp`` when the run began; None: not known.
    ``stops``: a bad slide fails the job, and Snakemake then puts back the tables that lay there.
    ``by_workflow``: it does so with any job that fails. ``sheet``: the columns of the user's sheet
    that go with the slide (the key ``carry``), which decide nothing.
    """

    stage: str | None = None
    begun_with: str | None = None
    stops: bool = False
    by_workflow: bool = False
    sheet: Mapping[str, str] = field(default_factory=dict)


WHERE_IT_LIES = Source()  # of which nothing else is known


@dataclass(frozen=True, slots=True)
class ReadHere:
    """A slide's files where they are read: where it lies, or in its copy."""

    files: SlideFiles
    check: Callable[[], None]  # that these files are to be believed
    end_reading: Callable[[], None]  # and see that the slide is what it was at the beginning
    index: MiraxIndex | None  # where it is needed


@contextmanager
def read_here(path: Path, inspected: Record, stage: str | None) -> Iterator[ReadHere]:
    """An inspected slide's files, ready to be opened.

    Args:
        path: its file.
        inspected: what ``slide.json`` holds.
        stage: as in ``Source``.

    Raises:
        SlideError: it is not the slide that was inspected.
        StageError: it cannot be copied to ``stage``.
    """
    with staged(locate(path), stage) as copy, unchanged(copy.files) as end_reading:
        index = needed_index(copy.files, inspected)
        yield ReadHere(copy.files, copy.check, end_reading, index)


@dataclass(frozen=True, slots=True)
class Job:
    """One slide that is open and about to be cut."""

    slide: str
    folder: Path  # results/{slide}
    settings: Settings
    here: ReadHere
    reader: Reader
    grid: Grid
    inspected: Record  # what slide.json holds
    tissue: Mapping[Address, float]  # the fraction of it, of each tile that has a row
    marks: Mapping[Address, Mark]  # what annotations say of each tile; empty without them

    @property
    def background(self) -> Color:
        """The colour of what was never scanned: the one asked for, the slide's own, or white."""
        return self.settings.background or tuple(self.inspected["background"] or WHITE)

    @property
    def damaged_index(self) -> MiraxIndex | None:
        """The index, where ``inspect`` found data files missing or cut short."""
        return self.here.index if _is_damaged(self.inspected) else None


@contextmanager
def opened_job(
    path: Path,
    folder: Path,
    inspected: Record,
    settings: Settings,
    threads: int,
    stage: str | None,
) -> Iterator[Job]:
    """Open an inspected slide to cut it on so many threads.

    Args:
        path: its file.
        folder: ``results/{slide}``, where ``inspect`` has written.
        inspected: what ``slide.json`` holds there.
        settings: how it is cut; the same as for ``inspect``.
        threads: that will read at the same time.
        stage: as in ``Source``.

    Raises:
        SlideError: it cannot be opened, or is not the slide that was inspected.
        ResultsError: it was inspected with other settings.
        StageError: it cannot be copied to ``stage``.
    """
    tissue, marks = _listed(folder, settings)
    tile_px, level = settings.tile_size**2, inspected["grid"]["level"]
    with (
        read_here(path, inspected, stage) as here,
        opened(inspected["reader"], here.files, here.index, level, tile_px, threads) as reader,
    ):
        check_same(path, reader, here.index, inspected)
        grid = _inspected_grid(folder, reader, inspected, settings, tissue)
        slide = inspected["slide"]
        yield Job(slide, folder, settings, here, reader, grid, inspected, tissue, marks)


def _listed(folder: Path, settings: Settings) -> tuple[dict[Address, float], dict[Address, Mark]]:
    """Of each tile that ``inspect`` listed how much is tissue, and what annotations say of it."""
    tissue: dict[Address, float] = {}
    marks: dict[Address, Mark] = {}
    is_marked = settings.region is not None or settings.labels is not None
    for row in coordinates(folder):
        address = int(row[0]), int(row[1])
        tissue[address] = float(row[_TISSUE] or 1)
        if is_marked:
            region, label, share = row[_REGION : _REGION + 3]
            marks[address] = _float(region), manifest.plain(label), _float(share)
    return tissue, marks


def _float(cell: str) -> float | None:
    return float(cell) if cell else None


def needed_index(files: SlideFiles, inspected: Record) -> MiraxIndex | None:
    """The index of a MIRAX slide, where our own reader, damage or how it is opened needs it."""
    if files.folder is None or "mirax" not in inspected:
        return None
    if inspected["quickhash"] and inspected["reader"] != MIRAX and not _is_damaged(inspected):
        return None
    try:
        return read_index(files.folder)
    except PassingError:
        raise
    except SlideError as error:  # inspect has understood it
        raise changed(files.path, f"after it was inspected: {error}") from None


def _is_damaged(inspected: Record) -> bool:
    """True where ``inspect`` found data files missing or cut short."""
    return bool(inspected.get("mirax", {}).get("missing"))


def check_same(path: Path, reader: Reader, index: MiraxIndex | None, inspected: Record) -> None:
    """See that this is the slide that ``inspect`` looked at, as far as can be told at once."""
    facts = reader.facts()
    same = facts.size == (inspected["width"], inspected["height"])
    if index is not None:
        same &= mirax_record(index) == inspected.get("mirax")
    if facts.quickhash and inspected["quickhash"]:
        same &= facts.quickhash == inspected["quickhash"]
    if not same:
        raise changed(path, "after it was inspected")


def _inspected_grid(
    folder: Path,
    reader: Reader,
    inspected: Record,
    settings: Settings,
    listed: Collection[Address],
) -> Grid:
    if settings.reader == OPENSLIDE != inspected["reader"]:
        raise _other_settings(folder, "reader")
    facts = with_scale(reader.facts(), settings.slide_mpp)
    grid = grid_of(reader.best_level, facts, settings)
    now = grid_record(grid, facts, inspected["grid"]["tiles"], len(listed))
    for key, value in now.items():
        if inspected["grid"].get(key) != value:
            raise _other_settings(folder, key)
    # by what inspect has recorded: the files of annotations are not read again
    for key, asked in marks_record(settings).items():
        then = inspected["grid"].get(key)
        if not _same_marks(asked, then):
            raise _other_settings(folder, key)
    if not settings.drop_blank and len(listed) < now["tiles"]:
        raise _other_settings(folder, "drop_blank")
    return grid


def _same_marks(asked: Record | None, then: Record | None) -> bool:
    """Whether the record of a region or of labels is that of what is asked for now."""
    if asked is None or then is None:
        return asked is then
    return all(then.get(key) == value for key, value in asked.items())


def _other_settings(folder: Path, key: str) -> ResultsError:
    return ResultsError(
        f"{folder / manifest.COORDINATES_TSV} was written for another {key}. Run inspect again "
        "with the same settings as tile."
    )
