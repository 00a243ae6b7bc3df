"""Our own reader: the same bytes as OpenSlide's everywhere, proven on each slide, or not used."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from in_process import NAME, Variant, cut, look
from mrxs_tiles.errors import SlideError, StoredImageError, bare
from mrxs_tiles.mirax import data_files, proof
from mrxs_tiles.mirax import reader as mirax_reader
from mrxs_tiles.mirax.data_files import DataFiles, Range
from mrxs_tiles.mirax.image_places import Places, places_of
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.proof import choose
from mrxs_tiles.mirax.reader import MiraxReader, not_understood
from mrxs_tiles.mirax.readers import MIRAX, OPENSLIDE
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import Alpha, Reader, SlideReader
from running import BIN, LARGE, SPEC, copy_slide
from write_mirax import VARIANTS, MiraxSpec, StoredImage, WrittenSlide, write_mirax

PARTLY_SHOWN = ("fluorescence", "z_stack")


@contextmanager
def both(path: Path, **keys: Any) -> Iterator[tuple[SlideReader, MiraxReader]]:
    index = read_index(path.with_suffix(""))
    with SlideReader(path) as slide, MiraxReader(index, slide, **keys) as own:
        yield slide, own


def region(reader: Reader, x: int, y: int, width: int, height: int) -> Pixels:
    out = np.full((height, width, 4), 99, np.uint8)
    alpha = reader.read((x, y), 0, out)
    assert alpha is not Alpha.OPAQUE or (out[..., 3] == 255).all()
    assert alpha is not Alpha.NOTHING or not out.any()
    filled = np.empty_like(out)
    if reader.read((x, y), 0, filled, 0xFF123456) is not Alpha.UNKNOWN:
        wanted = np.where(out[..., 3:] == 0, np.array([0x56, 0x34, 0x12, 255], np.uint8), out)
        assert np.array_equal(filled, wanted)
    return out


def differing(path: Path, block: tuple[int, int], threads: int = 1, **keys: Any) -> list[Any]:
    """The blocks of a whole slide that the two readers read otherwise, a rim around it too."""
    with both(path, **keys) as (slide, own):
        width, height = slide.facts().size
        places = [
            (x, y, *block)
            for y in range(-3, height + 3, block[1])
            for x in range(-3, width + 3, block[0])
        ]
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(lambda place: region(own, *place), places))
        return [
            place
            for place, mine in zip(places, found, strict=True)
            if not np.array_equal(mine, region(slide, *place))
        ]


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


def chosen(path: Path, asked: str = "auto", level: int = 0) -> tuple[str, str]:
    with SlideReader(path) as slide:
        return choose(asked, read_index(path.with_suffix("")), level, slide)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in PARTLY_SHOWN])
@pytest.mark.parametrize(("block", "threads"), [((300, 300), 1), ((97, 211), 4)])
def test_variants(variant: Variant, name: str, block: tuple[int, int], threads: int) -> None:
    """Whole written slides of all kinds are read to the byte, on one thread and on four."""
    path = variant(name).path
    assert differing(path, block, threads) == []
    assert chosen(path) == (MIRAX, "")


@st.composite
def specs(draw: st.DrawFn) -> MiraxSpec:
    columns, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    divisions = draw(st.integers(1, 4))
    width, height = draw(st.integers(17, 90)), draw(st.integers(17, 90))
    overlaps = st.one_of(st.just(0.0), st.floats(0, 16).map(lambda px: round(px, 2)))
    cells = st.lists(st.booleans(), min_size=columns * rows, max_size=columns * rows)
    scanned = np.array(draw(cells)).reshape(rows, columns) if draw(st.booleans()) else None
    return MiraxSpec(
        positions_x=columns, positions_y=rows, divisions=divisions, image_width=width,
        image_height=height, overlap_x=draw(overlaps), overlap_y=draw(overlaps),
        jitter=draw(st.integers(0, 7)), levels=draw(st.integers(1, 4)),
        image_format=draw(st.sampled_from(["JPEG", "JPEG", "PNG", "BMP24"])),
        quality=draw(st.sampled_from([30, 80, 95])),
        positions=draw(st.sampled_from(["plain", "plain", "zlib", "absent"])),
        fill_color=draw(st.tuples(*[st.integers(0, 255)] * 3)),
        data_files=draw(st.integers(1, 5)), scanned=scanned, plain=draw(st.booleans()),
        page_length=draw(st.integers(1, 64)), seed=draw(st.integers(0, 1 << 16)),
    )  # fmt: skip


@pytest.mark.slow
@given(
    spec=specs(), block=st.tuples(st.integers(20, 400), st.integers(20, 400)),
    threads=st.integers(1, 4), cache_bytes=st.sampled_from([0, 1 << 16, 1 << 24]),
)  # fmt: skip
@settings(max_examples=70, deadline=None, suppress_health_check=list(HealthCheck))
def test_drawn_slides(
    spec: MiraxSpec, block: tuple[int, int], threads: int, cache_bytes: int
) -> None:
    """Drawn slides are read to the byte, and a reader that is wrong there is never chosen."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "drawn.mrxs"
        write_mirax(path, spec)
        assert differing(path, block, threads, cache_bytes=cache_bytes) == []
        assert chosen(path) == (MIRAX, "")
        for wrong in WRONG.values():
            with reading_wrongly(wrong):
                differs = differing(path, (400, 400)) != []
                assert (chosen(path)[0] == OPENSLIDE) == differs


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """A slide that is too large to be compared whole."""
    slide = write_mirax(tmp_path_factory.mktemp("large") / "large.mrxs", LARGE)
    assert slide.width * slide.height > 2 * proof.ALL_PX
    return slide


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
    once, again = (list(proof._places(index, places_of(index))) for _ in range(2))
    assert once == again
    assert 30 <= len(once) <= 60
    other = write_mirax(tmp_path / "other.mrxs", replace(LARGE, seed=3))
    other_index = read_index(other.folder)
    assert list(proof._places(other_index, places_of(other_index))) != once


@pytest.mark.parametrize(
    ("keys", "reader", "reason"),
    [
        ({}, MIRAX, ""),
        ({"downsample": 3}, MIRAX, ""),
        ({"reader": "openslide"}, OPENSLIDE, "it was asked for"),
        ({"downsample": 4}, OPENSLIDE, "tiles are read at level 2"),
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


@pytest.mark.parametrize(
    "keys", [{"tile_size": 150}, {"tile_size": 64, "overlap": 5}, {"mpp": 0.3}]
)
@pytest.mark.parametrize("name", ["jpeg", "png", "no_positions_overlap", "eight_divisions"])
def test_same_results(variant: Variant, tmp_path: Path, name: str, keys: dict[str, Any]) -> None:
    """Tiles and tables are the same whichever reader is used, and on any number of threads."""
    path = variant(name).path
    own = cut(path, tmp_path / "own", threads=3, **keys)
    theirs = cut(path, tmp_path / "theirs", threads=1, reader="openslide", **keys)
    assert own.files == theirs.files
    for file in ("tiles.tsv", "tiles.json", "coordinates.tsv", "tiles.png", "tissue.png"):
        assert (own.folder / file).read_bytes() == (theirs.folder / file).read_bytes()


# --- damage -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("damage", ["zeros", "zeros inside", "half", "another size"])
@pytest.mark.parametrize("name", ["jpeg", "png", "bmp"])
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
        assert (bad > 0) == (own._verdicts != {})
        assert bad == 0 or list(own._verdicts.values()) == ["corrupt"]
        assert ok > bad
    if damage == "zeros":
        assert bad >= (width // 70) * (height // 70)
        assert chosen(path)[0] == MIRAX


def test_damage_costs_no_time(large: WrittenSlide, tmp_path: Path) -> None:
    """However many tiles touch corrupt images, OpenSlide is opened once more for each image."""
    image = image_at(large, 7, 7)
    path = overwritten(large, tmp_path / "slides", image, bytes(image.length))
    opened: list[SlideReader] = []
    begin = SlideReader.__init__
    with pytest.MonkeyPatch.context() as patch:

        def noted(self: SlideReader, *given: Any, **more: Any) -> None:
            begin(self, *given, **more)
            opened.append(self)

        look(path, tmp_path, tile_size=32)
        patch.setattr(SlideReader, "__init__", noted)
        done = cut(path, tmp_path, tile_size=32)
    assert done.tiled["status"] == "damaged"
    assert done.tiled["counts"]["unreadable"] > 30
    tile_reader = opened[-1]
    assert tile_reader.opened <= 2
    whole = cut(large.path, tmp_path / "whole", tile_size=32)
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
        assert list(own._verdicts.values()) == ["OpenSlide's own"]


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
        shared, new = own._claim([mirax_reader._Part(*row) for row in _parts(own, place)])
        assert shared
        assert new  # announced by a thread that then comes to nothing
        monkeypatch.setattr(DataFiles, "read", faulty)
        with pytest.raises(SlideError, match="Input/output error"):
            region(own, *place)
        assert np.array_equal(region(own, *place), wanted)


def _parts(own: MiraxReader, place: tuple[int, int, int, int]) -> list[Any]:
    found = own._finder.touching(*place)
    sides = own._sides(found, place[:2], *place[2:])
    return np.column_stack([found, sides]).tolist()


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
        assert own._verdicts == {}


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


# --- the data files ---------------------------------------------------------------------------


def test_ranges(tmp_path: Path) -> None:
    """Each range gets its own bytes; neighbours are read at once."""
    content = np.random.default_rng(0).integers(0, 256, 100_000, np.uint8).tobytes()
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(content[::-1])
    files = DataFiles(tmp_path, ["a", "b", "c"])
    ranges = [
        *(Range(0, 500, 100), Range(1, 0, 40), Range(0, 600, 50), Range(0, 99_990, 100)),
        *(Range(0, 700, 30), Range(0, 610, 5)),
    ]
    found = files.read(ranges)
    whole = (content, content[::-1])
    for (file, offset, length), got in zip(ranges, found, strict=True):
        assert bytes(got) == whole[file][offset : offset + length]
    assert files.requests == 3, "four neighbours in one, the end of the file, the other file"
    with pytest.raises(SlideError, match=r"^c cannot be read \(No such file or directory\)$"):
        files.read([Range(2, 0, 1)])
    files.close()


def test_bounded_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is longer than the limit, however near the images lie."""
    (tmp_path / "a").write_bytes(bytes(range(200)))
    monkeypatch.setattr(data_files, "MOST_AT_ONCE", 50)
    files = DataFiles(tmp_path, ["a"])
    found = files.read([Range(0, at, 20) for at in range(0, 200, 20)])
    assert b"".join(found) == bytes(range(200))
    assert files.requests == 5
    files.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_system_calls(large: WrittenSlide, tmp_path: Path) -> None:
    """`tile` opens each data file once, and reads little more than what is stored, of level 0."""
    look(large.path, tmp_path, tile_size=256)
    trace = tmp_path / "trace"
    command: list[str | Path] = [
        *("strace", "-ff", "-y", "-e", "trace=openat,pread64,read", "-o", trace),
        *(BIN / "mrxs-tiles", "tile", large.path, "--slide", NAME, "--results", tmp_path),
        *("--tile-size", "256", "--threads", "2"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    traces = tmp_path.glob("trace.*")  # one of each thread: together, they would cut each other's
    lines = [line for one in traces for line in one.read_text(errors="replace").splitlines()]
    opens: dict[str, int] = {}
    read = 0
    for line in lines:
        if found := re.search(r"openat\(.*/(Data\d+\.dat)\"", line):
            opens[found[1]] = opens.get(found[1], 0) + 1
        if found := re.search(r"pread64\(\d+<.*Data\d+\.dat>.* = (\d+)$", line):
            read += int(found[1])
    images = [image for image in large.images if image.level == 0]
    files = {large.data_path(image).name for image in images}
    stored = sum(image.length for image in images)
    # OpenSlide opens the file of the coarsest level's images and of the positions, at its start
    ours = {name: count for name, count in opens.items() if name in files}
    assert set(ours) == files
    assert sum(ours.values()) <= len(files) + 2
    guess = 16 * 4 * stored / len(images)  # looks into some tiles, for the room that they take
    assert stored <= read <= 1.1 * stored + guess


def test_decodes_each_image_once(
    large: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tiles of any size on any threads each stored image is decoded hardly more than once."""
    plain = mirax_reader.decoder
    count = [0]

    def counting(image_format: str) -> Any:
        decode = plain(image_format)

        def counted(data: Any, out: Any) -> None:
            count[0] += 1
            decode(data, out)

        return counted

    look(large.path, tmp_path, tile_size=200)
    monkeypatch.setattr(mirax_reader, "decoder", counting)
    stored = sum(image.level == 0 for image in large.images)
    for threads in (1, 3):
        count[0] = 0
        cut(large.path, tmp_path, threads=threads, tile_size=200)
        proofs = 200  # `inspect` decodes those of the places that it compares
        assert stored <= count[0] <= 1.1 * stored + proofs


@pytest.mark.skipif(os.environ.get("CI") != "true", reason="only CI must have it")
@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="only on Debian")
def test_strace_is_here() -> None:
    """CI on Debian has strace, so that the test above is not skipped there."""
    assert shutil.which("strace")
