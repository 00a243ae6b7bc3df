"""Where a slide's pictures go: each into a file of its own, here; into shards, in ``shards``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.cutting.samples import RowOf, Samples
from mrxs_tiles.cutting.shards import Shards
from mrxs_tiles.files.tile_folder import TileFolder
from mrxs_tiles.grid.blocks import Address
from mrxs_tiles.settings import Settings

MB = 1_000_000


def packing(
    folder: TileFolder,
    slide: str,
    settings: Settings,
    order: Sequence[Sequence[Address]],
    row: RowOf,
    sheet: Mapping[str, str],
) -> LooseFiles | Shards:
    """What takes a slide's pictures, as ``settings.packing`` says.

    Args:
        folder: where they go.
        slide: its name.
        settings: how it is cut.
        order: the tiles, in groups, as they are begun.
        row: makes a tile's row of ``tiles.tsv``.
        sheet: the columns of the sheet that go with the slide.
    """
    if settings.packing == "folder":
        return LooseFiles(folder, settings.format)
    line = [address for group in order for address in group]
    samples = Samples(slide, settings.format, row, sheet)
    return Shards(folder, samples, line, settings.shard_size * MB)


class LooseFiles:
    """Pictures as files: ``tiles/{col}_{row}.jpg``."""

    def __init__(self, folder: TileFolder, suffix: str) -> None:
        """``suffix``: the files', without its dot."""
        self._folder, self._suffix = folder, suffix

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """There is nothing to close."""

    def keep(self, address: Address, fate: Fate, content: bytes) -> Fate:
        """Write a picture; returns the tile's fate with its file."""
        col, row = address
        return fate._replace(file=self._folder.write(f"{col}_{row}.{self._suffix}", content))

    def drop(self, address: Address) -> None:
        """A tile without a picture has no file."""

    def finished(self, fates: dict[Address, Fate]) -> dict[Address, Fate]:
        """All tiles' fates, with their files."""
        return fates
