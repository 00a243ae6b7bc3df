r"""Files that Slidedat.ini names by a drive, a share, ``\\?\`` or as a device: none is opened."""

from __future__ import annotations

import ntpath
import posixpath
from pathlib import Path

import pytest

from mrxs_tiles.errors import RefusedSlideError
from mrxs_tiles.mirax.index import read_index
from mrxs_tiles.mirax.named_files import Odd, first_odd, is_below
from tiny_index import edit_ini, said_of
from write_mirax import WrittenSlide

ROOTED = [
    *(r"C:\x.dat", "C:x.dat", "C:/x.dat", r"\x.dat", r"\\server\share\x.dat", r"\\?\C:\x.dat"),
    *(r"\\?\UNC\server\share\x.dat", "//server/share/x.dat", r"\\.\PhysicalDrive0"),
]


@pytest.mark.parametrize("key", ["INDEXFILE=Index.dat", "FILE_1=Data0001.dat", "FILE_COUNT=3"])
@pytest.mark.parametrize("name", ROOTED)
def test_rooted(tiny: WrittenSlide, name: str, key: str) -> None:
    """What begins at a drive or a root is refused and not shown, also where it is not counted."""
    named, _, before = key.partition("=")
    if named == "FILE_COUNT":
        edit_ini(tiny.folder, "[DATAFILE]\r\n", f"[DATAFILE]\r\nFILE_9={name}\r\n")
        named = "FILE_9"
    else:
        edit_ini(tiny.folder, f"{named}={before}", f"{named}={name}")
    assert said_of(tiny.folder) == f"Slidedat.ini names an absolute path in {named}"
    with pytest.raises(RefusedSlideError):  # so that not even OpenSlide may try
        read_index(tiny.folder)


@pytest.mark.parametrize("name", [r"..\x.dat", r"sub\..\..\x.dat", "../x.dat"])
def test_above(tiny: WrittenSlide, name: str) -> None:
    """What leads up is refused, whichever sign divides its parts."""
    edit_ini(tiny.folder, "FILE_0=Data0000.dat", f"FILE_0={name}")
    what = f"Slidedat.ini says FILE_0={name}, not a file of the slide's folder"
    assert said_of(tiny.folder) == what


@pytest.mark.parametrize("name", ["NUL", "con.dat", "COM1"])
def test_devices(tiny: WrittenSlide, name: str) -> None:
    """A device of Windows, which would hold whoever opens it, is none of the slide's files."""
    edit_ini(tiny.folder, "FILE_0=Data0000.dat", f"FILE_0={name}")
    assert said_of(tiny.folder) == f"{name} is neither a file nor a folder"


def test_what_is_there(tmp_path: Path) -> None:
    """A file of the folder is fine, and so is one that is not there: it is missing."""
    (tmp_path / "Data0000.dat").touch()
    assert first_odd(tmp_path, ["Data0000.dat", "Data0001.dat"]) is None
    assert first_odd(tmp_path, ["Data0000.dat", r"D:\x"]) == (r"D:\x", Odd.OUTSIDE)


@pytest.mark.parametrize(
    ("path", "folder", "below"),
    [
        (r"C:\a\b\x", r"C:\a\b", True),
        (r"c:\A\B\x", r"C:\a\b", True),
        (r"C:\a\bc\x", r"C:\a\b", False),
        (r"D:\a\b\x", r"C:\a\b", False),
        (r"\\nas\x\a\b", r"\\NAS\x\a", True),
        (r"\\nas\y\a\b", r"\\nas\x\a", False),
        (r"C:\a\b\x", r"\\nas\x\a", False),
        (r"\\?\C:\a\b", r"\\?\C:\a", True),
        (r"\\?\D:\a\b", r"\\?\C:\a", False),
    ],
)
def test_below_on_windows(path: str, folder: str, below: bool) -> None:
    """By the rules of Windows: case is none, and what lies on another drive is not below."""
    assert is_below(path, folder, ntpath) == below


def test_below_elsewhere() -> None:
    """By those of all others."""
    assert is_below("/a/b/x", "/a/b", posixpath)
    assert not is_below("/a/B/x", "/a/b", posixpath)
    assert not is_below("/a/bc", "/a/b", posixpath)
