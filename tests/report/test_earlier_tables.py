"""Tables of an earlier version are read."""

from __future__ import annotations

from pathlib import Path

import pytest

import mrxs_tiles
from in_process import NAME, cut
from mrxs_tiles.files import manifest
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.export import export


@pytest.mark.long
def test_tables_of_an_earlier_version(aperio: Path, tmp_path: Path) -> None:
    """What the columns of today were not in is read by load, report, export and page, as empty."""
    found = cut(aperio, tmp_path, tile_size=1000)
    rows = found.rows
    names = [name for name in rows[0] if name not in manifest.ADDED]
    lines = ["\t".join(names), *("\t".join(row[name] for name in names) for row in rows)]
    (found.folder / "tiles.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    report(tmp_path)
    export(NAME, tmp_path, ("clam", "qupath", "parquet"))
    with mrxs_tiles.load(tmp_path) as run:
        assert list(run.tiles)[1:] == list(manifest.TILES)
        assert run.tiles["crc32"].isna().all()
        assert run.tiles["region"].isna().all()
        assert run.tiles["bytes"].sum() == found.tiled["tile_bytes"]
        assert run.tiles_of(NAME, ["crc32", "kept"])["kept"].sum() == found.tiled["counts"]["kept"]
