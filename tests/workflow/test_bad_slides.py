"""Slides that are missing, cut short or corrupt: told whole, and no other slide suffers."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openslide import OpenSlide, OpenSlideError
from openslide.deepzoom import DeepZoomGenerator

import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.slide.reader import SlideReader
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import (
    LARGE,
    SPEC,
    TINY,
    Ran,
    lasting,
    mrxs_tiles,
    reasons,
    record,
    snakemake,
    table,
    times,
    tree,
)
from write_mirax import StoredImage, WrittenSlide

pytestmark = pytest.mark.slow

TILE = 200
MIRAX = "A MIRAX slide is a small .mrxs file and a folder of the same name beside it"
COPY = "Copy the slide's folder again from the scanner or the archive"
AGAIN = f"{COPY} and run again: only this slide is cut again."
LOST = "cannot be read (No such file or directory)"

Address = tuple[int, int]
Oracle = dict[Address, bytes | None]  # None: cannot be read


# --- how they are damaged ---------------------------------------------------------------------


def zero(slide: WrittenSlide, images: Iterable[StoredImage], folder: Path) -> None:
    """Overwrite stored images with zeros in a copy of a slide's folder."""
    for image in images:
        with (folder / slide.data_path(image).name).open("r+b") as stream:
            stream.seek(image.offset)
            stream.write(bytes(image.length))


def shorten(path: Path, by: int) -> None:
    """Take some bytes off a file's end."""
    path.write_bytes(path.read_bytes()[:-by])


def one_corrupt(slide: WrittenSlide) -> list[StoredImage]:
    """One image of level 0, near the middle of the slide."""
    return [next(image for image in slide.images if (image.x, image.y) == (3, 2))]


def some_corrupt(slide: WrittenSlide) -> list[StoredImage]:
    """Three of level 0, in two data files."""
    level_0 = [image for image in slide.images if image.level == 0]
    return [level_0[1], level_0[9], level_0[20]]


FAILED: dict[str, str] = {
    "no_folder": f"The folder 'no_folder' is missing beside no_folder.mrxs. {MIRAX}: "
    "copy the folder there too.",
    "no_ini": f"The folder 'no_ini' beside no_ini.mrxs has no Slidedat.ini. {MIRAX}: "
    "copy the whole folder again from the scanner or the archive.",
    "no_index": f"no_index.mrxs cannot be opened: Index.dat is missing. {COPY}.",
    "no_positions": "no_positions.mrxs cannot be opened: Data0002.dat, which holds the camera "
    f"positions, {LOST}. {COPY}.",
    "short_positions": "short_positions.mrxs cannot be opened: the camera positions in "
    f"Data0002.dat are 61 bytes, not 81. {COPY}.",
    "deep/renamed": "The folder 'renamed' is missing beside renamed.mrxs (is it 'old'? Then rename "
    f"that). {MIRAX}: copy the folder there too.",
    "text": f"The folder 'text' is missing beside text.mrxs. {MIRAX}: copy the folder there too.",
    "empty": f"The folder 'empty' is missing beside empty.mrxs. {MIRAX}: "
    "copy the folder there too.",
    "dangling": "dangling.mrxs is a broken link. Check the path, or copy the slide there.",
    "absent": "absent.mrxs does not exist. Check the path, or copy the slide there.",
    "text_svs": "text_svs.svs is not a slide that OpenSlide can read: it says 'Unsupported or "
    "missing image file'. Check that it is a slide and was copied whole.",
    "empty_svs": "empty_svs.svs is not a slide that OpenSlide can read: it says 'Unsupported or "
    "missing image file'. Check that it is a slide and was copied whole.",
}
# Each with its sentence; {n}: how many of its 16 tiles.
DAMAGED: dict[str, str] = {
    "lost_file": "{n} of 16 tiles cannot be read: Data0000.dat is missing (16 stored images "
    f"lost). {AGAIN}",
    "short_file": "{n} of 16 tiles cannot be read: Data0001.dat is cut short: 30291 of 35291 "
    f"bytes (6 stored images lost). {AGAIN}",
    "one_corrupt": "{n} of 16 tiles cannot be read: the stored image at byte {at[0]} of "
    f"Data0000.dat is corrupt. {AGAIN}",
    "some_corrupt": "{n} of 16 tiles cannot be read: the stored image at byte {at[0]} of "
    "Data0000.dat is corrupt; the stored image at byte {at[1]} of Data0000.dat is corrupt; the "
    f"stored image at byte {{at[2]}} of Data0001.dat is corrupt. {AGAIN}",
}


def write_all(slides: Path) -> None:
    """Write all bad slides, two good ones, and the sheet that names them."""
    whole = running.write(slides / "good.mrxs")

    def copy(name: str) -> Path:
        return running.copy_slide(whole.path, slides / f"{name}.mrxs").with_suffix("")

    copy("deep/good too")
    shutil.rmtree(copy("no_folder"))
    (copy("no_ini") / "Slidedat.ini").unlink()
    (copy("no_index") / "Index.dat").unlink()
    (copy("no_positions") / "Data0002.dat").unlink()
    shorten(copy("short_positions") / "Data0002.dat", 20)
    copy("deep/renamed").rename(slides / "deep" / "old")
    (slides / "text.mrxs").write_text("a text")
    (slides / "empty.mrxs").touch()
    (slides / "dangling.mrxs").symlink_to("nowhere.mrxs")
    (slides / "text_svs.svs").write_text("a text")
    (slides / "empty_svs.svs").touch()
    (copy("lost_file") / "Data0000.dat").unlink()
    shorten(copy("short_file") / "Data0001.dat", 5000)
    zero(whole, one_corrupt(whole), copy("one_corrupt"))
    zero(whole, some_corrupt(whole), copy("some_corrupt"))
    # All of level 0, on a slide of which all was scanned: so no tile of it can be read.
    nothing = running.write(slides / "nothing_left.mrxs", replace(SPEC, scanned=None))
    for number in (0, 1):
        (nothing.folder / f"Data000{number}.dat").unlink()
    names = ["good", "deep/good too", "nothing_left", *FAILED, *DAMAGED]
    rows = [f"{name}{'.svs' if name.endswith('_svs') else '.mrxs'}\t{name}" for name in names]
    (slides / "slides.tsv").write_text("\n".join(["path\tslide", *rows, ""]))


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """All of them, cut in one run: `slides/`, `results/` and what Snakemake said."""

    def make(folder: Path) -> Ran:
        write_all(folder / "slides")
        return snakemake(folder, slides="slides/slides.tsv", tile_size=TILE)

    return running.once(tmp_path_factory, "bad", make)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """The undamaged slide, elsewhere: its images and their places are the same."""
    return running.write(tmp_path_factory.mktemp("whole") / "good.mrxs")


# --- what must come out, from the writer and from OpenSlide -----------------------------------


def one_by_one(path: Path, tile_size: int, downsample: int = 1) -> set[Address]:
    """The tiles that OpenSlide cannot read, each asked of a handle that never failed."""
    unreadable = set()
    with OpenSlide(path) as handle:
        zoom = DeepZoomGenerator(handle, tile_size, 0, False)
        level = zoom.level_count - downsample.bit_length()
        cols, rows = zoom.level_tiles[level]
    for col in range(cols):
        for row in range(rows):
            with OpenSlide(path) as handle:
                try:
                    DeepZoomGenerator(handle, tile_size, 0, False).get_tile(level, (col, row))
                except OpenSlideError:
                    unreadable.add((col, row))
    return unreadable


def touching(slide: WrittenSlide, images: Iterable[StoredImage], tile_size: int) -> set[Address]:
    """The tiles that share a pixel with some images of level 0, by the writer's word."""
    tiles = set()
    for image in images:
        x, y, width, height = slide.place(image)
        right, bottom = min(x + width, slide.width), min(y + height, slide.height)
        tiles |= {
            (col, row)
            for col in range(x // tile_size, -(-right // tile_size))
            for row in range(y // tile_size, -(-bottom // tile_size))
        }
    return tiles


def lost_images(name: str, slide: WrittenSlide) -> list[StoredImage]:
    """The images of level 0 that each damage takes."""
    level_0 = [image for image in slide.images if image.level == 0]
    takes: dict[str, Callable[[StoredImage], bool]] = {
        "lost_file": lambda image: image.file_number == 0,
        "short_file": lambda image: (
            image.file_number == 1
            and image.offset + image.length > slide.data_path(image).stat().st_size - 5000
        ),
        "one_corrupt": one_corrupt(slide).__contains__,
        "some_corrupt": some_corrupt(slide).__contains__,
    }
    return [image for image in level_0 if takes[name](image)]


def unreadable(slide_results: Path) -> set[Address]:
    """The tiles that `tiles.tsv` calls so."""
    return {at for at, reason in reasons(slide_results).items() if reason == "unreadable"}


@cache
def report_rows(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a run's report by slide."""
    return {row["slide"]: row for row in table(folder / "results" / "report.tsv")}


def check_others(slide_results: Path, undamaged: Path, wrong: set[Address], suffix: str) -> None:
    """All tiles but the wrong ones are there, with the bytes of the undamaged slide's."""
    expected = {
        name: content
        for name, content in tree(undamaged / "tiles").items()
        if name not in {f"{col}_{row}.{suffix}" for col, row in wrong}
    }
    assert tree(slide_results / "tiles") == expected


# --- each kind --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAILED)
def test_failed(bad: tuple[Path, Ran], name: str) -> None:
    """A slide that cannot be opened has its sentence everywhere, and no tile."""
    folder, sentence = bad[0] / "results" / name, FAILED[name]
    slide, tiles = record(folder / "slide.json"), record(folder / "tiles.json")
    assert (slide["status"], slide["error"]) == ("failed", sentence)
    assert slide["path"] == f"{bad[0]}/slides/{name}.{'svs' if name.endswith('_svs') else 'mrxs'}"
    assert (tiles["status"], tiles["error"], tiles["tile_bytes"]) == ("failed", sentence, 0)
    assert set(tiles["counts"].values()) == {0}
    assert tree(folder) == {
        "slide.json": (folder / "slide.json").read_bytes(),
        "tiles.json": (folder / "tiles.json").read_bytes(),
        "coordinates.tsv": b"col\trow\tx\ty\twidth\theight\ttile_width\ttile_height\ttissue\n",
        "tiles.tsv": b"col\trow\tx\ty\twidth\theight\ttile_width\ttile_height\ttissue\tkept\t"
        b"reason\tfocus\tpen\tfile\tbytes\n",
        "tiles/": b"",
    }
    row = {key: value for key, value in report_rows(bad[0])[name].items() if value}
    expected = {"slide": name, "path": slide["path"], "status": "failed", "error": sentence}
    assert row == expected


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(bad: tuple[Path, Ran], whole: WrittenSlide, name: str) -> None:
    """A damaged slide lacks exactly the tiles that touch the damage; all others are the same."""
    folder = bad[0] / "results" / name
    images = lost_images(name, whole)
    wrong = one_by_one(bad[0] / "slides" / f"{name}.mrxs", TILE)
    assert wrong == touching(whole, images, TILE)
    assert unreadable(folder) == wrong
    check_others(folder, bad[0] / "results" / "good", wrong, "jpg")
    sentence = DAMAGED[name].format(n=len(wrong), at=[image.offset for image in images])
    tiles, row = record(folder / "tiles.json"), report_rows(bad[0])[name]
    assert (tiles["status"], tiles["error"]) == ("damaged", sentence)
    assert tiles["counts"] == {
        "tiles": 16, "kept": 15 - len(wrong), "tissue": 0, "unreadable": len(wrong),
        "unscanned": 1, "blank": 0, "focus": 0, "pen": 0,
    }  # fmt: skip
    assert (row["status"], row["error"]) == ("damaged", sentence)
    assert (row["kept"], row["unreadable"]) == (str(15 - len(wrong)), str(len(wrong)))
    slide = record(folder / "slide.json")
    assert (slide["status"], slide["error"]) == ("ok", "")
    missing = {"lost": ["Data0000.dat"], "short": ["Data0001.dat"]}
    assert slide["mirax"]["missing"] == missing.get(name.split("_")[0], [])


def test_nothing_left(bad: tuple[Path, Ran]) -> None:
    """A slide that opens, but of which no tile can be read, has failed; its tables say so."""
    folder = bad[0] / "results" / "nothing_left"
    sentence = (
        "16 of 16 tiles cannot be read: Data0000.dat is missing (18 stored images lost); "
        f"Data0001.dat is missing (18 stored images lost). {AGAIN}"
    )
    assert set(reasons(folder).values()) == {"unreadable"}
    assert tree(folder / "tiles") == {"./": b""}
    tiles, row = record(folder / "tiles.json"), report_rows(bad[0])["nothing_left"]
    assert (tiles["status"], tiles["error"]) == ("failed", sentence)
    assert (row["status"], row["error"]) == ("failed", sentence)
    assert (row["tiles"], row["kept"], row["unreadable"]) == ("16", "0", "16")
    assert record(folder / "slide.json")["status"] == "ok"


def test_the_others(bad: tuple[Path, Ran], tmp_path: Path) -> None:
    """The good slides' results are those of a run without the bad ones, byte for byte."""
    slides, results = bad[0] / "slides", bad[0] / "results"
    for name in ("good", "deep/good too"):
        running.cut(slides / f"{name}.mrxs", tmp_path, f"--tile-size={TILE}", slide=name)
        assert tree(tmp_path / name) == tree(results / name)
        assert report_rows(bad[0])[name]["status"] == "ok"


def test_last_words(bad: tuple[Path, Ran]) -> None:
    """The run ends non-zero after all is done, with each bad slide's sentence."""
    folder, ran = bad
    rows = report_rows(folder)
    assert ran.code == 1
    assert list(rows) == sorted(["good", "deep/good too", "nothing_left", *FAILED, *DAMAGED])
    total = len(rows)
    assert f"\n{total} slides: 2 ok, {total - 2} bad\n" in ran.err
    for name, row in rows.items():
        said = f"\n  {name} ({row['status']}): {row['error']}\n" in ran.err
        assert said == (row["status"] != "ok")
    assert (
        f"\nBad slides: {total - 2} of {total}, see above. All others are done. "
        "(on_bad_slide=ignore ends such a run with exit code 0.)\n"
    ) in ran.err


def test_logs(bad: tuple[Path, Ran]) -> None:
    """A bad slide's log holds its sentence, and no log a traceback."""
    logs = {path: path.read_text("utf-8") for path in (bad[0] / "logs").rglob("*.log")}
    assert len(logs) == 2 * len(report_rows(bad[0])) + 1
    assert [path for path, text in logs.items() if "Traceback" in text] == []
    for name in FAILED:
        assert FAILED[name] in logs[bad[0] / "logs" / name / "inspect.log"]


# --- above level 0, and with threads ----------------------------------------------------------


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
    return f"Data0002.dat is cut short: {size} of {size + image.length} bytes (1 stored image lost)"


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


def test_corrupt_image_in_a_large_slide(tmp_path: Path) -> None:
    """One corrupt image among hundreds costs the few tiles that touch it and no other."""
    slide = running.write(tmp_path / "A.mrxs", LARGE)
    image = next(image for image in slide.images if (image.x, image.y) == (7, 6))
    zero(slide, [image], slide.folder)
    ran = running.cut(slide.path, tmp_path / "results", "--tile-size=150", threads=2)
    wrong = touching(slide, [image], 150)
    assert 4 <= len(wrong) <= 9
    assert unreadable(tmp_path / "results" / "A") == wrong
    assert ran.code == 1


# --- the same slide later ---------------------------------------------------------------------


def test_broken_later(tmp_path: Path) -> None:
    """When a good slide's folder is gone at the next run, nothing of it is left but its files."""
    slide = running.write(tmp_path / "A.mrxs", TINY)
    results = tmp_path / "results"
    assert running.cut(slide.path, results).code == 0
    assert "A/tiles/0_0.jpg" in tree(results)
    shutil.rmtree(slide.folder)
    ran = running.cut(slide.path, results)
    assert (ran.code, ran.err) == (
        1,
        f"mrxs-tiles: A (failed): The folder 'A' is missing beside A.mrxs. {MIRAX}: copy the "
        "folder there too.\n",
    )
    files = {"A/slide.json", "A/coordinates.tsv", "A/tiles.json", "A/tiles.tsv", "A/tiles/"}
    assert set(tree(results)) == files


def test_command_line(bad: tuple[Path, Ran], tmp_path: Path) -> None:
    """The command line writes all files, says one line on stderr and ends with 1, or else 0."""
    slides = bad[0] / "slides"
    for name in ("no_folder", "one_corrupt"):
        shared = (slides / f"{name}.mrxs", "--results", tmp_path, f"--tile-size={TILE}")
        status, error = (report_rows(bad[0])[name][key] for key in ("status", "error"))
        line = f"mrxs-tiles: {name} ({status}): {error}\n"
        inspected, tiled = mrxs_tiles("inspect", *shared), mrxs_tiles("tile", *shared)
        opened = name == "one_corrupt"
        assert (inspected.code, inspected.err) == ((0, "") if opened else (1, line))
        assert (tiled.code, tiled.err) == (1, line)
        assert tree(tmp_path / name) == tree(bad[0] / "results" / name)
        ignored = mrxs_tiles("tile", *shared, "--on-bad-slide", "ignore")
        assert (ignored.code, ignored.err) == (0, "")
        assert tree(tmp_path / name) == tree(bad[0] / "results" / name)
    reported = mrxs_tiles("report", "--results", tmp_path)
    assert reported.code == 1
    assert len(reported.err.splitlines()) == 1
    ignored = mrxs_tiles("report", "--results", tmp_path, "--on-bad-slide=ignore")
    assert (ignored.code, ignored.err) == (0, "")
    rows = table(tmp_path / "report.tsv")
    assert rows == [report_rows(bad[0])[name] for name in ("no_folder", "one_corrupt")]


def test_said_again_until_mended(tmp_path: Path) -> None:
    """A bad slide is said again by each run that cuts nothing, and mended it is redone alone."""
    slides, results = tmp_path / "slides", tmp_path / "results"
    good = running.write(slides / "good.mrxs", TINY)
    corrupt = running.copy_slide(good.path, slides / "corrupt.mrxs")
    (slides / "link.mrxs").symlink_to(tmp_path / "good.mrxs")
    image = good.images[2]
    zero(good, [image], corrupt.with_suffix(""))
    config: dict[str, Any] = {"tile_size": TILE}
    sentences = (
        f"\n  corrupt (damaged): {len(touching(good, [image], TILE))} of 4 tiles cannot be read: "
        f"the stored image at byte {image.offset} of {good.data_path(image).name} is corrupt. "
        f"{AGAIN}\n"
        "  link (failed): link.mrxs is a broken link. Check the path, or copy the slide there.\n"
    )
    ran = snakemake(tmp_path, **config, on_bad_slide="ignore")
    assert ran.code == 0
    assert sentences in ran.err
    renewed = ("report", "runtime.tsv")
    before = {n: time for n, time in times(results).items() if not n.startswith(renewed)}
    for _ in range(2):
        ran = snakemake(tmp_path, **config)
        assert (ran.code, ran.jobs) == (1, ["report"])
        assert sentences in ran.err
        assert before.items() <= times(results).items()

    name = good.data_path(image).name
    shutil.copyfile(good.folder / name, corrupt.with_suffix("") / name)
    running.copy_slide(good.path, tmp_path / "good.mrxs")
    ran = snakemake(tmp_path, **config)
    redone = ["inspect corrupt", "inspect link", "report", "tile corrupt", "tile link"]
    assert (ran.code, ran.jobs) == (0, redone)
    assert {key: time for key, time in before.items() if key.startswith("good/")}.items() <= times(
        results
    ).items()
    for slide in ("good", "corrupt", "link"):
        running.cut(slides / f"{slide}.mrxs", tmp_path / "undamaged", f"--tile-size={TILE}")
    mrxs_tiles("report", "--results", tmp_path / "undamaged", f"--tile-size={TILE}")
    assert lasting(results) == lasting(tmp_path / "undamaged")
    ran = snakemake(tmp_path, **config)
    assert ran.code == 0
    assert set(ran.jobs) <= {"report"}
    assert lasting(results) == lasting(tmp_path / "undamaged")


@pytest.mark.parametrize("kind", [pytest.param("corrupt", marks=pytest.mark.torture), "no_folder"])
def test_stop(tmp_path: Path, kind: str) -> None:
    """With `on_bad_slide=stop` the bad slide's job fails, again in the next run, until mended."""
    slide = running.write(tmp_path / "slides" / "A.mrxs", TINY)
    running.copy_slide(slide.path, tmp_path / "whole" / "A.mrxs")
    if kind == "corrupt":
        zero(slide, slide.images[:1], slide.folder)
        job, says = "tile", "A (damaged): 1 of 4 tiles cannot be read: the stored image at byte 37"
    else:
        shutil.rmtree(slide.folder)
        job, says = "inspect", f"A (failed): The folder 'A' is missing beside A.mrxs. {MIRAX}: "
    for run in range(2):
        ran = snakemake(tmp_path, tile_size=TILE, on_bad_slide="stop")
        assert ran.code == 1
        assert ran.jobs == (["inspect A", "tile A"][run:] if job == "tile" else ["inspect A"])
        assert f"Error in rule {job}:" in ran.text
        assert says in ran.text
        assert not (tmp_path / "results" / "report.tsv").exists()
        if kind == "no_folder":
            return
    shutil.rmtree(slide.folder)
    shutil.copytree(tmp_path / "whole" / "A", slide.folder)
    assert snakemake(tmp_path, tile_size=TILE, on_bad_slide="stop").code == 0
    running.cut(slide.path, tmp_path / "undamaged", f"--tile-size={TILE}")
    mrxs_tiles("report", "--results", tmp_path / "undamaged", f"--tile-size={TILE}")
    assert lasting(tmp_path / "results") == lasting(tmp_path / "undamaged")
