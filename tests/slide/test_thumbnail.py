"""The small picture of a slide: as OpenSlide's own, from any pyramid, in little memory."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from openslide import OpenSlide
from PIL import Image, ImageFilter

from in_process import Variant
from mrxs_tiles.errors import SlideError
from mrxs_tiles.grid.grid import Levels
from mrxs_tiles.slide import overview
from mrxs_tiles.slide.reader import SlideFacts, SlideReader
from mrxs_tiles.slide.thumbnail import make_thumbnail

MOST_PX = 1024
MOST_BYTES = 64 << 20  # of a block, far less than any level it is taken from
WHITE = (255, 255, 255)


def shown(content: bytes) -> np.ndarray:
    """The pixels (height, width, 3) of a JPEG."""
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        return np.asarray(picture)


def thumbnail_of(path: Path) -> np.ndarray:
    with SlideReader(path) as reader:
        facts = reader.facts()
        content, whole = make_thumbnail(reader, facts, facts.background or WHITE)
    assert whole
    return shown(content)


def check_close(path: Path) -> None:
    """The picture is at most 1024 px, and hardly differs from OpenSlide's of that size."""
    found = thumbnail_of(path)
    height, width = found.shape[:2]
    with OpenSlide(path) as slide:
        wide, high = slide.dimensions
        wanted = slide.get_thumbnail((MOST_PX, MOST_PX))
    assert max(width, height) <= MOST_PX
    assert max(width, height) >= min(MOST_PX, max(wide, high)) // 2
    assert abs(width / wide - height / high) * max(wide, high) < 3  # px by which it is distorted
    same_size = np.asarray(wanted.resize((width, height), Image.Resampling.LANCZOS))
    difference = np.abs(blurred(found) - blurred(same_size)).mean()
    assert difference < 1.5
    # And it lies in the same place: a little aside it would fit less well.
    for shift in ((0, 6), (6, 0)):
        assert (
            np.abs(blurred(np.roll(found, shift, (0, 1))) - blurred(same_size)).mean() >= difference
        )


def blurred(picture: np.ndarray) -> np.ndarray:
    """A picture in which it does not count how sharply it was made smaller."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.BoxBlur(3))).astype(int)


NAMES = (
    "jpeg_plain", "fill_colour", "odd_sizes", "one_division", "few_levels", "one_level",
    "small_area", "full", "nothing_scanned",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_close_to_openslides(variant: Variant, name: str) -> None:
    """Every written slide, those of one level or of a background of their own included."""
    check_close(variant(name).path)


def test_real_slide(aperio: Path) -> None:
    """A slide of one level, not MIRAX."""
    check_close(aperio)


def test_nothing_scanned(variant: Variant) -> None:
    """Where nothing was scanned the picture is the background."""
    assert (thumbnail_of(variant("nothing_scanned").path) == 255).all()


class FakeReader:
    """A slide of any size whose colours tell the place: blue grows downwards, red to the right."""

    def __init__(
        self,
        *sizes: tuple[int, int],
        bad: tuple[int, int] | None = None,
        lost: tuple[int, ...] = (),
    ) -> None:
        self.levels = Levels(sizes, tuple(sizes[0][0] / width for width, _ in sizes))
        self.bad = bad  # a level-0 px that cannot be read
        self.lost = lost  # levels that cannot be read
        self.failed = 0
        self.largest = 0
        self.px_read = 0

    @property
    def facts(self) -> SlideFacts:
        """What it is."""
        return SlideFacts("fake", self.levels, None, None, None, None, None, None)

    def best_level(self, downsample: float) -> int:
        """As OpenSlide chooses."""
        return max(i for i, known in enumerate(self.levels.downsamples) if known <= downsample)

    def read(self, location: tuple[int, int], level: int, out: np.ndarray) -> None:
        """Fill the picture, unless the bad px is in it."""
        height, width = out.shape[:2]
        downsample = self.levels.downsamples[level]
        if level in self.lost:
            self.failed += 1
            raise SlideError("cannot be read")
        if self.bad is not None:
            across, down = (
                (at - start) / downsample for at, start in zip(self.bad, location, strict=True)
            )
            if 0 <= across < width and 0 <= down < height:
                raise SlideError("cannot be read")
        self.largest = max(self.largest, out.nbytes)
        self.px_read += width * height
        wide, high = self.levels.sizes[0]
        x = location[0] + downsample * (np.arange(width) + 0.5)
        y = location[1] + downsample * (np.arange(height) + 0.5)
        out[..., 0] = (y * 256 / high).clip(0, 255).astype(np.uint8)[:, None]
        out[..., 1] = 128
        out[..., 2] = (x * 256 / wide).clip(0, 255).astype(np.uint8)
        out[..., 3] = 255


SLIDES = [
    ((9000, 5000),),
    ((9001, 4999), (4500, 2499)),
    ((300, 12000),),
    ((14001, 13),),
    ((40000, 30000), (10000, 7500), (2500, 1875), (625, 468)),
    ((1024, 1024),),
    ((1025, 700),),
    ((2047, 2049),),
    ((3, 2),),
    ((1, 1),),
]


@pytest.mark.parametrize("sizes", SLIDES)
def test_block_by_block(sizes: tuple[tuple[int, int], ...]) -> None:
    """However large the slide, it is read in small blocks, and each lies where it belongs."""
    reader = FakeReader(*sizes)
    content, whole = make_thumbnail(reader, reader.facts, (9, 9, 9))
    found = shown(content).astype(int)
    height, width = found.shape[:2]
    assert whole
    assert max(width, height) <= MOST_PX
    assert reader.largest <= MOST_BYTES
    assert reader.px_read == np.prod(sizes[reader.best_level(max(1, max(sizes[0]) // MOST_PX))])
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    if width >= 20:
        assert np.abs(found[..., 0].mean(axis=0) - x * 256 / width).max() < 6
    if height >= 20:
        assert np.abs(found[..., 2].mean(axis=1) - y * 256 / height).max() < 6


def test_unreadable_part() -> None:
    """Around what cannot be read the picture is there; the rest has the background's colour."""
    reader = FakeReader((9000, 5000), bad=(4500, 2500))
    content, whole = make_thumbnail(reader, reader.facts, (255, 255, 255))
    found = shown(content)
    height, width = found.shape[:2]
    assert not whole
    lost = (found[..., 1] > 200).mean()
    assert 0 < lost < 0.02
    assert (found[height // 2, width // 2] > 245).all()
    assert (found[: height // 4, :, 1] < 150).all()


PYRAMID = ((40000, 30000), (20000, 15000), (10000, 7500), (5000, 3750), (2500, 1875), (1250, 937))


def test_lost_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lost level would show is taken from the next that can be read, in its place."""
    whole, _ = make_thumbnail(FakeReader(*PYRAMID), FakeReader(*PYRAMID).facts, (9, 9, 9))
    reader = FakeReader(*PYRAMID, lost=(5, 4))
    content, all_there = make_thumbnail(reader, reader.facts, (9, 9, 9))
    assert all_there
    difference = np.abs(shown(content).astype(int) - shown(whole))
    assert difference.max() < 12
    assert difference.mean() < 1
    assert reader.largest <= MOST_BYTES
    assert reader.failed < 60
    # where that would take minutes, it is left out, and said
    monkeypatch.setattr(overview, "MOST_FINER_PX", 5e7)
    reader = FakeReader(*PYRAMID, lost=(5, 4, 3))
    content, all_there = make_thumbnail(reader, reader.facts, (9, 9, 9))
    assert not all_there
    assert reader.px_read <= 5e7
    assert (shown(content)[..., 1] > 100).any()


def test_lost_in_one_level() -> None:
    """Damage in one level costs nothing; what is lost in all of them costs its surroundings."""
    reader = FakeReader(*PYRAMID, bad=(20000, 15000), lost=(4,))
    content, whole = make_thumbnail(reader, reader.facts, (255, 255, 255))
    found = shown(content)
    assert not whole
    assert 0 < (found[..., 1] > 200).mean() < 0.03


def test_unreadable_slide() -> None:
    """Where nothing can be read there is a picture of the background, and that is said."""

    class Unreadable(FakeReader):
        def read(self, *_: object) -> None:
            raise SlideError("cannot be read")

    reader = Unreadable((9000, 5000))
    content, whole = make_thumbnail(reader, reader.facts, (200, 100, 50))
    assert not whole
    assert np.abs(shown(content).astype(int) - (200, 100, 50)).max() < 4
