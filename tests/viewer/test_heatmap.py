"""Numbers of a model laid back onto slides, compared with a plain reading of the same files."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shapely.geometry import box, shape

from in_process import NAME, Cut, Variant, cut
from mrxs_tiles.__main__ import main
from mrxs_tiles.errors import ConfigError
from mrxs_tiles.exports.heatmap import _uuid
from mrxs_tiles.report.verify import verify
from mrxs_tiles.steps.heatmap import heatmap
from mrxs_tiles.viewer.heat import COLOURS, STRENGTH, colours

Write = Callable[[pd.DataFrame, Path], Path]


@pytest.fixture(scope="module")
def found(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """A slide whose bounds begin elsewhere, with dropped tiles."""
    results = tmp_path_factory.mktemp("scored")
    return cut(variant("small_area").path, results, tile_size=100, overlap=3, min_tissue=0.3)


def scores_of(found: Cut) -> pd.DataFrame:
    """A number of each tile but the first two, in another order."""
    table = pd.DataFrame(found.rows)[["col", "row", "x", "y"]].astype(int)
    table.insert(0, "slide", NAME)
    table["score"] = [math.sin(n) for n in range(len(table))]
    table["model_2-b"] = range(len(table))
    return table.iloc[2:].sample(frac=1, random_state=3)


def by_csv(table: pd.DataFrame, folder: Path) -> Path:
    table.drop(columns=["x", "y"]).to_csv(folder / "s.csv", index=False)
    return folder / "s.csv"


def by_tsv(table: pd.DataFrame, folder: Path) -> Path:
    table.to_csv(folder / "s.tsv", index=False, sep="\t")
    return folder / "s.tsv"


def by_semicolons(table: pd.DataFrame, folder: Path) -> Path:
    """As a German Excel writes it."""
    named = folder / "s.csv"
    table.to_csv(
        named, index=False, sep=";", decimal=",", encoding="utf-8-sig", lineterminator="\r\n"
    )
    return named


def by_parquet(table: pd.DataFrame, folder: Path) -> Path:
    table.drop(columns=["col", "row"]).to_parquet(folder / "s.parquet")
    return folder / "s.parquet"


@pytest.mark.parametrize("write", [by_csv, by_tsv, by_semicolons, by_parquet])
def test_tables(found: Cut, tmp_path: Path, write: Write) -> None:
    """Each format, by address or by place: the layer and QuPath's file hold the table's numbers."""
    table = scores_of(found)
    said = heatmap(write(table, tmp_path), found.folder.parent)
    count = len(table)
    assert f"{NAME}: score of {count:,} of {count + 2:,} tiles" in said
    for name in ("score", "model_2-b"):
        wanted = {(row.col, row.row): row for row in table.itertuples()}
        numbers = dict(zip(wanted, table[name], strict=True))
        text = (found.folder / f"heatmap-{name}.js").read_text()
        called = re.fullmatch(r"heatmap\((.*)\);\n", text)
        assert called
        told, about, packed = json.loads(f"[{called[1]}]")
        values = np.frombuffer(base64.b64decode(packed), "<f4")
        assert (told, about["count"]) == (name, count)
        assert (about["min"], about["max"]) == (table[name].min(), table[name].max())
        expected = [numbers.get((int(r["col"]), int(r["row"])), math.nan) for r in found.rows]
        np.testing.assert_allclose(values, expected, rtol=1e-6)
        check_qupath(found, name, numbers)
    assert verify(found.folder.parent).slides[0].is_whole


def check_qupath(found: Cut, name: str, numbers: dict[tuple[int, int], float]) -> None:
    """Compare each feature with its row of ``tiles.tsv``, shifted to the bounds."""
    read = json.loads((found.folder / f"heatmap-{name}.geojson").read_text("utf-8"))
    left, top, *_ = found.inspected["bounds"]
    assert left > 0 < top
    rows = [row for row in found.rows if (int(row["col"]), int(row["row"])) in numbers]
    assert len(read["features"]) == len(rows)
    for feature, row in zip(read["features"], rows, strict=True):
        x, y, width, height = (int(row[key]) for key in ("x", "y", "width", "height"))
        placed = box(x - left, y - top, x - left + width, y - top + height)
        assert shape(feature["geometry"]).equals(placed)
        about = feature["properties"]
        assert (about["objectType"], about["name"]) == ("tile", f"{row['col']}_{row['row']}")
        score = numbers[int(row["col"]), int(row["row"])]
        assert about["measurements"] == {name: pytest.approx(score, rel=1e-5)}
        assert UUID(feature["id"]).version == 5
    assert len({feature["id"] for feature in read["features"]}) == len(rows)


def test_ids_are_those_of_the_standard_library() -> None:
    """A UUID of a SHA-1 is what uuid.uuid5 makes of it."""
    import hashlib
    import uuid

    for text in ("a", "slide/heatmap-score/3_2", "ü"):
        space = uuid.NAMESPACE_URL
        digest = hashlib.sha1(space.bytes + text.encode()).hexdigest()  # noqa: S324
        assert _uuid(digest) == str(uuid.uuid5(space, text))


def test_picture(found: Cut, tmp_path: Path) -> None:
    """Over the thumbnail the middle of each tile has its score's colour, and no other place has."""
    table = scores_of(found)
    heatmap(by_csv(table, tmp_path), found.folder.parent)
    plain = np.asarray(Image.open(found.folder / "thumbnail.jpg").convert("RGB")).astype(float)
    shown = np.asarray(Image.open(found.folder / "heatmap-score.png").convert("RGB"))
    height, width = plain.shape[:2]
    scale = width / found.inspected["width"], height / found.inspected["height"]
    scored = {(row.col, row.row): row.score for row in table.itertuples()}
    low, high = table["score"].min(), table["score"].max()
    checked = 0
    for row in found.rows:
        x = int((int(row["x"]) + int(row["width"]) / 2) * scale[0])
        y = int((int(row["y"]) + int(row["height"]) / 2) * scale[1])
        wanted = plain[y, x]
        score = scored.get((int(row["col"]), int(row["row"])))
        if score is not None:
            share = (score - low) / (high - low)
            at = share * (len(COLOURS) - 1)
            below = min(int(at), len(COLOURS) - 2)
            first, second = (np.array(COLOURS[n], float) for n in (below, below + 1))
            colour = first + (second - first) * (at - below)
            wanted = colour * STRENGTH + plain[y, x] * (1 - STRENGTH)
            checked += 1
        np.testing.assert_allclose(shown[y, x], wanted, atol=1.6)
    assert checked == len(table)
    assert shown.shape[0] > height, "the colour bar lies below"


def test_clam(found: Cut, tmp_path: Path) -> None:
    """CLAM's blockmap: its places, its attention, the slide by the file's name or by --slide."""
    table = scores_of(found)
    for name, options in ((f"{NAME}_blockmap.h5", []), ("other.h5", ["--slide", NAME])):
        with h5py.File(tmp_path / name, "w") as file:
            file["attention_scores"] = table[["score"]].to_numpy(np.float32)
            file["coords"] = table[["x", "y"]].to_numpy()
        words = ["heatmap", str(tmp_path / name), "--results", str(found.folder.parent)]
        (found.folder / "heatmap-attention.js").unlink(missing_ok=True)
        assert main([*words, *options]) == 0
        assert (found.folder / "heatmap-attention.js").is_file()
    with pytest.raises(ConfigError, match=r"No row of .*other\.h5 is of a tile of .*, of other"):
        heatmap(tmp_path / "other.h5", found.folder.parent)


def test_rows_of_no_tile_are_named(found: Cut, tmp_path: Path) -> None:
    """Unknown tiles and slides, other places, empty and infinite numbers: counted and named."""
    table = scores_of(found)
    x = table["x"].to_numpy(copy=True)
    x[0] += 7  # the address of a tile, and another place: cut otherwise
    table["x"] = x
    table["score"] = [math.inf, math.nan, 1, *table["score"][3:]]
    table["score"] = np.roll(table["score"], 1)
    more = pd.DataFrame(
        {"slide": [NAME, "who", "../a", ""], "col": 77, "row": 5, "x": 1, "y": 1, "score": 2.0}
    )
    both = pd.concat([table, more.assign(**{"model_2-b": 1}), table.iloc[:0]])
    both["seen by"] = "Ann"
    said = "\n".join(heatmap(by_tsv(both, tmp_path), found.folder.parent))
    first = table.iloc[0]
    assert f"rows that match no tile: 2, {first.col}_{first.row} at {first.x}, {first.y}" in said
    assert "77_5 at 1, 1" in said
    assert "of who, ../a, (no name)" in said
    assert "here (names are those in report.tsv): 3," in said
    assert f"{NAME}: infinite values of score, taken for none: 1" in said
    assert f"{NAME}: rows without a number for score: 1" in said
    assert "left out, since they hold no numbers: seen by" in said


def test_scores_that_would_be_one_file(found: Cut, tmp_path: Path) -> None:
    """Tumour and tumour are refused also where they come in two tables, or one after another."""
    results = found.folder.parent
    table = scores_of(found)[["slide", "col", "row", "score"]]
    (tmp_path / "a").mkdir()
    here = by_csv(table.assign(x=0, y=0), tmp_path)
    other = by_csv(table.rename(columns={"score": "Score"}).assign(x=0, y=0), tmp_path / "a")
    with pytest.raises(ConfigError, match=r"The scores score and Score of .* would be one file"):
        heatmap([here, other], results)
    heatmap(here, results)
    with pytest.raises(ConfigError, match=r"The scores score and Score of .* would be one file"):
        heatmap(other, results)
    assert not (found.folder / "heatmap-Score.js").exists()


def changed(change: Callable[[pd.DataFrame], Any]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def make(table: pd.DataFrame) -> pd.DataFrame:
        table = table.copy()
        made = change(table)
        return made if isinstance(made, pd.DataFrame) else table

    return make


REFUSED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a name that is no plain word": (
        changed(lambda t: t.rename(columns={"score": "P(tumour)"})),
        r"P\(tumour\) cannot name a file",
    ),
    "two names of one file": (
        changed(lambda t: t.rename(columns={"model_2-b": "Score"})),
        "would be one file",
    ),
    "no slide": (changed(lambda t: t.rename(columns={"slide": "slide_id"})), "no column slide"),
    "no place": (
        changed(lambda t: t.drop(columns=["row", "y"])),
        "neither the columns col and row nor x and y",
    ),
    "no score": (changed(lambda t: t.drop(columns=["score", "model_2-b"])), "holds no score"),
    "a number that is none": (
        changed(lambda t: t.assign(score=["n.d.", *t["score"].astype(str)[1:]])),
        'no text and no number: "n.d." in row 1',
    ),
    "half a column": (
        changed(lambda t: t.assign(col=t["col"] + 0.5, row=t["row"], x=-1.0)),
        "col of row 1 is .*, no whole number",
    ),
    "twice": (changed(lambda t: pd.concat([t, t.iloc[:1]])), r"Two rows are of tile \d+_\d+ of"),
    "other slides": (changed(lambda t: t.assign(slide="b")), "No row of .* is of a tile of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(found: Cut, tmp_path: Path, case: str) -> None:
    """What cannot be meant so is refused whole: nothing is written."""
    change, said = REFUSED[case]
    path = by_tsv(change(scores_of(found)), tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in found.folder.iterdir()}
    with pytest.raises(ConfigError, match=said):
        heatmap(path, found.folder.parent)
    assert before == {path.name: path.stat().st_mtime_ns for path in found.folder.iterdir()}


@pytest.mark.parametrize(
    "content", [b"", b"slide,col,row,score\n", b"\x89PNG\r\n\x1a\n\x00", b"a,b\n1\n"]
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5", ".xlsx"])
def test_what_is_no_table(
    found: Cut, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, suffix: str
) -> None:
    """One sentence and exit code 1 for a file that is something else, or not there."""
    path = tmp_path / f"s{suffix}"
    if content:
        path.write_bytes(content)
    assert main(["heatmap", str(path), "--results", str(found.folder.parent)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("mrxs-tiles: ")
    assert str(path) in said
    assert said.count("\n") == 1


@pytest.mark.long
def test_cut_anew(variant: Variant, tmp_path: Path) -> None:
    """Heat maps of tiles that are no more go with them; what is the user's stays."""
    found = cut(variant("jpeg").path, tmp_path, tile_size=200)
    heatmap(by_csv(scores_of(found), tmp_path), tmp_path)
    (found.folder / "heatmap-of mine.png").write_bytes(b"")
    heats = {path.name for path in found.folder.glob("heatmap*")}
    assert len(heats) == 2 * 3 + 2
    cut(variant("jpeg").path, tmp_path, tile_size=150)
    assert {path.name for path in found.folder.glob("heatmap*")} == {"heatmap-of mine.png"}


def test_colours() -> None:
    """The ends of the scale are its first and last colour, and brightness rises all the way."""
    ramp = colours(np.linspace(0, 1, 101)).astype(float)
    assert tuple(ramp[0]) == COLOURS[0]
    assert tuple(ramp[-1]) == COLOURS[-1]
    light = ramp @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > 0).all()
