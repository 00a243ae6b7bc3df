"""``features.h5``: what a model made of a slide's tiles, in the form of TRIDENT."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from mrxs_tiles.errors import printable, shown
from mrxs_tiles.exports.clam import COORDS, FORMAT, attributes
from mrxs_tiles.exports.known import note_exports
from mrxs_tiles.files import manifest
from mrxs_tiles.files.store import write_file

FEATURES = "features"
_COL, _ROW, _X, _Y, _KEPT = (
    manifest.TILES.index(name) for name in ("col", "row", "x", "y", "kept")
)


def write_features(
    results: Path,
    slide: str,
    features: npt.NDArray[Any],
    rows: Sequence[Mapping[str, Any]] | None,
) -> Path:
    """Write the vectors (N, D) of a slide's N kept tiles; see ``Results.write_features``.

    TRIDENT and what reads its files take both datasets from one file; ``coords`` bears the same
    attributes as in ``clam.h5``.

    Raises:
        ValueError: the vectors are not those of the kept tiles.
        ResultsError: a table cannot be read, or the file not written.
    """
    table = manifest.read_table(results / slide / manifest.TILES_TSV, manifest.TILES)
    kept = [row for row in table if row[_KEPT] == "1"]
    vectors = _checked(slide, features, len(kept))
    if rows is not None:
        vectors = vectors[_order(slide, kept, rows)]
    inspected = manifest.read_record(results / slide / manifest.SLIDE_JSON)
    places = np.array([(int(row[_X]), int(row[_Y])) for row in kept], np.int64).reshape(-1, 2)
    content = io.BytesIO()
    with h5py.File(content, "w", libver=FORMAT) as file:
        file.create_dataset(FEATURES, data=vectors, track_times=False)
        coords = file.create_dataset(COORDS, data=places, track_times=False)
        for key, value in attributes(slide, inspected).items():
            coords.attrs[key] = value
    path = results / slide / manifest.FEATURES_H5
    note_exports(path.parent, slide, {path.name: write_file(path, content.getvalue())})
    return path


def _checked(slide: str, features: npt.NDArray[Any], kept: int) -> npt.NDArray[Any]:
    """The vectors as an array; odd numbers are told as a warning of Python's."""
    vectors = np.asarray(features)
    if vectors.ndim != 2 or len(vectors) != kept:
        raise ValueError(
            f"{shown(slide)} has {kept} kept tiles, and the features are of shape "
            f"{vectors.shape}: give an array (tiles, values), one row for each kept tile."
        )
    if vectors.dtype.kind not in "fiub" or not vectors.shape[1]:
        raise ValueError(
            f"The features of {shown(slide)} are {vectors.dtype} of shape {vectors.shape}: give "
            "numbers, one or more for each tile."
        )
    if odd := int((~np.isfinite(vectors).all(axis=1)).sum()):
        warnings.warn(
            f"{printable(slide)}: features of {odd:,} of {len(vectors):,} tiles hold NaN or "
            "infinity; they are written so",
            stacklevel=4,
        )
    return vectors


def _order(
    slide: str, kept: Sequence[Sequence[str]], rows: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Where among ``rows`` each kept tile stands."""
    places = {(int(row["col"]), int(row["row"])): number for number, row in enumerate(rows)}
    known = [(int(row[_COL]), int(row[_ROW])) for row in kept]
    if len(rows) != len(kept) or places.keys() != set(known):
        raise ValueError(
            f"rows names {len(places)} tiles, and {shown(slide)} has {len(kept)} kept ones: give "
            "the rows of exactly these tiles, each once, cut with the same keys."
        )
    return [places[address] for address in known]
