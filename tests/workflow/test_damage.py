"""Every way to damage a slide: a sentence, no crash, no hang, and no other slide suffers."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import damage_kit
import running
from damage import SPEC, Damage
from damage_kit import everything, kit
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import SlideError
from mrxs_tiles.inspecting import slide_grid
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax import openslide_trial as trial
from mrxs_tiles.mirax.damage import COPY_AGAIN
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.openslide_trial import survives
from mrxs_tiles.mirax.stored_image import decoder
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import DATA, Ran, reasons, record, table, tree
from write_mirax import WrittenSlide

TILE = 64
PATIENCE = 3600  # seconds for all slides, on a busy machine
MOST_MB = 1000  # of memory, a job

# Damages that change what the picture is, so that tiles differ from the undamaged slide's.
OTHER_PICTURE = (
    "positions",  # camera pictures lie elsewhere
    "ini NONHIER_1_NAME",  # no positions: the pictures lie where they should, not where they do
    "ini bytes pictures without place",  # the same, and another canvas
    "index level image",  # an image lies elsewhere
    "index level offset",  # another image is shown
    "index level link",  # what follows the last page is read as images, as OpenSlide does
)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    """The undamaged slide."""
    return running.write(tmp_path_factory.mktemp("undamaged") / "whole.mrxs", SPEC)


def damaged(slide: WrittenSlide, damage: Damage, path: Path) -> Path:
    """A copy of a slide, damaged."""
    running.copy_slide(slide.path, path)
    damage.apply(path.with_suffix(""))
    return path


# --- the sentence of each class ---------------------------------------------------------------

# Status and error of a slide "A" by the damage's name.
SENTENCES = json.loads((DATA / "damage_sentences.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", SENTENCES)
def test_sentence(whole: WrittenSlide, tmp_path: Path, name: str) -> None:
    """Of each class one damage, and all that is said of it; nothing ends in a traceback."""
    damage = next(damage for damage in everything(whole) if damage.name == name)
    path = damaged(whole, damage, tmp_path / "A.mrxs")
    settings = read_config({"tile_size": TILE}).settings
    inspect("A", path, tmp_path / "results", settings)
    found = tile("A", path, tmp_path / "results", settings, 1)
    assert [found["status"], found["error"]] == SENTENCES[name]


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.torture)])
def test_everything_is_read_or_told(whole: WrittenSlide, tmp_path: Path, step: int) -> None:
    """All 1,500 damages: our own parser reads the index or says why not, in little memory.

    ``make test`` takes each third of them.
    """
    folder = tmp_path / "A"
    damages = [*damage_kit.ini_values(whole), *damage_kit.index_numbers(whole)]
    tracemalloc.start()
    try:
        for damage in damages[::step]:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole.folder, folder)
            damage.apply(folder)
            tracemalloc.reset_peak()
            with suppress(SlideError):
                index = read_index(folder)
                scanned = layout.scanned_positions(index)
                for level in range(len(index.images)):
                    layout.pieces(index, level, scanned)
            assert tracemalloc.get_traced_memory()[1] < 20 << 20, damage.name
    finally:
        tracemalloc.stop()


# --- what took more than a sentence: a crash, a hang, memory -----------------------------------


def cut(path: Path, results: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both steps say of a slide."""
    settings = read_config({"tile_size": TILE}).settings
    return inspect("A", path, results, settings), tile("A", path, results, settings, 1)


@pytest.mark.slow
def test_openslide_dies(whole: WrittenSlide, tmp_path: Path) -> None:
    """Counts that end OpenSlide's whole process end that of the trial, not ours."""
    assert survives(whole.path)
    for name in ("HIERARCHICAL HIER_0_COUNT", "DATAFILE FILE_COUNT"):
        damage = next(one for one in everything(whole) if one.name == f"ini {name}~huge")
        assert not survives(damaged(whole, damage, tmp_path / f"{name}.mrxs"))


@pytest.mark.slow
def test_openslide_hangs(
    whole: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slide on which OpenSlide is busy for ever is given up."""
    monkeypatch.setattr(trial, "SECONDS", 2)
    damage = next(one for one in everything(whole) if one.name == "positions most")
    assert not survives(damaged(whole, damage, tmp_path / "A.mrxs"))


@pytest.mark.slow
def test_images_of_another_size(whole: WrittenSlide, tmp_path: Path) -> None:
    """Where all images have a size that is not said, no tile is tried."""
    path = running.copy_slide(whole.path, tmp_path / "A.mrxs")
    ini = path.with_suffix("") / "Slidedat.ini"
    ini.write_bytes(ini.read_bytes().replace(b"DIGITIZER_WIDTH=40", b"DIGITIZER_WIDTH=41", 1))
    _, tiled = cut(path, tmp_path / "results")
    assert (tiled["status"], tiled["error"]) == (
        "failed",
        "A.mrxs cannot be opened: its stored images are 40 x 36 px, and Slidedat.ini says 41 x 36 "
        f"for level 0. {COPY_AGAIN}.",
    )


@pytest.mark.slow
def test_index_with_a_hole(whole: WrittenSlide, tmp_path: Path) -> None:
    """An index of 2 GB is left to OpenSlide, which reads what it needs of it."""
    damage = next(one for one in everything(whole) if one.name == "index file hole")
    inspected, tiled = cut(damaged(whole, damage, tmp_path / "A.mrxs"), tmp_path / "results")
    assert (inspected["status"], tiled["status"]) == ("ok", "ok")
    assert inspected["warnings"][0] == (
        "the MIRAX index is not understood (Index.dat is larger than 134217728 bytes); OpenSlide "
        "opens the slide, so every tile of the grid is read"
    )


@pytest.mark.slow
def test_long_image(whole: WrittenSlide, tmp_path: Path) -> None:
    """An image of 2 GB is left to OpenSlide, and the tiles are the undamaged slide's."""
    cut(whole.path, tmp_path / "undamaged")
    damage = next(one for one in everything(whole) if one.name == "image long")
    inspected, _ = cut(damaged(whole, damage, tmp_path / "A.mrxs"), tmp_path / "results")
    assert inspected["reader_reason"] == "a stored image is too long to be held in memory"
    assert tree(tmp_path / "results/A/tiles") == tree(tmp_path / "undamaged/A/tiles")


@pytest.mark.parametrize("image_format", ["PNG", "BMP24"])
def test_image_bomb(image_format: str) -> None:
    """No room is made for an image that says that it is larger than it can be."""
    side = 20_000
    if image_format == "PNG":
        head = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
        bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    else:
        bomb = b"BM" + struct.pack("<3I", 200, 0, 54)
        bomb += struct.pack("<I2i2H6I", 40, 13_000, 13_000, 1, 24, 0, 0, 0, 0, 0, 0)
        bomb += bytes(200)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"size|array"):
            decoder(image_format)(bomb, np.empty((36, 40), np.uint32))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_too_many_tiles(
    whole: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grid that no memory holds is refused with what to do."""
    monkeypatch.setattr(slide_grid, "MOST_TILES", 11)
    inspected, _ = cut(whole.path, tmp_path / "results")
    assert inspected["error"] == (
        "The grid would have 4 x 3 tiles, of which at most 11, and 262144 along a side, can be "
        "dealt with. Set a larger tile_size or downsample. Copy the slide's folder again from the "
        "scanner or the archive if it is smaller than that."
    )


@pytest.mark.slow
def test_pipe_as_slide(tmp_path: Path) -> None:
    """A named pipe that is named as a slide is not opened."""
    os.mkfifo(tmp_path / "A.mrxs")
    _, tiled = cut(tmp_path / "A.mrxs", tmp_path / "results")
    assert tiled["error"] == (
        "A.mrxs is a pipe or a device, not a slide file. Copy the slide there, or leave it out."
    )


@pytest.mark.slow
def test_survey(whole: WrittenSlide, tmp_path: Path) -> None:
    """`survey` says of a slide that is refused what `inspect` says."""
    damage = next(one for one in everything(whole) if one.name == "Data0000.dat fifo")
    path = damaged(whole, damage, tmp_path / "slides" / "A.mrxs")
    ran = running.mrxs_tiles("survey", path.parent, "--results", tmp_path / "results")
    (row,) = table(tmp_path / "results" / "survey.tsv")
    assert (ran.code, row["status"]) == (1, "failed")
    assert row["error"] == SENTENCES[damage.name][1]


# --- all of them as slides, in one run --------------------------------------------------------

GOOD = ("good", "too good")


def write_all(folder: Path, damages: Iterable[Damage]) -> None:
    """Write each damaged slide, and two good ones, named after what is wrong with them."""
    whole = running.write(folder / "good.mrxs", SPEC)
    running.copy_slide(whole.path, folder / "too good.mrxs")
    for damage in damages:
        damaged(whole, damage, folder / f"{damage.name}.mrxs")


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory, whole: WrittenSlide) -> tuple[Path, Ran]:
    """All of them, cut in one run: `slides/`, `results/` and what Snakemake said."""

    def make(folder: Path) -> Ran:
        write_all(folder / "slides", kit(whole))
        log = folder / "log"
        command = running.snakemake_command(folder, tile_size=TILE)
        process = running.start(*command, log=log)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            running.kill_group(process)
            raise
        return Ran(code, log.read_text("utf-8", "backslashreplace"), "")

    return running.once(tmp_path_factory, "tortured", make)


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    return {row["slide"]: row for row in table(folder / "results" / "report.tsv")}


def torture(test: Any) -> Any:
    """A test on that run: all in one process, for it takes a quarter of an hour."""
    return pytest.mark.torture(test)


@torture
def test_it_ends(tortured: tuple[Path, Ran], whole: WrittenSlide) -> None:
    """The run ends with the report, and nowhere is a traceback."""
    folder, ran = tortured
    assert ran.code == 1
    logs = [path.read_text("utf-8") for path in (folder / "results/logs").rglob("*.log")]
    assert [text for text in (ran.text, *logs) if "Traceback" in text] == []
    damages = [damage.name for damage in kit(whole)]
    assert len(damages) >= 150
    assert list(rows_of(folder)) == sorted([*damages, *GOOD])


@torture
def test_each_has_its_sentence(tortured: tuple[Path, Ran]) -> None:
    """A slide is ok, or says what is wrong and what to do, in one line."""
    for name, row in rows_of(tortured[0]).items():
        assert row["status"] in ("ok", "damaged", "failed")
        if row["status"] == "ok":
            assert row["error"] == "", name
        else:
            assert row["error"].isprintable(), name
            assert row["error"].endswith((".", "is cut again.")), name
            assert "opy" in row["error"].split(". ", 1)[1], name


@torture
def test_good_ones(tortured: tuple[Path, Ran], tmp_path: Path) -> None:
    """The good slides' results are those of a run without the bad ones, byte for byte."""
    folder = tortured[0]
    (tmp_path / "slides").mkdir()
    for name in GOOD:
        running.copy_slide(folder / "slides" / f"{name}.mrxs", tmp_path / "slides" / f"{name}.mrxs")
    # where they lay: their path is in the results
    (folder / "slides").rename(folder / "all")
    (tmp_path / "slides").rename(folder / "slides")
    try:
        ran = running.snakemake(folder, results="alone", tile_size=TILE)
    finally:
        (folder / "slides").rename(tmp_path / "slides")
        (folder / "all").rename(folder / "slides")
    assert ran.code == 0
    for name in GOOD:
        assert tree(folder / "alone" / name) == tree(folder / "results" / name)


@torture
def test_tiles_that_no_damage_touches(tortured: tuple[Path, Ran], whole: WrittenSlide) -> None:
    """What is kept of a damaged slide is as the undamaged slide has it."""
    folder = tortured[0]
    good = tree(folder / "results" / "good" / "tiles")
    for damage in kit(whole):
        results = folder / "results" / damage.name
        if record(results / "tiles.json")["status"] == "failed":
            assert tree(results / "tiles") == {"./": b""}, damage.name
        elif not damage.kind.startswith(OTHER_PICTURE):
            lost = {at for at, reason in reasons(results).items() if reason == "unreadable"}
            left = {f"{col}_{row}.jpg" for col, row in lost}
            expected = {name: content for name, content in good.items() if name not in left}
            assert tree(results / "tiles") == expected, damage.name


@torture
def test_memory(tortured: tuple[Path, Ran]) -> None:
    """No job takes a gigabyte."""
    used = {}
    for path in (tortured[0] / "results/logs").rglob("*.benchmark.tsv"):
        (row,) = table(path)
        if row["max_rss"] not in ("NA", "-"):
            used[path] = float(row["max_rss"])
    assert used
    assert max(used.values()) < MOST_MB


ORACLE = """
import sys, openslide
with openslide.OpenSlide(sys.argv[1]) as slide:
    width, height = slide.dimensions
    assert 0 < width * height < 1 << 26
    slide.read_region((0, 0), 0, (width, height))
"""
# Refused by us alone, since what is named lies outside the slide's folder; or damaged, since an
# image ends behind its file: OpenSlide reads a JPEG to its own end, whatever the index says.
REFUSED = ("name", "link out", "index level length")
LARGE = "ini bytes pictures without place"  # its canvas is too large to be read at once


@torture
def test_not_refused(tortured: tuple[Path, Ran], whole: WrittenSlide) -> None:
    """A slide of which OpenSlide reads all is not refused; one that it cannot read is not ok."""
    folder = tortured[0]
    rows = rows_of(folder)
    wrong = []
    for damage in kit(whole):
        if "fifo" in damage.name or damage.kind.startswith((*REFUSED, LARGE)):
            continue
        path = folder / "slides" / f"{damage.name}.mrxs"
        try:
            done = subprocess.run(
                [sys.executable, "-c", ORACLE, path], check=False, capture_output=True, timeout=30
            )
        except subprocess.TimeoutExpired:
            continue
        if (done.returncode == 0) != (rows[damage.name]["status"] == "ok"):
            wrong.append((damage.name, rows[damage.name]["status"], done.stderr[-200:]))
    assert wrong == []


@pytest.mark.slow
def test_openslide_of_the_working_directory(
    whole: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No module that lies where the user stands is run."""
    (tmp_path / "openslide.py").write_text("open('run', 'w')\n")
    monkeypatch.chdir(tmp_path)
    assert survives(whole.path)
    assert not (tmp_path / "run").exists()
