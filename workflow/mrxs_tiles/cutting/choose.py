"""Which tiles of a slide are read, and what becomes of the others without a look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.job import Job
from mrxs_tiles.grid.blocks import Address, in_blocks
from mrxs_tiles.mirax.damage import unreadable_tiles

TOO_LITTLE = Fate(0, "tissue")
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
    """Drop tiles with too little tissue, and those that the index says cannot be read."""
    least = job.settings.min_tissue
    fates = {at: TOO_LITTLE for at, part in job.tissue.items() if part < least}
    lost = _proven_unreadable(job) - fates.keys()
    fates |= dict.fromkeys(lost, UNREADABLE)
    wanted = [address for address in job.tissue if address not in fates]
    return Choice(fates, in_blocks(wanted, job.grid.stride), bool(lost))


def _proven_unreadable(job: Job) -> set[Address]:
    if job.damaged_index is None:
        return set()
    proven = unreadable_tiles(job.damaged_index, job.grid)
    return {(col, row) for col, row in job.tissue if proven[col, row]}
