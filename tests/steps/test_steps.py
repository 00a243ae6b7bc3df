"""What `inspect` and `tile` do when they were stopped, or meet what the other left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from in_process import NAME, Variant, cut, look
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import space, tile_record
from mrxs_tiles.cutting.cutter import Fate
from mrxs_tiles.errors import ResultsError, SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.grid.grid import Bools
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import Alpha, SlideReader
from mrxs_tiles.steps import inspect as inspect_slide
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import SPEC, write


class Killed(BaseException):
    """Stands for a kill that no handler sees."""


def kill(*_: object, **__: object) -> None:
    """Be killed here."""
    raise Killed


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 754 x 700 px."""
    return write(tmp_path_factory.mktemp("small") / "small.mrxs", SPEC).path


@pytest.mark.slow
@pytest.mark.parametrize("where", ["write_file", "manifest.write_table", "manifest.write_record"])
def test_inspect_killed_between_its_files(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A killed `inspect` leaves no record, so nothing is cut by files of two runs."""
    cut(small, tmp_path, tile_size=400)
    with monkeypatch.context() as patch:
        owner: Any = manifest if where.startswith("manifest.") else inspect_slide
        patch.setattr(owner, where.removeprefix("manifest."), kill)
        with pytest.raises(Killed):
            look(small, tmp_path, tile_size=200)
    for size in (200, 400):
        with pytest.raises(ResultsError, match=r"slide\.json is not there"):
            tile(NAME, small, tmp_path, read_config({"tile_size": size}).settings, 1)
    assert not (tmp_path / NAME / "tiles.json").exists()


@pytest.mark.long
def test_table_of_another_run(small: Path, tmp_path: Path) -> None:
    """A table with other rows than the record knows of is not cut by."""
    look(small, tmp_path, tile_size=200)
    path = tmp_path / NAME / "coordinates.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(ResultsError) as caught:
        tile(NAME, small, tmp_path, read_config({"tile_size": 200}).settings, 1)
    assert str(caught.value) == (
        f"{path} was written for another listed. Run inspect again with the same settings as tile."
    )


@pytest.mark.slow
def test_leftovers_take_no_room(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run left is gone before the room on the disk is looked at."""
    look(small, tmp_path, tile_size=400)
    left = tmp_path / NAME / ".tiles.partial"
    left.mkdir()
    (left / "0_0.jpg").write_bytes(b"half")

    def free(_: Path) -> int:
        assert not list(left.iterdir())
        return 10**12

    monkeypatch.setattr(space, "free_bytes", free)
    assert cut(small, tmp_path, tile_size=400).tiled["status"] == "ok"


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        (["", "blank", "unscanned"], "ok"),
        (["unreadable", "", "unscanned"], "damaged"),
        (["unreadable", "unscanned", "unscanned"], "damaged"),
        (["unreadable", "unreadable", "tissue"], "failed"),
        (["unreadable"], "failed"),
        ([], "ok"),
    ],
)
def test_status(reasons: list[str], status: str) -> None:
    """A slide has failed when every tile that had to be read is unreadable."""
    fates = {(0, row): Fate(not reason, reason) for row, reason in enumerate(reasons)}
    assert tile_record.status_of(fates) == status


@pytest.mark.slow
def test_index_that_is_odd_above_level_0(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where OpenSlide opens the slide and the index is odd, every tile is read, with a warning."""
    pieces = layout.pieces

    def odd(index: MiraxIndex, level: int, scanned: Bools) -> layout.Pieces:
        if level:
            raise SlideError("an image belongs to no camera picture")
        return pieces(index, level, scanned)

    monkeypatch.setattr(layout, "pieces", odd)
    found = cut(variant("small_area").path, tmp_path, downsample=2, tile_size=100)
    assert (found.inspected["status"], found.tiled["status"]) == ("ok", "ok")
    assert found.inspected["warnings"] == [
        "the MIRAX index is not understood (an image belongs to no camera picture); OpenSlide "
        "opens the slide, so every tile of the grid is read"
    ]
    assert len(found.rows) == found.inspected["grid"]["tiles"]
    assert found.tiled["counts"]["unscanned"] > 0


@pytest.mark.long
def test_space_is_guessed_within_the_tile(
    aperio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spots that are encoded to guess the space lie on the slide at any downsample."""
    places: list[tuple[int, int]] = []
    read = SlideReader.read

    def noted(
        self: SlideReader, location: tuple[int, int], level: int, out: Pixels, fill: int = 0
    ) -> Alpha:
        places.append((location[0] + out.shape[1], location[1] + out.shape[0]))
        return read(self, location, level, out, fill)

    monkeypatch.setattr(SlideReader, "read", noted)
    cut(aperio, tmp_path, tile_size=500, downsample=4)
    assert places
    assert all(right <= 2220 and bottom <= 2967 for right, bottom in places)


def test_name_too_long(tmp_path: Path) -> None:
    """A path that the operating system refuses is a failed slide, not a traceback."""
    found = look(tmp_path / f"{'x' * 300}.mrxs", tmp_path / "results")
    assert found["error"] == (
        f"{'x' * 300}.mrxs cannot be looked at: File name too long. Check its name and who may "
        "read it and its folder."
    )


def test_variant_is_cut_again_after_inspect(variant: Variant, tmp_path: Path) -> None:
    """`inspect` takes the old `tiles.json` away: the tiles are of the inspection before."""
    path = variant("jpeg").path
    cut(path, tmp_path, tile_size=300)
    look(path, tmp_path, tile_size=200)
    assert not (tmp_path / NAME / "tiles.json").exists()


def test_another_region(tmp_path: Path) -> None:
    """Tiles are not cut of another region than was inspected."""
    slide = write(tmp_path / "A.mrxs", SPEC).path
    inspect("A", slide, tmp_path, read_config({"tile_size": 100, "region": "0,0,300,300"}).settings)
    for region in ("300,300,300,300", "0,0,250,400", "0,0,299,299", None):
        settings = read_config({"tile_size": 100, "region": region}).settings
        with pytest.raises(ResultsError, match="was written for another region"):
            tile("A", slide, tmp_path, settings, 1)
    same = read_config({"tile_size": 100, "region": "0,0,300,300"}).settings
    assert tile("A", slide, tmp_path, same, 1)["status"] == "ok"
