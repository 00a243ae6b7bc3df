"""What ``slides`` names: folders, single slides, globs, and what each fault is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ConfigError
from slide_places import ASK, faults, find, make, names


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- a folder ---------------------------------------------------------------------------------


def test_folder_at_any_depth(tmp_path: Path) -> None:
    """A folder gives every .mrxs below it, of any case, named by its path, by code point."""
    make("d/b.mrxs", "d/sub/A 1.MRXS", "d/Z.x.Mrxs", "d/sub/é[1].mrxs", "d/sub/notes.txt")
    found = find("d")
    assert [slide.name for slide in found] == ["Z.x", "b", "sub/A 1", "sub/é[1]"]
    assert found[2].path == tmp_path / "d/sub/A 1.MRXS"
    assert found[2].settings == read_config({}).settings
    assert not any(slide.refused for slide in found)


def test_folder_passes_over() -> None:
    """Hidden files and folders, bins, folders named as slides and data folders give nothing."""
    make("d/a.mrxs", "d/._a.mrxs", "d/.Trash/x.mrxs", "d/$RECYCLE.BIN/x.mrxs", "d/dir.mrxs/")
    make("d/a/Slidedat.ini", "d/a/inner.mrxs", "d/lost+found/x.mrxs", "d/dir.mrxs/in.mrxs")
    os.mkfifo("d/pipe.mrxs")
    assert names("d") == ["a", "dir.mrxs/in"]


def test_folder_with_links(tmp_path: Path) -> None:
    """Links are followed and not resolved; a loop ends; a real place wins over a link to it."""
    make("d/z/a.mrxs", "far/b.mrxs", "far/deep/c.mrxs", "far/one.mrxs")
    Path("d/all").symlink_to(tmp_path / "d/z")
    Path("d/loop").symlink_to(tmp_path / "d")
    Path("d/far").symlink_to(tmp_path / "far")
    Path("far/back").symlink_to(tmp_path / "far")
    Path("d/linked.mrxs").symlink_to(tmp_path / "far/one.mrxs")
    Path("d/gone.mrxs").symlink_to(tmp_path / "nowhere")
    Path("d/self.mrxs").symlink_to(tmp_path / "d/self.mrxs")
    found = {slide.name: slide.path for slide in find("d")}
    assert list(found) == ["far/b", "far/deep/c", "far/one", "gone", "linked", "self", "z/a"]
    assert found["far/b"] == tmp_path / "d/far/b.mrxs"


def test_folder_that_looks_like_a_glob() -> None:
    """A folder that exists is taken by its name, brackets and all."""
    make("[old]/a.mrxs", "old.svs", "o.svs", "x*.svs", "xy.svs")
    assert names("[old]") == ["a"]
    assert names("[o]*") == ["o", "old"]
    assert names("x*.svs") == ["x*"]


def test_results_among_the_slides() -> None:
    """The results are not searched for slides, however they are named."""
    make("d/a.mrxs", "d/results/old/tiles/b.mrxs")
    assert names("d", results="d/results") == ["a"]
    assert names("d", results="d/../d/results/") == ["a"]
    assert names("d", results="elsewhere") == ["a", "results/old/tiles/b"]


@pytest.mark.slow
def test_five_thousand_slides() -> None:
    """5,000 slides beside their data folders are all found."""
    Path("d").mkdir()
    for number in range(5000):
        Path(f"d/slide {number}.mrxs").touch()
        Path(f"d/slide {number}").mkdir()
    assert len(find("d")) == 5000


def test_nothing_found(tmp_path: Path) -> None:
    """An empty folder says where was looked, what for, and what to do."""
    make("d/.hidden.mrxs")
    assert faults("d") == [
        f'slides is "d", and no file below "{tmp_path}/d" ends in .mrxs (hidden files and folders '
        f"are passed over): {ASK}"
    ]


def test_other_formats_found(tmp_path: Path) -> None:
    """A folder of other formats says how to name those."""
    make("[d]/a.svs", "[d]/sub/b.svs", "[d]/c.TIF", "[d]/readme.md")
    assert faults("[d]") == [
        f'slides is "[d]", and no file below "{tmp_path}/[d]" ends in .mrxs, but other files may '
        'be slides (2 in .svs, 1 in .TIF): name them with a glob, "[[]d]/**/*.svs", or in a sheet.'
    ]
    assert names("[[]d]/**/*.svs") == ["a", "sub/b"]


def test_data_folders_without_their_file(tmp_path: Path) -> None:
    """Where the small files were forgotten, that is said."""
    make("d/B/Slidedat.ini", "d/A/Slidedat.ini")
    assert faults("d") == [
        f'slides is "d", and no file below "{tmp_path}/d" ends in .mrxs, but "{tmp_path}/d/A" is '
        'the data folder of a slide: copy the small file "A.mrxs" beside it, too.'
    ]
    assert f'"{tmp_path}/d/B" is the data folder' in faults("d/B")[0]


@pytest.mark.parametrize("asked", ["d/A", "d/A/", "d/A/Slidedat.ini"])
def test_data_folder_named(tmp_path: Path, asked: str) -> None:
    """Who names a data folder is told that the file beside it is the slide."""
    make("d/A.mrxs", "d/A/Slidedat.ini")
    assert faults(asked) == [
        f'slides is "{asked.rstrip("/")}", but "{tmp_path}/d/A" is the data folder of a slide: '
        f'name the file beside it, "{tmp_path}/d/A.mrxs".'
    ]


def test_folder_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without permission is told, and the slides elsewhere are found."""
    make("d/sub/a.mrxs")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).rstrip("/").endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    trouble = (
        f'The folder "{tmp_path}/d/sub" cannot be read (Permission denied): slides in it are '
        "missing here. Make it readable, or name slides without it."
    )
    assert faults("d")[1:] == [trouble]
    make("d/b.mrxs")
    found = find("d")
    assert [slide.name for slide in found] == ["b"]
    assert found.troubles == (trouble,)
    assert find("d/**/*.mrxs").troubles == (trouble,)
    make("d/other/c.mrxs")
    assert find("d/*/*.mrxs").troubles == (trouble,)


# --- one slide --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["A 1.mrxs", "x.y.svs", "noending", ".hidden.svs", "{a.TIF"])
def test_one_slide(tmp_path: Path, name: str) -> None:
    """One file of any suffix is a slide, and its stem the name."""
    make(f"d/{name}")
    (slide,) = find(f"d/../d/{name}")
    assert (slide.name, slide.path) == (Path(name).stem, tmp_path / "d" / name)


def test_nothing_there(tmp_path: Path) -> None:
    """A path that is not there says so."""
    make("file")
    for asked in ("none", "file/a.mrxs", "sheet.tsv"):
        assert faults(asked) == [
            f'slides is "{asked}", and there is no "{tmp_path}/{asked}": {ASK}'
        ]


def test_neither_slide_nor_folder() -> None:
    """Devices, and sheets in a form that is not read, are told what to be."""
    assert faults("/dev/null") == [
        f'slides is "/dev/null", which is neither a file nor a folder: {ASK}'
    ]
    make("list.XLS", "a.zip")
    assert faults("list.XLS") == [
        'slides is "list.XLS", which is neither a slide nor a sheet: save the sheet as .tsv, .csv '
        "or .xlsx, and name that."
    ]
    assert faults("a.zip") == [
        'slides is "a.zip", which is an archive: unpack it, and name what was in it.'
    ]


def test_path_too_long() -> None:
    """What the file system cannot even look for is no traceback."""
    (fault,) = faults("a" * 300)
    assert fault.endswith(
        "cannot be read (File name too long): make it readable, or name other slides."
    )


# --- a glob -----------------------------------------------------------------------------------


def test_glob(tmp_path: Path) -> None:
    """A glob names slides below its parts without a wildcard; folders and hidden files do not."""
    make("d/x/a.svs", "d/y/a.svs", "d/y/.b.svs", "d/y/c.tif", "d/dir.svs/", "d/y/e/f.svs")
    assert names("d/*/*.svs") == ["x/a", "y/a"]
    assert names("d/y/?.svs") == ["a"]
    assert names(f"{tmp_path}/d/**/*.[st]*") == ["x/a", "y/a", "y/c", "y/e/f"]
    assert names("d/*/a.svs") == ["x/a", "y/a"]
    assert find("d/x/*")[0].path == tmp_path / "d/x/a.svs"
    os.chdir("d/x")
    assert names("*.svs") == ["a"]
    assert names("../y/*.svs") == ["a"]


def test_glob_with_loop(tmp_path: Path) -> None:
    """A link that leads back up gives each slide once, by the shortest way."""
    make("d/a.svs", "d/x/b.svs")
    Path("d/x/up").symlink_to(tmp_path / "d")
    assert names("d/**/*.svs") == ["a", "x/b"]


def test_glob_without_match(tmp_path: Path) -> None:
    """A glob that nothing or only folders match says from where was looked."""
    make("d/A/Slidedat.ini", "d/B/")
    assert faults("d/*.svs") == [
        f'slides is the glob "d/*.svs", and nothing matches it, looked for from "{tmp_path}/d": '
        "write one that ends in a file's name, such as *.mrxs."
    ]
    assert faults("d/*") == [
        'slides is the glob "d/*", and 2 folders but no file match it, looked for from '
        f'"{tmp_path}/d": write one that ends in a file\'s name, such as *.mrxs.'
    ]


# --- the results ------------------------------------------------------------------------------


@pytest.mark.parametrize("results", ["d", "link"])
def test_results_over_data_folders(tmp_path: Path, results: str) -> None:
    """The results never go into a slide's own data folder."""
    make("d/sub/A.mrxs", "d/sub/A/Slidedat.ini", "d/sub/B.mrxs")
    Path("link").symlink_to(tmp_path / "d")
    (fault,) = faults("d", results=results)
    assert fault in [
        f'results is "{results}", and so the results of the slide "sub/{name}" would go into its '
        f'own data folder "{tmp_path}/d/sub/{name}": name another folder.'
        for name in "AB"
    ]


def test_results_that_are_a_file() -> None:
    """A file where the results should go is told."""
    make("d/A.mrxs", "out")
    assert faults("d", results="out") == ['results is "out", which is a file: name a folder.']


# --- anything ---------------------------------------------------------------------------------


AT_LEISURE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@AT_LEISURE
@given(st.text("ab*?[]{}~./!-\n\udcff", min_size=1, max_size=8) | st.text(min_size=1))
def test_any_place_is_slides_or_a_config_error(place: str) -> None:
    """Whatever ``slides`` names, nothing but a ConfigError comes out."""
    make("a/b.mrxs", "b/a/a.mrxs", "a/.mrxs", "..mrxs", "ab")
    if place.startswith(("/", "~")) or ".." in place:
        return  # anything may lie there
    try:
        found = find(place)
    except ConfigError as error:
        told = str(error)
    else:
        told = "".join(slide.name + slide.refused for slide in found)
    assert told.encode("utf-8", "replace").decode() == told, "no bytes that are no text"
