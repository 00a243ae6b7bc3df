"""What may pass without a change that a later run could see is no damage: it is tried again."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting.job import Source
from mrxs_tiles.cutting.kept import earlier
from mrxs_tiles.errors import PassingError, ResultsError, SlideError, not_given
from mrxs_tiles.files.manifest import write_record
from mrxs_tiles.inspecting.slide_grid import grid_of
from mrxs_tiles.mirax import damage, data_files
from mrxs_tiles.mirax.facts import facts_of
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.stamp import stamp
from mrxs_tiles.mirax.unchanged import PROMISE
from mrxs_tiles.steps import viewer
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.steps.try_again import keep_promises
from running import SPEC, TINY
from write_mirax import WrittenSlide

SETTINGS = read_config({"tile_size": 100}).settings
STALE = OSError(errno.ESTALE, os.strerror(errno.ESTALE))


@pytest.fixture
def slide(tmp_path: Path) -> WrittenSlide:
    """A slide of many tiles at 100 px."""
    return running.write(tmp_path / "A.mrxs", SPEC)


def refuse(
    monkeypatch: pytest.MonkeyPatch, name: str, owner: Any = Path, method: str = "open"
) -> None:
    """Let the system refuse a file of that name."""
    whole = getattr(owner, method)

    def refusing(self: Path, *arguments: Any, **keys: Any) -> Any:
        if self.name == name:
            raise STALE
        return whole(self, *arguments, **keys)

    monkeypatch.setattr(owner, method, refusing)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOENT, SlideError), (errno.EISDIR, SlideError), (errno.ESTALE, PassingError),
     (errno.EIO, PassingError), (errno.EACCES, PassingError)],
)  # fmt: skip
def test_what_passes(number: int, kind: type) -> None:
    """A file that is not there stays away; one that is refused may be given in a minute."""
    assert type(not_given("x", OSError(number, "y"))) is kind


@pytest.mark.parametrize(
    ("name", "method", "says"),
    [
        ("Slidedat.ini", "open", "Slidedat.ini cannot be read (Stale file handle)"),
        ("Index.dat", "read_bytes", "Index.dat cannot be read (Stale file handle)"),
        ("Data0002.dat", "open", "Data0002.dat, which holds the camera positions, cannot be read "
         "(Stale file handle)"),
        ("Data0001.dat", "stat", "Data0001.dat cannot be looked at (Stale file handle)"),
    ],
)  # fmt: skip
def test_refused_index(
    slide: WrittenSlide,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    method: str,
    says: str,
) -> None:
    """An index that the disk refuses is no index that is not understood."""
    refuse(monkeypatch, name, method=method)
    record = inspect("A", slide.path, tmp_path / "results", SETTINGS)
    assert (record["status"], record["error"]) == (
        "failed",
        f"A.mrxs cannot be read: {says}. Check the disk that the slide lies on and run again: the "
        "next run tries this slide again.",
    )


def test_refused_to_openslide(slide: WrittenSlide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSlide failed and the images are refused to us too, no image is called corrupt."""
    index = read_index(slide.folder)
    grid = grid_of(lambda _: 0, facts_of(index), SETTINGS)
    said = {(0, 0): SlideError("cannot read")}
    refuse(monkeypatch, "Data0000.dat")
    (error,) = damage.why_unreadable(slide.folder, grid, said)
    assert isinstance(error, PassingError)
    assert str(error) == "Data0000.dat cannot be read (Stale file handle)"


def test_refused_to_the_viewer(
    slide: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer with holes that the disk has made is not called whole."""
    settings = read_config({"tile_size": 100, "deepzoom": True}).settings
    inspect("A", slide.path, tmp_path / "results", settings)
    tile("A", slide.path, tmp_path / "results", settings, 2)
    whole_build, whole_read = viewer.built_viewer, data_files.read_at
    now: list[bool] = []

    def read_at(*arguments: Any) -> bytes:
        if now:
            raise STALE
        return whole_read(*arguments)

    def built_viewer(*arguments: Any) -> Any:
        now.append(True)
        return whole_build(*arguments)

    monkeypatch.setattr("mrxs_tiles.viewer.page.openseadragon", lambda: {"x.js": b"script"})
    monkeypatch.setattr(viewer, "built_viewer", built_viewer)
    monkeypatch.setattr(data_files, "read_at", read_at)
    record = viewer.viewer("A", slide.path, tmp_path / "results", settings, 2)
    assert record["status"] == "failed"
    assert record["error"].startswith(
        "The viewer could not be made: A.mrxs cannot be read: Data000"
    )
    assert record["error"].endswith(PROMISE)
    assert not (tmp_path / "results" / "A" / "viewer.html").exists()


def away(slide: WrittenSlide) -> None:
    slide.folder.rename(slide.folder.with_name("away"))


def without_a_file(slide: WrittenSlide) -> None:
    (slide.folder / "Data0001.dat").rename(slide.folder.with_name("away"))


@pytest.mark.parametrize(("change", "status"), [(away, "failed"), (without_a_file, "damaged")])
def test_away_when_its_job_began(
    slide: WrittenSlide, tmp_path: Path, change: Callable[[WrittenSlide], None], status: str
) -> None:
    """What a run had seen at its beginning and its job did not find may be back in the next one."""
    results = tmp_path / "results"
    before = stamp(slide.path)
    change(slide)
    for begun_with, promised in ((before, True), (stamp(slide.path), False), (None, False)):
        inspect("A", slide.path, results, SETTINGS, begun_with)
        record = tile("A", slide.path, results, SETTINGS, 1, Source(begun_with=begun_with))
        assert record["status"] == status
        assert record["error"].endswith(PROMISE) is promised


def test_another_slide_since(slide: WrittenSlide, tmp_path: Path) -> None:
    """Tiles are not cut by what another slide's index said."""
    results = tmp_path / "results"
    inspect("A", slide.path, results, SETTINGS)
    other = running.write(
        tmp_path / "other" / "A.mrxs", replace(SPEC, scanned=lambda column, _row: column < 2)
    )
    shutil.rmtree(slide.folder)
    shutil.copytree(other.folder, slide.folder)
    record = tile("A", slide.path, results, SETTINGS, 1)
    assert (record["status"], record["error"]) == (
        "failed",
        "A.mrxs changed after it was inspected. Wait until nothing writes to the slide any more "
        "and run again: the next run tries this slide again.",
    )
    (slide.folder / "Index.dat").write_bytes(b"")
    record = tile("A", slide.path, results, SETTINGS, 1)
    assert record["error"].startswith("A.mrxs changed after it was inspected: Index.dat does not")


@pytest.mark.parametrize("name", ["A", "sub/b\\c #1"])
def test_promises_are_kept(tmp_path: Path, name: str) -> None:
    """The next run does what it was said to do: by the slide's own record, not by an old report."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    for status in ("failed", "damaged"):
        for error, stays in (("", True), ("Broken.", True), (f"Away: {PROMISE}", False)):
            (folder / "coordinates.tsv").touch()
            write_record(folder / "tiles.json", {"status": status, "error": error})
            keep_promises(tmp_path, [name, "never begun"])
            assert (folder / "coordinates.tsv").exists() is stays
            assert (folder / "tiles.json").exists() is stays
            # what tells of tiles is not lost
            assert (earlier(folder) is not None) is (status == "damaged")
            assert (folder / ".earlier" / "tiles.json").exists() is (
                status == "damaged" and not stays
            )
    shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "coordinates.tsv").touch()
    write_record(folder / "slide.json", {"error": f"Away: {PROMISE}"})
    keep_promises(tmp_path, [name])
    assert not (folder / "coordinates.tsv").exists()


def test_inspect_that_broke_off(slide: WrittenSlide, tmp_path: Path) -> None:
    """Its old files, which Snakemake puts back, are not taken for those of today's settings."""
    results, other = tmp_path / "results", read_config({"tile_size": 200}).settings
    folder = results / "A"
    away(slide)
    inspect("A", slide.path, results, SETTINGS)
    tile("A", slide.path, results, SETTINGS, 1)  # failed: nothing is kept of it
    slide.folder.with_name("away").rename(slide.folder)
    before = {name: (folder / name).read_bytes() for name in ("slide.json", "coordinates.tsv")}
    (folder / "thumbnail.jpg" / "in the way").mkdir(parents=True)  # the disk refuses
    with pytest.raises(ResultsError, match=r"thumbnail\.jpg cannot be written"):
        inspect("A", slide.path, results, other, by_workflow=True)
    for name, content in before.items():
        (folder / name).write_bytes(content)
    keep_promises(results, ["A"])
    assert not (folder / "coordinates.tsv").exists()
    shutil.rmtree(folder / "thumbnail.jpg")
    assert inspect("A", slide.path, results, other, by_workflow=True)["status"] == "ok"
    keep_promises(results, ["A"])
    assert (folder / "coordinates.tsv").exists()


@pytest.mark.slow
def test_only_this_runs_report_is_told(tmp_path: Path) -> None:
    """A part of the workflow, asked for by name, is not ended by an older report's bad slides."""
    slide = running.write(tmp_path / "slides" / "A.mrxs", TINY)
    work = tmp_path / "work"
    config: dict[str, Any] = {"slides": slide.path, "tile_size": 100}
    slide.folder.rename(tmp_path / "away")
    assert running.snakemake(work, **config).code == 1
    (tmp_path / "away").rename(slide.folder)
    ran = running.snakemake(work, "results/A/tiles.json", **config)
    assert (ran.code, ran.jobs) == (0, ["inspect A", "tile A"])
    assert running.record(work / "results" / "A" / "tiles.json")["status"] == "ok"
