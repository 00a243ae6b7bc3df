"""Slides that are copied to a local disk before they are cut: the same bytes, and nothing left."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import running
from in_process import NAME, Variant
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import stage
from mrxs_tiles.cutting.job import Source
from mrxs_tiles.errors import StageError
from mrxs_tiles.files import scratch
from mrxs_tiles.mirax.locate import SlideFiles, locate
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from running import LARGE, TINY, Ran, lasting, mrxs_tiles, names, snakemake, tree

MORE = "name another folder with stage, or set stage to null."
HERE = scratch.machine()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The folder to which slides are copied."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A slide that is cut at once."""
    return running.write(tmp_path / "slides" / "A.mrxs", TINY).path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide that takes a second or two at 64 px; below `undisturbed` its results."""

    def make(folder: Path) -> Ran:
        slide = running.write(folder / "L.mrxs", LARGE)
        return running.cut(slide.path, folder / "undisturbed", "--tile-size=64", threads=2)

    folder, ran = running.once(tmp_path_factory, "large-to-stage", make)
    assert (ran.code, ran.err) == (0, "")
    return folder


def check_same(path: Path, local: Path, tmp_path: Path, **keys: Any) -> dict[str, Any]:
    """Cut a slide with and without a copy: the results are the same, and the copy is gone."""
    settings = read_config({"tile_size": 200, **keys}).settings
    for results, where in ((tmp_path / "copied", str(local)), (tmp_path / "plain", None)):
        inspect(NAME, path, results, settings)
        record = tile(NAME, path, results, settings, 2, Source(where))
    assert tree(tmp_path / "copied") == tree(tmp_path / "plain")
    assert names(local) == []
    return record


def copied(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the log says that the slide was copied."""
    return "GB copied to" in caplog.text


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


# --- the same bytes -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jpeg", "png", "one_division", "fluorescence", "few_levels"])
@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_same_mirax(
    variant: Variant, local: Path, tmp_path: Path, caplog: Any, name: str, reader: str
) -> None:
    """A MIRAX slide's results are the same with and without a copy."""
    assert check_same(variant(name).path, local, tmp_path, reader=reader)["status"] == "ok"
    assert copied(caplog)


def test_same_viewer(tiny: Path, local: Path, tmp_path: Path) -> None:
    """The viewer is the same too."""
    check_same(tiny, local, tmp_path, deepzoom=True)


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
    real = stage._chunks

    def broken(path: Path) -> Any:
        if path.name == "Data0001.dat":
            raise stage._UnreadableError(f"{path.name} cannot be read (Input/output error)")
        yield from real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "_chunks", broken)
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


@pytest.mark.parametrize("change", ["longer", "touched", "gone", "came"])
def test_source_changes(tiny: Path, local: Path, change: str) -> None:
    """A slide that changes while it is copied is not cut: the sentence names the file."""
    file = tiny.with_suffix("") / "Data0001.dat"
    if change == "came":
        file.rename(tiny.parent / "later")
    real = stage._chunks

    def changing(path: Path) -> Any:
        yield from real(path)
        if path.name == "Slidedat.ini":
            if change == "longer":
                with file.open("ab") as stream:
                    stream.write(b"more")
            elif change == "touched":
                os.utime(file, ns=(1, 1))
            elif change == "gone":
                file.unlink()
            else:
                (tiny.parent / "later").rename(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "_chunks", changing)
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


# --- where to -----------------------------------------------------------------------------------


def refused(path: Path, where: str) -> str:
    """What is said where a slide cannot be copied."""
    with pytest.raises(StageError) as caught, stage.staged(locate(path), where):
        raise AssertionError
    return str(caught.value)


def test_auto(tiny: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` is the folder that TMPDIR names; without one that is there, that is said."""
    monkeypatch.setenv("TMPDIR", str(local))
    with stage.staged(locate(tiny), "auto") as copy:
        assert local in copy.files.path.parents
    monkeypatch.setenv("TMPDIR", "/not/there")
    assert refused(tiny, "auto") == (
        'stage is auto, and TMPDIR names "/not/there", but there is no such folder on '
        f"{HERE}. Make it there, name another one with stage, or set stage to null."
    )
    monkeypatch.delenv("TMPDIR")
    assert refused(tiny, "auto") == (
        "stage is auto, the folder that the environment variable TMPDIR names, but TMPDIR is not "
        f"set on {HERE}. Set it, or name a folder with stage."
    )


def test_no_folder(tiny: Path, tmp_path: Path) -> None:
    """What is not there, or no folder, is said by `tile` in one line; nothing is cut."""
    (tmp_path / "file").touch()
    results = tmp_path / "results"
    assert mrxs_tiles("inspect", tiny, "--results", results).code == 0
    before = tree(results)
    for where in (tmp_path / "none", tmp_path / "file"):
        ran = mrxs_tiles("tile", tiny, "--results", results, "--stage", where)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            f'mrxs-tiles: stage is "{where}", but there is no such folder on {HERE}. Make it '
            "there, name another one with stage, or set stage to null.\n"
        )
    assert tree(results) == before


@pytest.mark.parametrize("value", ["", "null", None])
def test_null(value: str | None) -> None:
    """Null and an empty text mean no copy."""
    assert read_config({"stage": value}).stage is None


def test_home() -> None:
    """A leading ~ is the home, as in all paths; `auto` stays as it is."""
    assert read_config({"stage": "~/x"}).stage == str(Path("~/x").expanduser())
    assert read_config({"stage": "auto"}).stage == "auto"


def test_read_only(tiny: Path, local: Path) -> None:
    """A disk that must not be written to is told."""
    with running.small_disk(local, "1m") as disk:
        assert running.run("mount", "-o", "remount,ro", disk).code == 0
        assert refused(tiny, str(disk)) == (
            f'A.mrxs cannot be copied to "{disk}" on {HERE}: Read-only file system. Free space or '
            f"permit writing there, {MORE}"
        )


def test_no_space(tiny: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room is said before anything is copied, with both figures; or when it ends."""
    with running.small_disk(local, "200k") as disk:
        said = refused(tiny, str(disk))
        assert re.fullmatch(
            rf'The copy of A.mrxs needs 0\.0\d+ GB, but "{disk}" on {HERE} has 0\.000\d+ GB free\. '
            rf"Free space there, {re.escape(MORE)}",
            said,
        )
        assert names(disk) == []
        free = shutil.disk_usage(disk).free
        many = shutil.disk_usage(disk)._replace(free=10**12)
        monkeypatch.setattr(stage.shutil, "disk_usage", lambda _: many)
        with (tiny.with_suffix("") / "Data0000.dat").open("ab") as stream:
            stream.write(b"x" * free)
        assert refused(tiny, str(disk)) == (
            f'A.mrxs cannot be copied to "{disk}" on {HERE}: No space left on device. Free space '
            f"or permit writing there, {MORE}"
        )
        assert names(disk) == []


# --- nothing is left ----------------------------------------------------------------------------


def start_tile(large: Path, results: Path, local: Path) -> subprocess.Popen[str]:
    """`mrxs-tiles tile`, started, with the slide copied and some tiles cut."""
    shared = (large / "L.mrxs", "--results", results, "--tile-size=64")
    assert mrxs_tiles("inspect", *shared).code == 0
    command = (*shared, "--threads=2", "--stage", local)
    process = running.start(running.BIN / "mrxs-tiles", "tile", *command)
    running.wait_for(lambda: len(list(results.glob("*/.tiles.partial/*.jpg"))) > 20)
    assert len(list(local.glob("*/slide/L/Data*.dat"))) > 1
    return process


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_ended_while_copying(
    tiny: Path, local: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends it while the slide is still being copied, what was copied goes."""

    def ending(path: Path) -> Any:
        yield memoryview(path.read_bytes())
        if path.name == "Data0000.dat":
            assert len(tree(local)) > 3
            raise error

    monkeypatch.setattr(stage, "_chunks", ending)
    with pytest.raises(error), stage.staged(locate(tiny), str(local)):
        raise AssertionError
    assert names(local) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signals", "code", "says"),
    [
        ([signal.SIGTERM], 143, "mrxs-tiles: terminated\n"),
        ([signal.SIGINT], 130, "mrxs-tiles: interrupted\n"),
        ([signal.SIGTERM, signal.SIGTERM], 143, "mrxs-tiles: terminated\n"),
    ],
    ids=["SIGTERM", "Ctrl-C", "twice"],
)
def test_ended(
    large: Path, tmp_path: Path, local: Path, signals: list[int], code: int, says: str
) -> None:
    """SIGTERM and Ctrl-C end it soon, with one line; neither copy nor half results are left."""
    process = start_tile(large, tmp_path / "results", local)
    for number in signals:
        process.send_signal(number)
    ran = running.ended(process)
    assert (ran.code, ran.err) == (code, says)
    assert names(local) == []
    assert not list((tmp_path / "results" / "L").glob("*tiles*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_workflow_ended(large: Path, tmp_path: Path, local: Path, number: int) -> None:
    """A signal to Snakemake and all its jobs, as clusters and terminals send it, leaves no copy."""
    command = running.snakemake_command(
        tmp_path, slides=large / "L.mrxs", tile_size=64, stage=local
    )
    process = running.start(*command)
    running.wait_for(lambda: len(list(tmp_path.glob("results/*/.tiles.partial/*.jpg"))) > 20)
    assert len(names(local)) == 1
    os.killpg(process.pid, number)
    assert running.ended(process).code != 0
    running.wait_for(lambda: names(local) == [])


@pytest.mark.slow
def test_killed(large: Path, tiny: Path, tmp_path: Path, local: Path) -> None:
    """What a killed run left goes when the next one starts; a live one's copy stays."""
    process = start_tile(large, tmp_path / "killed", local)
    running.kill_group(process)
    running.ended(process)
    [left] = names(local)
    live = start_tile(large, tmp_path / "live", local)
    [own] = names(local)  # it has removed the other
    assert own != left
    with stage.staged(locate(tiny), str(local)):
        assert own in names(local)
        assert len(names(local)) == 2
    assert names(local) == [own]
    assert (running.ended(live).code, names(local)) == (0, [])
    assert tree(tmp_path / "live" / "L") == tree(large / "undisturbed" / "L")


def test_what_is_left_alone(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only folders of our own name, user and machine that nobody holds are removed."""
    prefix = scratch._prefix()
    kept = [f"{scratch.PREFIX}another-abcd1234", "mrxs-tiles-abcd1234", f"{prefix}held", "other"]
    for name in (*kept, f"{prefix}left", f"{prefix}begun"):
        (local / name / "slide").mkdir(parents=True)
        (local / name / "lock").touch()
    shutil.rmtree(local / f"{prefix}begun")  # killed before it had a lock
    (local / f"{prefix}begun").mkdir()
    (local / f"{prefix}file").touch()
    (local / f"{prefix}link").symlink_to(local / "other")
    kept += [f"{prefix}file", f"{prefix}link"]
    with (local / f"{prefix}held" / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with monkeypatch.context() as patch:
            patch.setattr(os, "getuid", lambda: 12345)
            scratch.remove_leftovers(local)
            assert f"{prefix}left" in names(local)
        scratch.remove_leftovers(local)
        assert names(local) == sorted(kept)
    scratch.remove_leftovers(local)
    assert f"{prefix}held" not in names(local)


def test_removed_before_it_is_locked(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run that takes a new folder for left, before it has its lock, costs one attempt."""
    real, made = scratch.tempfile.mkdtemp, []

    def raced(**keys: Any) -> str:
        made.append(real(**keys))
        if len(made) < 3:
            scratch.remove_leftovers(local)
        return str(made[-1])

    monkeypatch.setattr(scratch.tempfile, "mkdtemp", raced)
    with scratch.private_folder(local) as folder:
        assert len(made) == 3
        assert folder.parent == Path(made[-1])
    assert names(local) == []


def test_interrupted_removal(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that a signal raises while the copy is removed does not stop the removal."""
    real = threading.Thread.join

    def interrupted(thread: Any, timeout: float | None = None) -> None:
        real(thread, timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt), scratch.private_folder(local):
        pass
    assert names(local) == []


# --- the workflow -------------------------------------------------------------------------------


@pytest.mark.slow
def test_workflow(tiny: Path, tmp_path: Path, local: Path) -> None:
    """With `stage` the workflow writes the same; to set, change or unset it redoes nothing."""
    options: dict[str, Any] = {"slides": tiny, "tile_size": 100}
    ran = snakemake(tmp_path / "work", **options, stage=local)
    assert (ran.code, ran.jobs) == (0, ["inspect A", "report", "tile A"])
    assert f'GB copied to "{local}"' in (tmp_path / "work/logs/A/tile.log").read_text()
    for where in ("auto", "/not/there", "null"):
        ran = snakemake(tmp_path / "work", "--dry-run", **options, stage=where)
        assert (ran.code, ran.jobs) == (0, [])
    assert snakemake(tmp_path / "work", "--dry-run", **options).jobs == []
    plain = snakemake(tmp_path / "plain", **options)
    assert "copied" not in (tmp_path / "plain/logs/A/tile.log").read_text()
    assert plain.code == 0
    assert lasting(tmp_path / "work" / "results") == lasting(tmp_path / "plain" / "results")
    assert names(local) == []


@pytest.mark.slow
def test_workflow_without_the_folder(tiny: Path, tmp_path: Path, local: Path) -> None:
    """A node without the folder fails the job with a sentence, and the next run goes on there."""
    options: dict[str, Any] = {"slides": tiny, "tile_size": 100}
    ran = snakemake(tmp_path / "work", **options, stage="/not/there")
    assert (ran.code, ran.jobs) == (1, ["inspect A", "tile A"])
    assert 'mrxs-tiles: stage is "/not/there", but there is no such folder on ' in ran.text
    ran = snakemake(tmp_path / "work", **options, stage=local)
    assert (ran.code, ran.jobs) == (0, ["report", "tile A"])


@pytest.mark.slow
def test_workflow_auto(tiny: Path, tmp_path: Path, local: Path) -> None:
    """`auto` is Snakemake's own resource `tmpdir` in the workflow."""
    ran = snakemake(
        tmp_path / "work", "--default-resources", f"tmpdir='{local}'", slides=tiny, stage="auto"
    )
    assert ran.code == 0, ran.text
    assert f'GB copied to "{local}"' in (tmp_path / "work/logs/A/tile.log").read_text()
