"""Slides that are copied to a local disk before they are cut: the same bytes, damage told."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import running
from in_process import NAME, Variant
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import slide_copy, stage
from mrxs_tiles.cutting.job import Source
from mrxs_tiles.errors import StageError
from mrxs_tiles.mirax.locate import SlideFiles, locate, parts_of
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.steps.viewer import viewer
from running import names, tree
from staging import HERE, MORE


def check_same(path: Path, local: Path, tmp_path: Path, **keys: Any) -> dict[str, Any]:
    """Cut a slide with and without a copy: the results are the same, and the copy is gone."""
    settings = read_config({"tile_size": 200, **keys}).settings
    inspect(NAME, path, tmp_path / "plain", settings)
    shutil.copytree(tmp_path / "plain", tmp_path / "copied")
    for results, where in ((tmp_path / "copied", str(local)), (tmp_path / "plain", None)):
        record = tile(NAME, path, results, settings, 2, Source(where))
        if settings.deepzoom:
            viewer(NAME, path, results, settings, 2, Source(where))
    assert tree(tmp_path / "copied") == tree(tmp_path / "plain")
    assert names(local) == []
    return record


def copied(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the log says that the slide was copied."""
    return "B copied to" in caplog.text


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


# --- the same bytes -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reader"),
    [
        *(("jpeg", "auto"), ("fluorescence", "auto"), ("few_levels", "openslide")),
        *(
            pytest.param(name, reader, marks=pytest.mark.torture)
            for name in ("png", "one_division")
            for reader in ("auto", "openslide")
        ),
    ],
)
def test_same_mirax(
    variant: Variant, local: Path, tmp_path: Path, caplog: Any, name: str, reader: str
) -> None:
    """A MIRAX slide's results are the same with and without a copy."""
    assert check_same(variant(name).path, local, tmp_path, reader=reader)["status"] == "ok"
    assert copied(caplog)


@pytest.mark.needs("openseadragon")
def test_same_viewer(tiny: Path, local: Path, tmp_path: Path) -> None:
    """The viewer is the same too."""
    check_same(tiny, local, tmp_path, deepzoom=True)


@pytest.mark.slow
def test_same_aperio(aperio: Path, local: Path, tmp_path: Path, caplog: Any) -> None:
    """A format of one file is copied too."""
    assert check_same(aperio, local, tmp_path, tile_size=800)["status"] == "ok"
    assert copied(caplog)


def test_names_that_need_a_link(tiny: Path, local: Path, tmp_path: Path, caplog: Any) -> None:
    """Upper case, and links to the small file or to both parts, are read through a copy as well."""
    upper = running.copy_slide(tiny, tmp_path / "upper" / "U.mrxs").rename(
        tmp_path / "upper" / "U.MRXS"
    )
    links = tmp_path / "links"
    links.mkdir()
    (links / "B.mrxs").symlink_to(tiny)
    (links / "C.mrxs").symlink_to(tiny)
    (links / "C").symlink_to(tiny.with_suffix(""))
    for number, path in enumerate((upper, links / "B.mrxs", links / "C.mrxs")):
        caplog.clear()
        check_same(path, local, tmp_path / str(number))
        assert copied(caplog)


# --- damage -------------------------------------------------------------------------------------


def corrupt(path: Path) -> None:
    """Overwrite what the middle of the first data file holds."""
    file = path.with_suffix("") / "Data0000.dat"
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2)
        stream.write(b"\0" * 300)


def remove(path: Path) -> None:
    """Remove a data file."""
    (path.with_suffix("") / "Data0000.dat").unlink()


def shorten(path: Path) -> None:
    """Cut a data file short."""
    file = path.with_suffix("") / "Data0001.dat"
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [corrupt, remove, shorten])
@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_same_damage(
    variant: Variant,
    local: Path,
    tmp_path: Path,
    caplog: Any,
    damage: Callable[[Path], None],
    reader: str,
) -> None:
    """Missing, short and corrupt data files cost the same tiles, in the same words."""
    path = running.copy_slide(variant("jpeg").path, tmp_path / "slides" / "A.mrxs")
    damage(path)
    assert check_same(path, local, tmp_path, reader=reader)["status"] == "damaged"
    assert copied(caplog)


def test_slide_error_while_copied(tiny: Path, local: Path, tmp_path: Path) -> None:
    """A slide that breaks after `inspect` is failed in the same words, and its copy goes."""
    settings = read_config({}).settings
    records = []
    for results, where in ((tmp_path / "copied", str(local)), (tmp_path / "plain", None)):
        inspect(NAME, tiny, results, settings)
        index = tiny.with_suffix("") / "Index.dat"
        index.rename(tmp_path / "aside")
        records.append(tile(NAME, tiny, results, settings, 1, Source(where)))
        (tmp_path / "aside").rename(index)
    assert records[0] == records[1]
    assert records[0]["status"] == "failed"
    assert tree(tmp_path / "copied") == tree(tmp_path / "plain")
    assert names(local) == []


def test_unreadable_file(tiny: Path, local: Path, tmp_path: Path, caplog: Any) -> None:
    """A slide of which a file cannot be read to its end is read where it lies."""
    real = slide_copy._chunks

    def broken(path: Path, *where: int) -> Any:
        if path.name == "Data0001.dat":
            raise slide_copy.UnreadableError(f"{path.name} cannot be read (Input/output error)")
        yield from real(path, *where)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slide_copy, "_chunks", broken)
        check_same(tiny, local, tmp_path)
    assert not copied(caplog)
    assert (
        "A.mrxs is not copied but read where it lies: Data0001.dat cannot be read (Input/output "
        "error)" in caplog.text
    )


@pytest.mark.parametrize("name", ["A.vms", "A.dcm"])
def test_files_not_known(tmp_path: Path, local: Path, caplog: Any, name: str) -> None:
    """A format of many files is not copied, with a warning."""
    path = tmp_path / name
    path.write_bytes(b"?")
    with stage.staged(SlideFiles(path, None), str(local)) as copy:
        assert copy.files == SlideFiles(path, None)
    assert "read where it lies: which files belong to it is not known" in caplog.text


def test_slidedat_not_understood(tiny: Path, local: Path, caplog: Any) -> None:
    """Nor is a MIRAX slide whose Slidedat.ini does not say what belongs to it."""
    (tiny.with_suffix("") / "Slidedat.ini").write_text("[GENERAL]\n")
    files = locate(tiny)
    with stage.staged(files, str(local)) as copy:
        assert copy.files == files
    assert "which files belong to it is not known" in caplog.text


# --- the copy -----------------------------------------------------------------------------------


def test_only_what_belongs_to_it(tiny: Path, local: Path) -> None:
    """The slide's own files are copied, for this user alone, and nothing else in its folder."""
    (tiny.with_suffix("") / "notes.txt").write_text("x")
    with stage.staged(locate(tiny), str(local)) as copy:
        assert copy.files.path.name == "A.mrxs"
        found = tree(copy.files.path.parent)
        expected = tree(tiny.parent)
        del expected["A/notes.txt"]
        assert found == expected
        [home] = local.iterdir()
        assert home.stat().st_mode & 0o777 == 0o700
    assert names(local) == []


@pytest.mark.parametrize("name", ["tiny", "aperio"])
def test_some_at_once(
    request: pytest.FixtureRequest, local: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """While one piece is waited for others are copied, of the same file too."""
    path = request.getfixturevalue(name)
    monkeypatch.setattr(slide_copy, "PIECE_BYTES", 10_007)
    monkeypatch.setattr(slide_copy, "AT_ONCE", 1000)
    together = threading.Barrier(slide_copy.PIECES_AT_ONCE, timeout=30)
    real, begun = slide_copy._chunks, itertools.count(1)

    def meeting(path: Path, *where: int) -> Any:
        if next(begun) <= slide_copy.PIECES_AT_ONCE:
            together.wait()
        yield from real(path, *where)

    monkeypatch.setattr(slide_copy, "_chunks", meeting)
    with stage.staged(locate(path), str(local)) as copy:
        for file in parts_of(copy.files):
            source = path.parent / file.relative_to(copy.files.path.parent)
            assert file.read_bytes() == source.read_bytes()
        copy.check()
        with file.open("r+b") as stream:  # its last byte
            stream.seek(-1, os.SEEK_END)
            stream.write(b"?")
        with pytest.raises(StageError, match="has other bytes"):
            copy.check()
    assert not together.broken


def test_empty_file(tiny: Path, local: Path) -> None:
    """A file without a byte is there in the copy."""
    os.truncate(tiny.with_suffix("") / "Data0001.dat", 0)
    with stage.staged(locate(tiny), str(local)) as copy:
        assert tree(copy.files.path.parent) == tree(tiny.parent)


@pytest.mark.parametrize("change", ["longer", "shorter", "touched", "gone", "came"])
def test_source_changes(tiny: Path, local: Path, change: str) -> None:
    """A slide that changes while it is copied is not cut: the sentence names the file."""
    file = tiny.with_suffix("") / "Data0001.dat"
    if change == "came":
        file.rename(tiny.parent / "later")
    real = slide_copy._chunks

    def changing(path: Path, *where: int) -> Any:
        yield from real(path, *where)
        if path.name == "Slidedat.ini":
            if change == "longer":
                with file.open("ab") as stream:
                    stream.write(b"more")
            elif change == "shorter":
                os.truncate(file, 10)
            elif change == "touched":
                os.utime(file, ns=(1, 1))
            elif change == "gone":
                file.unlink()
            else:
                (tiny.parent / "later").rename(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slide_copy, "_chunks", changing)
        with pytest.raises(StageError) as caught, stage.staged(locate(tiny), str(local)):
            raise AssertionError
    assert str(caught.value) == (
        f'Data0001.dat changed while A.mrxs was copied to "{local}" on {HERE}. Wait until nothing '
        "writes to the slide any more, then run again."
    )
    assert names(local) == []


@pytest.mark.parametrize("how", ["other bytes", "gone"])
def test_damaged_copy(
    variant: Variant, local: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read because the copy is damaged is not put down to the slide."""
    path = variant("jpeg").path
    settings = read_config({"tile_size": 200}).settings
    inspect(NAME, path, tmp_path, settings)
    before = tree(tmp_path / NAME)
    made = stage._made

    def made_and_damaged(copy: Any) -> bool:
        done = made(copy)
        (corrupt if how == "other bytes" else remove)(copy._folder / path.name)
        return done

    monkeypatch.setattr(stage, "_made", made_and_damaged)
    with pytest.raises(StageError) as caught:
        tile(NAME, path, tmp_path, settings, 1, Source(str(local)))
    found = (
        "has other bytes" if how == "other bytes" else "cannot be read (No such file or directory)"
    )
    assert str(caught.value) == (
        f'The copy of jpeg.mrxs in "{local}" on {HERE} is damaged, not the slide: Data0000.dat '
        f"{found}. See to that disk, {MORE[:-1]}; then run again."
    )
    assert names(local) == []
    assert tree(tmp_path / NAME) == before
