"""Damage at any level and with any threads costs exactly the tiles that touch it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

import running
from bad_slides import AGAIN, COPY, TILE, check_others, one_by_one, touching, unreadable, zero
from in_process import Variant
from mrxs_tiles.config.config import read_config
from mrxs_tiles.slide.reader import SlideReader
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import (
    record,
)
from write_mirax import StoredImage, WrittenSlide

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """The undamaged slide, elsewhere: its images and their places are the same."""
    return running.write(tmp_path_factory.mktemp("whole") / "good.mrxs")


def level_1(slide: WrittenSlide) -> StoredImage:
    """An image of level 1 in the middle of the slide."""
    return next(image for image in slide.images if (image.level, image.x, image.y) == (1, 2, 2))


def corrupt_level_1(slide: WrittenSlide) -> str:
    """Zero it; returns what is said of it."""
    image = level_1(slide)
    zero(slide, [image], slide.folder)
    return f"the stored image at byte {image.offset} of Data0002.dat is corrupt"


def level_1_beyond(slide: WrittenSlide) -> str:
    """Let the index place it behind its file's end; returns what is said of it."""
    image, path = level_1(slide), slide.folder / "Index.dat"
    size = slide.data_path(image).stat().st_size
    entry, wrong = (
        struct.pack("<4i", image.index, offset, image.length, image.file_number)
        for offset in (image.offset, size)
    )
    assert path.read_bytes().count(entry) == 1
    path.write_bytes(path.read_bytes().replace(entry, wrong))
    lost = "1 stored image of level 1 lost"
    return f"Data0002.dat is cut short: {size} of {size + image.length} bytes ({lost})"


@pytest.mark.parametrize("damage", [corrupt_level_1, level_1_beyond])
def test_damage_above_level_0(
    whole: WrittenSlide, tmp_path: Path, damage: Callable[[WrittenSlide], str]
) -> None:
    """With downsample 2 an image of level 1 counts, which lies at fractions of a pixel."""
    slide = running.write(tmp_path / "A.mrxs")
    said = damage(slide)
    options = ("--tile-size=45", "--downsample=2", "--format=png")
    running.cut(whole.path, tmp_path / "undamaged", *options)
    ran = running.cut(slide.path, tmp_path / "results", *options, threads=2)
    wrong = one_by_one(slide.path, 45, downsample=2)
    assert 4 <= len(wrong) <= 25
    assert unreadable(tmp_path / "results" / "A") == wrong
    check_others(tmp_path / "results" / "A", tmp_path / "undamaged" / "good", wrong, "png")
    sentence = f"{len(wrong)} of 72 tiles cannot be read: {said}. {AGAIN}"
    assert (ran.code, ran.err) == (1, f"mrxs-tiles: A (damaged): {sentence}\n")
    # At level 0 nothing is damaged.
    ran = running.cut(slide.path, tmp_path / "level 0", f"--tile-size={TILE}")
    assert (ran.code, ran.err) == (0, "")
    assert record(tmp_path / "level 0" / "A" / "tiles.json")["status"] == "ok"


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_many_corrupt_images(
    whole: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """Ten corrupt images and any number of threads: exactly their tiles, with few reopenings."""
    slide = running.write(tmp_path / "A.mrxs")
    images = [image for image in slide.images if image.level == 0][1::3][:10]
    zero(slide, images, slide.folder)
    config = read_config({"tile_size": 40, "results": str(tmp_path)})
    inspect("A", slide.path, tmp_path / "results", config.settings)
    inspect("good", whole.path, tmp_path / "undamaged", config.settings)
    tile("good", whole.path, tmp_path / "undamaged", config.settings, 1)
    readers: list[SlideReader] = []
    begin = SlideReader.__init__

    def noted(self: SlideReader, *arguments: object, **more: object) -> None:
        readers.append(self)
        begin(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(SlideReader, "__init__", noted)
    written = tile("A", slide.path, tmp_path / "results", config.settings, threads)
    wrong = touching(slide, images, 40)
    assert unreadable(tmp_path / "results" / "A") == wrong
    check_others(tmp_path / "results" / "A", tmp_path / "undamaged" / "good", wrong, "jpg")
    assert written["status"] == "damaged"
    assert f"is corrupt; others are too. {COPY} and" in written["error"]
    # Once for the slide, once for each first and second error, 24 for the guess of the space.
    assert sum(reader.opened for reader in readers) <= 1 + 2 * len(wrong) + 24
    if threads == 2:
        assert one_by_one(slide.path, 40) == wrong


def test_corrupt_image_in_a_large_slide(variant: Variant, tmp_path: Path) -> None:
    """One corrupt image among hundreds costs the few tiles that touch it and no other."""
    slide = variant("large")
    path = running.copy_slide(slide.path, tmp_path / "A.mrxs")
    image = next(image for image in slide.images if (image.x, image.y) == (7, 6))
    zero(slide, [image], path.with_suffix(""))
    ran = running.cut(path, tmp_path / "results", "--tile-size=150", threads=2)
    wrong = touching(slide, [image], 150)
    assert 4 <= len(wrong) <= 9
    assert unreadable(tmp_path / "results" / "A") == wrong
    assert ran.code == 1
