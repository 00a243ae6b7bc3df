"""Our own reader on damaged slides: what OpenSlide says of each image, asked once."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from in_process import NAME, Variant, cut
from mrxs_tiles.errors import SlideError, StoredImageError, bare
from mrxs_tiles.mirax.data_files import DataFiles
from mrxs_tiles.mirax.image_store import Need
from mrxs_tiles.mirax.reader import MiraxReader
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE
from mrxs_tiles.slide.reader import SlideReader
from running import SPEC, copy_slide
from two_readers import both, chosen, differing, region
from write_mirax import StoredImage, WrittenSlide, write_mirax


def overwritten(
    slide: WrittenSlide, to: Path, image: StoredImage, content: bytes, at: int = 0
) -> Path:
    """A copy of a slide with some bytes of a stored image replaced."""
    path = copy_slide(slide.path, to / f"{NAME}.mrxs")
    with (path.with_suffix("") / slide.data_path(image).name).open("r+b") as stream:
        stream.seek(image.offset + at)
        stream.write(content)
    return path


def image_at(slide: WrittenSlide, x: int, y: int) -> StoredImage:
    return next(i for i in slide.images if (i.level, i.x, i.y) == (0, x, y))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("jpeg", damage) for damage in ("zeros", "zeros inside", "half", "another size")),
        *((name, damage) for name in ("png", "bmp") for damage in ("zeros", "another size")),
        *(
            pytest.param(name, damage, marks=pytest.mark.torture)
            for name in ("png", "bmp")
            for damage in ("zeros inside", "half")
        ),
    ],
)
def test_corrupt_image(variant: Variant, tmp_path: Path, name: str, damage: str) -> None:
    """A corrupt image costs the regions that it touches, and OpenSlide is asked about it once."""
    slide = variant(name)
    image = image_at(slide, 9, 9)
    size = image.length
    other = (slide.data_path(image).read_bytes()[image.offset :][:size])[: size // 2] + bytes(size)
    content, at = {
        "zeros": (bytes(size), 0),
        "zeros inside": (bytes(size // 3), size // 2),
        "half": (other[:size], 0),
        "another size": (b"\x00\x03", other.find(b"\xff\xc0") + 5 if name == "jpeg" else 18),
    }[damage]
    path = overwritten(slide, tmp_path, image, content, at)
    *_, width, height = slide.place(image)
    with both(path) as (theirs, own):
        bad = ok = 0
        for top in range(0, slide.height, 70):
            for left in range(0, slide.width, 70):
                try:
                    wanted = region(theirs, left, top, 70, 70)
                except SlideError:
                    wanted = None
                if wanted is None:
                    with pytest.raises(StoredImageError) as caught:
                        region(own, left, top, 70, 70)
                    name_of_file = slide.data_path(image).name
                    assert str(caught.value) == (
                        f"the stored image at byte {image.offset} of {name_of_file} is corrupt"
                    )
                    bad += 1
                else:
                    assert np.array_equal(region(own, left, top, 70, 70), wanted)
                    ok += 1
        assert (bad > 0) == (own._images.verdicts != {})
        assert bad == 0 or list(own._images.verdicts.values()) == ["corrupt"]
        assert ok > bad
    if damage == "zeros":
        assert bad >= (width // 70) * (height // 70)
        assert chosen(path)[0] == MIRAX


@pytest.mark.slow
def test_damage_costs_no_time(large: WrittenSlide, tmp_path: Path) -> None:
    """However many tiles touch corrupt images, OpenSlide is opened once more for each image."""
    image = image_at(large, 7, 7)
    path = overwritten(large, tmp_path / "slides", image, bytes(image.length))
    left, top, width, height = large.place(image)
    around = f"{left - width},{top - height},{3 * width},{3 * height}"
    whole = cut(large.path, tmp_path / "whole", tile_size=32, region=around)
    opened: list[SlideReader] = []
    begin = SlideReader.__init__
    with pytest.MonkeyPatch.context() as patch:

        def noted(self: SlideReader, *given: Any, **more: Any) -> None:
            begin(self, *given, **more)
            opened.append(self)

        patch.setattr(SlideReader, "__init__", noted)
        done = cut(path, tmp_path / "damaged", tile_size=32, region=around)
    assert done.tiled["status"] == "damaged"
    assert done.tiled["counts"]["unreadable"] > 30
    tile_reader = opened[-1]
    assert tile_reader.opened <= 2
    assert len(whole.rows) > 200
    lost = {row["file"] for row in whole.rows} - {row["file"] for row in done.rows}
    assert done.files == {
        name: content for name, content in whole.files.items() if f"tiles/{name}" not in lost
    }


def _with_length(path: Path, image: StoredImage, length: int) -> None:
    """Change the length of an image in Index.dat."""
    index = path.with_suffix("") / "Index.dat"
    data = index.read_bytes()
    entry = struct.pack("<iiii", image.index, image.offset, image.length, image.file_number)
    assert data.count(entry) == 1
    changed = struct.pack("<iiii", image.index, image.offset, length, image.file_number)
    index.write_bytes(data.replace(entry, changed))


def test_index_with_a_wrong_length(variant: Variant, tmp_path: Path) -> None:
    """OpenSlide does not go by an image's length; where ours is too short, its word counts."""
    slide = variant("jpeg")
    path = copy_slide(slide.path, tmp_path / "a.mrxs")
    image = image_at(slide, 9, 9)
    _with_length(path, image, image.length // 2)
    assert differing(path, (100, 100)) == []
    with both(path) as (_, own):
        region(own, *slide.place(image))
        assert list(own._images.verdicts.values()) == ["OpenSlide's own"]


def test_passing_fault_of_the_disk(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that could not be read is read again when it is needed the next time."""
    slide = variant("jpeg")
    x, y, width, height = slide.place(image_at(slide, 9, 9))
    place = (x + 5, y + 5, width, height)
    plain = DataFiles.read
    faults = [True]

    def faulty(self: DataFiles, ranges: Any) -> Any:
        if faults and len(ranges) == 1:
            faults.clear()
            raise SlideError("Data0000.dat cannot be read (Input/output error)")
        return plain(self, ranges)

    with both(slide.path) as (theirs, own):
        wanted = region(theirs, *place)
        shared, new = own._images._claim(_needs(own, place), width * height)
        assert shared
        assert new  # announced by a thread that then comes to nothing
        monkeypatch.setattr(DataFiles, "read", faulty)
        with pytest.raises(SlideError, match="Input/output error"):
            region(own, *place)
        assert np.array_equal(region(own, *place), wanted)


def _needs(own: MiraxReader, place: tuple[int, int, int, int]) -> list[Need]:
    found = own._finder.touching(*place)
    parts = own._parts(found, own._sides(found, place[:2], *place[2:]))
    return [Need(p.number, (p.right - p.left) * (p.bottom - p.top)) for p in parts]


def test_errors_hold_nothing() -> None:
    """What is kept of an error are its words: no frame, no handle, no pixels."""

    def fail() -> None:
        try:
            int("beneath")
        except ValueError as error:
            raise SlideError("above") from error

    with pytest.raises(SlideError) as caught:
        fail()
    kept = bare(caught.value)
    assert (str(kept), kept.__traceback__, kept.__cause__, kept.__context__) == (
        *("above", None, None, None),
    )


def test_without_end_of_image(variant: Variant, tmp_path: Path) -> None:
    """A JPEG whose last marker is missing is whole, to OpenSlide and to us."""
    slide = variant("jpeg")
    path = copy_slide(slide.path, tmp_path / "a.mrxs")
    image = image_at(slide, 9, 9)
    _with_length(path, image, image.length - 2)
    assert differing(path, (100, 100)) == []
    with both(path) as (_, own):
        region(own, *slide.place(image))
        assert own._images.verdicts == {}


def test_grey_jpeg(variant: Variant, tmp_path: Path) -> None:
    """A stored image in grey is read as OpenSlide reads it."""
    slide = variant("jpeg")
    image = image_at(slide, 9, 9)
    grey = np.random.default_rng(0).integers(
        0, 60, (slide.spec.image_height, slide.spec.image_width, 1), np.uint8
    )
    content = simplejpeg.encode_jpeg(grey, quality=20, colorspace="GRAY")
    assert len(content) <= image.length
    path = overwritten(slide, tmp_path, image, content)
    assert differing(path, (100, 100)) == []


def test_damaged_slide_is_proven_elsewhere(variant: Variant, tmp_path: Path) -> None:
    """Places that cannot be read are passed over; with too few left, OpenSlide reads."""
    slide = variant("jpeg")
    path = copy_slide(slide.path, tmp_path / "a.mrxs")
    for image in slide.images:
        if image.level == 0:
            with (path.with_suffix("") / slide.data_path(image).name).open("r+b") as stream:
                stream.seek(image.offset)
                stream.write(bytes(image.length))
    name, reason = chosen(path)
    assert name == OPENSLIDE
    assert re.fullmatch(r"only 0 of \d+ places could be compared with OpenSlide", reason)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [1, 2])
def test_coarsest_level_is_lost(tmp_path: Path, lost: int) -> None:
    """A slide that OpenSlide refuses only for its coarsest level is cut without that level."""
    (tmp_path / "slides").mkdir()
    whole = write_mirax(tmp_path / "slides" / "a.mrxs", replace(SPEC, data_files=4))
    expected = cut(whole.path, tmp_path / "expected", tile_size=200)
    coarsest = max(image.level for image in whole.images)
    for image in whole.images:
        if image.level > coarsest - lost:
            _with_length(whole.path, image, 1 << 30)
    with pytest.raises(SlideError), SlideReader(whole.path):
        pass
    found = cut(whole.path, tmp_path / "found", tile_size=200)
    assert found.files == expected.files
    assert found.tiled["status"] == "ok"
    record = found.inspected
    assert record["reader"] == MIRAX
    assert record["quickhash"] is None
    assert len(record["levels"]) == len(expected.inspected["levels"]) - lost
    assert f"the coarsest {lost} of its 4 levels cannot be used" in record["warnings"]
