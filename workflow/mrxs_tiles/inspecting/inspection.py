"""What is found out about one slide: its files, its grid, its tissue; nothing is written.

``inspect`` writes it down, ``preview`` tries thresholds on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mrxs_tiles.annotations.marks import Marks, marks_of
from mrxs_tiles.errors import PassingError, RefusedSlideError, SlideError, UnsupportedSlideError
from mrxs_tiles.grid.grid import Bools, Grid
from mrxs_tiles.inspecting.slide_grid import can_hold_pixels, grid_of
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.damage import COPY_AGAIN, damaged_files, other_size
from mrxs_tiles.mirax.data_folder import is_mirax
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from mrxs_tiles.mirax.locate import SlideFiles, locate
from mrxs_tiles.mirax.openslide_trial import survives
from mrxs_tiles.mirax.proof import choose
from mrxs_tiles.mirax.without_levels import is_mended, openable_levels
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.slide.overview import Overview
from mrxs_tiles.slide.reader import SlideFacts, SlideReader
from mrxs_tiles.slide.resolution import with_scale
from mrxs_tiles.slide.tissue_map import TissueMap, map_tissue, tissue_overview


@dataclass(frozen=True, slots=True)
class Inspection:
    """One slide, open, and what was found out about it.

    ``said`` are the facts without the user's scale; ``trouble`` is what is wrong with the MIRAX
    index, which is None then. ``marks`` is what annotations say of the tiles; ``listed`` (cols,
    rows) bool: those asked for that can hold pixels; None: all. ``reader_name`` is what reads the
    tiles, ``reader_reason`` why, where it is OpenSlide.
    """

    files: SlideFiles
    reader: SlideReader
    said: SlideFacts
    facts: SlideFacts
    index: MiraxIndex | None
    trouble: str
    grid: Grid
    marks: Marks
    listed: Bools | None
    overview: Overview
    tissue: TissueMap
    reader_name: str
    reader_reason: str

    def count(self, tiles: Bools | None) -> int:
        """How many tiles of the grid those are."""
        return self.grid.cols * self.grid.rows if tiles is None else int(tiles.sum())


@contextmanager
def inspected(path: Path, settings: GridSettings) -> Iterator[Inspection]:
    """Open a slide and look at it; it stays open as long as the context lasts.

    Raises:
        SlideError: it cannot be opened, or not be cut with these settings.
    """
    files = locate(path)
    index, trouble = _index_of(files)
    with (
        openable_levels(files, index) as openable_path,
        opened(openable_path, path, index, trouble) as reader,
    ):
        said = _own_facts(reader.facts(), index)
        facts = with_scale(said, settings.slide_mpp)
        grid = grid_of(reader.best_level, facts, settings)
        if index is not None and (why := other_size(index, grid.level)):
            raise refused(path, why)
        marks = marks_of(settings, facts.size, facts.bounds, grid)
        try:
            is_there = files.folder is not None
            full = can_hold_pixels(facts, index, is_there, grid) if settings.drop_blank else None
        except SlideError as error:  # an index that proves odd here is not gone by
            full, index, trouble = None, None, str(error)
        reader_name, reader_reason = choose(settings.reader, index, grid.level, reader)
        overview = tissue_overview(reader, facts)
        yield Inspection(
            files=files,
            reader=reader,
            said=said,
            facts=facts,
            index=index,
            trouble=trouble,
            grid=grid,
            marks=marks,
            listed=_both(marks.inside, full),
            overview=overview,
            tissue=map_tissue(facts, overview),
            reader_name=reader_name,
            reader_reason=reader_reason,
        )


def _own_facts(facts: SlideFacts, index: MiraxIndex | None) -> SlideFacts:
    """What OpenSlide says; of a slide in another form its digest is not its own."""
    if index is None or not is_mended(index, len(facts.levels.sizes)):
        return facts
    return replace(facts, quickhash=None)


def _both(one: Bools | None, other: Bools | None) -> Bools | None:
    """The tiles that are in both; None: all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _index_of(files: SlideFiles) -> tuple[MiraxIndex | None, str]:
    """The MIRAX index, or what is wrong with it.

    Raises:
        RefusedSlideError: OpenSlide must not even try.
    """
    if files.folder is None:
        return None, ""
    try:
        index = read_index(files.folder)
        layout.pieces(index, 0, layout.scanned_positions(index))
    except RefusedSlideError as error:
        raise refused(files.path, error) from None
    except PassingError:
        raise
    except SlideError as error:
        return None, str(error)
    return index, ""


def refused(path: Path, why: str | SlideError) -> SlideError:
    """What is said of a MIRAX slide that cannot be opened."""
    if isinstance(why, UnsupportedSlideError):
        return SlideError(
            f"{path.name} cannot be read: {why}. The slide is sound, but of a kind that OpenSlide "
            "cannot read: export it as JPEG in 3DHISTECH's SlideConverter."
        )
    return SlideError(f"{path.name} cannot be opened: {why}. {COPY_AGAIN}.")


def opened(openable_path: Path, path: Path, index: MiraxIndex | None, trouble: str) -> SlideReader:
    """Open a slide of which the index, or what is wrong with it, is known.

    Raises:
        SlideError: OpenSlide does not open it; says why as far as the index tells.
    """
    if trouble and not survives(openable_path):
        raise refused(path, trouble)
    try:
        return SlideReader(openable_path)
    except SlideError as error:
        if not is_mirax(path):
            raise SlideError(
                f"{path.name} is not a slide that OpenSlide can read: it says '{error}'. "
                "Check that it is a slide and was copied whole."
            ) from None
        known = "; ".join(damaged_files(index)) if index is not None else trouble
        raise refused(path, known or f"OpenSlide says '{error}'") from None
