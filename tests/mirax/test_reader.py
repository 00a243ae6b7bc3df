"""Our own reader: the same bytes as OpenSlide's everywhere, proven on each slide, or not used."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_slides import PARTLY_SHOWN, STORED_ALIKE, check_drawn, some_or_many, specs
from in_process import Variant, cut, look
from mrxs_tiles.mirax import reader as mirax_reader
from mrxs_tiles.mirax import trial_places
from mrxs_tiles.mirax.image_places import Places, places_of
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.reader import not_understood
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE
from running import LARGE
from two_readers import chosen, differing
from write_mirax import VARIANTS, MiraxSpec, WrittenSlide, write_mirax

Wrong = Callable[[Places], Places]
WRONG: dict[str, Wrong] = {
    "a px to the right": lambda places: places._replace(x=places.x + 1),
    "a px down": lambda places: places._replace(y=places.y + 1),
    "turned round": lambda places: places._replace(
        number=places.number[::-1], x=places.x[::-1], y=places.y[::-1]
    ),
}


@contextmanager
def reading_wrongly(wrong: Wrong) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirax_reader, "places_of", lambda index: wrong(places_of(index)))
        yield


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.torture
            if name in STORED_ALIKE
            else pytest.mark.slow
            if number % 4
            else (),
        )
        for number, name in enumerate(VARIANTS)
        if name not in PARTLY_SHOWN
    ],
)
@pytest.mark.parametrize(
    ("block", "threads"),
    [pytest.param((300, 300), 1, marks=pytest.mark.torture), ((97, 211), 4)],
)
def test_variants(variant: Variant, name: str, block: tuple[int, int], threads: int) -> None:
    """Whole written slides of all kinds are read to the byte, on one thread and on four."""
    path = variant(name).path
    assert differing(path, block, threads) == []
    assert chosen(path) == (MIRAX, "")


@given(
    spec=specs(), block=st.tuples(st.integers(20, 400), st.integers(20, 400)),
    threads=st.integers(1, 4), cache_bytes=st.sampled_from([0, 1 << 16, 1 << 24]),
)  # fmt: skip
def read_as_it_is(spec: MiraxSpec, block: tuple[int, int], threads: int, cache_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "drawn.mrxs"
        write_mirax(path, spec)
        assert differing(path, block, threads, cache_bytes=cache_bytes) == []
        assert chosen(path) == (MIRAX, "")
        for wrong in WRONG.values():
            with reading_wrongly(wrong):
                differs = differing(path, (400, 400)) != []
                assert (chosen(path)[0] == OPENSLIDE) == differs


@some_or_many(15, 300)
def test_drawn_slides(examples: int) -> None:
    """Drawn slides are read to the byte, and a reader that is wrong there is never chosen."""
    check_drawn(read_as_it_is, examples)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_readers_are_caught(large: WrittenSlide, wrong: str) -> None:
    """Where only some places are compared, they are enough to see each mistake."""
    assert chosen(large.path) == (MIRAX, "")
    with reading_wrongly(WRONG[wrong]):
        name, reason = chosen(large.path)
    assert name == OPENSLIDE
    assert re.fullmatch(r"at \d+, \d+ it reads other bytes than OpenSlide", reason)


def test_places_are_the_slides_own(large: WrittenSlide, tmp_path: Path) -> None:
    """The places compared are the same in each run, others on another slide."""
    index = read_index(large.folder)
    once, again = (list(trial_places.places(index, 0)) for _ in range(2))
    assert once == again
    assert 30 <= len(once) <= 60
    other = write_mirax(tmp_path / "other.mrxs", replace(LARGE, seed=3))
    other_index = read_index(other.folder)
    assert list(trial_places.places(other_index, 0)) != once


@pytest.mark.parametrize(
    ("keys", "reader", "reason"),
    [
        ({}, MIRAX, ""),
        ({"downsample": 3}, MIRAX, ""),
        ({"reader": "openslide"}, OPENSLIDE, "it was asked for"),
        pytest.param(
            {"downsample": 4},
            MIRAX,
            "",
            marks=pytest.mark.needs("kernels"),
        ),
    ],
)
def test_slide_json_says_which(
    variant: Variant, tmp_path: Path, keys: dict[str, Any], reader: str, reason: str
) -> None:
    """slide.json names the reader and, where it is OpenSlide, why."""
    record = look(
        variant("one_level" if keys == {"downsample": 3} else "jpeg").path, tmp_path, **keys
    )
    assert record["reader"] == reader
    assert record["reader_reason"].startswith(reason)
    assert bool(record["reader_reason"]) == bool(reason)


@pytest.mark.parametrize("name", PARTLY_SHOWN)
def test_variants_that_are_not_understood(variant: Variant, name: str) -> None:
    """A slide of which OpenSlide shows a part only is left to OpenSlide."""
    reader, reason = chosen(variant(name).path)
    assert (reader, "OpenSlide shows the first only" in reason) == (OPENSLIDE, True)


def test_other_formats(aperio: Path, tmp_path: Path) -> None:
    """What is no MIRAX slide is read by OpenSlide."""
    assert look(aperio, tmp_path)["reader"] == OPENSLIDE


def test_what_is_not_understood(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """More data files than can be open, and places off the canvas, are left to OpenSlide."""
    index = read_index(variant("jpeg").folder)
    assert not_understood(index) == ""
    monkeypatch.setattr(mirax_reader, "most_files", lambda: 2)
    assert not_understood(index) == "it has 3 data files, and 2 can be open at once"
    monkeypatch.undo()
    index.positions[3] = (-5, 7)
    assert not_understood(index) == "a camera picture lies outside the canvas"


KEYS: list[dict[str, Any]] = [{"tile_size": 150}, {"tile_size": 110, "overlap": 5}, {"mpp": 0.3}]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        *(("jpeg", keys) for keys in KEYS),
        ("no_positions_overlap", KEYS[1]),
        *(
            pytest.param(name, keys, marks=pytest.mark.torture)
            for name in ("no_positions_overlap", "png", "eight_divisions")
            for keys in KEYS
            if (name, keys) != ("no_positions_overlap", KEYS[1])
        ),
    ],
)
@pytest.mark.slow
def test_same_results(variant: Variant, tmp_path: Path, name: str, keys: dict[str, Any]) -> None:
    """Tiles and tables are the same whichever reader is used, and on any number of threads."""
    path = variant(name).path
    own = cut(path, tmp_path / "own", threads=3, **keys)
    theirs = cut(path, tmp_path / "theirs", threads=1, reader="openslide", **keys)
    assert own.files == theirs.files
    for file in ("tiles.tsv", "coordinates.tsv", "tiles.png", "tissue.png"):
        assert (own.folder / file).read_bytes() == (theirs.folder / file).read_bytes()
    records = [json.loads((cut.folder / "tiles.json").read_text()) for cut in (own, theirs)]
    assert [record["settings"].pop("reader") for record in records] == ["auto", "openslide"]
    for record in records:  # the sums of what names the reader
        del record["tables"]["tiles.json"], record["tables"]["slide.json"]
    assert records[0] == records[1]
