"""What the index and the first bytes of images tell of damage, before a tile is read."""

from __future__ import annotations

from pathlib import Path

import running
from bad_slides import touching
from mrxs_tiles.config.config import read_config
from mrxs_tiles.inspecting.slide_grid import grid_of
from mrxs_tiles.mirax.damage import has_16_bit_png, unreadable_tiles
from mrxs_tiles.mirax.facts import facts_of
from mrxs_tiles.mirax.index import read_index
from write_mirax import VARIANTS


def test_tiles_of_a_missing_file(tmp_path: Path) -> None:
    """The tiles that a lost data file's images lie in are known to be lost, and no others."""
    slide = running.write(tmp_path / "A.mrxs")
    number = next(image.file_number for image in slide.images if image.level == 0)
    lost = [one for one in slide.images if (one.level, one.file_number) == (0, number)]
    (slide.folder / f"Data{number:04}.dat").unlink()
    index = read_index(slide.folder)
    grid = grid_of(lambda _: 0, facts_of(index), read_config({"tile_size": 40}).settings)
    found = unreadable_tiles(index, grid)
    wrong = touching(slide, lost, 40)
    assert {(int(col), int(row)) for col, row in zip(*found.nonzero(), strict=True)} == wrong
    assert len(wrong) > 0


def test_16_bits_per_colour(tmp_path: Path) -> None:
    """Only stored PNGs whose head says 16 bits are told of."""
    slide = running.write(tmp_path / "A.mrxs", VARIANTS["png"])
    assert not has_16_bit_png(read_index(slide.folder))
    image = next(one for one in slide.images if one.level == 0)
    with (slide.folder / f"Data{image.file_number:04}.dat").open("r+b") as stream:
        stream.seek(image.offset + 24)  # the depth of a PNG's colours
        assert stream.read(1) == b"\x08"
        stream.seek(image.offset + 24)
        stream.write(b"\x10")
    assert has_16_bit_png(read_index(slide.folder))
