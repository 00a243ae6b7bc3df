"""The lines that end a run: what is wrong with whom, on one screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrxs_tiles.files import manifest
from mrxs_tiles.report.shown_slide import Entry
from mrxs_tiles.report.summary import summary
from mrxs_tiles.report.twins import name_twins


def row(slide: str, status: str = "ok", warnings: str = "", error: str = "") -> dict[str, str]:
    return dict.fromkeys(manifest.REPORT, "") | {
        "slide": slide,
        "path": f"/{slide}",
        "status": status,
        "warnings": warnings,
        "error": error,
    }


def test_one_line_for_what_is_said_of_many(tmp_path: Path) -> None:
    """A warning stands there once, with its slides; those of most slides first."""
    rows = [row(f"s{number}", warnings="dull") for number in range(5)]
    rows[0]["warnings"] += "; is mpp 0.25 meant?"
    rows.append(row("long", warnings="x" * 400))
    assert summary(tmp_path, rows)[2:-2] == [
        "6 with a warning: see the column warnings of the report",
        "  5 slides: s0, s1, s2, ...: dull",
        "  s0: is mpp 0.25 meant?",
        f"  long: {'x' * 300} ...",
    ]


def test_a_screen_at_most(tmp_path: Path) -> None:
    """Where a thousand slides are bad, the first are named and the others counted."""
    rows = [row(f"s{number:04}", "failed", error="Broken.") for number in range(1000)]
    rows += [row(f"w{number}", warnings=f"warning {number}") for number in range(20)]
    lines = summary(tmp_path, rows)
    assert len(lines) < 60
    assert lines[0] == "1,020 slides: 20 ok, 1,000 bad"
    assert "  and 12 more warnings: see the report" in lines
    assert "  s0039 (failed): Broken." in lines
    assert "  and 960 more bad slides: see the report" in lines


@pytest.mark.parametrize("count", [3, 500])
def test_many_copies_of_one_slide(tmp_path: Path, count: int) -> None:
    """Each is warned of with some of the others, and the summary has one line for all."""
    rows = [row(f"c{number:03}") | {"warnings": []} for number in range(count)]  # type: ignore[dict-item]
    name_twins([Entry(one, {"quickhash": "ab"}) for one in rows])  # type: ignore[arg-type]
    assert all(len(one["warnings"][0]) < 200 for one in rows)
    more = "" if count == 3 else f" and {count - 11} more"
    assert rows[0]["warnings"][0].endswith(f'"{rows[min(count, 11) - 1]["slide"]}"{more}')
    text = [one | {"warnings": one["warnings"][0]} for one in rows]
    assert len([line for line in summary(tmp_path, text) if "the same slide" in line]) == 1
