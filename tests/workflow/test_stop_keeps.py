"""A job that fails leaves tables and tiles of one run, and the next run does it again."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest

import running
from bad_slides import TILE, zero
from in_process import table
from running import TINY, snakemake

pytestmark = pytest.mark.slow


def test_stop_keeps(tmp_path: Path) -> None:
    """Asked for otherwise, a damaged slide's job fails in each run, until it need not."""
    slide = running.write(tmp_path / "slides" / "A.mrxs", TINY)
    zero(slide, slide.images[:1], slide.folder)
    config: dict[str, Any] = {"tile_size": TILE}
    assert snakemake(tmp_path, **config, on_bad_slide="ignore").code == 0
    folder = tmp_path / "results" / "A"
    before = {path.name: path.read_bytes() for path in (folder / "tiles").iterdir()}
    for _ in range(2):
        ran = snakemake(tmp_path, **config, quality=90, on_bad_slide="stop")
        assert (ran.code, ran.jobs) == (1, ["tile A"])
        assert "Results of an earlier run with other settings stay" in ran.text
        for row in table(folder / "tiles.tsv"):
            if row["kept"] == "1":
                content = (folder / row["file"]).read_bytes()
                assert int(row["crc32"], 16) == zlib.crc32(content)
        assert {path.name: path.read_bytes() for path in (folder / "tiles").iterdir()} == before
    ran = snakemake(tmp_path, **config, quality=90)
    assert (ran.code, ran.jobs) == (1, ["report", "tile A"])
    assert "A (damaged)" in ran.text
    assert (folder / "tiles" / next(iter(before))).read_bytes() != before[next(iter(before))]


def test_a_job_that_failed_is_done_again(tmp_path: Path) -> None:
    """Where a job fails for its disk, the tiles of before stay, and are not taken for today's."""
    running.write(tmp_path / "slides" / "A.mrxs", TINY)
    config: dict[str, Any] = {"tile_size": TILE}
    assert snakemake(tmp_path, **config).code == 0
    folder = tmp_path / "results" / "A"
    before = {path.name: path.read_bytes() for path in (folder / "tiles").iterdir()}
    ran = snakemake(tmp_path, **config, quality=90, stage=tmp_path / "not there")
    assert (ran.code, ran.jobs) == (1, ["tile A"])
    assert {path.name: path.read_bytes() for path in (folder / "tiles").iterdir()} == before
    ran = snakemake(tmp_path, **config, quality=90)
    assert (ran.code, ran.jobs) == (0, ["report", "tile A"])
    assert (folder / "tiles" / next(iter(before))).read_bytes() != before[next(iter(before))]
    assert snakemake(tmp_path, **config, quality=90).jobs == []


def test_an_inspection_that_failed_is_done_again(tmp_path: Path) -> None:
    """The same of a slide that could not be opened before, so that nothing of it is kept."""
    slide = running.write(tmp_path / "slides" / "A.mrxs", TINY)
    config: dict[str, Any] = {"tile_size": TILE}
    slide.folder.rename(tmp_path / "away")
    assert snakemake(tmp_path, **config).code == 1
    (tmp_path / "away").rename(slide.folder)
    in_the_way = tmp_path / "results" / "A" / "thumbnail.jpg"
    (in_the_way / "folder").mkdir(parents=True)
    ran = snakemake(tmp_path, **config)
    assert (ran.code, ran.jobs) == (1, ["inspect A"])
    shutil.rmtree(in_the_way)
    ran = snakemake(tmp_path, **config)
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
