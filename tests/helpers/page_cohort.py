"""The results of six slides of all kinds, whose page is looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import as_windows
import cohort_files
from in_process import Variant, cut
from mrxs_tiles.report.report import report

EVIL = "<img src=x onerror=alert(1)>"
if as_windows.ON_WINDOWS:  # where no name holds < or >
    EVIL = "&lt;img src=x onerror=alert(1)&gt;"
MARKUP = "No <b>good</b>: \"</script><script>alert(2)</script>\" & '{{ 7 * 7 }}'"
CONFIG = {"tile_size": 256, "background": (255, 0, 0), "region": "/home/me/a region.geojson"}


@pytest.fixture(scope="session")
def page_sources(
    aperio: Path, variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The results of two slides: a real one with dropped tiles, and one with blank tiles."""
    keys = {"tile_size": 256, "min_tissue": 0.4, "min_focus": 300}
    real = cut(aperio, tmp_path_factory.mktemp("real"), **keys)
    assert {row["reason"] for row in real.rows} >= {"", "tissue"}
    plain = cut(variant("jpeg_plain").path, tmp_path_factory.mktemp("plain"), tile_size=300)
    assert {row["reason"] for row in plain.rows} >= {"", "blank"}
    return [real.folder, plain.folder]


@pytest.fixture(scope="session")
def page_made(page_sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six slides: two good ones, an evil name, one with a warning, a damaged and a failed one."""
    folder = tmp_path_factory.mktemp("page") / "my results"
    real, plain = page_sources
    cohort_files.another(real, folder, "B")
    cohort_files.another(plain, folder, "a10", tissue_mm2=30.5)
    cohort_files.another(plain, folder, EVIL, tissue_mm2=None)
    cohort_files.another(real, folder, "a9", {"warnings": ["it is odd"]}, tissue_mm2=0.2)
    cohort_files.another(real, folder, "Z", {"status": "damaged", "error": "Part is lost."})
    cohort_files.failed(folder, "Y", MARKUP)
    report(folder, config=CONFIG)
    return folder


@pytest.fixture
def page_results(page_made: Path, tmp_path: Path) -> Path:
    """A copy of them with their report, for a test to do with as it likes."""
    return shutil.copytree(page_made, tmp_path / page_made.name, symlinks=True)
