"""Coarser levels by our own reader: OpenSlide's bytes for each region, or OpenSlide reads them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import level_rule
from drawn_slides import PARTLY_SHOWN, STORED_ALIKE, check_drawn, some_or_many, specs
from in_process import Variant, cut, look
from mrxs_tiles.errors import SlideError, StoredImageError
from mrxs_tiles.mirax import coarse_level, image_store, trial_places
from mrxs_tiles.mirax.coarse_level import CoarseLevel
from mrxs_tiles.mirax.index import MiraxIndex, read_index
from mrxs_tiles.mirax.lay import Way
from mrxs_tiles.mirax.level_grid import LevelGrid, parts_of
from mrxs_tiles.mirax.proof import choose
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE
from mrxs_tiles.mirax.stored_image import decoder
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import Alpha, Reader, SlideReader
from oracle import plain_script
from running import copy_slide
from write_mirax import VARIANTS, MiraxSpec, WrittenSlide, write_mirax

pytestmark = pytest.mark.needs("kernels")

Region = tuple[tuple[int, int], tuple[int, int]]  # location, size


@contextmanager
def both(path: Path, **keys: Any) -> Iterator[tuple[SlideReader, MiraxReader, MiraxIndex]]:
    index = read_index(path.with_suffix(""))
    levels = range(len(index.images))
    with SlideReader(path) as slide, MiraxReader(index, slide, levels=levels, **keys) as own:
        yield slide, own, index


def region(reader: Reader, level: int, where: Region) -> Pixels:
    out = np.full((where[1][1], where[1][0], 4), 99, np.uint8)
    alpha = reader.read(where[0], level, out)
    assert alpha is not Alpha.OPAQUE or (out[..., 3] == 255).all()
    assert alpha is not Alpha.NOTHING or not out.any()
    return out


def regions(slide: SlideReader, level: int, side: tuple[int, int], drawn: int) -> list[Region]:
    """A level's tiles, and some regions anywhere, of any size, beside the level too."""
    facts = slide.facts()
    (width, height), scale = facts.levels.sizes[level], int(facts.levels.downsamples[level])
    found = [
        ((x * scale, y * scale), side)
        for y in range(0, height + 3, side[1])
        for x in range(0, width + 3, side[0])
    ]
    random = np.random.default_rng(level)
    for _ in range(drawn):
        most = 3 if random.random() < 0.2 else 150
        x, y = random.integers(-40, width * scale + 9), random.integers(-40, height * scale + 9)
        found.append(((int(x), int(y)), tuple(random.integers(1, most, 2).tolist())))
    return found


def differing(
    path: Path, level: int, side: tuple[int, int], threads: int = 1, drawn: int = 20, **keys: Any
) -> list[Region]:
    """The regions of a level that the two readers read otherwise."""
    with both(path, **keys) as (slide, own, _):
        places = regions(slide, level, side, drawn)
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(lambda place: region(own, level, place), places))
        return [
            place
            for place, mine in zip(places, found, strict=True)
            if not np.array_equal(mine, region(slide, level, place))
        ]


def chosen(path: Path, level: int) -> tuple[str, str]:
    with SlideReader(path) as slide:
        return choose("auto", read_index(path.with_suffix("")), level, slide)


VARIED = ("jpeg", "odd_sizes", "no_positions", "eight_divisions", "one_division", "full")


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "side", "threads"),
    [
        *((name, (61, 97), 4) for name in VARIED),
        *(
            pytest.param(
                *(name, (256, 256), 1),
                marks=pytest.mark.torture if name in (*VARIED, *STORED_ALIKE) else pytest.mark.slow,
            )
            for name in VARIANTS
            if name not in PARTLY_SHOWN
        ),
    ],
)
def test_variants(variant: Variant, name: str, side: tuple[int, int], threads: int) -> None:
    """Whole coarser levels of all kinds of slides are read to the byte, on one thread and four."""
    path = variant(name).path
    for level in range(1, VARIANTS[name].levels):
        assert differing(path, level, side, threads) == []
        assert chosen(path, level) == (MIRAX, "")


@pytest.mark.long
@pytest.mark.parametrize("name", ["jpeg", "odd_sizes", "no_positions", "one_division"])
def test_the_rule_is_openslides(variant: Variant, name: str) -> None:
    """The rule in plain numpy, by which the kernel is measured, gives OpenSlide's bytes."""
    path = variant(name).path
    ways: set[int] = set()
    with both(path) as (slide, _, index):
        for level in range(1, len(index.images)):
            grid = LevelGrid(index, level)
            image_of = stored(index, level, grid)
            scale = slide.facts().levels.downsamples[level]
            for location, size in regions(slide, level, (230, 190), 6)[-12:]:
                mine = level_rule.read(grid, image_of, location, size, scale)
                assert np.array_equal(mine, region(slide, level, (location, size)))
                for part in parts_of(location, size, scale):
                    ways |= set(coarse_level.boxes(grid, grid.touching(part), part)[:, 6].tolist())
    assert Way.BLEND in ways


def stored(index: MiraxIndex, level: int, grid: LevelGrid) -> Callable[[int], Pixels]:
    decode = decoder(index.slidedat.levels[level].image_format)

    def image_of(number: int) -> Pixels:
        _, offset, length, file = index.images[level][number].tolist()
        data = (index.folder / index.slidedat.data_files[file]).read_bytes()
        image = np.empty((grid.height, grid.width), np.uint32)
        decode(data[offset : offset + length], image)
        return image.view(np.uint8).reshape(grid.height, grid.width, 4)

    return image_of


def test_beyond_4096_px(tmp_path: Path) -> None:
    """OpenSlide reads a large region in parts, each from a whole level-0 px: so do we."""
    spec = MiraxSpec(
        positions_x=18, positions_y=2, divisions=2, image_width=260, image_height=40, levels=2,
        overlap_x=18.3, overlap_y=7.5, jitter=5,
    )  # fmt: skip
    path = write_mirax(tmp_path / "wide.mrxs", spec).path
    with both(path) as (slide, own, _):
        for x in (0, 1, 7):
            where = ((x, 3), (4300, 60))
            assert np.array_equal(region(own, 1, where), region(slide, 1, where))
    assert chosen(path, 1) == (MIRAX, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "downsample"),
    [
        *(("jpeg", 2), ("jpeg", 8), ("eight_divisions", 4), ("eight_divisions", 16)),
        *(
            pytest.param(name, downsample, marks=pytest.mark.torture)
            for name, downsample in (
                *(("jpeg", 4), ("jpeg", 16), ("eight_divisions", 2), ("eight_divisions", 8)),
            )
        ),
    ],
)
def test_deep_zoom_tiles(variant: Variant, tmp_path: Path, name: str, downsample: int) -> None:
    """Downsampled tiles are those of the plain script, byte for byte."""
    path = variant(name).path
    found = cut(path, tmp_path, threads=3, downsample=downsample, tile_size=96, overlap=1)
    assert found.inspected["reader"] == MIRAX
    known = plain_script(path, downsample=downsample, tile_size=96, overlap=1)
    assert found.files == known.files


# --- wrong readers ------------------------------------------------------------------------------


def _no_seven_bits(plain: Any) -> Any:
    def boxes(*given: Any) -> Any:
        found = plain(*given)
        found[found[:, 6] == Way.BLEND_INSIDE, 6] = Way.BLEND
        return found

    return boxes


def _all_copied(plain: Any) -> Any:
    def boxes(grid: LevelGrid, rows: Any, part: Any) -> Any:
        found = plain(grid, rows, part)
        inside = (found[:, 4:6] >= 0).all(axis=1)
        size = found[:, 2:4] - found[:, :2] + (found[:, 4:6] >> 16)
        inside &= (size <= np.array(grid.sides)).all(axis=1)
        found[inside, 6], found[inside, 4:6] = Way.COPY, found[inside, 4:6] >> 16 << 16
        return found

    return boxes


def _from_blocks(plain: Any) -> Any:
    def read(self: CoarseLevel, location: tuple[int, int], out: Pixels, fill: int) -> Alpha:
        scale, rim = int(self._downsample), 40
        block = np.empty((out.shape[0] + 2 * rim, out.shape[1] + 2 * rim, 4), np.uint8)
        plain(self, (location[0] - rim * scale, location[1] - rim * scale), block, fill)
        out[:] = block[rim:-rim, rim:-rim]
        return Alpha.UNKNOWN

    return read


def _px_beside(plain: Any) -> Any:
    def places(self: LevelGrid, *given: Any) -> Any:
        return plain(self, *given) + 0.25

    return places


def _turned_round(plain: Any) -> Any:
    def touching(self: LevelGrid, part: Any) -> Any:
        return plain(self, part)[::-1]

    return touching


WRONG: dict[str, tuple[Any, str, Callable[[Any], Any]]] = {
    "floats where 7 bits belong": (coarse_level, "boxes", _no_seven_bits),
    "copied where blended": (coarse_level, "boxes", _all_copied),
    "cut from blocks": (CoarseLevel, "read", _from_blocks),
    "a quarter px beside": (LevelGrid, "places", _px_beside),
    "the first over the last": (LevelGrid, "touching", _turned_round),
}


@contextmanager
def reading_wrongly(wrong: str) -> Iterator[None]:
    where, name, made = WRONG[wrong]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, name, made(getattr(where, name)))
        yield


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_readers_are_caught(jittered: WrittenSlide, wrong: str) -> None:
    """Where only some places are compared, they are enough to see each mistake."""
    assert chosen(jittered.path, 1) == (MIRAX, "")
    with reading_wrongly(wrong):
        name, reason = chosen(jittered.path, 1)
    assert name == OPENSLIDE
    assert re.fullmatch(r"at \d+, \d+ it reads other bytes than OpenSlide", reason)


def test_places_hold_every_class(jittered: WrittenSlide) -> None:
    """The places compared hold every fraction, seams, the rim, regions within one image."""
    index = read_index(jittered.folder)
    once, again = (list(trial_places.places(index, 1)) for _ in range(2))
    assert once == again
    assert 25 <= len(once) <= 60
    grid = LevelGrid(index, 1)
    seen: set[tuple[int, int, int]] = set()
    alone = 0
    for place in once:
        for part in parts_of((place.x, place.y), (place.width, place.height), 2.0):
            found = coarse_level.boxes(grid, grid.touching(part), part)
            alone += len(found) == 1 and found[0, 6] == Way.BLEND_INSIDE
            seen |= {(int(x) & 65535, int(y) & 65535, int(way)) for *_, x, y, way in found.tolist()}
    half = 1 << 15
    assert {(x, y, 2) for x in (0, half) for y in (0, half)} - {(0, 0, 2)} <= seen
    assert (0, 0, 0) in seen
    assert alone >= 3
    assert any(place.x % 2 for place in once)


@given(
    spec=specs(), side=st.tuples(st.integers(20, 300), st.integers(20, 300)),
    threads=st.integers(1, 4), cache_bytes=st.sampled_from([0, 1 << 16, 1 << 24]),
)  # fmt: skip
def read_as_it_is(spec: MiraxSpec, side: tuple[int, int], threads: int, cache_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "drawn.mrxs"
        write_mirax(path, spec)
        for level in range(1, spec.levels):
            assert differing(path, level, side, threads, cache_bytes=cache_bytes) == []
            assert chosen(path, level) == (MIRAX, "")
        if spec.levels > 1:
            for wrong in ("copied where blended", "a quarter px beside", "the first over the last"):
                with reading_wrongly(wrong):
                    differs = differing(path, 1, (400, 400), drawn=0) != []
                    assert not differs or chosen(path, 1)[0] == OPENSLIDE


@some_or_many(20, 400)
def test_drawn_slides(examples: int) -> None:
    """Drawn slides are read to the byte, and a reader that is wrong there is never chosen."""
    check_drawn(read_as_it_is, examples)


# --- damage, and how much is decoded ------------------------------------------------------------


@pytest.mark.parametrize(("name", "level"), [("jpeg", 1), ("png", 2), ("one_division", 2)])
def test_damage(variant: Variant, tmp_path: Path, name: str, level: int) -> None:
    """Exactly the regions that OpenSlide cannot read fail here, hidden images counted."""
    slide = variant(name)
    path = copy_slide(slide.path, tmp_path / "a.mrxs")
    images = [image for image in slide.images if image.level == level]
    image = images[len(images) // 2]
    with (path.with_suffix("") / slide.data_path(image).name).open("r+b") as stream:
        stream.seek(image.offset)
        stream.write(bytes(image.length))
    bad = ok = 0
    with both(path) as (theirs, own, _):
        for where in regions(theirs, level, (37, 41), 0):
            try:
                wanted = region(theirs, level, where)
            except SlideError:
                with pytest.raises(StoredImageError, match=f"byte {image.offset} of .* is corrupt"):
                    region(own, level, where)
                bad += 1
            else:
                assert np.array_equal(region(own, level, where), wanted)
                ok += 1
    assert 0 < bad < ok


@pytest.mark.long
def test_damaged_tiles(variant: Variant, tmp_path: Path) -> None:
    """A corrupt image of level 1 costs the same tiles with both readers."""
    slide = variant("jpeg")
    path = copy_slide(slide.path, tmp_path / "slides" / "a.mrxs")
    images = [image for image in slide.images if image.level == 1]
    image = images[len(images) // 2]
    with (path.with_suffix("") / slide.data_path(image).name).open("r+b") as stream:
        stream.seek(image.offset)
        stream.write(bytes(image.length))
    keys = {"downsample": 2, "tile_size": 64}
    own = cut(path, tmp_path / "own", threads=3, **keys)
    theirs = cut(path, tmp_path / "theirs", threads=1, reader="openslide", **keys)
    assert (own.inspected["reader"], theirs.inspected["reader"]) == (MIRAX, OPENSLIDE)
    assert own.files == theirs.files
    assert own.rows == theirs.rows
    assert own.tiled["counts"]["unreadable"] > 0
    assert f"the stored image at byte {image.offset}" in own.tiled["error"]


def test_decodes_each_image_once(jittered: WrittenSlide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of any size decode each stored image of their level hardly more than once."""
    plain, count = image_store.decoder, [0]

    def counting(image_format: str) -> Any:
        decode = plain(image_format)

        def counted(data: Any, out: Any) -> None:
            count[0] += 1
            decode(data, out)

        return counted

    monkeypatch.setattr(image_store, "decoder", counting)
    images = sum(image.level == 1 for image in jittered.images)
    with both(jittered.path) as (slide, own, _):
        for where in regions(slide, 1, (100, 100), 0):
            region(own, 1, where)
    assert images <= count[0] <= 1.15 * images


def test_says_why_without_kernel(variant: Variant, tmp_path: Path) -> None:
    """Without the kernel OpenSlide reads coarser levels, and slide.json says so."""
    path = variant("jpeg").path
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mrxs_tiles.mirax.proof.without_kernel", lambda: "there is no kernel")
        record = look(path, tmp_path, downsample=4)
    assert record["reader"] == OPENSLIDE
    assert record["reader_reason"] == "tiles are read at level 2, and there is no kernel"
