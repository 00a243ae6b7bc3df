"""Which tiles of a slide are read, and what becomes of the others without a look at them."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.job import Job
from mrxs_tiles.grid.blocks import Address, in_blocks
from mrxs_tiles.grid.grid import DROP, Grid
from mrxs_tiles.mirax.damage import unreadable_tiles
from mrxs_tiles.settings import Settings

AT_THE_EDGE = Fate(0, "edge")
TOO_LITTLE = Fate(0, "tissue")
NOT_DRAWN = Fate(0, "surplus")
UNREADABLE = Fate(0, "unreadable")


class Choice(NamedTuple):
    """The tiles of a slide that have a row, told apart before anything is read."""

    fates: dict[Address, Fate]  # of those that are not read
    groups: Sequence[Sequence[Address]]  # those that are, in the order in which they are begun
    lost: bool  # the index tells of tiles that cannot be read

    @property
    def wanted(self) -> list[Address]:
        """The tiles that are read, in one line."""
        return [address for group in self.groups for address in group]


def choose(job: Job) -> Choice:
    """Drop what nobody needs to look at, and tiles that the index says cannot be read."""
    labels = {at: label for at, (_, label, _) in job.marks.items()}
    fates = dropped_unread(job.slide, job.settings, job.grid, job.tissue, labels)
    lost = _proven_unreadable(job) - fates.keys()
    fates |= dict.fromkeys(lost, UNREADABLE)
    wanted = [address for address in job.tissue if address not in fates]
    return Choice(fates, in_blocks(wanted, job.grid.stride), bool(lost))


def dropped_unread(
    slide: str,
    settings: Settings,
    grid: Grid,
    tissue: Mapping[Address, float],
    labels: Mapping[Address, str],
) -> dict[Address, Fate]:
    """The tiles that are dropped without a look at them: ``edge``, ``tissue``, ``surplus``.

    Args:
        slide: its name.
        settings: how it is cut.
        grid: its tiles.
        tissue: the fraction of it in each tile that has a row.
        labels: the label of each; a tile without one is not there, or has "".
    """
    fates: dict[Address, Fate] = {}
    if settings.edge == DROP:
        whole = grid.whole()
        fates = {at: AT_THE_EDGE for at in tissue if not whole[at]}
    least = settings.min_tissue
    fates |= {at: TOO_LITTLE for at, part in tissue.items() if part < least and at not in fates}
    left = [at for at in tissue if at not in fates]
    wanted = set(left)
    if settings.max_tiles_per_label is not None:
        wanted = drawn_of_each(slide, left, labels, settings.max_tiles_per_label)
    if settings.max_tiles is not None:
        wanted = drawn(slide, wanted, settings.max_tiles)
    return fates | dict.fromkeys(set(left) - wanted, NOT_DRAWN)


def drawn_of_each(
    slide: str, addresses: Iterable[Address], labels: Mapping[Address, str], most: int
) -> set[Address]:
    """At most so many tiles of each label; those without one count as of one label, too."""
    by_label: dict[str, list[Address]] = {}
    for address in addresses:
        by_label.setdefault(labels.get(address, ""), []).append(address)
    return {at for alike in by_label.values() for at in drawn(slide, alike, most)}


def drawn(slide: str, addresses: Iterable[Address], most: int) -> set[Address]:
    """At most so many tiles of a slide, drawn by lot.

    The lot of a tile hangs on the slide's name and the address alone: the same tiles are drawn
    on any machine, and those of a smaller draw are among those of a larger one.
    """
    begun = hashlib.sha256(slide.encode("utf-8", "surrogatepass") + b"\0")

    def lot(address: Address) -> bytes:
        digest = begun.copy()
        digest.update(b"%d_%d" % address)
        return digest.digest()

    return set(heapq.nsmallest(most, addresses, lot))


def _proven_unreadable(job: Job) -> set[Address]:
    if job.damaged_index is None:
        return set()
    proven = unreadable_tiles(job.damaged_index, job.grid)
    return {(col, row) for col, row in job.tissue if proven[col, row]}
