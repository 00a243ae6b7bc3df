"""``tiles.parquet`` as pyarrow and pandas read it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from exporting import exported
from in_process import NAME, Variant
from mrxs_tiles.exports import parquet as export_parquet
from mrxs_tiles.files.manifest import TILES
from mrxs_tiles.steps.export import export


def as_pandas(path: Path) -> pd.DataFrame:
    """tiles.tsv as docs/artifacts.md reads it, its empty fields missing values."""
    return pd.read_csv(
        path, sep="\t", quoting=3, na_values=[""], keep_default_na=False,
        dtype={"bytes": "Int64", "kept": bool, "reason": str, "file": str, "tissue": float,
               "focus": float, "pen": float, "region": float, "label": str,
               "label_fraction": float, "crc32": str},
    )  # fmt: skip


def test_parquet_is_the_table(variant: Variant, tmp_path: Path) -> None:
    """Every row and column of tiles.tsv, typed; what is empty there is null."""
    found = exported(variant("jpeg").path, tmp_path, min_tissue=0.2, min_focus=0.1)
    table = pq.read_table(found.folder / "tiles.parquet")
    assert table.schema.names == ["slide", *TILES]
    types = {name: str(table.schema.field(name).type) for name in table.schema.names}
    assert types == {
        "slide": "string", "col": "int32", "row": "int32", "x": "int64", "y": "int64",
        "width": "int32", "height": "int32", "tile_width": "int32", "tile_height": "int32",
        "tissue": "double", "kept": "bool", "reason": "string", "focus": "double",
        "pen": "double", "file": "string", "bytes": "int64",
        "region": "double", "label": "string", "label_fraction": "double", "crc32": "string",
    }  # fmt: skip
    assert table["reason"].null_count == table["kept"].to_pylist().count(True) > 0
    assert table["pen"].null_count == table.num_rows
    assert set(table["slide"].to_pylist()) == {NAME}
    read = table.to_pandas().drop(columns="slide")
    expected = as_pandas(found.folder / "tiles.tsv")
    pd.testing.assert_frame_equal(read, expected, check_dtype=False)
    column = pq.ParquetFile(found.folder / "tiles.parquet").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"


@pytest.mark.slow
def test_cohort_is_one_data_set(
    variant: Variant, aperio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented line reads all slides, empty and failed ones too, as one table."""
    results = tmp_path / "results"
    rows = 0
    missing = tmp_path / "missing.mrxs"
    for slide in (aperio, variant("jpeg").path, variant("nothing_scanned").path, missing):
        found = exported(slide, results, min_tissue=0.2)
        rows += len(found.rows)
        found.folder.rename(results / slide.stem)
        export(slide.stem, results, ["parquet"])
    monkeypatch.chdir(tmp_path)
    data = pyarrow.dataset.dataset(sorted(str(p) for p in Path("results").rglob("tiles.parquet")))
    table = data.to_table()
    assert len(data.files) == 4
    assert table.num_rows == rows
    assert set(table["slide"].to_pylist()) == {aperio.stem, "jpeg"}
    counted = table.filter(pa.compute.field("kept")).group_by("slide").aggregate([("x", "count")])
    assert counted.num_rows == 2


def test_row_groups(variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written group by group; where one ends changes no row."""
    found = exported(variant("jpeg").path, tmp_path)
    whole = pq.read_table(found.folder / "tiles.parquet")
    monkeypatch.setattr(export_parquet, "GROUP", 4)
    export(NAME, tmp_path, ["parquet"])
    file = pq.ParquetFile(found.folder / "tiles.parquet")
    assert file.num_row_groups == -(-len(found.rows) // 4) > 1
    assert file.read().equals(whole)
