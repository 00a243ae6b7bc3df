"""Paths as people write them: Windows' drives and backslashes, shares, URLs, quotation marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrxs_tiles.config import places
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.places import foreign, understood, windows_stem
from mrxs_tiles.errors import ConfigError
from slide_places import faults, find, make


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WSL_DISTRO_NAME", "WSL_INTEROP"):
        monkeypatch.delenv(name, raising=False)
    make("slides/sub/A 1.mrxs", "back\\slash.mrxs", "a'b'")


def mounted(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Have these lines in the list of what is mounted."""
    Path("mounts").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(places, "MOUNTS", Path("mounts").absolute())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("slides/sub/A 1.mrxs", "slides/sub/A 1.mrxs"),
        (r"slides\sub\A 1.mrxs", "slides/sub/A 1.mrxs"),
        (r".\slides\sub", "./slides/sub"),
        (r"slides\*\*.mrxs", "slides/*/*.mrxs"),
        (r"back\slash.mrxs", r"back\slash.mrxs"),
        ('"slides/sub/A 1.mrxs"', "slides/sub/A 1.mrxs"),
        ("'slides/sub'", "slides/sub"),
        ("“slides/sub”", "slides/sub"),
        (" slides/sub ", "slides/sub"),
        ("\u202aslides/sub", "slides/sub"),
        ("a'b'", "a'b'"),
        ('"C:\\x"', r"C:\x"),
        ("none", "none"),
    ],
)
def test_understood(text: str, meant: str) -> None:
    """What has one meaning here is understood; what is there under that very name stays."""
    assert understood(text) == meant


def test_urls_of_files(tmp_path: Path) -> None:
    """A URL of a file is its path, with its signs for blanks undone."""
    place = f"{tmp_path}/slides/sub/A 1.mrxs"
    quoted = place.replace(" ", "%20")
    for url in (
        f"file://{quoted}",
        f"file://localhost{quoted}",
        f"FILE:{quoted}",
        f"file://{place}",
    ):
        assert understood(url) == place


def test_drives_that_are_mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A drive of Windows is where WSL has mounted it, whatever the case of its letter."""
    mounted(monkeypatch, rf"C:\134 {tmp_path}/my\040c 9p rw 0 0", "none / ext4 rw 0 0")
    assert understood(r"c:\slides\A.mrxs") == f"{tmp_path}/my c/slides/A.mrxs"
    assert understood("C:/slides") == f"{tmp_path}/my c/slides"
    assert understood(r"\\?\C:\slides") == f"{tmp_path}/my c/slides"
    assert understood("file:///C:/sl%20ides") == f"{tmp_path}/my c/sl ides"
    assert understood(r"D:\slides") == r"D:\slides"


def test_shares_that_are_mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A share is where it is mounted, however it is written; the longest mount counts."""
    mounted(
        monkeypatch, f"//NAS/x {tmp_path}/m cifs rw 0 0", f"//nas/x/deep {tmp_path}/d cifs rw 0 0"
    )
    for text in (r"\\nas\x\a\b.mrxs", "//nas/x/a/b.mrxs", "smb://me@nas/x/a/b.mrxs"):
        assert understood(text) == f"{tmp_path}/m/a/b.mrxs"
    assert understood(r"\\nas\x\deep\b") == f"{tmp_path}/d/b"
    assert understood(r"\\nas\xy\b") == r"\\nas\xy\b"


def test_wsl(monkeypatch: pytest.MonkeyPatch) -> None:
    """In WSL its own share is the root; a drive lies below /mnt where that is there."""
    mounted(monkeypatch)
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu")
    assert understood(r"\\wsl$\Ubuntu\home\me\x") == "/home/me/x"
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: str(path) == "/mnt/c" or is_dir(path))
    assert understood(r"C:\slides\a") == "/mnt/c/slides/a"
    monkeypatch.delenv("WSL_DISTRO_NAME")
    assert understood(r"C:\slides\a") == r"C:\slides\a"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            r"C:\slides",
            "is a path of Windows, and its drive is not mounted here: write",
        ),
        ("d:/x", "is a path of Windows"),
        ("C:", "is a path of Windows"),
        (r"C:slides\A.mrxs", "is a path of Windows that begins wherever its drive stands: write"),
        (r"\\nas\x\a", "is a network share as Windows names it"),
        ("//nas/x/a", "is a network share as Windows names it"),
        ("smb://nas/x", "is an address (smb), not a path: mount the share, and write the path."),
        (
            "s3://bucket/x",
            "is an address (s3), not a path: copy the files here, and",
        ),
        (r"sub\out", 'has backslashes, as on Windows: write "sub/out".'),
        (r"back\slash.mrxs/x", ""),
        ("/data/x", ""),
        ("a:b", ""),
        ("//tmp/x", ""),
    ],
)
def test_foreign(text: str, why: str) -> None:
    """What is no path of this system is told, with what to write."""
    assert foreign(text).startswith(why)
    assert bool(foreign(text)) == bool(why)


def test_windows_stem() -> None:
    """The name of a slide whose path is another system's is that path's last part."""
    assert windows_stem(r"C:\slides\A 1.x.mrxs") == "A 1.x"
    assert windows_stem(r"\\nas\x\B\\") == "B"


@pytest.mark.parametrize("key", ["slides", "results", "stage", "region"])
def test_keys(key: str) -> None:
    """No key takes a place of Windows for a name: results never land in a folder of that name."""
    for text in (r"C:\out", r"\\nas\out", "smb://nas/out"):
        with pytest.raises(ConfigError, match=f"^{key} is .* which is a"):
            read_config({key: text})
    assert not Path("C:\\out").exists()


def test_slides_with_backslashes() -> None:
    """A folder, a slide and a glob are found through backslashes."""
    for text in (r"slides\sub", r"slides\sub\A 1.mrxs", r"slides\sub\*.mrxs", "'slides/sub'"):
        assert [slide.name for slide in find(text)] == ["A 1"]
    assert faults("Slides\\none")[0].startswith(r'slides is "Slides\none", which has backslashes')


@pytest.mark.parametrize("word", ["no", "None", "off", "false", "~", "nan"])
def test_words_that_may_mean_none(word: str) -> None:
    """Where a word may mean none or a folder of that name, it is asked which."""
    with pytest.raises(ConfigError, match=r"which may mean none: write null for none, \./"):
        read_config({"stage": word})
    assert str(read_config({"results": "no"}).results) == "no"
    with pytest.raises(ConfigError, match=r"write the path of a folder; \./null for a folder"):
        read_config({"results": "null"})
