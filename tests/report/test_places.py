"""The tiles that the page leads to at its top, and what it makes of records that are not ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import cohort_files
from in_process import cut, table
from mrxs_tiles.report.places import highest_scores
from mrxs_tiles.report.report import report

LINK = re.compile(
    r'<a href="([^"]*)"[^>]*>((?:sharpest|least sharp|highest)[^<]*)</a> \((.*?), <bdi>'
)


def links(results: Path) -> dict[str, tuple[str, str]]:
    """By what it says, where a link at the page's top leads, and the number beside it."""
    page = (results / "report.html").read_text("utf-8")
    return {said: (href, value) for href, said, value in LINK.findall(page)}


@pytest.mark.long
@pytest.mark.parametrize("packing", ["folder", "tar"])
def test_without_a_viewer(aperio: Path, tmp_path: Path, packing: str) -> None:
    """A link leads to the tile's own file; from a shard, to the slide's row."""
    found = cut(aperio, tmp_path, tile_size=256, min_focus=200, packing=packing)
    report(tmp_path)
    kept = [row for row in found.rows if row["kept"] == "1"]
    kept.sort(key=lambda row: float(row["focus"]))
    led = links(tmp_path)
    assert sorted(led) == ["least sharp kept tile", "sharpest kept tile"]
    for said, row in (("sharpest kept tile", kept[-1]), ("least sharp kept tile", kept[0])):
        href, value = led[said]
        assert float(value.replace(",", "")) == pytest.approx(float(row["focus"]), rel=5e-3)
        if packing == "folder":
            assert href == f"{found.folder.name}/{row['file']}"
        else:
            assert href.startswith("#s-")


def test_nothing_measured(page_sources: list[Path], tmp_path: Path) -> None:
    """Where no sharpness was measured and no score laid on, the page leads nowhere at its top."""
    cohort_files.another(page_sources[1], tmp_path, "a")
    assert not any(row["focus"] for row in table(tmp_path / "a" / "tiles.tsv"))
    report(tmp_path)
    assert links(tmp_path) == {}
    assert "Go to the" not in (tmp_path / "report.html").read_text("utf-8")


EDITED: list[Any] = [
    None,
    [],
    {"tumour": None},
    {"tumour": {"highest_kept": None}},
    {"tumour": {"highest_kept": ["3_4"]}},
    {"tumour": {"highest_kept": ["3_4", "high"]}},
    {"tumour": {"highest_kept": ["javascript:alert(1)", 1.5]}},
    {'"><b>': {"highest_kept": ["3_4", 1.5]}},
]


@pytest.mark.parametrize("scores", EDITED, ids=str)
def test_an_edited_record(tmp_path: Path, scores: Any) -> None:
    """Of a record of another kind nothing is shown; what is ours beside it is."""
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "heatmap.json"
    path.write_text(json.dumps({"slide": "a", "scores": scores}), "utf-8")
    assert highest_scores(tmp_path, "a") == {}
    if isinstance(scores, dict):
        ours = {"other": {"highest_kept": ["3_4", 1]}}
        path.write_text(json.dumps({"slide": "a", "scores": scores | ours}), "utf-8")
        assert highest_scores(tmp_path, "a") == {"other": ("3_4", 1.0)}
    path.write_text("{", "utf-8")
    assert highest_scores(tmp_path, "a") == {}
    assert highest_scores(tmp_path, "../a") == {}
