"""A file of a slide that is not there, or is not itself: what is said helps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from in_process import look
from running import TINY, write
from slide_places import find
from write_mirax import WrittenSlide

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12345\n"


def named(old: str, new: str) -> Callable[[WrittenSlide], None]:
    return lambda slide: (slide.folder / old).rename(slide.folder / new) and None


def linked(name: str, target: str) -> Callable[[WrittenSlide], None]:
    def link(slide: WrittenSlide) -> None:
        (slide.folder / name).unlink()
        (slide.folder / name).symlink_to(target)

    return link


def holding(name: str, content: bytes) -> Callable[[WrittenSlide], None]:
    return lambda slide: (slide.folder / name).write_bytes(content) and None


def in_itself(slide: WrittenSlide) -> None:
    """As some programs unpack it: the folder once more in a folder of its name."""
    slide.folder.rename(slide.folder.with_name("x"))
    slide.folder.mkdir()
    slide.folder.with_name("x").rename(slide.folder / slide.folder.name)


def broken(slide: WrittenSlide) -> None:
    shutil.rmtree(slide.folder)
    slide.folder.symlink_to("gone")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (
            named("Slidedat.ini", "slidedat.ini"),
            "Slidedat.ini of A.mrxs is missing: 'slidedat.ini' differs from it only in upper and "
            'lower case ("S" for "s"), so rename that.',
        ),
        pytest.param(
            named("Index.dat", "index.dat"),
            "Index.dat is missing: 'index.dat' differs from it",
            marks=pytest.mark.slow,  # OpenSlide is asked in a process of its own
        ),
        (named("Data0000.dat", "data0000.dat"), "Data0000.dat is missing: 'data0000.dat' differs"),
        (
            linked("Data0000.dat", "../.git/annex/objects/x/y"),
            "it is a link to ../.git/annex/objects/x/y, and nothing is there (fetch it: git annex",
        ),
        (holding("Data0000.dat", LFS), "Data0000.dat is a pointer of Git LFS, not the file itself"),
        pytest.param(
            holding("Index.dat", LFS),
            "Index.dat is a pointer of Git LFS, not the file itself",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            holding("Slidedat.ini", LFS),
            "Slidedat.ini is a pointer of Git LFS, not the file itself",
            marks=pytest.mark.slow,
        ),
        (holding("Data0000.dat", b"/annex/objects/SHA256-s9--a\n"), "of git-annex, not the file"),
        (in_itself, "The folder 'A' beside A.mrxs holds another 'A', with the Slidedat.ini"),
        (broken, "The folder 'A' beside A.mrxs is missing: it is a link to gone, and nothing is"),
    ],
)
def test_what_is_not_there(tmp_path: Path, harm: Callable[[WrittenSlide], None], told: str) -> None:
    """Another case, content that was not fetched, a folder in itself: not "copy it again"."""
    slide = write(tmp_path / "slides" / "A.mrxs", TINY)
    harm(slide)
    record = look(slide.path, tmp_path / "results")
    assert told in "; ".join([record["error"], *record["warnings"]])


def test_a_folder_in_itself_refuses_no_others(tmp_path: Path) -> None:
    """A glob that finds it once more does not take it for another slide's."""
    slide = write(tmp_path / "A.mrxs", TINY)
    in_itself(slide)
    assert [found.name for found in find(f"{tmp_path}/**/A.mrxs")] == ["A"]
