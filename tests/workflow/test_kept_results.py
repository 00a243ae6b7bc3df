"""What an earlier run cut stays, seen from outside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import running
from bad_slides import MIRAX, TILE
from running import TINY, record, snakemake, tree

pytestmark = pytest.mark.slow


def test_broken_later(tmp_path: Path) -> None:
    """When a good slide's folder is gone at the next run, what was cut of it stays."""
    slide = running.write(tmp_path / "A.mrxs", TINY)
    results = tmp_path / "results"
    assert running.cut(slide.path, results).code == 0
    before = tree(results)
    shutil.rmtree(slide.folder)
    ran = running.cut(slide.path, results)
    assert (ran.code, ran.err) == (
        1,
        "mrxs-tiles: A (kept): Not there now; results of an earlier run kept: The folder 'A' is "
        f"missing beside A.mrxs. {MIRAX}: copy the folder there too.\n",
    )
    after = tree(results)
    assert before.pop("A/tiles.json") != after.pop("A/tiles.json")
    assert after == before


def test_not_mounted_for_once(tmp_path: Path) -> None:
    """A disk that is away for one run costs nothing: no tile, and no job when it is back."""
    share, results = tmp_path / "share", tmp_path / "results"
    for name in ("x", "y"):
        running.write(share / f"{name}.mrxs", TINY)
    (tmp_path / "sheet.csv").write_text("path\nshare/x.mrxs\nshare/y.mrxs\nshare/new.mrxs\n")
    config: dict[str, Any] = {"slides": tmp_path / "sheet.csv", "tile_size": TILE}
    assert snakemake(tmp_path, **config).code == 1  # there is no third slide
    before = {name: content for name, content in tree(results).items() if name[:2] in ("x/", "y/")}
    share.rename(tmp_path / "away")
    share.mkdir()
    ran = snakemake(tmp_path, **config)
    assert (ran.code, ran.jobs) == (1, ["report"])
    assert "\n3 slides: 0 ok, 3 bad\n" in ran.err
    assert "\n  x (kept): Not there now; results of an earlier run kept: x.mrxs does not" in ran.err
    assert "\n  new (failed): new.mrxs does not exist." in ran.err
    assert before.items() <= tree(results).items()
    ran = snakemake(tmp_path, **config, on_bad_slide="stop")
    assert (ran.code, before.items() <= tree(results).items()) == (1, True)
    shutil.rmtree(share)
    (tmp_path / "away").rename(share)
    assert snakemake(tmp_path, "-n", **config).jobs == ["report"]
    share.rename(tmp_path / "moved")
    (tmp_path / "sheet.csv").write_text("path,slide\nmoved/x.mrxs,x\n")
    ran = snakemake(tmp_path, **config)
    assert (ran.code, ran.jobs) == (0, ["report"])
    assert "\nresults of 2 slides that this run does not name: new, y " in ran.err
    assert record(results / "x" / "slide.json")["path"] == str(tmp_path / "moved" / "x.mrxs")
    assert "results of 2 slides that this run" in (results / "report.html").read_text("utf-8")


def test_file_that_may_not_be_read(tmp_path: Path) -> None:
    """A slide of mode 000 is a bad slide like others; the rest is done, also in the next run."""
    user = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() == 0 and shutil.which(user[0]) is None:
        pytest.skip("root reads everything here")
    good = running.write(tmp_path / "slides" / "good.mrxs", TINY)
    closed = running.copy_slide(good.path, tmp_path / "slides" / "closed.mrxs")
    closed.chmod(0)
    command = [str(part) for part in running.snakemake_command(tmp_path, tile_size=TILE)]
    for _ in range(2):
        ran = running.run(*(user if os.geteuid() == 0 else []), *command)
        assert ran.code == 1
        assert "\n2 slides: 1 ok, 1 bad\n" in ran.err
        assert "closed (failed): closed.mrxs may not be read. Permit" in ran.err
