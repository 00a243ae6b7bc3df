"""``max_tiles``: a draw that is the same everywhere, before anything is read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import mrxs_tiles
from in_process import NAME, Variant, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.cutting import space
from mrxs_tiles.cutting.picture import Pictures
from mrxs_tiles.steps.survey import survey

KEYS: dict[str, Any] = {"tile_size": 64, "min_tissue": 0.3}


def lot(name: str, row: dict[str, Any]) -> bytes:
    """The same lot, worked out apart."""
    return hashlib.sha256(f"{name}\0{row['col']}_{row['row']}".encode()).digest()


@pytest.mark.long
def test_the_draw(variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lowest lots are read and no other: on 1 and 4 threads, and by tiles()."""
    path = variant("jpeg").path
    all_of_them = cut(path, tmp_path / "all", **KEYS)
    enough = [row for row in all_of_them.rows if row["reason"] != "tissue"]
    wanted = {(r["col"], r["row"]) for r in sorted(enough, key=lambda r: lot(NAME, r))[:10]}
    seen: list[tuple[int, int]] = []
    read = Pictures.read

    def noted(self: Pictures, address: tuple[int, int]) -> Any:
        seen.append(address)
        return read(self, address)

    monkeypatch.setattr(Pictures, "read", noted)
    monkeypatch.setattr(space, "SAMPLES", 1)
    for threads in (1, 4):
        seen.clear()
        made = cut(path, tmp_path / str(threads), threads=threads, max_tiles=10, **KEYS)
        assert {(str(col), str(row)) for col, row in seen} == wanted
        assert len(seen) == 10
        counts = made.tiled["counts"]
        assert counts["surplus"] == len(enough) - 10
        assert counts["tissue"] == all_of_them.tiled["counts"]["tissue"]
        assert sum(row["reason"] == "surplus" for row in made.rows) == counts["surplus"]
        assert {
            (r["col"], r["row"]) for r in made.rows if r["reason"] not in ("surplus", "tissue")
        } == wanted
    seen.clear()
    given = list(mrxs_tiles.tiles(path, slide=NAME, max_tiles=10, **KEYS))
    assert {(str(row["col"]), str(row["row"])) for row, _ in given} <= wanted
    assert len(seen) == 10


def test_smaller_draws_are_within_larger_ones(variant: Variant) -> None:
    """A draw of five is among one of ten; by another name another is drawn; many are all."""
    path = variant("jpeg").path

    def given(**keys: Any) -> set[tuple[int, int]]:
        return {(r["col"], r["row"]) for r, _ in mrxs_tiles.tiles(path, **KEYS, **keys)}

    five, ten, everything = given(max_tiles=5), given(max_tiles=10), given()
    assert five < ten < everything
    assert given(max_tiles=5, slide="another") != five
    assert given(max_tiles=10_000) == everything


def test_edge_then_tissue_then_the_draw(variant: Variant, tmp_path: Path) -> None:
    """Two keys together: dropped at the edge first, then for tissue, then drawn."""
    made = cut(variant("jpeg").path, tmp_path, edge="drop", max_tiles=3, **KEYS)
    counts = made.tiled["counts"]
    assert min(counts["edge"], counts["tissue"], counts["surplus"]) > 0
    assert counts["kept"] + counts["blank"] + counts["unscanned"] == 3
    assert made.tiled["status"] == "ok"


def test_survey_knows(variant: Variant, tmp_path: Path) -> None:
    """The estimate keeps no more tiles than are drawn."""
    config = read_config({"slides": str(variant("jpeg").path), "max_tiles": 4, **KEYS})
    (row,) = survey(find_slides(config), tmp_path)
    assert row["kept_estimate"] == 4
