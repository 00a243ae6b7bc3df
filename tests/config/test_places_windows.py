r"""Paths as people write them on Windows: of WSL, of Git Bash, URLs, ``\\?\``, relative to drives.

Tested on every system: what there is on the disks is made up.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mrxs_tiles.config import places, places_windows
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.places import foreign, understood
from mrxs_tiles.errors import ConfigError

THERE = {
    *(r"E:\slides", r"E:\slides\A 1.mrxs", r"\\nas\x", r"\\?\E:\long\A.mrxs", "slides", r"sub\A"),
    *("/tools", r"\tools", "'odd'"),
}


@pytest.fixture(autouse=True)
def _on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BACKSLASH_DIVIDES", True)
    monkeypatch.setattr(places_windows, "is_there", lambda _, text: text in THERE)
    monkeypatch.setattr(places_windows, "has_drive", lambda letter: letter.upper() in "CE")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"E:\slides", r"E:\slides"),
        ("E:/slides/*.mrxs", "E:/slides/*.mrxs"),
        (r"sub\A", r"sub\A"),
        ('"E:\\slides"', r"E:\slides"),
        (" E:\\slides ", r"E:\slides"),
        ("“E:\\slides”", r"E:\slides"),
        ("'odd'", "'odd'"),
        ("file:///E:/slides/A%201.mrxs", r"E:\slides\A 1.mrxs"),
        ("file://localhost/E:/slides", r"E:\slides"),
        ("file://nas/x/A%201.mrxs", r"\\nas\x\A 1.mrxs"),
        ("smb://me@nas/x/a", r"\\nas\x\a"),
        (r"\\?\E:\slides", r"E:\slides"),
        (r"\\?\E:\out", r"E:\out"),
        (r"\\?\UNC\nas\x\a", r"\\nas\x\a"),
        (r"\\?\E:\long\A.mrxs", r"\\?\E:\long\A.mrxs"),
        ("/mnt/e/slides/A 1.mrxs", r"E:\slides\A 1.mrxs"),
        ("/mnt/e", "E:\\"),
        ("/e/slides", r"E:\slides"),
        ("/cygdrive/c/x", r"C:\x"),
        ("/mnt/z/x", "/mnt/z/x"),
        ("/tools", "/tools"),
        (r"\\nas\x\a", r"\\nas\x\a"),
        (r"\\wsl$\Ubuntu\home\me", r"\\wsl$\Ubuntu\home\me"),
    ],
)
def test_understood(text: str, meant: str) -> None:
    """What has one meaning there is understood."""
    assert understood(text) == meant


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"E:\slides", ""),
        ("E:/out", ""),
        ("E:\\", ""),
        (r"\\nas\x\out", ""),
        (r"\\?\E:\long\A.mrxs", ""),
        ("out", ""),
        (r"..\out", ""),
        (r"\tools", ""),
        ("E:", "begins wherever drive E: stands just now: write the whole path, such as "),
        ("e:slides", "begins wherever drive e: stands just now: write the whole path, such as "),
        ("/scratch/out", "begins with no drive, as on Linux: write the whole path with its drive"),
        (r"\out", "begins with no drive, as on Linux: write the whole path with its drive, such"),
        ('E:\\my slides" results=x', "holds a quotation mark: in "),
        ("s3://bucket/x", "is an address (s3), not a path: copy the files here, and write the"),
        ("nfs://nas/x", "is an address (nfs), not a path: mount the share, and write the path."),
    ],
)
def test_foreign(text: str, why: str) -> None:
    """What could lie anywhere is refused, with what to write."""
    assert foreign(text).startswith(why)
    assert bool(foreign(text)) == bool(why)


@pytest.mark.parametrize("key", ["slides", "results", "stage"])
def test_keys(key: str) -> None:
    """No key makes a folder on whatever drive the run was started from."""
    with pytest.raises(ConfigError, match=f"^{key} is .*, which begins with no drive"):
        read_config({key: "/scratch/out"})
    with pytest.raises(ConfigError, match=rf'^{key} is "E:out", .* such as "E:\\out"\.'):
        read_config({key: "E:out"})


def test_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of the disk never raises."""
    monkeypatch.undo()
    (tmp_path / "a").touch()
    assert places_windows.is_there(tmp_path, "a")
    for text in ("", "b", "\0", "~nobody-of-that-name/x", "x" * 5000):
        assert not places_windows.is_there(tmp_path, text)
    assert not places_windows.has_drive("?")
