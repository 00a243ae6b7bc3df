"""Slides of any name, cut for real: no shell runs a name, and nothing lands outside the results."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

import running
from running import TINY, Ran, copy_slide, mrxs_tiles, record, snakemake, table, tree

pytestmark = pytest.mark.slow

NFC, NFD = (unicodedata.normalize(form, "Blöcke é") for form in ("NFC", "NFD"))
CUT = [
    *(
        "two  blanks",
        'it\'s "b"',
        "$(touch canary)`touch canary`",
        "; touch canary && touch canary |",
    ),
    *(
        "> canary",
        "$HOME ~ %s %(x)d \\n",
        "~root",
        "-rf",
        "--help",
        "[a-z](b)*?!",
        "#x a=b a:b, @&",
    ),
    *(
        "x...",
        "x.mrxs.tar",
        "report.tsv.x",
        "sub/$(touch canary)/deep/-x",
        NFC,
        NFD,
        "Case",
        "case",
    ),
    *("片\N{MICROSCOPE}\u200b\u202e", ("éàüöñçß" * 17)[:115], ("0123456789abcdefghij" * 12)[:240]),
]
# one of each kind that has ever gone wrong: the others are torture
SOME_CUT = (
    *('it\'s "b"', "$(touch canary)`touch canary`", "$HOME ~ %s %(x)d \\n", "-rf"),
    *("sub/$(touch canary)/deep/-x", NFC, NFD),
)
REFUSED = {  # name as it is shown: the file's stem, and what is said
    "a{b}": ("a{b}", 'holds "{"'),
    "{slide}": ("{slide}", 'holds "{"'),
    "line\\nbreak": ("line\nbreak", "holds a control character"),
    "tab\\tand\\x1b[31m": ("tab\tand\x1b[31m", "holds a control character"),
    "x\\xff": ("x\udcff", "holds bytes that are not UTF-8"),
    "x" * 240: ("x" * 240, 'ends in "x" twenty times in a row, at which Snakemake stops'),
    "a" + "-=" * 20: ("a" + "-=" * 20, 'ends in "-=" twenty times in a row'),
    ("y" * 14 + "z") * 16 + "long": (
        ("y" * 14 + "z") * 16 + "long",
        "has a part of more than 240 bytes",
    ),
    "report.tsv": ("report.tsv", "begins with report.tsv, which the report writes there"),
    "survey.tsv/inner": ("survey.tsv/inner", "begins with survey.tsv"),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return running.write(tmp_path_factory.mktemp("plain") / "plain.mrxs", TINY).path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a folder for temporary files, both empty, and watched by ``outside``."""
    for variable, name in (("HOME", "home"), ("TMPDIR", "tmp")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # Snakemake's and fontconfig's
    return tmp_path / "home"


def outside(folder: Path) -> dict[str, bytes]:
    """All files but the results, and what Snakemake keeps of its own."""
    own = ("work/results/", "work/.snakemake/", "cache/")
    return {name: content for name, content in tree(folder).items() if not name.startswith(own)}


@pytest.mark.parametrize(
    "names", [SOME_CUT, pytest.param(CUT, marks=pytest.mark.torture)], ids=["some", "all"]
)
def test_a_folder_of_them(plain: Path, tmp_path: Path, home: Path, names: Sequence[str]) -> None:
    """Every slide of a folder is cut, or refused with its sentence; nothing else is there then."""
    slides = tmp_path / "slides"
    for name in [*names, *(stem for stem, _ in REFUSED.values())]:
        copy_slide(plain, slides / f"{name}.mrxs")
    copy_slide(plain, slides / "upper.mrxs").rename(slides / "upper.MRXS")
    (slides / "file $(touch canary).mrxs").symlink_to(plain)
    (slides / "both;.mrxs").symlink_to(plain)
    (slides / "both;").symlink_to(plain.with_suffix(""))
    good = [*names, "upper", "file $(touch canary)", "both;"]
    before = outside(tmp_path)
    ran = snakemake(tmp_path / "work", slides=slides, tile_size=200)
    after = outside(tmp_path)
    assert after == before
    assert list(home.iterdir()) == []
    check_rows(tmp_path / "work" / "results", ran, good, plain)
    assert not [name for name in tree(tmp_path) if name.endswith("canary")]


def check_rows(results: Path, ran: Ran, good: list[str], plain: Path) -> None:
    assert ran.code == 1
    rows = {row["slide"]: row for row in table(results / "report.tsv")}
    shown = {name.replace("\\", "\\\\") for name in [*good, *REFUSED]}
    assert rows.keys() == shown
    expected = tree(plain_results(plain, results.parent.parent) / "tiles")
    for name in good:
        row = rows[name.replace("\\", "\\\\")]
        assert (row["status"], row["error"]) == ("ok", ""), name
        assert record(results / name / "tiles.json")["slide"] == name
        assert tree(results / name / "tiles") == expected
    for name, (_, sentence) in REFUSED.items():
        row = rows[name.replace("\\", "\\\\")]
        assert row["status"] == "failed"
        assert sentence in row["error"]


def plain_results(plain: Path, folder: Path) -> Path:
    """What the plainest name gives."""
    assert running.cut(plain, folder / "alone", "--tile-size=200").code == 0
    return folder / "alone" / "plain"


AWAY = {
    "../x": 'holds the part ".."',
    "/abs": "is an absolute path",
    "a/../../b": 'holds the part ".."',
    "a//b": "holds an empty part",
    "./a": 'holds the part "."',
    "report.tsv": "begins with report.tsv",
    "report_files/a": "begins with report_files",
    "z" * 241: "has a part of more than 240 bytes",
}


def test_names_that_lead_away(plain: Path, tmp_path: Path, home: Path) -> None:
    """A name of a sheet or an option that would lie outside the results is refused at once."""
    work = tmp_path / "work"
    work.mkdir()
    rows = "".join(f"{plain}\t{name}\n" for name in AWAY)
    (work / "s.tsv").write_text(f"path\tslide\n{rows}")
    before = outside(tmp_path)
    ran = snakemake(work, slides="s.tsv")
    assert (ran.code, ran.jobs) == (1, [])
    for name, sentence in AWAY.items():
        assert f'the name "{name}" {sentence}' in ran.text
    for name, command in zip(AWAY, ("inspect", "tile", "preview"), strict=False):
        ran = mrxs_tiles(command, plain, f"--slide={name}", "--results", work / "results")
        assert ran.code == 1
        assert f'name "{name}" {AWAY[name]}' in ran.err
    assert outside(tmp_path) == before
    assert not (work / "results").exists()
    assert list(home.iterdir()) == []


@pytest.mark.torture
def test_names_of_a_sheet(plain: Path, tmp_path: Path, home: Path) -> None:
    """Names that differ in case or in how a letter is composed are two slides, and both stay."""
    work = tmp_path / "work"
    work.mkdir()
    names = ["Case", "case", NFC, NFD, "$(touch canary)/x", "-x"]
    lines = "".join(f"{plain}\t{name}\n" for name in names)
    (work / "s.tsv").write_text(f"path\tslide\n{lines}", "utf-8")
    before = outside(tmp_path)
    ran = snakemake(work, slides="s.tsv", tile_size=200)
    assert ran.code == 0
    assert outside(tmp_path) == before
    assert list(home.iterdir()) == []
    assert [row["slide"] for row in table(work / "results" / "report.tsv")] == sorted(names)
    assert all((work / "results" / name / "tiles.json").is_file() for name in names)


@pytest.mark.torture
def test_names_of_the_command_line(plain: Path, tmp_path: Path, home: Path) -> None:
    """The command line takes the same names, those with braces and line breaks too."""
    work = tmp_path / "work"
    work.mkdir()
    before = {name: content for name, content in outside(tmp_path).items() if name != "work/"}
    for name in ["$(touch canary); `touch canary`", "-rf", "{x}", "a\nb", NFD, "*?[x]", "sub/'\""]:
        ran = running.cut(plain, work / "results", "--tile-size=200", slide=name)
        assert ran.code == 0, ran.text
        assert record(work / "results" / name / "tiles.json")["slide"] == name
    assert outside(tmp_path) == before
    assert list(home.iterdir()) == []
    assert os.listdir(work) == ["results"]  # noqa: PTH208 - hidden ones too
