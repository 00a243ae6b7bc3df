"""A step's number rises when its output changes, and the report says what other numbers made."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import digests
from in_process import NAME, cut
from mrxs_tiles import made_by
from mrxs_tiles.made_by import STEPS, version_of
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.summary import summary
from mrxs_tiles.report.verify import verify
from mrxs_tiles.steps.export import export
from mrxs_tiles.viewer import page


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> digests.Now:
    """What all steps make now of a fixed set of slides and settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "openseadragon", lambda: {"openseadragon.min.js": b"a script"})
        made = digests.make(tmp_path_factory.mktemp("digests"))
    if digests.is_to_be_written():
        assert digests.write_down(made) == []
    return made


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_numbers(now: digests.Now, step: str) -> None:
    """What a step makes is what is written down of its number."""
    then = digests.recorded()["libraries"]
    if then != digests.libraries():
        others = {name for name, one in then.items() if digests.libraries().get(name) != one}
        pytest.skip(f"digests of other libraries ({', '.join(others)}): {digests.HOW}")
    assert digests.fault(step, now) == ""


@pytest.mark.long
def test_a_forgotten_number(now: digests.Now, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output that changes under the same number is told, with the step, cases and what to do."""
    other = {step: dict(cases) for step, cases in now.digests.items()}
    other["tile"]["defaults"] = "0" * 16
    said = digests.fault("tile", digests.Now(other))
    assert said.startswith("What tile makes changed (defaults), and its number did not: raise")
    assert digests.write_down(digests.Now(other)) == [said]
    other["report"]["defaults"] = "0" * 16
    monkeypatch.setitem(STEPS, "tile", STEPS["tile"] + 1)
    assert "of which no digests are written down" in digests.fault("tile", digests.Now(other))
    assert "with what tile makes" in digests.fault("report", digests.Now(other))


def test_logs_do_not_count(tmp_path: Path) -> None:
    """What a report knows of its pictures, where it took long, is no step's output."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "report.pieces").write_bytes(b"stamps")
    (tmp_path / "report.tsv").write_bytes(b"a table")
    assert [step for step, _ in digests.of_results(tmp_path, ())] == ["report"]


@pytest.mark.parametrize("step", STEPS)
def test_changelog(step: str) -> None:
    """CHANGELOG says of each number above 1 what changed."""
    text = (digests.REPO / "CHANGELOG.md").read_text("utf-8")
    missing = [n for n in range(2, STEPS[step] + 1) if not re.search(rf"`{step}` {n}\b", text)]
    assert not missing


def test_versions() -> None:
    """Versions are those that Python's own module finds, which takes longer."""
    from importlib.metadata import version

    for library in digests.libraries():
        assert version_of(library) == version(library)
    assert version_of("no such library") == ""


@pytest.mark.long
def test_report_says_it(aperio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another number or library made is told, once for all slides, and stays as it is."""
    found = cut(aperio, tmp_path, tile_size=1000)
    export(NAME, tmp_path, ["clam"])
    record = json.loads((found.folder / "tiles.json").read_text("utf-8"))
    assert record["made_by"]["number"] == STEPS["tile"]
    assert record["made_by"]["libraries"]["pillow"] == version_of("pillow")
    report(tmp_path)
    assert read_report(tmp_path)[0]["warnings"] == ""

    then = dict(STEPS)
    monkeypatch.setitem(STEPS, "tile", then["tile"] + 3)
    monkeypatch.setitem(STEPS, "export", then["export"] + 1)
    told = [f"made by {step} {then[step]}, now {STEPS[step]}" for step in ("tile", "export")]
    known = {**made_by._installed(), "imagecodecs": "1.0"}
    monkeypatch.setattr(made_by, "_installed", lambda: known)
    report(tmp_path)
    rows = read_report(tmp_path)
    assert all(one in rows[0]["warnings"] for one in told)
    assert "with imagecodecs" in rows[0]["warnings"]
    assert "snakemake --forcerun tile" in rows[0]["warnings"]
    assert any(told[0] in line for line in summary(tmp_path, rows))
    assert verify(tmp_path).is_whole


@pytest.mark.long
def test_before_numbers(aperio: Path, tmp_path: Path) -> None:
    """Records from before there were numbers are read, and it is said of them."""
    found = cut(aperio, tmp_path, tile_size=1000)
    for name in ("slide.json", "tiles.json"):
        record = json.loads((found.folder / name).read_text("utf-8"))
        del record["made_by"], record["tables"]
        (found.folder / name).write_text(json.dumps(record), "utf-8")
    report(tmp_path)
    assert "made by tile before it had a number, now" in read_report(tmp_path)[0]["warnings"]
    assert verify(tmp_path).is_whole
