"""Where the parts of a MIRAX slide lie, also under names that only a person takes for the same."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from in_process import cut
from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.locate import locate
from mrxs_tiles.mirax.stamp import stamp
from running import TINY, tree, write

NFC, NFD = (unicodedata.normalize(form, "Blöcke é") for form in ("NFC", "NFD"))


def make(folder: Path, *paths: str) -> None:
    """Make empty files; of a path that ends in a slash a data folder."""
    for path in paths:
        place = folder / (f"{path}Slidedat.ini" if path.endswith("/") else path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def told(path: Path) -> str:
    with pytest.raises(SlideError) as caught:
        locate(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "folder"), [("A1.mrxs", "a1"), (f"{NFC}.mrxs", NFD), (f"{NFD}.MRXS", NFC.upper())]
)
def test_a_folder_in_another_form(tmp_path: Path, file: str, folder: str) -> None:
    """A data folder that differs in case or Unicode form only is found where it is the only one."""
    make(tmp_path, file, f"{folder}/", "other/", "other.mrxs")
    assert locate(tmp_path / file).folder == tmp_path / folder
    assert stamp(tmp_path / file) != stamp(tmp_path / "gone.mrxs")


def test_cut_with_a_folder_in_another_form(tmp_path: Path) -> None:
    """Such a slide gives the very tiles that it gives with the folder's right name."""
    slide = write(tmp_path / f"{NFC} A.mrxs", TINY)
    known = cut(slide.path, tmp_path / "one", tile_size=100)
    slide.folder.rename(slide.folder.with_name(unicodedata.normalize("NFD", f"{NFD} a")))
    found = cut(slide.path, tmp_path / "two", tile_size=100)
    assert known.files
    assert found.files == known.files
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_several_folders_that_fit(tmp_path: Path) -> None:
    """Where several fit, or the only one is another slide's, none is taken."""
    other = "\N{LATIN SMALL LETTER LONG S}"
    make(tmp_path, "S.mrxs", "s/", f"{other}/")
    assert told(tmp_path / "S.mrxs") == (
        "The folder 'S' is missing beside S.mrxs, and several differ from it only in upper and "
        f"lower case (\"S\" for \"s\"): 's' and '{other}'. Rename the right one to 'S'."
    )
    make(tmp_path, "T.mrxs", "t/", "t.mrxs")
    assert "is missing beside T.mrxs" in told(tmp_path / "T.mrxs")


@pytest.mark.parametrize(
    ("there", "named", "sentence"),
    [
        (("S.mrxs", "S/"), "S", "Name the file beside that folder, S.mrxs."),
        (("S/", "S/S.mrxs"), "S", "S.mrxs lies inside its data folder: move it one folder up"),
        (("S/",), "S", "copy S.mrxs beside the folder 'S', and name it."),
        (("S/",), "S.mrxs", "does not exist, but its data folder 'S' does"),
        (("S/", "S/S.mrxs"), "S.mrxs", "S.mrxs lies inside its own data folder 'S'. Move it one"),
        (("S/", "S/S.mrxs"), "S/S.mrxs", "lies inside a data folder, 'S'"),
        (("S.mrxs", "S/"), "S/Slidedat.ini", "is a part of a slide. Name the file beside"),
        (("S.mrxs", "S/", "S/D0.dat"), "S/D0.dat", "D0.dat is a part of a slide. Name the file"),
        (("S.mrxs",), "S", "S does not exist. Write the whole name, S.mrxs."),
        (("S.zip",), "S.zip", "S.zip is an archive, not a slide. Unpack it"),
        (("S.mrxs", "S.zip"), "S.mrxs", "but there is S.zip. A MIRAX slide is a small .mrxs file"),
        (("S.mrxs", "S.7z"), "S.mrxs", "unpack it there."),
        (("d/S.mrxs",), "d", "(a folder of slides is named by the key slides)"),
        (("a.mrxs", "A.MRXS"), "A.mrxs", "'A.MRXS' and 'a.mrxs', which differ from it only"),
    ],
)
def test_what_is_named_instead(
    tmp_path: Path, there: tuple[str, ...], named: str, sentence: str
) -> None:
    """Who names a data folder, a part or an archive is told what the slide is."""
    make(tmp_path, *there)
    assert sentence in told(tmp_path / named)


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the names beside a slide are not given, its folder is missing, and that is all."""
    make(tmp_path, "S.mrxs", "s/")

    def refuse(_folder: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    assert "is missing beside S.mrxs" in told(tmp_path / "S.mrxs")


@pytest.mark.parametrize("name", ["JPEGXR", "jxr", "HDP", "JPEG 2000", "JPEG12", "WEBP"])
def test_images_of_another_kind(tmp_path: Path, name: str) -> None:
    """A sound slide whose images OpenSlide does not decode is not told to be copied again."""
    slide = write(tmp_path / "a.mrxs", TINY)
    ini = slide.folder / "Slidedat.ini"
    ini.write_bytes(ini.read_bytes().replace(b"IMAGE_FORMAT=JPEG", f"IMAGE_FORMAT={name}".encode()))
    error = cut(slide.path, tmp_path / "out").inspected["error"]
    assert error == (
        f"a.mrxs cannot be read: its images are {name} (IMAGE_FORMAT in Slidedat.ini). The slide "
        "is sound, but of a kind that OpenSlide cannot read: export it as JPEG in 3DHISTECH's "
        "SlideConverter."
    )


@pytest.mark.parametrize("copy", [" (1)", "(2)", " - Kopie", " - Copy (3)", " copy 2", " (copy)"])
def test_a_copy_of_the_small_file(tmp_path: Path, copy: str) -> None:
    """A second download of the small file alone is told whose copy it is."""
    make(tmp_path, "A1.mrxs", "A1/", f"A1{copy}.mrxs", "old/")
    assert told(tmp_path / f"A1{copy}.mrxs") == (
        f"The folder 'A1{copy}' is missing beside A1{copy}.mrxs, which looks like a copy of "
        "A1.mrxs alone. Remove it, or, if it is another slide, copy its folder there too."
    )
    (tmp_path / "A1.mrxs").unlink()  # then it is perhaps the slide itself
    assert "copy of" not in told(tmp_path / f"A1{copy}.mrxs")


def test_a_folder_that_is_another_slides(tmp_path: Path) -> None:
    """A folder whose slide is written in another case is not guessed to be one that is missing."""
    make(tmp_path, "UPPER.MRXS", "upper/", "B.mrxs")
    assert "is it" not in told(tmp_path / "B.mrxs")
    make(tmp_path, "old/")
    assert "is it 'old'?" in told(tmp_path / "B.mrxs")
