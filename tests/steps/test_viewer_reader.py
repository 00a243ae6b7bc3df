"""What reads the viewer's pyramid, and what the thumbnail is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from in_process import Variant, cut, look
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.slide import thumbnail
from mrxs_tiles.viewer import opened as viewer_module

DOWNSAMPLE = 4  # of the tiles, which come from a coarser level then


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _own_reads_of_level_0(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The places that our own reader is asked for at level 0, without those of its proof."""
    places: list[tuple[int, int]] = []
    plain = MiraxReader.read

    def read(self: MiraxReader, location: Any, level: int, *rest: Any) -> Any:
        if level == 0 and self._lays_level_0:
            places.append(location)
        return plain(self, location, level, *rest)

    monkeypatch.setattr(MiraxReader, "read", read)
    return places


@pytest.mark.long
@pytest.mark.parametrize("name", ["jpeg_plain", "odd_sizes"])
def test_the_viewer_of_coarser_tiles_is_read_by_our_own_reader(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Level 0 is proven where tiles come from another level, and read: OpenSlide's very bytes."""
    keys = {"downsample": DOWNSAMPLE, "tile_size": 64, "deepzoom": True}
    slide = variant(name).path
    theirs = cut(slide, tmp_path / "theirs", reader="openslide", **keys)
    proven = viewer_module.choose
    places = _own_reads_of_level_0(monkeypatch)
    before: list[int] = []

    def choose(*given: Any) -> tuple[str, str]:
        found = proven(*given)
        before.append(len(places))
        return found

    monkeypatch.setattr(viewer_module, "choose", choose)
    ours = cut(slide, tmp_path / "ours", **keys)
    if ours.inspected["reader"] == "mirax":  # else its kernel is not built here
        assert len(places) > before[0] > 0
    assert _files(ours.folder / "viewer_files") == _files(theirs.folder / "viewer_files")


@pytest.mark.long
def test_the_viewer_is_left_to_openslide_where_level_0_is_not_proven(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof of the tiles' level says nothing of level 0."""
    keys = {"downsample": DOWNSAMPLE, "tile_size": 64, "deepzoom": True}
    slide = variant("jpeg_plain").path
    theirs = cut(slide, tmp_path / "theirs", reader="openslide", **keys)
    monkeypatch.setattr(viewer_module, "choose", lambda *_: ("openslide", "it reads other bytes"))
    places = _own_reads_of_level_0(monkeypatch)
    ours = cut(slide, tmp_path / "ours", **keys)
    assert not places
    assert _files(ours.folder / "viewer_files") == _files(theirs.folder / "viewer_files")


def test_the_thumbnail_is_made_of_what_was_read_for_the_tissue(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both are of one scale the slide is read once; where not, the thumbnail reads it."""
    slide = variant("jpeg_plain").path
    look(slide, tmp_path / "as it is")
    wanted = (tmp_path / "as it is" / "slide" / "thumbnail.jpg").read_bytes()
    made = thumbnail.make_thumbnail
    reads: list[int] = []
    plain = thumbnail.read_overview

    def read_overview(*given: Any) -> Any:
        reads.append(1)
        return plain(*given)

    def without(reader: Any, facts: Any, background: Any, _: Any) -> tuple[bytes, bool]:
        return made(reader, facts, background)

    monkeypatch.setattr(thumbnail, "read_overview", read_overview)
    monkeypatch.setattr("mrxs_tiles.steps.inspect.make_thumbnail", without)
    look(slide, tmp_path / "read anew")
    assert reads == [1]
    assert (tmp_path / "read anew" / "slide" / "thumbnail.jpg").read_bytes() == wanted
