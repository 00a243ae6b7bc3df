"""A slide that changes, or that its disk does not give, while it is read: told, and tried again."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.mirax import data_files
from mrxs_tiles.mirax.unchanged import TRIED_AGAIN
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import LARGE, SPEC, Ran, mrxs_tiles, snakemake, tree

pytestmark = pytest.mark.slow
TORTURE = pytest.mark.torture

FINE = "--tile-size=64"  # a cut that takes a second or two
MANY = 50  # tiles written when it changes
DATA = "Data0000.dat"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide, and below `results` what is cut of it."""

    def make(folder: Path) -> Ran:
        slide = running.write(folder / "L.mrxs", LARGE)
        running.cut(slide.path, folder / "results", FINE, threads=2)
        return mrxs_tiles("report", "--results", folder / "results", FINE)

    folder, ran = running.once(tmp_path_factory, "unchanged", make)
    assert ran.code == 0, ran.text
    return folder


def remove(slide: Path) -> None:
    (slide.with_suffix("") / DATA).unlink()


def remove_all(slide: Path) -> None:
    shutil.rmtree(slide.with_suffix(""))


def cut_short(slide: Path) -> None:
    os.truncate(slide.with_suffix("") / DATA, 1000)


def replace(slide: Path) -> None:
    """Another file of the same size takes its place, as a copying program does it."""
    data = slide.with_suffix("") / DATA
    other = data.with_suffix(".new")
    other.write_bytes(bytes(data.stat().st_size))
    other.replace(data)


def overwrite(slide: Path) -> None:
    with (slide.with_suffix("") / DATA).open("r+b") as stream:
        stream.write(bytes(5000))


CHANGES: dict[Callable[[Path], None], str] = {
    remove: f"{DATA} was removed",
    remove_all: "Slidedat.ini was removed",
    cut_short: f"{DATA} was written",
    replace: f"{DATA} was written",
    overwrite: f"{DATA} was written",
}


def amid(results: Path) -> bool:
    """Whether a slide's tiles are being written."""
    return len(list(results.glob("*/.tiles.partial/*.jpg"))) > MANY


def cutting(slide: Path, results: Path) -> subprocess.Popen[str]:
    """`tile` of an inspected slide, amid its tiles."""
    shared = (slide, "--results", results, FINE)
    assert mrxs_tiles("inspect", *shared).code == 0
    process = running.start(running.BIN / "mrxs-tiles", "tile", *shared)
    running.wait_for(lambda: amid(results))
    return process


def made_of_it(results: Path) -> dict[str, bytes]:
    """All that was made of the slide, but for the file that says where the slide lies."""
    found = tree(results / "L")
    assert found.pop("slide.json")
    return found


@pytest.mark.parametrize(
    "change",
    [
        change if change in (overwrite, remove_all) else pytest.param(change, marks=TORTURE)
        for change in CHANGES
    ],
    ids=lambda change: change.__name__,
)
def test_changed_while_cut(
    undisturbed: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """Tiles of two states of a slide are none: it failed, and once it is whole it is cut."""
    slide = running.copy_slide(undisturbed / "L.mrxs", tmp_path / "L.mrxs")
    results = tmp_path / "results"
    process = cutting(slide, results)
    change(slide)
    ran = running.ended(process)
    said = (
        f"L.mrxs changed while it was read: {CHANGES[change]}. Wait until nothing writes to the "
        "slide any more and run again: the next run tries this slide again."
    )
    assert (ran.code, ran.err) == (1, f"mrxs-tiles: L (failed): {said}\n")
    assert tree(results / "L" / "tiles") == {"./": b""}
    record = running.record(results / "L" / "tiles.json")
    assert (record["status"], record["error"]) == ("failed", said)
    shutil.rmtree(slide.with_suffix(""), ignore_errors=True)
    shutil.copytree(undisturbed / "L", slide.with_suffix(""))
    assert mrxs_tiles("tile", slide, "--results", results, FINE).code == 0
    assert made_of_it(results) == made_of_it(undisturbed / "results")


def test_files_of_others(undisturbed: Path, tmp_path: Path) -> None:
    """What a viewer writes into the slide's folder meanwhile is no change of the slide."""
    slide = running.copy_slide(undisturbed / "L.mrxs", tmp_path / "L.mrxs")
    results = tmp_path / "results"
    process = cutting(slide, results)
    (slide.with_suffix("") / "annotations.xml").write_text("<x/>")
    assert running.ended(process).code == 0
    assert made_of_it(results) == made_of_it(undisturbed / "results")


def test_away_for_a_while(undisturbed: Path, tmp_path: Path) -> None:
    """A data file that was away in one run is back in the next, as old as before: it is cut."""
    slide = running.copy_slide(undisturbed / "L.mrxs", tmp_path / "slides" / "L.mrxs")
    data, away = slide.with_suffix("") / DATA, tmp_path / "away"
    config: dict[str, Any] = {"slides": slide, "tile_size": 64}
    work = tmp_path / "work"
    work.mkdir()
    process = running.start(*running.snakemake_command(work, **config))
    running.wait_for(lambda: amid(work / "results"))
    data.replace(away)
    ran = running.ended(process)
    assert ran.code == 1
    assert "  L (failed): L.mrxs changed while it was read: Data0000.dat was removed." in ran.text
    away.replace(data)
    ran = snakemake(work, **config)
    assert (ran.code, ran.jobs) == (0, ["inspect L", "report", "tile L"])
    assert made_of_it(work / "results") == made_of_it(undisturbed / "results")
    assert snakemake(work, **config).jobs == ["report"]  # which is made until no slide is bad


def test_faulty_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk does not give is unreadable, the rest is cut, and the next run tries again."""
    slide = running.write(tmp_path / "A.mrxs", SPEC)
    settings = read_config({"tile_size": 100}).settings
    results = tmp_path / "results"
    inspect("A", slide.path, results, settings)
    whole, refused = data_files.read_at, (slide.folder / "Data0001.dat").stat().st_ino

    def faulty(descriptor: int, length: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return whole(descriptor, length, offset)

    monkeypatch.setattr(data_files, "read_at", faulty)
    record = tile("A", slide.path, results, settings, 2)
    assert record["status"] == "damaged"
    unreadable, tiles = record["counts"]["unreadable"], record["counts"]["tiles"]
    assert 0 < unreadable < tiles
    rows = len(running.table(results / "A" / "coordinates.tsv"))
    assert record["error"] == (
        f"{unreadable} of {rows} tiles cannot be read: Data0001.dat cannot be read (Input/output "
        f"error). Check the disk that the slide lies on and run again: {TRIED_AGAIN}."
    )


def test_disk_that_hesitates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One refusal is no damage: the tile is read again when all others are done."""
    slide = running.write(tmp_path / "A.mrxs", SPEC)
    settings = read_config({"tile_size": 100}).settings
    whole, refusals = data_files.read_at, iter([OSError(errno.ESTALE, os.strerror(errno.ESTALE))])

    def faulty(descriptor: int, length: int, offset: int) -> bytes:
        for refusal in refusals:
            raise refusal
        return whole(descriptor, length, offset)

    for name in ("once", "whole"):
        inspect("A", slide.path, tmp_path / name, settings)
    tile("A", slide.path, tmp_path / "whole", settings, 1)
    monkeypatch.setattr(data_files, "read_at", faulty)
    tile("A", slide.path, tmp_path / "once", settings, 1)
    assert next(refusals, None) is None
    assert tree(tmp_path / "once") == tree(tmp_path / "whole")


@pytest.mark.needs("chattr")
def test_read_only_amid(undisturbed: Path, tmp_path: Path) -> None:
    """A folder that turns read-only while tiles are written: a sentence; the next run completes.

    What was being made cannot be removed then, but it stands under no final name.
    """
    results = tmp_path / "results"
    shared = (undisturbed / "L.mrxs", "--results", results, FINE)
    assert mrxs_tiles("inspect", *shared).code == 0
    before = tree(results)
    folders = (results / "L", results / "L" / ".tiles.partial")
    process = running.start(running.BIN / "mrxs-tiles", "tile", *shared)
    running.wait_for(lambda: amid(results))
    try:
        locked = running.run("chattr", "+i", *folders)
        ran = running.ended(process)
        now = tree(results)
    finally:
        running.run("chattr", "-i", *folders)
    assert not locked.code, locked.text
    assert ran.code == 1
    assert "cannot be written: Operation not permitted. Free space or permit" in ran.err
    assert len(ran.err.splitlines()) == 1
    hidden = (".partial/", "/.slide.lock")
    assert {
        name: content for name, content in now.items() if not any(part in name for part in hidden)
    } == before
    assert mrxs_tiles("tile", *shared).code == 0
    assert tree(results / "L") == tree(undisturbed / "results" / "L")
