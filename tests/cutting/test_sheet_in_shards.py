"""The sheet's columns in shards: in the rows' JSON alone, and corrected without a tile touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from in_process import NAME, table
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting.job import Source
from mrxs_tiles.cutting.sheet_in_shards import renew_sheet
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import store
from mrxs_tiles.files.lock import SLIDE_LOCK, alone
from mrxs_tiles.files.tile_files import TileFiles
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.steps import tile as tile_step
from mrxs_tiles.steps.inspect import inspect
from packing import MANY, archives, members

FIRST = {"patient": "007", "note": ""}
# longer than a block of an archive, and with all that JSON escapes
SECOND = {"patient": 'é "x"\\,"sheet":{}', "note": "n" * 700}


@pytest.fixture(scope="module")
def slide(large_slide: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A slide, and results of it that are inspected."""
    results = tmp_path_factory.mktemp("sheet")
    inspect(NAME, large_slide, results, settings())
    return large_slide, results


def settings() -> Any:
    """One MB a shard: there are several."""
    return read_config({"tile_size": MANY, "packing": "tar", "shard_size": 1}).settings


def cut_with(slide: tuple[Path, Path], sheet: Mapping[str, str]) -> dict[str, bytes]:
    """The shards of a slide that is cut with a row of the sheet."""
    path, results = slide
    tile_step.tile(NAME, path, results, settings(), 2, Source(sheet=sheet))
    return shards(results)


def shards(results: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in archives(results)}


@pytest.mark.slow
def test_in_the_rows_alone(slide: tuple[Path, Path]) -> None:
    """Each row says what the sheet does, last; pictures, table and shards are as without one."""
    plain, results = cut_with(slide, {}), slide[1]
    before = {path.name: members(path) for path in archives(results)}
    rows = (results / NAME / "tiles.tsv").read_bytes()
    assert len(plain) > 2
    assert cut_with(slide, SECOND).keys() == plain.keys()
    assert (results / NAME / "tiles.tsv").read_bytes() == rows
    for path in archives(results):
        now = members(path)
        assert list(now) == list(before[path.name])
        for name, content in now.items():
            if name.endswith(".json"):
                row = json.loads(content)
                assert list(row)[-1] == "sheet"
                assert row.pop("sheet") == SECOND
                assert row == json.loads(before[path.name][name])
            else:
                assert content == before[path.name][name]


@pytest.mark.long
def test_as_if_cut_with_it(slide: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Put in, corrected, taken out: the bytes are those of a slide that is cut so; none is read."""
    results, wanted = slide[1], {}
    for number, sheet in enumerate(({}, FIRST, SECOND)):
        wanted[number] = cut_with(slide, sheet), sheet
    monkeypatch.setattr(tile_step, "opened_job", None)
    for number in (0, 1, 2, 1, 0):
        shards_then, sheet = wanted[number]
        assert renew_sheet(results, NAME, sheet) == len(shards_then)
        assert shards(results) == shards_then
        times = [path.stat().st_mtime_ns for path in archives(results)]
        assert renew_sheet(results, NAME, sheet) == 0
        assert [path.stat().st_mtime_ns for path in archives(results)] == times
    kept = [row["file"] for row in table(results / NAME / "tiles.tsv") if row["file"]]
    with TileFiles(results / NAME) as files:
        assert files.read(kept[-1]).startswith(b"\xff\xd8")


@pytest.mark.long
def test_lasting(slide: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard is whole on the disk before it takes the other's place: power may be cut."""
    wanted = cut_with(slide, SECOND)
    cut_with(slide, FIRST)
    flushed: list[bytes] = []

    def flush(path: Path) -> None:
        flushed.append(path.read_bytes())

    def replaced(source: Path, target: Path) -> None:
        assert flushed[-1:] == [source.read_bytes()]
        source.replace(target)

    monkeypatch.setattr(store, "flush_file", flush)
    monkeypatch.setattr(store, "replace", replaced)
    assert renew_sheet(slide[1], NAME, SECOND) == len(wanted)
    assert flushed == list(wanted.values())


def test_empty_cells_are_null(slide: tuple[Path, Path]) -> None:
    """As all that is not known, a cell without a text is null."""
    cut_with(slide, FIRST)
    content = next(iter(members(archives(slide[1])[0]).items()))
    row = json.loads(members(archives(slide[1])[0])[content[0].replace(".jpg", ".json")])
    assert row["sheet"] == {"patient": "007", "note": None}


@pytest.mark.long
def test_one_shard_was_not_reached(slide: tuple[Path, Path]) -> None:
    """After a run that was killed between two shards the others follow."""
    old, results = cut_with(slide, FIRST), slide[1]
    new = cut_with(slide, SECOND)
    last = archives(results)[-1]
    last.write_bytes(old[last.name])
    assert renew_sheet(results, NAME, SECOND) == 1
    assert shards(results) == new


@pytest.mark.long
def test_a_shard_that_cannot_be_read(slide: tuple[Path, Path]) -> None:
    """It is named in the report, which holds all slides all the same."""
    whole, results = cut_with(slide, FIRST), slide[1]
    first = archives(results)[0]
    first.write_bytes(whole[first.name][:700])
    with pytest.raises(ResultsError, match=r"is no whole shard\. Cut the slide again"):
        renew_sheet(results, NAME, SECOND)
    assert first.read_bytes() == whole[first.name][:700]
    report(results, Reported(carried={NAME: SECOND}))
    (row,) = read_report(results)
    assert "its shards hold the sheet's columns as they were before" in row["warnings"]
    first.write_bytes(whole[first.name])
    with alone(results / NAME / SLIDE_LOCK, "x"), pytest.raises(ResultsError, match="being"):
        renew_sheet(results, NAME, SECOND)
    report(results, Reported(carried={NAME: SECOND}))
    (row,) = read_report(results)
    assert "its shards" not in row["warnings"]
    assert shards(results) == cut_with(slide, SECOND)
