"""Tiles at the slide's edge: kept as they are, padded to full size, or dropped unread."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import mrxs_tiles
from in_process import NAME, Cut, Variant, cut, look
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting.picture import Pictures
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.tile import tile
from running import SPEC, write

QUICK: dict[str, Any] = {"tile_size": 300, "overlap": 20, "downsample": 2}
GRIDS: list[dict[str, Any]] = [
    {"tile_size": 300},
    {"tile_size": 200, "limit_bounds": True, "overlap": 7},
    {"tile_size": 100, "mpp": 0.7, "overlap": 9},
    {"tile_size": 900},
]
COLOUR = (12, 200, 99)


def pixels(made: Cut, row: dict[str, str]) -> np.ndarray:
    return np.asarray(Image.open(made.folder / row["file"]).convert("RGB"))


def places(made: Cut) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["col"], row["row"]): row for row in made.rows}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 754 x 700 px."""
    return write(tmp_path_factory.mktemp("edge") / "small.mrxs", SPEC).path


@pytest.mark.long
@pytest.mark.parametrize(
    "keys", [QUICK, *(pytest.param(keys, marks=pytest.mark.slow) for keys in GRIDS)], ids=str
)
def test_edges(path: Path, tmp_path: Path, keys: dict[str, Any]) -> None:
    """A padded picture is the kept one on the background; what is dropped is what was smaller."""
    shared = {"format": "png", "background": "{},{},{}".format(*COLOUR), **keys}
    kept = cut(path, tmp_path / "keep", **shared)
    padded = cut(path, tmp_path / "pad", edge="pad", **shared)
    dropped = cut(path, tmp_path / "drop", edge="drop", **shared)
    overlap = keys.get("overlap", 0)
    side = keys["tile_size"] + 2 * overlap
    own, others = places(kept), places(dropped)
    smaller = 0
    for row in padded.rows:
        before, left_out = own[row["col"], row["row"]], others[row["col"], row["row"]]
        columns = ("x", "y", "width", "height", "tissue", "kept", "reason", "focus", "pen")
        assert [row[name] for name in columns] == [before[name] for name in columns]
        size = int(before["tile_width"]), int(before["tile_height"])
        is_smaller = size != (side, side)
        assert (left_out["reason"] == "edge") == is_smaller
        assert before["kept"] == left_out["kept"] or is_smaller
        if row["kept"] == "0":
            continue
        smaller += is_smaller
        assert (row["tile_width"], row["tile_height"]) == (str(side), str(side))
        left, top = (0 if row[axis] != "0" else overlap for axis in ("col", "row"))
        expected = np.full((side, side, 3), COLOUR, np.uint8)
        expected[top : top + size[1], left : left + size[0]] = pixels(kept, before)
        assert (pixels(padded, row) == expected).all()
    assert smaller > 0
    assert dropped.tiled["counts"]["edge"] == sum(row["reason"] == "edge" for row in dropped.rows)
    given = list(mrxs_tiles.tiles(path, edge="pad", background=shared["background"], **keys))
    assert {rgb.shape for _, rgb in given} == {(side, side, 3)}
    assert len(given) == padded.tiled["counts"]["kept"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_every_format_is_padded(path: Path, tmp_path: Path, suffix: str) -> None:
    """Whatever the format, all pictures have one size."""
    made = cut(path, tmp_path, tile_size=400, edge="pad", format=suffix)
    sizes = [Image.open(io.BytesIO(content)).size for content in made.files.values()]
    assert sizes == [(400, 400)] * 4


def test_no_pictures(variant: Variant, tmp_path: Path) -> None:
    """With coordinates only, the tables say the size that a picture would have."""
    made = cut(variant("jpeg").path, tmp_path, tile_size=600, edge="pad", format="none")
    assert {row["tile_width"] for row in made.rows if row["kept"] == "1"} == {"600"}


def test_edge_tiles_are_not_read(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With drop, nobody reads a tile at the edge; before tissue it is the reason."""
    path = variant("jpeg").path
    settings = {"tile_size": 300, "edge": "drop", "min_tissue": 0.9, "reader": "openslide"}
    seen: list[tuple[int, int]] = []
    made = cut(path, tmp_path / "first", **settings)
    edge = {(int(r["col"]), int(r["row"])) for r in made.rows if r["reason"] == "edge"}
    assert {row["reason"] for row in made.rows if int(row["tile_width"]) < 300} == {"edge"}
    read = Pictures.read

    def noted(self: Pictures, address: tuple[int, int]) -> Any:
        seen.append(address)
        return read(self, address)

    monkeypatch.setattr(Pictures, "read", noted)
    list(mrxs_tiles.tiles(path, **settings))
    cut(path, tmp_path / "second", **settings)
    assert seen
    assert not edge & set(seen)


def test_exports_follow(variant: Variant, tmp_path: Path) -> None:
    """CLAM's file has the places of the tiles that are kept, as they lie on the slide."""
    made = cut(variant("jpeg").path, tmp_path, tile_size=300, overlap=10, edge="pad")
    export(NAME, tmp_path, ["clam", "qupath", "parquet"])
    with h5py.File(made.folder / "clam.h5") as file:
        coords = file["coords"][:].tolist()
        assert file["coords"].attrs["patch_size"] == 320
    assert coords == [[int(row["x"]), int(row["y"])] for row in made.rows if row["kept"] == "1"]


def test_tables_of_another_edge(variant: Variant, tmp_path: Path) -> None:
    """What was inspected with another edge is not cut: the tables would say another size."""
    path = variant("jpeg").path
    look(path, tmp_path, tile_size=300)
    with pytest.raises(ResultsError, match="was written for another edge"):
        tile(NAME, path, tmp_path, read_config({"tile_size": 300, "edge": "pad"}).settings, 1)
