"""Where a slide is copied to, and what is said where it cannot be."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.cutting import slide_copy, stage
from mrxs_tiles.errors import StageError
from mrxs_tiles.mirax.locate import locate
from mrxs_tiles.system import TEMP_VARIABLE
from running import lasting, mrxs_tiles, names
from staging import HERE, MORE


def refused(path: Path, where: str) -> str:
    """What is said where a slide cannot be copied."""
    with pytest.raises(StageError) as caught, stage.staged(locate(path), where):
        raise AssertionError
    return str(caught.value)


def test_auto(tiny: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` is the folder that TMPDIR names, on Windows TEMP; where there is none it is said."""
    monkeypatch.setenv(TEMP_VARIABLE, str(local))
    with stage.staged(locate(tiny), "auto") as copy:
        assert local in copy.files.path.parents
    monkeypatch.setenv(TEMP_VARIABLE, "/not/there")
    assert refused(tiny, "auto") == (
        f'stage is auto, and {TEMP_VARIABLE} names "/not/there", but there is no such folder on '
        f"{HERE}. Make it there, name another one with stage, or set stage to null."
    )
    monkeypatch.delenv(TEMP_VARIABLE)
    assert refused(tiny, "auto") == (
        f"stage is auto, the folder that the environment variable {TEMP_VARIABLE} names, but "
        f"{TEMP_VARIABLE} is not set on {HERE}. Set it, or name a folder with stage."
    )


@pytest.mark.slow
def test_no_folder(tiny: Path, tmp_path: Path) -> None:
    """What is not there, or no folder, is said by `tile` in one line; nothing is cut."""
    (tmp_path / "file").touch()
    results = tmp_path / "results"
    assert mrxs_tiles("inspect", tiny, "--results", results).code == 0
    before = lasting(results)
    for where in (tmp_path / "none", tmp_path / "file"):
        ran = mrxs_tiles("tile", tiny, "--results", results, "--stage", where)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            f'mrxs-tiles: stage is "{where}", but there is no such folder on {HERE}. Make it '
            "there, name another one with stage, or set stage to null.\n"
        )
    assert lasting(results) == before


@pytest.mark.parametrize("value", ["", "null", None])
def test_null(value: str | None) -> None:
    """Null and an empty text mean no copy."""
    assert read_config({"stage": value}).stage is None


def test_home() -> None:
    """A leading ~ is the home, as in all paths; `auto` stays as it is."""
    assert read_config({"stage": "~/x"}).stage == str(Path("~/x").expanduser())
    assert read_config({"stage": "auto"}).stage == "auto"


@pytest.mark.slow
def test_read_only(tiny: Path, local: Path) -> None:
    """A disk that must not be written to is told."""
    with running.small_disk(local, "1m") as disk:
        assert running.run("mount", "-o", "remount,ro", disk).code == 0
        assert refused(tiny, str(disk)) == (
            f'A.mrxs cannot be copied to "{disk}" on {HERE}: Read-only file system. Free space or '
            f"permit writing there, {MORE}"
        )


@pytest.mark.slow
def test_no_space(tiny: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room is said before anything is copied, with both figures; or when it ends."""
    with running.small_disk(local, "200k") as disk:
        said = refused(tiny, str(disk))
        assert re.fullmatch(
            rf'The copy of A.mrxs needs [\d.]+ MB, but "{disk}" on {HERE} has [\d.]+ kB free\. '
            rf"Free space there, {re.escape(MORE)}",
            said,
        )
        assert names(disk) == []
        free = shutil.disk_usage(disk).free
        many = shutil.disk_usage(disk)._replace(free=10**12)
        monkeypatch.setattr(slide_copy.shutil, "disk_usage", lambda _: many)
        with (tiny.with_suffix("") / "Data0000.dat").open("ab") as stream:
            stream.write(b"x" * free)
        assert refused(tiny, str(disk)) == (
            f'A.mrxs cannot be copied to "{disk}" on {HERE}: No space left on device. Free space '
            f"or permit writing there, {MORE}"
        )
        assert names(disk) == []
