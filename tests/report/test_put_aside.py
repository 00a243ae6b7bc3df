"""Records that were put aside are a slide's, and no slide of their own."""

from __future__ import annotations

from pathlib import Path

import in_process
import running
from in_process import NAME
from mrxs_tiles.cutting import kept, publishing
from mrxs_tiles.report.records import find_inspected
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.summary import summary
from running import TINY


def test_put_aside(tmp_path: Path) -> None:
    """A slide whose inspection was killed has a row, in each way to name slides."""
    slide = running.write(tmp_path / "A.mrxs", TINY)
    results = tmp_path / "results"
    first = in_process.cut(slide.path, results, tile_size=100)
    kept.set_aside(first.folder)
    assert sorted(path.name for path in (first.folder / publishing.ASIDE).iterdir())
    assert list(find_inspected(results)) == [NAME]
    for names in (None, [NAME], {NAME: str(slide.path)}):
        report(results, Reported(names))
        (row,) = read_report(results)
        assert (row["slide"], row["status"]) == (NAME, "kept")
        assert row["error"].startswith(kept.LATEST)
        assert "remove their folders" not in "\n".join(summary(results, [row]))
    report(results, Reported([], [("B", str(tmp_path / "B.mrxs"), "it is not there")]))
    assert set(find_inspected(results)) == {"B", NAME}
