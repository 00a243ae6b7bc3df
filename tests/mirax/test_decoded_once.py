"""How often stored images are decoded where it is known beforehand which tiles will be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from in_process import cut
from mrxs_tiles.mirax import image_store
from mrxs_tiles.mirax.image_store import ImageStore
from mrxs_tiles.mirax.readers import MIRAX
from write_mirax import WrittenSlide


class Seen:
    """What was decoded since a store heard what will be needed, and that store."""

    def __init__(self) -> None:
        self.decoded: Counter[bytes] = Counter()
        self.store: ImageStore | None = None


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    plain, expect, found = image_store.decoder, ImageStore.expect, Seen()

    def counting(image_format: str) -> Any:
        decode = plain(image_format)

        def counted(data: Any, out: Any) -> None:
            found.decoded[bytes(data)] += 1
            decode(data, out)

        return counted

    def heard(self: ImageStore, regions: Any) -> None:
        expect(self, regions)
        found.decoded.clear()
        found.store = self

    monkeypatch.setattr(image_store, "decoder", counting)
    monkeypatch.setattr(ImageStore, "expect", heard)
    return found


def check(seen: Seen) -> None:
    """Each once, and none is held any longer."""
    assert seen.store is not None
    assert seen.decoded
    assert set(seen.decoded.values()) == {1}
    assert not seen.store._kept
    assert not seen.store._left


QUESTIONS = [
    {"tile_size": 130},
    {"tile_size": 130, "overlap": 7},
    {"tile_size": 300, "max_tiles": 9},
    {"tile_size": 110, "mpp": 0.36},
    pytest.param({"tile_size": 64, "downsample": 2}, marks=pytest.mark.needs("kernels")),
    pytest.param({"tile_size": 90, "downsample": 2.3}, marks=pytest.mark.needs("kernels")),
]


@pytest.mark.long
@pytest.mark.parametrize("keys", QUESTIONS, ids=str)
def test_decodes_each_image_once(
    jittered: WrittenSlide, seen: Seen, tmp_path: Path, keys: dict[str, Any]
) -> None:
    """Each stored image that a tile needs is decoded once, and let go after its last tile."""
    found = None
    for threads in (1, 3):
        found = cut(jittered.path, tmp_path / str(threads), threads, like=found, **keys)
        assert found.inspected["reader"] == MIRAX
        check(seen)
        seen.store = None


@pytest.mark.long
@pytest.mark.needs("openseadragon")
@pytest.mark.parametrize(
    "keys",
    [
        {"tile_size": 300},
        pytest.param({"tile_size": 90, "downsample": 2}, marks=pytest.mark.needs("kernels")),
    ],
    ids=str,
)
def test_the_viewer_decodes_each_image_once(
    jittered: WrittenSlide, seen: Seen, tmp_path: Path, keys: dict[str, Any]
) -> None:
    """The pyramid takes each stored image of level 0 once, whatever the tiles were cut from."""
    found = cut(jittered.path, tmp_path, 3, **keys, deepzoom=True)
    assert found.inspected["reader"] == MIRAX
    assert (found.folder / "viewer.html").is_file()
    check(seen)
