"""The step `viewer`: asked for later, without OpenSeadragon, of a slide that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from in_process import NAME, cut
from mrxs_tiles.__main__ import main
from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.report.verify import verify
from mrxs_tiles.steps.viewer import viewer
from mrxs_tiles.viewer import page as viewer_page
from running import mrxs_tiles, snakemake, tree, write

pytestmark = [pytest.mark.slow, pytest.mark.needs("openseadragon")]


def test_a_step_of_its_own(tmp_path: Path) -> None:
    """Asked for later it cuts no tile again; the command line writes the same bytes."""
    path = write(tmp_path / "slides" / "a.mrxs").path
    assert snakemake(tmp_path, slides=path, tile_size=150).code == 0
    folder = tmp_path / "results" / "a"
    before = {name: (folder / name).stat().st_mtime_ns for name in ("tiles", "tiles.tsv")}
    run = snakemake(tmp_path, slides=path, deepzoom="true", tile_size=150)
    assert run.code == 0, run.text
    assert before == {name: (folder / name).stat().st_mtime_ns for name in before}
    assert (tmp_path / "results" / "logs" / "a" / "viewer.log").exists()
    assert "a/viewer.html" in (tmp_path / "results" / "report.html").read_text()
    options = ("--results", tmp_path / "by hand", "--tile-size", "150")
    mrxs_tiles("inspect", path, *options)
    mrxs_tiles("tile", path, *options)
    # it asks for none of the keys by which tiles are cut
    assert mrxs_tiles("viewer", path, "--results", tmp_path / "by hand").code == 0
    assert tree(tmp_path / "by hand" / "a") == tree(folder)
    assert verify(tmp_path / "results").is_whole
    assert snakemake(tmp_path, slides=path, tile_size=200).code == 0
    assert not [entry.name for entry in folder.iterdir() if "viewer" in entry.name]


def test_without_openseadragon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, one sentence says how to get it, before anything is cut."""
    path = write(tmp_path / "slides" / "a.mrxs").path
    monkeypatch.setattr(viewer_page, "OPENSEADRAGON", tmp_path / "nowhere")
    cut(path, tmp_path)
    before = tree(tmp_path)
    settings = read_config({"deepzoom": True}).settings
    with pytest.raises(ResultsError, match="Run make env in the folder of mrxs-tiles"):
        viewer(NAME, path, tmp_path, settings, 1)
    options = (str(path), "--results", str(tmp_path), "--slide", NAME, "--tile-size", "90")
    assert main(["tile", *options, "--deepzoom", "true"]) == 1
    assert tree(tmp_path) == before


def test_failed_slide_has_none(tmp_path: Path) -> None:
    """A slide that cannot be opened has no viewer, nor the one of an earlier run."""
    old = tmp_path / NAME
    (old / "viewer_files").mkdir(parents=True)
    (old / ".viewer_files.partial").mkdir()  # of a run that was killed
    (old / "viewer.html").write_text("old")
    assert cut(tmp_path / "none.mrxs", tmp_path, deepzoom=True).tiled["status"] == "failed"
    assert [entry.name for entry in old.iterdir() if "viewer" in entry.name] == ["viewer.json"]
