"""``mrxs_tiles.tiles()``: what the files hold, without files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openslide import OpenSlide
from PIL import Image

import mrxs_tiles
from in_process import Cut, Variant, cut
from mrxs_tiles.errors import ConfigError, SlideError
from mrxs_tiles.files.manifest import COORDINATES, field
from running import copy_slide

OPTIONS: list[dict[str, Any]] = [
    {"tile_size": 300},
    {"tile_size": 110, "overlap": 7, "limit_bounds": True},
    {"tile_size": 100, "downsample": 2},
    {"tile_size": 100, "downsample": 3},
    {"tile_size": 100, "min_tissue": 0.3, "min_focus": 5, "max_pen": 0.5},
    {"tile_size": 110, "reader": "openslide", "background": "255,200,0"},
    {"tile_size": 200, "drop_blank": False},
]


def _same(given: list[tuple[dict[str, Any], Any]], made: Cut) -> None:
    """Each kept tile of the files was given, with its row and its px, and no other."""
    kept = {(row["col"], row["row"]): row for row in made.rows if row["kept"] == "1"}
    assert {(field(row["col"]), field(row["row"])) for row, _ in given} == kept.keys()
    assert len(given) == len(kept)
    for row, rgb in given:
        told = kept[field(row["col"]), field(row["row"])]
        assert row["kept"] is True
        assert row["reason"] is None
        for name in (*COORDINATES, "focus", "pen"):
            assert field(row[name]) == told[name], name
        picture = np.asarray(Image.open(made.folder / told["file"]))
        assert (rgb == picture).all()


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_gives_what_the_files_hold(
    options: dict[str, Any], variant: Variant, tmp_path: Path
) -> None:
    """Rows and pictures are those that `tile` writes with the same keys."""
    path = variant("jpeg").path
    made = cut(path, tmp_path, format="png", **options)
    _same(list(mrxs_tiles.tiles(path, threads=2, **options)), made)


@pytest.mark.slow
def test_gives_what_the_files_of_a_real_slide_hold(aperio: Path, tmp_path: Path) -> None:
    """So they are of a real slide, at a scale between its levels."""
    made = cut(aperio, tmp_path, format="png", tile_size=256, mpp=1.0)
    _same(list(mrxs_tiles.tiles(aperio, tile_size=256, mpp=1.0)), made)


@pytest.mark.long
@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_same_order_with_any_number_of_threads(variant: Variant, reader: str) -> None:
    """Tiles come in one order, however many threads read."""
    path = variant("jpeg").path
    orders = [
        [(row["col"], row["row"]) for row, _ in mrxs_tiles.tiles(path, threads=threads, **keys)]
        for keys in [{"tile_size": 32, "reader": reader}]
        for threads in (1, 2, 5)
    ]
    assert orders[0] == orders[1] == orders[2]


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_a_damaged_slide(variant: Variant, tmp_path: Path, reader: str) -> None:
    """All that can be read is given, whoever meets it; then it is said that some cannot."""
    slide = variant("jpeg")
    path = copy_slide(slide.path, tmp_path / "A.mrxs")
    image = next(one for one in slide.images if one.level == 0)
    file = path.with_suffix("") / f"Data{image.file_number:04}.dat"
    content = bytearray(file.read_bytes())
    content[image.offset : image.offset + image.length] = bytes(image.length)
    file.write_bytes(content)
    keys: dict[str, Any] = {"tile_size": 100, "reader": reader}
    made = cut(path, tmp_path / "results", format="png", **keys)
    assert sum(row["reason"] == "unreadable" for row in made.rows)
    for threads in (1, 5):
        given: list[Any] = []
        with pytest.raises(
            SlideError, match=r"^A\.mrxs: \d+ of \d+ tiles cannot be read, all others"
        ):
            given.extend(mrxs_tiles.tiles(path, threads=threads, **keys))
        _same(given, made)
    _same(list(mrxs_tiles.tiles(path, threads=5, on_bad_slide="ignore", **keys)), made)


def test_what_annotations_warn_of(variant: Variant, tmp_path: Path) -> None:
    """What a run would note of a file's polygons and classes is a Python warning here."""
    ring = [[0, 0], [400, 0], [400, 400], [0, 400], [0, 0]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    named = {"classification": {"name": "Tumor"}}
    region = tmp_path / "a.geojson"
    region.write_text(json.dumps({"type": "Feature", "geometry": shape, "properties": named}))
    keys: dict[str, Any] = {"tile_size": 200, "region": str(region), "ignore_classes": ["Fold"]}
    with pytest.warns(UserWarning, match='ignore_classes names "Fold"'):
        list(mrxs_tiles.tiles(variant("jpeg").path, threads=1, **keys))
    with pytest.raises(ConfigError, match="carry says what becomes of files"):
        mrxs_tiles.tiles(variant("jpeg").path, carry=["patient"])


def test_leaving_the_loop_ends_the_threads(variant: Variant) -> None:
    """Who stops early leaves no thread behind."""
    before = threading.active_count()
    given: Iterator[Any] = mrxs_tiles.tiles(variant("jpeg").path, tile_size=32, threads=4)
    next(given)
    assert threading.active_count() > before
    given.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_runs_only_a_little_ahead(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: whoever takes slowly holds the threads back."""
    from mrxs_tiles.steps import tiles as iterate

    begun = 0
    original = iterate.Pictures.read

    def read(self: Any, address: tuple[int, int]) -> Any:
        nonlocal begun
        begun += 1
        return original(self, address)

    monkeypatch.setattr(iterate.Pictures, "read", read)
    monkeypatch.setattr(iterate, "in_blocks", lambda rows, _: [[row] for row in rows])
    for taken, _ in enumerate(mrxs_tiles.tiles(variant("jpeg").path, tile_size=32, threads=2)):
        dropped = 400
        assert begun <= taken + 1 + 2 + 2 + dropped
        if taken > 5:
            break


def test_what_is_refused(variant: Variant, tmp_path: Path) -> None:
    """Wrong keys and a missing slide are told, each before a tile is read."""
    path = variant("jpeg").path
    with pytest.raises(ConfigError, match=r"^format says what becomes of files"):
        mrxs_tiles.tiles(path, format="png")
    with pytest.raises(ConfigError, match="tile_sze"):
        mrxs_tiles.tiles(path, tile_sze=3)
    with pytest.raises(SlideError, match=r"no\.mrxs"):
        next(mrxs_tiles.tiles(tmp_path / "no.mrxs"))
    for value in (0, -1, True, float("inf"), "0.5"):
        with pytest.raises(ConfigError, match=r"^slide_mpp is"):
            mrxs_tiles.tiles(path, slide_mpp=value)  # type: ignore[arg-type]
    for threads in (0, -1, True):
        with pytest.raises(ConfigError, match=r"^threads is"):
            mrxs_tiles.tiles(path, threads=threads)


def test_a_slide_that_changes(variant: Variant, tmp_path: Path) -> None:
    """Pixels of two states of a slide do not pass in silence."""
    slide = copy_slide(variant("jpeg").path, tmp_path / "A.mrxs")
    given = mrxs_tiles.tiles(slide, tile_size=100, threads=1)
    next(given)
    (slide.with_suffix("") / "Data0000.dat").touch()
    with pytest.raises(SlideError, match=r"^A\.mrxs changed while it was read: Data0000\.dat was"):
        list(given)


@pytest.mark.long
def test_batches(variant: Variant) -> None:
    """Batches hold the same tiles in the same order; a smaller tile, or no number, is told."""
    path = variant("jpeg").path
    with OpenSlide(path) as slide:
        whole = [side // 32 * 32 for side in slide.dimensions]
    keys: Any = {"tile_size": 32, "region": f"0,0,{whole[0]},{whole[1]}"}
    one_by_one = list(mrxs_tiles.tiles(path, **keys))
    batches = list(mrxs_tiles.tiles(path, batch=7, threads=2, **keys))
    assert [len(rows) for rows, _ in batches[:-1]] == [7] * (len(batches) - 1)
    assert [row for rows, _ in batches for row in rows] == [row for row, _ in one_by_one]
    pictures = [picture for _, array in batches for picture in array]
    assert all(
        np.array_equal(*pair) for pair in zip(pictures, [p for _, p in one_by_one], strict=True)
    )
    assert batches[0][1].shape == (7, 32, 32, 3)
    with pytest.raises(ConfigError, match=r"is \d+ x \d+ px, the first 96 x 96\. Pass edge='pad'"):
        list(mrxs_tiles.tiles(path, batch=1000, tile_size=96))
    with pytest.raises(ConfigError, match="batch is 0: write a whole number"):
        mrxs_tiles.tiles(path, batch=0)
