"""What ``slides`` names: folders, single slides, globs, sheets, and what each fault is told."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.config.slides import Slide, find_slides, name_fault
from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.names import fit_for_cluster

COLUMNS = ", ".join(load_schema("slides"))
ASK = "name a folder, one slide, a glob or a sheet (.tsv, .csv)."


@pytest.fixture(autouse=True)
def _work_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(*paths: str | bytes) -> None:
    """Make empty files; a path that ends in a slash is a folder."""
    for path in map(os.fsdecode, paths):
        folder = path if path.endswith("/") else os.path.dirname(path)  # noqa: PTH120 - bytes
        Path(folder).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            Path(path).touch()


def find(slides: str | Path, **keys: Any) -> list[Slide]:
    return find_slides(read_config({"slides": str(slides), **keys}))


def names(slides: str | Path, **keys: Any) -> list[str]:
    return [slide.name for slide in find(slides, **keys)]


def faults(slides: str | Path, **keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        find(slides, **keys)
    assert all(fault.isprintable() for fault in caught.value.faults)
    return list(caught.value.faults)


def sheet(text: str, name: str = "slides.csv") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


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
    """A folder without permission is no traceback."""
    make("d/sub/a.mrxs")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert faults("d") == [
        f'slides is "d", and "{tmp_path}/d/sub" cannot be read (Permission denied): '
        "make it readable, or name other slides."
    ]


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
    make("list.XLSX")
    assert faults("list.XLSX") == [
        'slides is "list.XLSX", which is neither a slide nor a sheet: save the sheet as .tsv or '
        ".csv, in UTF-8, and name that."
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


# --- a sheet ----------------------------------------------------------------------------------


def test_sheet(tmp_path: Path) -> None:
    """A sheet gives paths from its own folder, names, and settings; a missing file passes."""
    path = sheet(
        "\ufeffpath\ttile_size\tslide\tlimit_bounds\n"
        "a.mrxs\t512\tcase/1\tTRUE\n"
        "\t\t\t\n"
        "/far/b c.svs\t\t\t\n"
        '"q, ""x"".svs"\t\t\t\n',
        "sheets/slides.TSV",
    )
    default = read_config({"overlap": 1}).settings
    assert find(path, overlap=1) == [
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
    path = sheet("path,tile_size,slide\n\na,0,\n,,x\nb\nc,, d\ne,,../f\ng,,report.tsv\nh,5,i\n")
    where = 'Sheet "slides.csv", row'
    assert faults(path) == [
        f"{where} 3, column tile_size is the number 0: write a whole number of px from 1 to 30000 "
        "(the default is 3000).",
        f"{where} 4, column path is empty: write the slide's file.",
        f"{where} 5 has 1 cells, and the header 3: write a cell for each column, if only an empty "
        "one.",
        f'{where} 6, column slide is " d": remove the blanks around it.',
        f'{where} 7, column slide: the name "../f" holds the part "..": write another, such as '
        "case/1.",
        f'{where} 8, column slide: the name "report.tsv" begins with report.tsv, which the report '
        "writes there: write another, such as case/1.",
    ]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ["is empty: write a header with the column path, and slides."]),
        ("\n\n", ["is empty: write a header with the column path, and slides."]),
        ("path\n", ["has a header and no slides: write a row for each slide."]),
        (
            "path;tile_size\na;1\n",
            [": its columns are separated by semicolons, those of a .csv by commas: save it with "
             "commas."],
        ),
        (
            "path\ttile_size\na\t1\n",
            [": its columns are separated by tabs, those of a .csv by commas: save it with "
             "commas."],
        ),
        (
            "image_path,tilesize\na,1\n",
            [' has no column path, but "image_path", "tilesize": rename image_path to path.',
             ': its column "tilesize" is not known: did you mean tile_size?'],
        ),
        (
            "Path\na\n",
            [' has no column path, but "Path": rename Path to path.'],
        ),
        (
            "slide\na\n",
            [' has no column path, but "slide": name the column of the slides\' files path.'],
        ),
        (
            "path,patient,path,\na,b,c,\n",
            [f': its column "patient" is not known: remove it; known are {COLUMNS}.',
             ": its column path is there twice: remove one.",
             ": its column 4 has no name: name it, or remove it."],
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


@pytest.mark.parametrize(("encoding", "row"), [("utf-16", 1), ("utf-16-le", 2), ("latin-1", 2)])
def test_sheet_in_another_encoding(encoding: str, row: int) -> None:
    """A sheet that is not UTF-8 is told so, with the first row that shows it."""
    sheet("").write_bytes("path\nä.mrxs\n".encode(encoding))
    assert faults("slides.csv") == [
        f'Sheet "slides.csv", row {row} is not text in UTF-8: save it in UTF-8 '
        "(in Excel: CSV UTF-8)."
    ]


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
        "survey.tsv": 'Slide "survey.tsv": its name begins with survey.tsv, which the report '
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


@pytest.mark.parametrize("name", ["A", "a b's", 'a "b"', "$(x) `y`;z", "ü é [*]", "-x"])
def test_names_that_reach_a_cluster(name: str) -> None:
    slide = Slide(name, Path("/slides/A.mrxs"), read_config({}).settings)
    assert fit_for_cluster(slide) is slide


@pytest.mark.parametrize(
    ("name", "path"),
    [("a,b", "A"), ("a'$b", "A"), ("a'`b", "A"), ("a'\"b", "A"), ("a\\b", "A"), ("A", "a'$b")],
)
def test_names_that_do_not_reach_a_cluster(name: str, path: str) -> None:
    refused = fit_for_cluster(
        Slide(name, Path(f"/slides/{path}.mrxs"), read_config({}).settings)
    ).refused
    assert refused.startswith("Slide ")
    assert f"rename {shown(f'/slides/{path}.mrxs')}, give the slide another name" in refused
