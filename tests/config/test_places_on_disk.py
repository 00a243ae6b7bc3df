"""Names and paths that the results' disk, or the system, does not take: a slide's own fault."""

from __future__ import annotations

import errno
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from mrxs_tiles.__main__ import main
from mrxs_tiles.config import results_place
from mrxs_tiles.config.slides import name_below, slashed
from mrxs_tiles.files import alike
from mrxs_tiles.names import Slide
from slide_places import find, make

LONG = "a-name-of-thirty-four-characters-ok"
DOUBTFUL = ("CON", "sub/aux.1", "a.", "b /c", "c:d", 'e"f')


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make("A.mrxs", "B.mrxs")


def sheet(*names: str) -> str:
    """A sheet that gives one slide several names."""
    rows = "".join(f'A.mrxs\t"{name.replace(chr(34), chr(34) * 2)}"\n' for name in names)
    Path("slides.tsv").write_text(f"path\tslide\n{rows}", encoding="utf-8")
    return "slides.tsv"


@pytest.fixture
def disk_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The results lie where Windows says what a name may be."""
    plain = Path.mkdir

    def mkdir(path: Path, *arguments: Any, **keys: Any) -> None:
        name = path.name.rstrip(". ")
        if alike.folded(name).split(".")[0] in ("con", "aux") or set(name) & set('<>:"|?*'):
            raise OSError(errno.EINVAL, "The directory name is invalid")
        plain(path.with_name(name), *arguments, **keys)

    monkeypatch.setattr(Path, "mkdir", mkdir)


@pytest.mark.usefixtures("disk_of_windows")
def test_names_on_a_disk_of_windows() -> None:
    """A slide whose name cannot be there is refused, with why and what to do; the others stay."""
    found = find(sheet(*DOUBTFUL, "fine"))
    refused = {slide.name: slide.refused for slide in found if slide.refused}
    assert sorted(refused) == sorted(DOUBTFUL)
    assert [slide.name for slide in found if not slide.refused] == ["fine"]
    assert refused["CON"] == (
        'Slide "CON": the disk of "results" has no folder of its name, as on Windows: it holds '
        'the part "CON", which is a device there. Give the slide another name in the column slide '
        "of a sheet, or rename the file."
    )
    assert "whose end, a dot or a blank, is dropped there" in refused["a."]
    assert not Path("results").exists()


@pytest.mark.usefixtures("disk_of_windows")
def test_name_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line says it before it writes anything."""
    assert main(["inspect", "A.mrxs", "--slide", "aux"]) == 1
    assert "has no folder of its name, as on Windows" in capsys.readouterr().err
    assert not Path("results").exists()


def test_names_elsewhere(tmp_path: Path) -> None:
    """Where the disk takes them, such names are names like others."""
    if alike.not_made(tmp_path, DOUBTFUL):
        pytest.skip("the disk here is as Windows'")
    found = find(sheet(*DOUBTFUL))
    assert not [slide.refused for slide in found if slide.refused]


@pytest.mark.parametrize(("most", "refused"), [(None, False), (4000, False), (60, True)])
def test_long_paths(monkeypatch: pytest.MonkeyPatch, most: int | None, refused: bool) -> None:
    """What is longer than the system opens is told of that slide, before it is looked for."""
    monkeypatch.setattr(results_place, "longest_path", lambda: most)
    found = find(sheet(LONG, "y"))
    said = {slide.name: slide.refused for slide in found}
    assert bool(said[LONG]) == refused
    if refused:
        assert " characters, " in said[LONG]
        assert f"more than the {most} that Windows opens: switch on long paths" in said[LONG]


def test_long_form(monkeypatch: pytest.MonkeyPatch) -> None:
    r"""Of a slide that is named by ``\\?\`` the length counts no more."""
    monkeypatch.setattr(results_place, "longest_path", lambda: 200)
    settings = find("A.mrxs")[0].settings
    for start, refused in (("\\\\?\\E:\\", False), ("E:\\", True)):
        slide = Slide("A", Path(start + "x" * 200), settings)
        assert bool(results_place.path_fault(slide, Path("r"))) == refused


def test_names_have_slashes() -> None:
    """A name is the same on each system, and a glob is divided at what divides there."""
    path = PureWindowsPath(r"E:\slides\sub\A 1.x.mrxs")
    assert name_below(path, PureWindowsPath("E:/slides")) == "sub/A 1.x"
    assert name_below(PurePosixPath(r"/s/b\c.svs"), PurePosixPath("/s")) == r"b\c"
    assert name_below(PureWindowsPath(r"\\nas\x\a\B.mrxs"), PureWindowsPath(r"\\nas\x")) == "a/B"
    assert slashed(r"E:\slides\*\*.mrxs", "\\") == "E:/slides/*/*.mrxs"
    assert slashed(r"a\[x]/*.mrxs", "/") == r"a\[x]/*.mrxs"
