"""Numbers and facts of a slide as the report page words them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mrxs_tiles.errors import as_size
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.report.sample_tiles import Tiles

NOT_KNOWN = "not known"


class Measure(NamedTuple):
    """A number that is compared over all slides."""

    title: str
    unit: str
    absent: str  # the sentence where no slide has it
    of: Callable[[Record, Tiles], float | None]


MEASURES = {
    "tissue_mm2": Measure(
        *("Tissue area", "mm²", "Not known: no slide says its scale."),
        lambda row, _: row["tissue_mm2"],
    ),
    "kept_fraction": Measure(
        *("Tiles kept", "%", "No slide has a tile."),
        lambda row, _: _percent(row["kept_fraction"]),
    ),
    "tissue": Measure(
        *("Tissue in a kept tile, median", "%", "No tile was kept."),
        lambda _, tiles: _percent(tiles.tissue),
    ),
    "focus": Measure(
        *("Sharpness of a kept tile, median", "", "Not measured: min_focus is 0."),
        lambda _, tiles: tiles.focus,
    ),
}


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def number(value: float | None) -> str:
    """A number for people: three digits that count, thousands set apart; "" where unknown."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def measured(measure: str, value: float | None) -> str:
    """What was measured of a tile, by its column of ``tiles.tsv``; "" where nothing was."""
    if value is None:
        return ""
    if measure == "focus":
        return f"sharpness {number(value)}"
    return f"{number(_percent(value))} % {measure}"


def slide_facts(row: Record, inspected: Record, tiles: Tiles) -> Iterator[tuple[str, str]]:
    """What is known of a slide beyond its row, label and text; what is unknown is left out."""
    yield "file", row["path"]
    if row["width"]:
        yield "size", f"{number(row['width'])} x {number(row['height'])} px"
        yield "scale", _scale(row["mpp_x"], row["mpp_y"]) or NOT_KNOWN
    if row["objective"]:
        yield "objective", f"{number(row['objective'])}x"
    if inspected.get("reader"):
        yield "reader", inspected["reader"]
    grid = inspected["grid"]
    if grid:
        overlap = f", overlap {grid['overlap']} px" if grid["overlap"] else ""
        yield "tiles", f"{number(grid['tile_size'])} px{overlap}, {grid['cols']} x {grid['rows']}"
        whole = grid["downsample"] == 1
        part = "as the slide" if whole else f"1/{number(grid['downsample'])} of the slide's"
        yield "resolution of the tiles", part
        yield "scale of the tiles", _scale(grid["mpp_x"], grid["mpp_y"]) or NOT_KNOWN
    if row["scanned_mm2"] is not None:
        yield "scanned", f"{number(row['scanned_mm2'])} mm²"
    if row["tile_bytes"]:
        yield "all tiles", as_size(row["tile_bytes"])
    if tiles.tissue is not None:
        yield "tissue in a kept tile", f"{number(_percent(tiles.tissue))} % (median)"
    if tiles.focus is not None:
        yield "sharpness of a kept tile", f"{number(tiles.focus)} (median)"


def _scale(across: float | None, down: float | None) -> str:
    if across is None or down is None:
        return ""
    if number(across) == number(down):
        return f"{number(across)} µm per px"
    return f"{number(across)} x {number(down)} µm per px"
