"""A slide that changes, or that its disk does not give, while it is read: told, and tried again."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import running
from large_cut import FINE, large_and_cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.mirax import data_files
from mrxs_tiles.mirax.unchanged import TRIED_AGAIN
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import SPEC, Ran, mrxs_tiles, snakemake, tree

pytestmark = pytest.mark.slow
TORTURE = pytest.mark.torture

MANY = 50  # tiles written when it changes
DATA = "Data0000.dat"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The slide `slides/A.mrxs`, and below `undisturbed` what is cut of it."""
    return large_and_cut(tmp_path_factory)


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


@contextmanager
def cutting(slide: Path, results: Path) -> Iterator[Future[Ran]]:
    """`tile` of an inspected slide, amid its tiles."""
    shared = (slide, "--results", results, FINE)
    assert mrxs_tiles("inspect", *shared).code == 0
    with ThreadPoolExecutor(1) as beside:
        tile = beside.submit(mrxs_tiles, "tile", *shared)
        running.wait_for(lambda: amid(results) or tile.done())
        assert not tile.done(), "it was over too soon"
        yield tile


def made_of_it(results: Path) -> dict[str, bytes]:
    """All that was made of the slide, but for the file that says where the slide lies."""
    found = tree(results / "A")
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
    slide = running.copy_slide(undisturbed / "slides" / "A.mrxs", tmp_path / "A.mrxs")
    results = tmp_path / "results"
    with cutting(slide, results) as tiling:
        change(slide)
        ran = tiling.result()
    said = (
        f"A.mrxs changed while it was read: {CHANGES[change]}. Wait until nothing writes to the "
        "slide any more and run again: the next run tries this slide again."
    )
    assert (ran.code, ran.err) == (1, f"mrxs-tiles: A (failed): {said}\n")
    assert tree(results / "A" / "tiles") == {"./": b""}
    record = running.record(results / "A" / "tiles.json")
    assert (record["status"], record["error"]) == ("failed", said)
    shutil.rmtree(slide.with_suffix(""), ignore_errors=True)
    shutil.copytree(undisturbed / "slides" / "A", slide.with_suffix(""))
    assert mrxs_tiles("tile", slide, "--results", results, FINE).code == 0
    assert made_of_it(results) == made_of_it(undisturbed / "undisturbed")


def test_files_of_others(undisturbed: Path, tmp_path: Path) -> None:
    """What a viewer writes into the slide's folder meanwhile is no change of the slide."""
    slide = running.copy_slide(undisturbed / "slides" / "A.mrxs", tmp_path / "A.mrxs")
    results = tmp_path / "results"
    with cutting(slide, results) as tiling:
        (slide.with_suffix("") / "annotations.xml").write_text("<x/>")
    assert tiling.result().code == 0
    assert made_of_it(results) == made_of_it(undisturbed / "undisturbed")


def test_away_for_a_while(undisturbed: Path, tmp_path: Path) -> None:
    """A data file that was away in one run is back in the next, as old as before: it is cut."""
    slide = running.copy_slide(undisturbed / "slides" / "A.mrxs", tmp_path / "slides" / "A.mrxs")
    data, away = slide.with_suffix("") / DATA, tmp_path / "away"
    config: dict[str, Any] = {"slides": slide, "tile_size": 64}
    work = tmp_path / "work"
    with ThreadPoolExecutor(1) as beside:
        running_now = beside.submit(snakemake, work, **config)
        running.wait_for(lambda: amid(work / "results") or running_now.done())
        data.replace(away)
    ran = running_now.result()
    assert ran.code == 1
    assert "  A (failed): A.mrxs changed while it was read: Data0000.dat was removed." in ran.text
    away.replace(data)
    ran = snakemake(work, **config)
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
    assert made_of_it(work / "results") == made_of_it(undisturbed / "undisturbed")
    # it is made until no slide is bad
    assert snakemake(work, "--dry-run", **config).jobs == ["report"]


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
    shared = (undisturbed / "slides" / "A.mrxs", "--results", results, FINE)
    undisturbed_tree = tree(undisturbed / "undisturbed" / "A")
    folders = (results / "A", results / "A" / ".tiles.partial")
    try:
        with cutting(undisturbed / "slides" / "A.mrxs", results) as tiling:
            locked = running.run("chattr", "+i", *folders)
        ran, now = tiling.result(), tree(results)
    finally:
        running.run("chattr", "-i", *folders)
    assert not locked.code, locked.text
    assert ran.code == 1
    assert "cannot be written: Operation not permitted. Free space or permit" in ran.err
    assert len(ran.err.splitlines()) == 1
    hidden = (".partial/", "/.slide.lock")
    assert {
        name: content for name, content in now.items() if not any(part in name for part in hidden)
    } == {f"A/{name}": undisturbed_tree[name] for name in running.SLIDE_FILES[:4]}  # inspected
    assert mrxs_tiles("tile", *shared).code == 0
    assert tree(results / "A") == undisturbed_tree
