"""tiles.png: kept tiles clear, dropped ones tinted by their reason, a legend, a scale bar."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from in_process import NAME, Variant, cut, table
from mrxs_tiles.cutting.tile_map import (
    INK,
    LINE,
    MARGIN,
    MOST_LABELS,
    STRENGTH,
    TINTS,
    WEAK,
    TileMap,
    scale_bar,
)  # fmt: skip
from mrxs_tiles.files.manifest import REASONS
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.pixels.label_tints import LABEL_STRENGTH, label_tint

GREY = 100


def thumbnail(width: int = 500, height: int = 300) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (GREY, GREY, GREY)).save(out, "PNG")
    return out.getvalue()


def pixels(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def tinted(reason: str) -> list[int]:
    return [round(GREY * (1 - STRENGTH) + band * STRENGTH) for band in TINTS[reason]]


def test_each_reason_has_a_tint_of_its_own() -> None:
    """No two reasons look alike, and none is missing."""
    assert len({TINTS[reason] for reason in REASONS}) == len(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_tints(reason: str) -> None:
    """A kept tile shows the slide as it is, a dropped one has its reason's colour over it."""
    painter = TileMap(thumbnail(), (5000, 3000))
    painter.add(0, 0, 1000, 1000, "")
    painter.add(1000, 0, 1000, 1000, reason)
    page = pixels(painter.png({"kept": 1, reason: 1}, None))
    assert (page[1:100, 1:100] == GREY).all()
    assert (page[1:100, 101:200] == tinted(reason)).all()
    assert (page[50, 250] == round(GREY * (1 - WEAK) + 130 * WEAK)).all(), "it has no row"
    assert page[50, 100].tolist() == [round(band * 0.6) for band in tinted(reason)]


def test_labels_tint_kept_tiles() -> None:
    """A kept tile has its label's colour, a dropped one its reason's; each label has its line."""
    plain, painter = (TileMap(thumbnail(), (5000, 3000)) for _ in range(2))
    for place, (reason, label) in enumerate(
        (("", "Tumor"), ("blank", "Tumor"), ("", "x"), ("", ""))
    ):
        painter.add(1000 * place, 0, 1000, 1000, reason, label)
        plain.add(1000 * place, 0, 1000, 1000, reason)
    counts = {"kept": 3, "blank": 1}
    page, without = (pixels(one.png(counts, None)) for one in (painter, plain))
    for at, color in ((50, (200, 0, 0)), (250, label_tint("x"))):
        veil = [round(GREY * (1 - LABEL_STRENGTH) + band * LABEL_STRENGTH) for band in color]
        assert page[50, at].tolist() == pytest.approx(veil, abs=1)
    assert page[50, 150].tolist() == tinted("blank")
    assert (page[50, 350] == GREY).all()
    assert len(page) - len(without) == 2 * LINE
    assert label_tint("x") != label_tint("y")


def test_more_labels_than_colours() -> None:
    """A map of hundreds of classes is still a map: those that come last stay clear, and counted."""
    painter = TileMap(thumbnail(), (5000, 3000))
    for number in range(300):
        painter.add(10 * number, 0, 10, 3000, "", f"class {number}")
    one = pixels(painter.png({"kept": 300}, None))
    alone = pixels(TileMap(thumbnail(), (5000, 3000)).png({"kept": 300}, None))
    assert len(one) - len(alone) == (MOST_LABELS + 1) * LINE
    assert (one[50, 290] == GREY).all()


def test_legend_has_what_occurs() -> None:
    """The legend has a line for each fate that occurs, and none for others."""
    painter = TileMap(thumbnail(), (5000, 3000))
    painter.add(0, 0, 5000, 3000, "")
    one = pixels(painter.png({"kept": 1, "blank": 0}, None))
    two = pixels(painter.png({"kept": 1, "blank": 3}, None))
    assert len(two) - len(one) == LINE
    middle = len(two) - MARGIN - LINE // 2
    expected = [round(STRENGTH * band + (1 - STRENGTH) * 255) for band in TINTS["blank"]]
    assert two[middle, MARGIN + 7].tolist() == expected
    dark = (two[middle - 8 : middle + 8, 3 * MARGIN : 200] < 90).all(axis=2)
    assert dark.any(), "the line's text is there"


@pytest.mark.parametrize(
    ("width", "l0_per_px", "mpp", "length", "label"),
    [
        (1000, 100.0, 0.25, 200, "5 mm"),
        (1000, 60.0, 0.25, 133, "2 mm"),
        (400, 2.0, 0.5, 100, "0.1 mm"),
        (400, 2.0, None, 100, "200 px of the slide"),
        (3, 1.0, 0.5, 1, "0.0005 mm"),
    ],
)
def test_scale_bar(
    width: int, l0_per_px: float, mpp: float | None, length: int, label: str
) -> None:
    """A bar of a round length, and as many px long as that is."""
    assert scale_bar(width, l0_per_px, mpp) == (length, label)


def test_scale_bar_is_drawn() -> None:
    """The black bar below the slide is as long as it says."""
    page = pixels(TileMap(thumbnail(400, 300), (800, 600)).png({}, 0.5))
    row = (page[300 + MARGIN + LINE // 2, :110] == INK).all(axis=1)
    assert np.flatnonzero(row).tolist() == list(range(MARGIN, MARGIN + 100))


def test_of_a_slide(variant: Variant, tmp_path: Path) -> None:
    """On a slide with blank and unscanned tiles each tile's middle has the colour of its fate."""
    cut(variant("jpeg_plain").path, tmp_path, tile_size=300)
    folder = tmp_path / NAME
    page = pixels((folder / "tiles.png").read_bytes()).astype(int)
    with Image.open(folder / "thumbnail.jpg") as picture:
        plain = np.asarray(picture.convert("RGB")).astype(int)
    rows = table(folder / "tiles.tsv")
    assert {"", "blank"} <= {row["reason"] for row in rows}
    width = int(rows[-1]["x"]) + int(rows[-1]["width"])
    scale = plain.shape[1] / width
    for row in rows:
        x = int((int(row["x"]) + int(row["width"]) / 2) * scale)
        y = int((int(row["y"]) + int(row["height"]) / 2) * scale)
        strength = STRENGTH if row["reason"] else 0
        tint = np.array(TINTS[row["reason"] or "kept"])
        expected = plain[y, x] * (1 - strength) + tint * strength
        assert page[y, x] == pytest.approx(expected, abs=1)


def test_failed_slide_has_none(tmp_path: Path) -> None:
    """A slide that cannot be opened has no map, nor the one of an earlier run."""
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "tiles.png").write_bytes(b"old")
    slide = tmp_path / "a.mrxs"
    slide.write_text("no slide")
    assert cut(slide, tmp_path).tiled["status"] == "failed"
    assert not (tmp_path / NAME / "tiles.png").exists()
