"""Until new tiles are whole, known to be good and listed, nothing of an earlier run is touched."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import in_process
import running
from in_process import NAME, Cut, table
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import begun, kept, publishing
from mrxs_tiles.cutting.job import Source
from mrxs_tiles.errors import PassingError, ResultsError
from mrxs_tiles.mirax.unchanged import PROMISE
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.results import load
from mrxs_tiles.report.verify import verify
from mrxs_tiles.steps import tile as tile_step
from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.try_again import keep_promises
from mrxs_tiles.steps.viewer import viewer
from mrxs_tiles.viewer.deepzoom import Builder
from running import SPEC, tree
from write_mirax import WrittenSlide

KEYS: dict[str, Any] = {"tile_size": 100}
TABLES = ("tiles.tsv", "tiles.json")


@pytest.fixture
def slide(tmp_path: Path) -> WrittenSlide:
    """A slide of many tiles at 100 px."""
    return running.write(tmp_path / "A.mrxs", SPEC)


def cut(slide: WrittenSlide, results: Path, **keys: Any) -> Cut:
    return in_process.cut(slide.path, results, **KEYS | keys)


def damage(slide: WrittenSlide, number: int = 5) -> None:
    image = slide.images[number]
    with slide.data_path(image).open("r+b") as stream:
        stream.seek(image.offset)
        stream.write(bytes(image.length))


def without_record(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in tree(folder).items() if name != "tiles.json"}


def after(patch: pytest.MonkeyPatch, owner: Any, name: str, then: Callable[[], None]) -> None:
    """Have something happen right after a function has done its work."""
    whole = getattr(owner, name)

    def both(*arguments: Any) -> Any:
        found = whole(*arguments)
        then()
        return found

    patch.setattr(owner, name, both)


def test_changed_meanwhile(
    slide: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slide that is written to while it is cut again keeps what was cut of it before."""
    results = tmp_path / "results"
    first = cut(slide, results)
    before = without_record(first.folder)
    after(monkeypatch, tile_step, "_cut_chosen", (slide.folder / "Data0001.dat").touch)
    again = cut(slide, results)
    assert again.tiled["status"] == "kept"
    assert "A.mrxs changed while it was read: Data0001.dat was written" in again.tiled["error"]
    assert again.tiled["error"].endswith(PROMISE)
    assert without_record(first.folder) == before


def test_viewer_refused(
    slide: WrittenSlide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a disk does not give to the viewer costs no tile, and the next run tries it again."""
    monkeypatch.setattr("mrxs_tiles.viewer.page.openseadragon", lambda: {"x.js": b"script"})
    results = tmp_path / "results"
    first = cut(slide, results, deepzoom=True)
    before = tree(first.folder)
    assert "viewer.html" in before
    assert "viewer_files/x.js" in before
    settings = read_config(KEYS | {"deepzoom": True}).settings
    with monkeypatch.context() as patch:
        patch.setattr(Builder, "build", lambda *_: PassingError("Data0001.dat cannot be read"))
        said = viewer(NAME, slide.path, results, settings, 2)
        assert said["status"] == "failed"
        assert said["error"].startswith("The viewer could not be made: A.mrxs cannot be read")
        report(results)
        assert said["error"] in read_report(results)[0]["warnings"]
        assert verify(results).is_whole
        assert {**tree(first.folder), "viewer.json": b""} == {**before, "viewer.json": b""}
        keep_promises(results, [NAME])
        assert not (first.folder / "viewer.json").exists()
    viewer(NAME, slide.path, results, settings, 2)
    assert tree(first.folder) == before


def job(slide: WrittenSlide, results: Path, **keys: Any) -> dict[str, Any]:
    """Run both steps as Snakemake does with on_bad_slide=stop: tables of a failed job go back."""
    settings = read_config(KEYS | keys).settings
    inspect(NAME, slide.path, results, settings)
    folder = results / NAME
    tables = {name: (folder / name).read_bytes() for name in TABLES if (folder / name).is_file()}
    record = tile_step.tile(NAME, slide.path, results, settings, 2, Source(stops=True))
    if record["status"] != "ok":
        for name in TABLES:
            (folder / name).unlink(missing_ok=True)
        for name, content in tables.items():
            (folder / name).write_bytes(content)
    return record


def check_sums(folder: Path) -> None:
    """Each tile that the table names is the one that lies there."""
    for row in table(folder / "tiles.tsv"):
        if row["kept"] == "1":
            assert int(row["crc32"], 16) == zlib.crc32((folder / row["file"]).read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("tidied", [True, False], ids=["workflow", "module"])
@pytest.mark.parametrize("was", ["damaged", "ok"])
def test_stop(slide: WrittenSlide, tmp_path: Path, was: str, tidied: bool) -> None:
    """A job that fails by its slide changes no tile, and never passes for what was asked."""
    results = tmp_path / "results"
    if was == "damaged":
        damage(slide)
    first = cut(slide, results)
    assert first.tiled["status"] == was
    before = {name: c for name, c in without_record(first.folder).items() if name[:6] == "tiles/"}
    damage(slide, 7)
    for quality in (90, 75):
        record = job(slide, results, quality=quality)
        assert record["status"] == ("failed" if quality == 90 else "kept")
        if tidied:
            begun.tidy(first.folder)
            assert not (first.folder / "tiles.json").exists()  # so that the next run does it again
        check_sums(first.folder)
        assert before.items() <= tree(first.folder).items()
        report(results)
        row = read_report(results)[0]
        assert row["status"] in ("failed", "kept")
        assert kept.earlier(first.folder) == first.tiled
    kept.ask_again(first.folder)
    assert cut(slide, results, quality=90).tiled["status"] == "damaged"
    expected = without_record(cut(slide, tmp_path / "fresh", quality=90).folder)
    assert without_record(first.folder) == expected


@pytest.mark.long
def test_stop_after_a_killed_run(slide: WrittenSlide, tmp_path: Path) -> None:
    """Tables that were not to be believed before a job that stops are not after it, by anyone."""
    results = tmp_path / "results"
    first = cut(slide, results)
    (first.folder / publishing.PUBLISHING).touch()  # what a killed run leaves
    damage(slide)
    settings = read_config(KEYS | {"quality": 90}).settings
    tables = {name: (first.folder / name).read_bytes() for name in TABLES}
    record = tile_step.tile(NAME, slide.path, results, settings, 2, Source(stops=True))
    assert record["status"] == "damaged"
    for name, content in tables.items():
        (first.folder / name).write_bytes(content)
    assert kept.earlier(first.folder) is None
    report(results)
    assert read_report(results)[0]["status"] == "failed"
    with pytest.raises(ResultsError, match="Run tile again"):
        export(NAME, results, ["clam"])
    assert cut(slide, results).tiled["status"] == "damaged"
    assert not os.path.lexists(first.folder / publishing.PUBLISHING)


@pytest.mark.parametrize("key", ["region", "labels"])
def test_annotations_by_content(slide: WrittenSlide, tmp_path: Path, key: str) -> None:
    """A file of the same size with another content is another; moved or renamed, none."""
    results = tmp_path / "results"
    drawn = tmp_path / "drawn.geojson"
    square = (
        '{"type": "Feature", "properties": {"classification": {"name": "Tumor"}}, "geometry": '
        '{"type": "Polygon", "coordinates": [[[0, 0], [300, 0], [300, 300], [0, 300], [0, 0]]]}}'
    )
    drawn.write_text(square)
    first = cut(slide, results, **{key: str(drawn)})
    moved = tmp_path / "elsewhere" / "other.geojson"
    moved.parent.mkdir()
    moved.write_text(square)
    asked = read_config(KEYS | {key: str(moved)}).settings
    assert kept.of_same_keys(first.tiled, asked)
    times = moved.stat()
    moved.write_text(square.replace("300", "200"))
    os.utime(moved, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert not kept.of_same_keys(first.tiled, asked)
    moved.unlink()
    assert not kept.of_same_keys(first.tiled, asked)


def test_nothing_outlives_its_tiles(slide: WrittenSlide, tmp_path: Path) -> None:
    """What was made of the tiles, a model's vectors too, goes with them, and stays as they do."""
    results = tmp_path / "results"
    first = cut(slide, results)
    report(results)
    load(results).write_features(NAME, np.zeros((first.tiled["counts"]["kept"], 4)))
    vectors = first.folder / "features.h5"
    away = slide.folder.rename(slide.folder.with_name("away"))
    assert cut(slide, results).tiled["status"] == "kept"
    assert vectors.is_file()
    away.rename(slide.folder)
    cut(slide, results, tile_size=64)
    assert not vectors.exists()
