"""What a run left in its results, for Python: ``mrxs_tiles.load``."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from mrxs_tiles.errors import shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.tile_files import TileFiles
from mrxs_tiles.report.absent import warn_of_absent, warn_of_others, was_labelled
from mrxs_tiles.report.tables import labels_table, slides_table, tiles_table

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL.Image import Image
    from pyarrow.dataset import Dataset


def load(results: str | os.PathLike[str]) -> Results:
    """Load the tables of a run; pictures are read when they are asked for.

    Raises:
        ResultsError: no slide is there, or a table cannot be read.
    """
    return Results(Path(results))


class Results:
    """The slides and tiles of a run. Used as a context, it closes the files it opened."""

    def __init__(self, results: Path) -> None:
        """Read the table of slides.

        Raises:
            ResultsError: no slide is there, or the table cannot be read.
        """
        self._results = results
        self._files = TileFiles(results)
        self.slides: pd.DataFrame = slides_table(results)
        self._told = set(self.slides["slide"][self.slides["tiles"].notna()])
        self._kept = dict(zip(self.slides["slide"], self.slides["kept"], strict=True))
        self._carried = list(self.slides.columns[len(manifest.REPORT) :])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files that were opened."""
        self._files.close()

    @cached_property
    def tiles(self) -> pd.DataFrame:
        """All slides' tiles, kept and dropped, with the column ``slide`` before their own.

        Of thousands of slides take ``tiles_of`` some, ``by_slide``, or ``dataset``.

        Raises:
            ResultsError: a table cannot be read.
        """
        return self.tiles_of(None)

    def tiles_of(
        self, slides: str | Collection[str] | None, columns: Collection[str] | None = None
    ) -> pd.DataFrame:
        """The tiles of some slides, and some columns of them, as in ``tiles``.

        Args:
            slides: one name or several; None: all.
            columns: those that are read, ``slide`` always among them, and ``sheet_{name}`` of
                what the sheet carries, which stand last; None: all of ``tiles``.

        Raises:
            ValueError: a slide or a column is not there.
            ResultsError: a table cannot be read.
        """
        wanted = self._named(slides)
        chosen = self._chosen(columns)
        tables = [table for slide in wanted if (table := self._tiles_of(slide, chosen)) is not None]
        if not tables:
            return self._typed(io.StringIO("\t".join(manifest.TILES) + "\n"), "", chosen)
        return pd.concat(tables, ignore_index=True)

    @cached_property
    def labels(self) -> pd.DataFrame:
        """How much of each tile each class covers: ``slide col row class fraction``.

        A line for each class that shares area with a tile; none for tiles that none does, and of
        slides that were cut without ``labels``. Of thousands of slides take ``labels_of`` some.

        Raises:
            ResultsError: a table cannot be read.
        """
        return self.labels_of(None)

    def labels_of(self, slides: str | Collection[str] | None) -> pd.DataFrame:
        """The classes of the tiles of some slides, as in ``labels``; None: of all.

        Raises:
            ValueError: a slide is not there.
            ResultsError: a table cannot be read.
        """
        tables = []
        for slide in self._named(slides):
            if slide not in self._told:
                continue
            path = self._results / slide / manifest.LABELS_TSV
            if path.is_file():
                tables.append(labels_table(path, slide))
            elif was_labelled(path.parent):
                warn_of_absent(path, slide)
        none = labels_table(io.StringIO("\t".join(manifest.LABELS) + "\n"), "")
        return pd.concat(tables or [none], ignore_index=True)

    def by_slide(
        self, columns: Collection[str] | None = None
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        """Each slide that was cut with its tiles, one after another: a cohort of any size.

        Raises:
            ValueError: a column is not there.
            ResultsError: a table cannot be read.
        """
        chosen = self._chosen(columns)
        for slide in self.slides["slide"]:
            if (table := self._tiles_of(slide, chosen)) is not None:
                yield slide, table

    def dataset(self) -> Dataset:
        """All tiles as a dataset of pyarrow, with the types of ``tiles.tsv``'s Parquet export.

        A slide's ``tiles.parquet`` is read when the dataset is, part by part. The tiles of a
        slide without one are read now, and stay in memory; so are those of one whose file has
        not what the sheet carries now, as ``sheet_{name}``.

        Raises:
            ResultsError: a table cannot be read.
        """
        from mrxs_tiles.report.dataset import dataset  # here: few want pyarrow

        told = [one for one in self.slides["slide"] if one in self._told]
        return dataset(self._results, {slide: self._sheet_of(slide) for slide in told})

    def write_features(
        self,
        slide: str,
        features: npt.NDArray[Any],
        rows: Sequence[Mapping[str, Any]] | None = None,
    ) -> Path:
        """Write a model's vectors of a slide's kept tiles beside them, as TRIDENT does.

        Args:
            slide: its name.
            features: (N, D), a vector of each kept tile.
            rows: the N tiles in the same order, as ``tiles()`` gives them; None: in the order of
                ``tiles``.

        Returns:
            The file, ``results/{slide}/features.h5``: ``features`` (N, D) as given, ``coords``
            (N, 2) int64, level-0 px of the top left, both in the order of ``tiles``.

        Raises:
            ValueError: the vectors are not those of the slide's kept tiles.
            ResultsError: the file cannot be written.
        """
        from mrxs_tiles.report.features import write_features  # here: few want h5py

        return write_features(self._results, self._named(slide)[0], features, rows)

    def _named(self, slides: str | Collection[str] | None) -> list[str]:
        known = list(self.slides["slide"])
        if slides is None:
            return known
        wanted = [slides] if isinstance(slides, str) else list(slides)
        if odd := sorted(set(wanted) - set(known)):
            raise ValueError(f"no slide of these results is called {shown(odd[0])}")
        return wanted

    def _tiles_of(self, slide: str, columns: Sequence[str]) -> pd.DataFrame | None:
        path = self._results / slide / manifest.TILES_TSV
        # of a slide that failed tables of an earlier run with other keys may lie there
        if slide not in self._told:
            return None
        if not path.is_file():
            warn_of_absent(path, slide)
            return None
        table = self._typed(path, slide, columns)
        if "kept" in table:
            warn_of_others(slide, table, self._kept[slide])
        return table

    def _typed(self, path: Path | io.StringIO, slide: str, columns: Sequence[str]) -> pd.DataFrame:
        """A slide's table, with the columns of the sheet that are asked for."""
        own = [name for name in columns if name in manifest.TILES]
        table = tiles_table(path, slide, own)
        cells = self._sheet_of(slide)
        for name in self._carried:
            if (column := manifest.SHEET_COLUMN.format(name)) in columns:
                table[column] = pd.Series(cells.get(name) or None, index=table.index, dtype="str")
        return table

    def _sheet_of(self, slide: str) -> dict[str, str]:
        """What the sheet carries of a slide; "" where its cell is empty."""
        rows = self.slides.loc[self.slides["slide"] == slide, self._carried].fillna("")
        return {
            str(name): str(cell) for row in rows.to_dict("records") for name, cell in row.items()
        }

    def _chosen(self, columns: Collection[str] | None) -> list[str]:
        """Those of the tiles' columns that are asked for, in the tables' order."""
        if columns is None:
            return list(manifest.TILES)
        known = [*manifest.TILES, *map(manifest.SHEET_COLUMN.format, self._carried)]
        if odd := sorted({*columns} - {"slide", *known}):
            raise ValueError(f"there is no column {shown(odd[0])}, but {', '.join(known)}")
        return [name for name in known if name in columns]

    def open(self, row: Mapping[str, Any] | pd.Series[Any]) -> Image:
        """The picture of a tile, decoded; ``row``: one of ``tiles``, or its ``slide``, ``file``.

        Raises:
            ValueError: the tile was not kept, so it has no picture.
            OSError: the picture cannot be read.
        """
        from mrxs_tiles.pixels.decode import open_picture  # here: tables alone need no Pillow

        picture = open_picture(self.read(row))
        picture.load()
        return picture

    def read(self, row: Mapping[str, Any] | pd.Series[Any]) -> bytes:
        """The bytes of a tile's picture, as ``open`` takes it.

        Raises:
            ValueError: the tile was not kept, so it has no picture.
            OSError: the picture cannot be read.
        """
        if not isinstance(row["file"], str):  # pandas says NaN
            raise ValueError(  # noqa: TRY004 - the tile is the wrong one, not the type
                f"This tile of {row['slide']} has no picture: it was not kept, or cut with "
                "format: none."
            )
        return self._files.read(row["file"], row["slide"])
