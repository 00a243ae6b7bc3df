"""The report: one row a slide, whatever the steps before it left."""

from __future__ import annotations

from pathlib import Path

import pytest

from in_process import NAME, cut
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files import manifest
from mrxs_tiles.report.records import find_inspected
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.summary import bad_slides, summary
from running import TINY, tree, write

WHY = "Slide report.tsv: its name is the report's."


def rows_of(results: Path) -> dict[str, dict[str, str]]:
    """The rows of a report, by slide."""
    return {row["slide"]: row for row in read_report(results)}


def test_counts(aperio: Path, tmp_path: Path) -> None:
    """A row holds what the two records say, and the summary its totals."""
    cut(aperio, tmp_path, tile_size=512)
    report(tmp_path)
    row = rows_of(tmp_path)[NAME]
    known = {"status": "ok", "tiles": "30", "kept": "30", "kept_fraction": "1"}
    known |= {"width": "2220", "height": "2967", "mpp_x": "0.499", "scanned_mm2": "1.64804"}
    assert {name: row[name] for name in known} == known
    assert summary(tmp_path, read_report(tmp_path)) == [
        "1 slide: 1 ok, 0 bad",
        "30 tiles: 30 kept",
        f"report: {tmp_path / 'report.tsv'}",
        f"page: {tmp_path / 'report.html'}",
    ]


def test_only_bad_slides(tmp_path: Path) -> None:
    """A report without one good slide is made, and empty where nothing is known."""
    cut(tmp_path / "not there.svs", tmp_path / "results")
    report(tmp_path / "results")
    row = rows_of(tmp_path / "results")[NAME]
    assert row["status"] == "failed"
    unknown = ("width", "levels", "tiles", "kept", *manifest.REASONS, "tile_bytes")
    assert {row[name] for name in unknown} == {""}


@pytest.mark.long
def test_lost_after_it_was_cut(aperio: Path, tmp_path: Path) -> None:
    """A slide that was cut and then got lost is bad: its tiles are kept, and it is said so."""
    slide = tmp_path / "A.svs"
    slide.symlink_to(aperio)
    cut(slide, tmp_path / "results", tile_size=1000)
    slide.unlink()
    cut(slide, tmp_path / "results", tile_size=1000)
    report(tmp_path / "results")
    assert bad_slides(read_report(tmp_path / "results")) == [
        "slide (kept): Not there now; results of an earlier run kept: A.svs does not exist. "
        "Check the path, or copy the slide there."
    ]


def test_refused_slides(tmp_path: Path) -> None:
    """A refused slide has its files; one whose name is no place in the results only a row."""
    refused = [
        ("a{x}", "/slides/a{x}.mrxs", "Braces."),
        ("report.tsv", "/slides/report.tsv.mrxs", WHY),
        ("../up", "/slides/up.mrxs", "Outside."),
    ]
    results = tmp_path / "results"
    report(results, Reported([], refused))
    assert {name: row["error"] for name, row in rows_of(results).items()} == {
        name: why for name, _, why in refused
    }
    made = sorted(path.name for path in results.iterdir())
    files = ["report.html", "report.tsv", "report_files", "ro-crate-metadata.json", "run.json"]
    assert made == ["a{x}", *files]
    assert (results / "a{x}" / "tiles").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"slide\n", None])
def test_report_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    """What lies where the report was is no reason to stop: it is made again."""
    path = tmp_path / "report.tsv"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert read_report(tmp_path) == []


@pytest.mark.long
def test_blank_line(aperio: Path, tmp_path: Path) -> None:
    """A report that somebody edited is not read either."""
    cut(aperio, tmp_path, tile_size=1000)
    report(tmp_path)
    with (tmp_path / "report.tsv").open("a") as stream:
        stream.write("\n")
    assert read_report(tmp_path) == []


def test_find_inspected(tmp_path: Path) -> None:
    """Slides are found in any folder, also one called tiles, but not inside another slide."""
    for name in ("A", "tiles/B", ".hidden/C", "A/tiles/D"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "slide.json").write_text("{}")
    assert sorted(find_inspected(tmp_path)) == [".hidden/C", "A", "tiles/B"]


def test_nothing_inspected(tmp_path: Path) -> None:
    """Results without a slide are said to be so."""
    with pytest.raises(ResultsError) as caught:
        report(tmp_path)
    assert str(caught.value) == f"{tmp_path} holds no slide.json. Run inspect and tile first."


def test_refused_after_it_was_cut(tmp_path: Path) -> None:
    """A slide that this run refuses and an earlier one has cut keeps its tiles."""
    slide = write(tmp_path / "A.mrxs", TINY).path
    results = tmp_path / "results"
    cut(slide, results)
    before = tree(results / NAME)
    report(results, Reported([], [(NAME, str(slide), "It is refused.")]))
    assert tree(results / NAME) == before
    (row,) = read_report(results)
    assert (row["status"], row["error"]) == ("failed", "It is refused.")


def test_scale_is_the_slides(tmp_path: Path) -> None:
    """The scale beside a slide's size is its own, whatever that of its tiles is."""
    slide = write(tmp_path / "A.mrxs", TINY).path
    cut(slide, tmp_path / "results", tile_size=100, downsample=2)
    report(tmp_path / "results")
    (row,) = read_report(tmp_path / "results")
    assert (row["mpp_x"], row["mpp_y"], row["downsample"]) == ("0.2325", "0.2325", "2")
