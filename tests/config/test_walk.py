"""Below a folder or a glob: bins, snapshots, data folders without their file, archives."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from mrxs_tiles.config.walk import is_system
from slide_places import faults, find, make, names, sheet


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


BINS = [
    *("#recycle", "@Recycle", "$RECYCLE.BIN", "RECYCLER", "Recycled", "Recycle Bin", "recycle"),
    *("#snapshot", "~snapshot", "@Recently-Snapshot", "@snapshots", "@eaDir", "@__thumb", "@tmp"),
    *("System Volume Information", "lost+found", "found.000", "Network Trash Folder", "__MACOSX"),
    *("@GMT-2024.05.01-10.00.00", "Trash-1000", "trashbox"),
    *("#trash", "@Trash", "~trash", "@deleted"),
]


@pytest.mark.parametrize(
    "name", ["slides", "snapshot 2", "recycled slides", "found", "trash", "#1"]
)
def test_folders_of_the_user(name: str) -> None:
    """What a person may have named is no folder of the system."""
    assert not is_system(name)


def test_bins_and_snapshots(tmp_path: Path) -> None:
    """Deleted slides and older states are passed over, which one line says; for a glob, too."""
    make("d/a.mrxs", *(f"d/case/{name}/deep/old.mrxs" for name in BINS))
    for asked in ("d", "d/**/*.mrxs"):
        found = find(asked)
        assert [slide.name for slide in found] == ["a"]
        (note,) = found.notes
        assert note.startswith(f'Passed over below "{tmp_path}/d", as bins, snapshots or folders')
        assert f"and {len(BINS) - 6} more" in note
    assert names("d/case/#recycle") == ["deep/old"], "who names it means it"
    assert names("d/case/#recycle/*/*.mrxs") == ["deep/old"]
    assert names("d/*/#recycle/*/*.mrxs") == ["case/#recycle/deep/old"]


def test_nothing_but_a_bin() -> None:
    """Where all slides lie in a bin, that is said."""
    make("d/#recycle/a.mrxs")
    assert 'bins, snapshots or folders of the system: "#recycle"' in faults("d")[0]
    assert any('"#recycle"' in fault for fault in faults("d/**/*.mrxs"))


@pytest.mark.parametrize("asked", ["d", "d/*.mrxs", "d/**/*.mrxs"])
def test_a_data_folder_without_its_file(asked: str, tmp_path: Path) -> None:
    """A slide whose small file is gone does not vanish: its slide is there, and will fail."""
    make("d/a.mrxs", "d/a/Slidedat.ini", "d/b/Slidedat.ini", "d/notes/x.txt")
    found = find(asked)
    assert [slide.name for slide in found] == ["a", "b"]
    assert found[1].path == tmp_path / "d/b.mrxs"


def test_parts_of_slides_are_no_slides() -> None:
    """A glob that finds the files of a data folder takes none for a slide."""
    make("d/a.mrxs", "d/a/Slidedat.ini", "d/a/Index.dat", "d/a/Data0000.dat", "d/b.svs")
    assert names("d/**") == names("d/*/../*") == ["a", "b"]
    make("e/data.dat")
    assert names("e/*") == ["data"], "who names it means it"


def test_a_renamed_folder_is_one_slide() -> None:
    """A file without its folder beside a folder without its file count once."""
    make("d/a.mrxs", "d/a/Slidedat.ini", "d/b.mrxs", "d/b_old/Slidedat.ini")
    assert names("d") == names("d/*.mrxs") == ["a", "b"]


@pytest.mark.parametrize("asked", ["d", "d/*.mrxs"])
def test_none_vanishes_behind_a_renamed_one(asked: str) -> None:
    """Two folders and one file cannot be one slide, nor what an earlier run knew as another."""
    make("d/a.mrxs", "d/a/Slidedat.ini", "d/b.mrxs", "d/c/Slidedat.ini")
    make("results/c/slide.json")
    assert names(asked) == ["a", "b", "c"]
    make("d/e/Slidedat.ini")
    assert names(asked, results="other") == ["a", "b", "c", "e"]


def test_a_file_inside_its_data_folder(tmp_path: Path) -> None:
    """A .mrxs in its own data folder: the slide is named as if it lay beside; alone, it is told."""
    make("d/a.mrxs", "d/a/Slidedat.ini", "d/b/Slidedat.ini", "d/b/b.mrxs")
    assert [slide.path.name for slide in find("d")] == ["a.mrxs", "b.mrxs"]
    assert faults("d/b") == [
        f'slides is "d/b", and "{tmp_path}/d/b/b.mrxs" lies inside its own data folder: move it '
        'one folder up, beside "b".'
    ]


@pytest.mark.parametrize("folder", ["a", "A", unicodedata.normalize("NFD", "é")])
def test_data_folders_in_another_form(folder: str) -> None:
    """A data folder in other case or Unicode form than its file is that slide's, and no other."""
    file = unicodedata.normalize("NFC", folder).swapcase()
    make(f"d/{file}.mrxs", f"d/{folder}/Slidedat.ini", f"d/{folder}/inner.mrxs")
    assert names("d") == [file]


def test_an_archive() -> None:
    """Where there is nothing but an archive, it is told to be unpacked."""
    make("d/sub/S.zip")
    assert '/d/sub/S.zip": unpack it' in faults("d")[0]


def test_a_slide_without_its_suffix(tmp_path: Path) -> None:
    """Who leaves out the suffix is told the whole name."""
    make("d/S.mrxs")
    assert faults("d/S") == [
        f'slides is "d/S", and there is no "{tmp_path}/d/S": name "{tmp_path}/d/S.mrxs", the '
        "slide's file."
    ]


def test_names_that_a_disk_takes_for_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Names that differ only in case are refused where the results' disk takes them for one."""
    path = sheet("path,slide\n/a.svs,case/A\n/b.svs,Case/a\n/c.svs,b\n")
    assert len(find(path)) == 3
    exists, mkdir = Path.exists, Path.mkdir

    def folds(path: Path) -> Path:
        whole = str(path)
        head, mark, tail = whole.partition(".mrxs-tiles-")
        return Path(head + mark + tail.lower()) if mark else path

    monkeypatch.setattr(Path, "exists", lambda path: exists(folds(path)))
    monkeypatch.setattr(
        Path, "mkdir", lambda path, *mode, **keys: mkdir(folds(path), *mode, **keys)
    )
    monkeypatch.setattr(Path, "samefile", lambda one, other: folds(one) == folds(other))
    monkeypatch.setattr("tempfile.mkdtemp", _lower_case(tmp_path))
    (fault,) = faults(path)
    assert 'takes "Case/a" ("/b.svs") and "case/A" ("/a.svs") for one name' in fault
    assert "in upper and lower case" in fault


def _lower_case(folder: Path) -> Callable[..., str]:
    def make_folder(*_args: object, **_keys: object) -> str:
        place = folder / ".mrxs-tiles-x"
        place.mkdir(exist_ok=True)
        return str(place)

    return make_folder


def test_disk_that_numbers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file has a number of its own, a folder is still not taken for another one."""
    make("d/a.mrxs", "d/x/b.mrxs", "d/y/z/c.mrxs")
    plain = Path.stat

    def stat(path: Path, **keys: bool) -> os.stat_result:
        found = list(plain(path, **keys))
        found[1] = 0  # st_ino
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", stat)
    assert [slide.name for slide in find("d")] == ["a", "x/b", "y/z/c"]
