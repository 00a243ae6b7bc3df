"""Slides that are missing, cut short or corrupt: told whole, and no other slide suffers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import needs
import running
from bad_slides import (
    AGAIN,
    COPY,
    MIRAX,
    TILE,
    Address,
    check_others,
    one_by_one,
    report_rows,
    touching,
    unreadable,
    zero,
)
from mrxs_tiles.config.config import read_config
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import (
    SPEC,
    Ran,
    mrxs_tiles,
    reasons,
    record,
    snakemake,
    table,
    tree,
)
from write_mirax import StoredImage, WrittenSlide

pytestmark = pytest.mark.slow
LOST = "cannot be read (No such file or directory)"
Oracle = dict[Address, bytes | None]  # None: cannot be read


# --- how they are damaged ---------------------------------------------------------------------


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


LINKED = {"dangling": ("links",)}

# Those that are cut through Snakemake; of the others the steps alone say the same.
THROUGH = ("nothing_left", "no_folder", "deep/renamed", "absent", "text_svs", *DAMAGED)


def file_of(name: str) -> str:
    """The file of a slide."""
    return f"{name}.{'svs' if name.endswith('_svs') else 'mrxs'}"


def write_all(slides: Path) -> None:
    """Write all bad slides, two good ones, and the sheet that names those that are cut."""
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
    if not needs.missing("links"):
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
    rows = [f"{file_of(name)}\t{name}" for name in ("good", "deep/good too", *THROUGH)]
    (slides / "slides.tsv").write_text("\n".join(["path\tslide", *rows, ""]))


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """Some of them, cut in one run: `slides/`, `results/` and what Snakemake said."""

    def make(folder: Path) -> Ran:
        write_all(folder / "slides")
        return snakemake(folder, slides="slides/slides.tsv", tile_size=TILE)

    return running.once(tmp_path_factory, "bad", make)


@pytest.fixture(scope="module")
def without(bad: tuple[Path, Ran], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The others, cut without Snakemake: `results/`."""
    folder = tmp_path_factory.mktemp("without")
    settings = read_config({"tile_size": TILE}).settings
    for name in sorted({*FAILED} - {*THROUGH} - {"dangling" if needs.missing("links") else ""}):
        for step in (inspect, partial(tile, threads=1)):
            step(name, bad[0] / "slides" / file_of(name), folder / "results", settings)
    report(folder / "results")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """The undamaged slide, elsewhere: its images and their places are the same."""
    return running.write(tmp_path_factory.mktemp("whole") / "good.mrxs")


# --- what must come out, from the writer and from OpenSlide -----------------------------------


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


# --- each kind --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=pytest.mark.needs(*LINKED.get(one, ()))) for one in FAILED],
)
def test_failed(bad: tuple[Path, Ran], without: Path, name: str) -> None:
    """A slide that cannot be opened has its sentence everywhere, and no tile."""
    top, sentence = bad[0] if name in THROUGH else without, FAILED[name]
    folder = top / "results" / name
    slide, tiles = record(folder / "slide.json"), record(folder / "tiles.json")
    assert (slide["status"], slide["error"]) == ("failed", sentence)
    assert slide["path"] == f"{bad[0]}/slides/{file_of(name)}"
    assert (tiles["status"], tiles["error"], tiles["tile_bytes"]) == ("failed", sentence, 0)
    assert set(tiles["counts"].values()) == {0}
    assert tree(folder) == {
        "slide.json": (folder / "slide.json").read_bytes(),
        "tiles.json": (folder / "tiles.json").read_bytes(),
        "coordinates.tsv": b"col\trow\tx\ty\twidth\theight\ttile_width\ttile_height\ttissue\t"
        b"region\tlabel\tlabel_fraction\n",
        "tiles.tsv": b"col\trow\tx\ty\twidth\theight\ttile_width\ttile_height\ttissue\t"
        b"region\tlabel\tlabel_fraction\tkept\treason\tfocus\tpen\tfile\tbytes\tcrc32\n",
        "tiles/": b"",
    }
    row = {key: value for key, value in report_rows(top)[name].items() if value}
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
        "tiles": 16, "kept": 15 - len(wrong), "edge": 0, "tissue": 0, "surplus": 0,
        "unreadable": len(wrong), "unscanned": 1, "blank": 0, "focus": 0, "pen": 0,
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
    assert list(rows) == sorted(["good", "deep/good too", *THROUGH])
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
    logs = {path: path.read_text("utf-8") for path in (bad[0] / "results" / "logs").rglob("*.log")}
    assert len(logs) == 2 * len(report_rows(bad[0])) + 1
    assert [path for path, text in logs.items() if "Traceback" in text] == []
    for name in {*FAILED} & {*THROUGH}:
        assert FAILED[name] in logs[bad[0] / "results" / "logs" / name / "inspect.log"]


# --- the same slide later ---------------------------------------------------------------------


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
    known = [report_rows(bad[0])[name] for name in ("no_folder", "one_corrupt")]
    # in the cohort one_corrupt is one of many copies, which its warnings say
    assert [row | {"warnings": ""} for row in rows] == [row | {"warnings": ""} for row in known]
