"""Sheets of slides and the slides' names, and what each fault is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.slides import Slide, name_fault
from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.names import fit_for_cluster
from slide_places import faults, find, make, sheet

# --- a sheet ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet gives paths from its own folder, names, and settings; a missing file passes."""
    # whatever the disk here makes of quotation marks in a name
    monkeypatch.setattr("mrxs_tiles.config.slides.fit_for_disk", lambda slides, _: slides)
    path = sheet(
        "\ufeffpath\ttile_size\tslide\tlimit_bounds\n"
        "a.mrxs\t512\tcase/1\tTRUE\n"
        "\t\t\t\n"
        "/far/b c.svs\t\t\t\n"
        '"q, ""x"".svs"\t\t\t\n',
        "sheets/slides.TSV",
    )
    default = read_config({"overlap": 1}).settings
    assert list(find(path, overlap=1)) == [
        Slide("b c", Path("/far/b c.svs"), default),
        Slide(
            "case/1",
            tmp_path / "sheets/a.mrxs",
            dataclasses.replace(default, tile_size=512, limit_bounds=True),
        ),
        Slide('q, "x"', tmp_path / 'sheets/q, "x".svs', default),
    ]


def test_sheet_as_excel_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows line ends, quoted cells, rows of commas alone and ~ are read."""
    monkeypatch.setenv("HOME", "/home/me")
    path = sheet('path,background\r\n~/a.mrxs,"255,0,1"\r\n,\r\n')
    (slide,) = find(path)
    assert slide.path == Path("/home/me/a.mrxs")
    assert slide.settings.background == (255, 0, 1)


def test_sheet_faults_at_once() -> None:
    """All wrong rows are told in one go, by their number in the file."""
    path = sheet(
        "path,tile_size,slide\n\na,0,\n,,x\nb\nc,, d\ne,,../f\ng,,report.tsv\nh,5,i\nk,5,l,m\n"
    )
    where = 'Sheet "slides.csv", row'
    assert faults(path) == [
        f"{where} 3, column tile_size is the number 0: write a whole number of px from 1 to 30000 "
        "(the default is 3000).",
        f"{where} 4, column path is empty: write the slide's file.",
        f'{where} 7, column slide: the name "../f" holds the part "..": write another, such as '
        "case/1.",
        f'{where} 8, column slide: the name "report.tsv" begins with report.tsv, which the report '
        "writes there: write another, such as case/1.",
        f"{where} 10 has 4 cells, and the header 3: write a cell for each column; where a cell "
        "holds a comma, put it in quotation marks.",
    ]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ["is empty: write a header with the column path, and slides."]),
        ("\n\n", ["is empty: write a header with the column path, and slides."]),
        ("path\n", ["has a header and no slides: write a row for each slide."]),
        (
            "image_path,tilesize\na,1\n",
            [' has no column path, but "image_path", "tilesize": rename image_path to path.'],
        ),
        (
            "slide\na\n",
            [' has no column path, but "slide": name the column of the slides\' files path.'],
        ),
        (
            "path,patient,Path,,\na,b,c,,d\n",
            [": its column path is there twice: remove one.",
             ": its column 5 has no name: name it, or remove it."],
        ),
        (
            'path\nok\n"a"b\nc\n',
            [", row 3 cannot be read (',' expected after '\"'): where a cell begins with a "
             'quotation mark, put the cell in quotation marks and double its own, """a"" b.mrxs".'],
        ),
        (
            "path\n" + "x" * 200_000,
            [", row 2 cannot be read (field larger than field limit (131072)): where a cell begins "
             "with a quotation mark, put the cell in quotation marks and double its own, "
             '"""a"" b.mrxs".'],
        ),
        (
            "path\na\0\n",
            [", row 2 is not text in UTF-8: save it in UTF-8 (in Excel: CSV UTF-8)."],
        ),
    ],
)  # fmt: skip
def test_sheet_refused(text: str, sentences: list[str]) -> None:
    """A sheet that cannot be taken as a whole says why."""
    starts = [s if s[0] in ",: " else f" {s}" for s in sentences]
    assert faults(sheet(text)) == [f'Sheet "slides.csv"{start}' for start in starts]


# --- names ------------------------------------------------------------------------------------


def test_one_name_twice(tmp_path: Path) -> None:
    """Two slides of one name are an error that names both."""
    make("d/A.mrxs", "d/A.MRXS")
    assert faults("d") == [
        f'2 slides have the name "A": "{tmp_path}/d/A.MRXS" and "{tmp_path}/d/A.mrxs": rename '
        "one, or give names in the column slide of a sheet."
    ]


def test_one_name_in_anothers_folder() -> None:
    """A name inside another's results is an error that names both; a like beginning is none."""
    assert faults(sheet("path,slide\n/1.svs,a\n/2.svs,a/tiles/x\n/3.svs,a b\n")) == [
        'The slide "a/tiles/x" ("/2.svs") would lie in the results of the slide "a" ("/1.svs"): '
        "rename one, or give names in the column slide of a sheet."
    ]


def test_one_file_under_two_names() -> None:
    """The same slide may be cut in two ways."""
    found = find(sheet("path,slide,tile_size\n/1.svs,a,\n/1.svs,b,512\n"))
    assert [slide.settings.tile_size for slide in found] == [3000, 512]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("A 1", ""),
        ("sub/[ä] 'x';", ""),
        ("x/report.tsv", ""),
        ("/a", "is an absolute path"),
        ("a//b", "holds an empty part"),
        ("", "holds an empty part"),
        ("a/./b", 'holds the part "."'),
        ("report_files/a", "begins with report_files, which the report writes there"),
        ("logs", "begins with logs, which each step writes there"),
        ("ä" * 121, "has a part of more than 240 bytes"),
    ],
)
def test_name_fault(name: str, fault: str) -> None:
    """A name is a plain place below the results, and none of the report's own."""
    assert name_fault(name) == fault


def test_names_that_snakemake_cannot_carry(tmp_path: Path) -> None:
    """One odd name stops that slide, not the others."""
    make("d/a{b.mrxs", "d/good.mrxs", "d/new\nline.mrxs", b"d/caf\xe9.mrxs", "d/survey.tsv.mrxs")
    found = {slide.name: slide for slide in find("d")}
    refused = {name: slide.refused for name, slide in found.items() if slide.refused}
    why = "which Snakemake cannot carry: rename that file (and the data folder of a .mrxs with it)"
    assert refused == {
        "a{b": f'Slide "a{{b": its path "{tmp_path}/d/a{{b.mrxs" holds "{{", {why} or folder.',
        "caf\\xe9": f'Slide "caf\\xe9": its path "{tmp_path}/d/caf\\xe9.mrxs" holds bytes that '
        f'are not UTF-8 ("\\xe9"), {why} or folder.',
        "new\\nline": f'Slide "new\\nline": its path "{tmp_path}/d/new\\nline.mrxs" holds a '
        f'control character ("\\n"), {why} or folder.',
        "survey.tsv": 'Slide "survey.tsv": its name begins with survey.tsv, which survey '
        f'writes there: rename the file "{tmp_path}/d/survey.tsv.mrxs", or give the slide another '
        "name in the column slide of a sheet.",
    }
    assert sorted(found) == sorted([*refused, "good"])
    assert all(str(slide.path).isprintable() for slide in found.values())


def test_name_of_a_sheet_that_snakemake_cannot_carry() -> None:
    """A name from the column slide is mended there."""
    (slide,) = find(sheet("path,slide\n/a.svs,x}\n"))
    assert slide.refused == (
        'Slide "x}": its name holds "}", which Snakemake cannot carry: give the slide another name '
        "in the column slide of a sheet."
    )


# --- anything ---------------------------------------------------------------------------------


AT_LEISURE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
CELLS = st.sampled_from(
    ["path", "slide", "tile_size", "background", "a", "a/b", "512", "", '"', "~", "~x", "..", "\0"]
) | st.text(max_size=5)
SHEETS = st.lists(st.lists(CELLS, max_size=3).map(",".join), max_size=4).map("\n".join)
HEADED = st.sampled_from(["path\n", "path,slide\n", "path,tile_size\n", "path,background,slide\n"])


@AT_LEISURE
@given(HEADED | st.just(""), SHEETS | st.binary(max_size=20))
def test_any_sheet_is_slides_or_a_config_error(header: str, body: str | bytes) -> None:
    """Whatever a sheet holds, nothing but a ConfigError of whole lines comes out."""
    content = header.encode() + (body if isinstance(body, bytes) else body.encode())
    Path("slides.csv").write_bytes(content)
    try:
        found = find("slides.csv")
    except ConfigError as error:
        told = [*error.faults]
    else:
        told = [slide.refused for slide in found]
        assert [slide.name for slide in found] == sorted(slide.name for slide in found)
        assert all(slide.path.is_absolute() for slide in found)
    assert told
    assert all(fault.isprintable() for fault in told)


@pytest.mark.parametrize("name", ["A", "a b's", 'a "b"', "$(x) `y`;z", "ü é [*]", "-x"])
def test_names_that_reach_a_cluster(name: str) -> None:
    """Such a name survives the shells between Snakemake and a job."""
    slide = Slide(name, Path("/slides/A.mrxs"), read_config({}).settings)
    assert fit_for_cluster(slide) is slide


@pytest.mark.parametrize(
    ("name", "path"),
    [("a,b", "A"), ("a'$b", "A"), ("a'`b", "A"), ("a'\"b", "A"), ("a\\b", "A"), ("A", "a'$b")],
)
def test_names_that_do_not_reach_a_cluster(name: str, path: str) -> None:
    """One that these shells would change is refused before a job is sent."""
    refused = fit_for_cluster(
        Slide(name, Path(f"/slides/{path}.mrxs"), read_config({}).settings)
    ).refused
    assert refused.startswith("Slide ")
    assert f"rename {shown(f'/slides/{path}.mrxs')}, give the slide another name" in refused
