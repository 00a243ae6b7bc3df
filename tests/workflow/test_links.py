"""Links that lie in the results: nothing is written or removed where they lead."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import running
from in_process import NAME, cut
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.errors import ConfigError
from mrxs_tiles.files.store import write_file
from mrxs_tiles.mirax import named_files
from mrxs_tiles.mirax.stamp import take_stamp
from mrxs_tiles.report.pictures import FOLDER, map_name
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.preview import preview
from running import TINY, mrxs_tiles, snakemake, table, tree, write

MINE = {"mine.txt": b"mine", "slide.json": b"mine", "tiles/0_0.jpg": b"mine", "counts.tsv": b"mine"}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder beside the results that must stay as it is."""
    for name, content in MINE.items():
        path = tmp_path / "elsewhere" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "elsewhere"


def plant(elsewhere: Path, link: Path) -> None:
    """Put a link in the place of a file or folder."""
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)


@pytest.mark.parametrize("name", ["tiles", "viewer_files", ".tiles.partial", ".tiles.old"])
@pytest.mark.parametrize("again", [True, False])
def test_folder_of_a_slide(tmp_path: Path, elsewhere: Path, name: str, again: bool) -> None:
    """A link in the place of a folder that we make is removed, and what it points to is not."""
    slide, results = write(tmp_path / "a.mrxs", TINY).path, tmp_path / "results"
    whole = tree(cut(slide, results).folder)
    if not again:
        shutil.rmtree(results)
    plant(elsewhere, results / NAME / name)
    assert tree(cut(slide, results).folder) == whole
    assert tree(elsewhere) == MINE
    assert not [path for path in results.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize(
    "name",
    ["slide.json", "thumbnail.jpg", "tiles.tsv", ".slide.json.partial", ".tiles.tsv.partial"],
)
def test_file_of_a_slide(tmp_path: Path, elsewhere: Path, name: str) -> None:
    """A link in the place of a file, also of one that is not whole yet, is replaced."""
    slide, results = write(tmp_path / "a.mrxs", TINY).path, tmp_path / "results"
    whole = tree(cut(slide, results).folder)
    plant(elsewhere / "mine.txt", results / NAME / name)
    assert tree(cut(slide, results).folder) == whole
    assert tree(elsewhere) == MINE


def test_partial_file(tmp_path: Path, elsewhere: Path) -> None:
    """A file is not written through a link that has the name it bears until it is whole."""
    (tmp_path / ".f.partial").symlink_to(elsewhere / "mine.txt")
    write_file(tmp_path / "f", b"new")
    assert tree(elsewhere) == MINE
    assert not (tmp_path / "f").is_symlink()


def test_preview_and_report(tmp_path: Path, elsewhere: Path) -> None:
    """So it is with the folders of `preview` and `report`."""
    slide, results = write(tmp_path / "a.mrxs", TINY).path, tmp_path / "results"
    cut(slide, results)
    plant(elsewhere, results / NAME / "preview")
    plant(elsewhere, results / FOLDER)
    preview(NAME, slide, results, read_config({}).settings, threads=1)
    report(results)
    assert (results / FOLDER / map_name(NAME)).is_file()
    assert tree(elsewhere) == MINE


@pytest.mark.parametrize(("name", "link"), [("A", "A"), ("sub/A", "sub"), ("sub/A", "sub/A")])
def test_slides_own_folder(tmp_path: Path, elsewhere: Path, name: str, link: str) -> None:
    """Where a slide's folder is a link, Snakemake would remove what lies there: refused before."""
    write(tmp_path / "slides" / f"{name}.mrxs", TINY)
    results = tmp_path / "results"
    plant(elsewhere, results / link)
    config = {"slides": str(tmp_path / "slides"), "results": str(results)}
    sentence = f'"{results / link}" in it is a link: what is written and removed there would lie'
    with pytest.raises(ConfigError) as caught:
        find_slides(read_config(config))
    assert sentence in str(caught.value)
    assert tree(elsewhere) == MINE


@pytest.mark.slow
def test_slides_own_folder_from_outside(tmp_path: Path, elsewhere: Path) -> None:
    """The same from the workflow and the command line; results may be a link themselves."""
    slide = write(tmp_path / "slides" / "A.mrxs", TINY).path
    plant(elsewhere, tmp_path / "results" / "A")
    ran = snakemake(tmp_path)
    assert (ran.code, ran.jobs) == (1, [])
    assert '"results/A" in it is a link' in ran.text
    for command in ("inspect", "tile", "preview"):
        ran = mrxs_tiles(command, slide, "--results", tmp_path / "results")
        assert (ran.code, "in it is a link" in ran.err) == (1, True)
    assert tree(elsewhere) == MINE
    (tmp_path / "disk").mkdir()
    (tmp_path / "linked").symlink_to("disk")
    assert running.cut(slide, tmp_path / "linked").code == 0
    assert (tmp_path / "disk" / "A" / "tiles.json").is_file()


# --- links among a slide's own files ------------------------------------------------------------


def linked(folder: Path, store: Path) -> None:
    """Put the data files into a store, as git-annex does, and links in their place."""
    store.mkdir(parents=True)
    for file in sorted(folder.glob("*.dat")):
        kept = store / f"KEY-{file.name}"
        file.rename(kept)
        file.symlink_to(os.path.relpath(kept, folder))


@pytest.mark.parametrize(
    ("store", "named", "allowed"),
    [
        ("data/set/.store", None, True),  # below the slides' own folder
        ("data/.git/annex/objects", None, True),
        (".dvc/cache/files", None, True),
        ("data/store", None, False),
        ("data/store", "data", True),
        ("data/store", "data/*/*.mrxs", True),
        ("private", "data", False),
        ("data/settings", None, False),  # its name begins like that of the slides' folder
    ],
)
def test_links_to_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, named: str | None, allowed: bool
) -> None:
    """A link may lead to a store or to where the slides lie; elsewhere it is refused by name."""
    monkeypatch.setattr(named_files, "_named_by_user", set())
    slide = write(tmp_path / "data" / "set" / "a.mrxs", TINY)
    whole = cut(slide.path, tmp_path / "whole")
    linked(slide.folder, tmp_path / store)
    named_files._roots.cache_clear()
    if named is not None:
        named_files.allow_links_below(tmp_path / named)
    now = cut(slide.path, tmp_path / "results")
    if allowed:
        assert tree(now.folder) == tree(whole.folder)
        stamp = take_stamp(slide.path).digest
        (tmp_path / store / "KEY-Data0001.dat").touch()
        assert take_stamp(slide.path).digest != stamp
    else:
        target = os.path.relpath(tmp_path / store, slide.folder)
        assert f".dat is a link to {target}/KEY-" in now.tiled["error"]
        assert str(tmp_path) not in now.tiled["error"]


def test_names_do_not_lead_out(tmp_path: Path) -> None:
    """What Slidedat.ini names lies in the folder, whatever a link there would be allowed."""
    slide = write(tmp_path / "a.mrxs", TINY)
    (slide.folder / "Data0001.dat").rename(tmp_path / "Data0001.dat")
    ini = slide.folder / "Slidedat.ini"
    ini.write_bytes(ini.read_bytes().replace(b"FILE_1=Data", b"FILE_1=../Data"))
    now = cut(slide.path, tmp_path / "results")
    assert "FILE_1=../Data0001.dat, not a file of the slide's folder" in now.tiled["error"]


@pytest.mark.slow
def test_links_below_a_folder_that_looks_like_a_number(tmp_path: Path) -> None:
    """Where links may lead, `slides=2024` says as it was typed."""
    path = write(tmp_path / "2024" / "cases" / "1" / "a.mrxs", TINY).path
    data, blob = path.with_suffix("") / "Data0000.dat", tmp_path / "2024" / "blobs" / "b1"
    blob.parent.mkdir()
    data.rename(blob)
    data.symlink_to(blob)
    ran = snakemake(tmp_path, slides=2024, tile_size=200)
    assert ran.code == 0, ran.text
    assert [row["status"] for row in table(tmp_path / "results" / "report.tsv")] == ["ok"]
