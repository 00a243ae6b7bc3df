"""Config, sheet and odd names as a run of the workflow takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

import running
from running import (
    TINY,
    Ran,
    reasons,
    record,
    snakemake,
    table,
    times,
    tree,
)

pytestmark = pytest.mark.slow

# --- names ------------------------------------------------------------------------------------


ODD_NAMES = [
    "sub folder/deep/two  blanks & dots.and.mrxs",
    "[brackets](x) 100% ~",
    'it\'s "quoted" a\\b*?',
    "$(touch pwned); `touch pwned` > pwned",
    "Ünï 片 \N{MICROSCOPE}",
    "-rf",
]


@pytest.mark.torture
def test_names(tmp_path: Path) -> None:
    """Slides of any name are cut alike; braces refuse that one alone, in every run."""
    slides, results = tmp_path / "slides", tmp_path / "results"
    plain = running.write(tmp_path / "plain.mrxs", TINY).path
    for name in ODD_NAMES:
        running.copy_slide(plain, slides / f"{name}.mrxs")
    running.copy_slide(plain, slides / "braces{x}.mrxs")
    upper = running.copy_slide(plain, slides / "upper.mrxs")
    upper.rename(upper.with_suffix(".MRXS"))
    (slides / "link.mrxs").symlink_to(plain)
    both = (slides / "both.mrxs", slides / "both")
    both[0].symlink_to(plain)
    both[1].symlink_to(plain.with_suffix(""))
    (slides / "._hidden.mrxs").write_bytes(b"what macOS leaves")
    good = sorted([*ODD_NAMES, "upper", "link", "both"])

    ran = snakemake(tmp_path, tile_size=200)
    assert ran.code == 1
    assert ran.jobs == sorted(["report", *(f"{s} {n}" for s in ("inspect", "tile") for n in good)])
    running.cut(plain, tmp_path / "alone", "--tile-size=200")
    expected = tree(tmp_path / "alone" / "plain")
    expected.pop("slide.json")
    wanted = record(tmp_path / "alone" / "plain" / "slide.json")
    for name in good:
        found = tree(results / name)
        del found["slide.json"]
        record_of = record(results / name / "tiles.json") | {"slide": "plain"}
        assert record_of == record(tmp_path / "alone" / "plain" / "tiles.json")
        assert found | {"tiles.json": expected["tiles.json"]} == expected, name
        suffix = ".MRXS" if name == "upper" else ".mrxs"
        own = {"slide": name, "path": f"{slides / name}{suffix}"}
        assert record(results / name / "slide.json") == wanted | own
    assert list(tmp_path.rglob("pwned")) == []
    check_braces(tmp_path, ran, len(good) + 1)

    before = times(results)
    ran = snakemake(tmp_path, tile_size=200)
    assert (ran.code, ran.jobs) == (1, ["report"])
    check_braces(tmp_path, ran, len(good) + 1)
    after = times(results)
    renewed = ("report", "runtime.tsv", "run.json", "ro-crate", "logs/", "braces{x}/")
    unchanged = [name for name in before if not name.startswith(renewed)]
    assert [name for name in unchanged if before[name] != after[name]] == []


def check_braces(folder: Path, ran: Ran, slides: int) -> None:
    """The slide with braces in its name has failed, with a sentence."""
    sentence = (
        f'Slide "braces{{x}}": its path "{folder}/slides/braces{{x}}.mrxs" holds "{{", which '
        "Snakemake cannot carry: rename that file (and the data folder of a .mrxs with it) or "
        "folder."
    )
    rows = {row["slide"]: row for row in table(folder / "results" / "report.tsv")}
    assert len(rows) == slides
    bad = {name: (row["status"], row["error"]) for name, row in rows.items() if row["error"]}
    assert bad == {"braces{x}": ("failed", sentence)}
    assert f"\n  braces{{x}} (failed): {sentence}\n" in ran.err
    assert f"\nBad slides: 1 of {slides}, see above. All others are done." in ran.err


# --- config and sheet -------------------------------------------------------------------------


def test_faults_in_the_config(tmp_path: Path) -> None:
    """A wrong config is refused before any job, with all its faults."""
    running.write(tmp_path / "slides" / "A.mrxs", TINY)
    ran = snakemake(tmp_path, tile_size=0, format="gif", qualty=5)
    assert ran.code == 1
    assert ran.jobs == []
    assert (
        '"qualty" is not a key of the config: did you mean quality?\n'
        "tile_size is the number 0: write a whole number of px from 1 to 30000 "
        "(the default is 3000).\n"
        'format is the text "gif": write jpg, png, webp, tif, jxl or none (the default is jpg).\n'
    ) in ran.text
    assert running.names(tmp_path) == [".snakemake", "slides"]


def test_a_typed_scale(tmp_path: Path) -> None:
    """A scale that is typed replaces config.yaml's, for Snakemake as for `mrxs-tiles run`."""
    running.write(tmp_path / "slides/A.mrxs", TINY)
    (tmp_path / "config.yaml").write_text("slides: slides\nmpp: 1.0\ntile_size: 200\n")
    ran = snakemake(tmp_path, downsample=2)
    assert ran.code == 0, ran.text
    assert "downsample is 2 as typed, so mpp 1 of the config does not count." in ran.text
    assert record(tmp_path / "results/A/slide.json")["grid"]["downsample"] == 2
    again = running.mrxs_tiles("run", "slides", "--downsample", "2", cwd=tmp_path)
    assert again.code == 0, again.text
    assert "Nothing to be done" in again.err


def test_no_slide(tmp_path: Path) -> None:
    """A folder without a slide is refused before any job."""
    (tmp_path / "slides").mkdir()
    ran = snakemake(tmp_path)
    assert (ran.code, ran.jobs) == (1, [])
    assert (
        f'\nslides is "slides", and no file below "{tmp_path}/slides" ends in .mrxs (hidden files '
        "and folders are passed over): name a folder, one slide, a glob or a sheet "
        "(.tsv, .csv, .xlsx).\n"
    ) in ran.text
    assert not (tmp_path / "results").exists()


def test_sheet(tmp_path: Path) -> None:
    """A sheet names slides, from its own folder on, and settings for one of them alone."""
    sheet = tmp_path / "lists" / "slides.tsv"
    running.write(tmp_path / "lists" / "A.mrxs", TINY)
    running.write(tmp_path / "B.mrxs", TINY)
    sheet.write_text("path\tslide\ttile_size\tformat\nA.mrxs\t\t100\tpng\n../B.mrxs\tb/2\t\t\n")
    ran = snakemake(tmp_path / "work", slides="../lists/slides.tsv", tile_size=200)
    assert ran.code == 0
    results = tmp_path / "work" / "results"
    assert [
        (row["slide"], row["tile_size"], row["cols"]) for row in table(results / "report.tsv")
    ] == [("A", "100", "3"), ("b/2", "200", "2")]
    assert {Path(name).suffix for name in tree(results / "A" / "tiles")} == {".png"}
    assert len(reasons(results / "A")) == 9
    assert {Path(name).suffix for name in tree(results / "b" / "2" / "tiles")} == {".jpg"}
    assert len(reasons(results / "b" / "2")) == 4


def test_faults_in_a_sheet(tmp_path: Path) -> None:
    """A wrong sheet is refused before any job: each fault names its row and column."""
    (tmp_path / "slides.csv").write_text("path,tile_size,format\nA.mrxs,big,gif\n,100,\n")
    ran = snakemake(tmp_path, slides="slides.csv")
    assert (ran.code, ran.jobs) == (1, [])
    assert (
        '\nSheet "slides.csv", row 2, column tile_size is "big": write a whole number of px from 1 '
        "to 30000 (the default is 3000).\n"
        'Sheet "slides.csv", row 2, column format is "gif": write jpg, png, webp, tif, jxl or none '
        "(the default is jpg).\n"
        'Sheet "slides.csv", row 3, column path is empty: write the slide\'s file.\n'
    ) in ran.text
