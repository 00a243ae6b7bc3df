"""A score as a picture over the thumbnail, and as a layer that the viewer loads."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mrxs_tiles.errors import printable
from mrxs_tiles.names import slide_id
from mrxs_tiles.pixels.encode import encode_rgb_png
from mrxs_tiles.pixels.picture_file import opened
from mrxs_tiles.viewer.matching import Grid, Matched
from mrxs_tiles.viewer.scores import Numbers, Whole

# Low to high: dark blue to yellow, as bright as high, so that colour-blind people see it too
# (viridis, by Smith, van der Walt and Firing, CC0). The viewer has the same.
COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
STRENGTH = 0.6  # of the colours over the slide
BAR, LINE, MARGIN, LEAST_WIDTH = 14, 22, 10, 420  # px
INK = (0, 0, 0)

Rgb = npt.NDArray[np.uint8]


class Peak(NamedTuple):
    """The kept tile with the highest score of a slide, or of some slides."""

    slide: str
    tile: str  # column_row
    value: float


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours of a score reach from and to: the same on all slides laid at once."""

    low: float
    high: float
    slides: int  # that have a tile with this score
    peak: Peak | None  # of them all; None: no kept tile has this score


def span(values: Numbers) -> tuple[float, float]:
    """The lowest and the highest score; (0, 0) without any."""
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def peak(slide: str, grid: Grid, values: Numbers) -> Peak | None:
    """The kept tile of a slide with the highest score, the first of equal ones; None: no tile."""
    of_kept = np.where(grid.kept == 1, values, np.nan)
    if np.isnan(of_kept).all():
        return None
    at = int(np.nanargmax(of_kept))
    return Peak(slide, f"{grid.col[at]}_{grid.row[at]}", float(values[at]))


def scales(laid: Mapping[str, Matched]) -> dict[str, Scale]:
    """The scale of each score, over all slides that it was laid on.

    Whoever compares slides must see the same number in the same colour on each of them.
    """
    found: dict[str, Scale] = {}
    for slide, one in laid.items():
        for name, values in one.values.items():
            if np.isnan(values).all():
                continue
            ends, here = span(values), peak(slide, one.grid, values)
            before = found.get(name, Scale(*ends, 0, None))
            tops = [top for top in (before.peak, here) if top is not None]
            found[name] = Scale(
                low=min(before.low, ends[0]),
                high=max(before.high, ends[1]),
                slides=before.slides + 1,
                peak=max(tops, key=lambda top: top.value, default=None),
            )
    return found


def shares(values: Numbers, scale: Scale) -> Numbers:
    """Where each score lies between the lowest (0) and the highest (1) of a scale."""
    reach = scale.high - scale.low
    return (values - scale.low) / reach if reach > 0 else values * 0 + 0.5


def colours(share: Numbers) -> Rgb:
    """The colour of each share, (..., 3); of NaN that of 0."""
    steps = np.linspace(0, 1, len(COLOURS))
    known = np.nan_to_num(share)
    bands = [np.interp(known, steps, band) for band in zip(*COLOURS, strict=True)]
    return np.stack(bands, axis=-1).round().astype(np.uint8)


def picture(
    thumbnail: bytes, size: tuple[int, int], found: Matched, name: str, scale: Scale
) -> bytes:
    """The slide small, with the score's colours over its tiles and a colour bar below, as a PNG.

    Args:
        thumbnail: a picture of the whole slide.
        size: (width, height) of the slide, level-0 px.
        found: its tiles and their scores.
        name: of the score.
        scale: of its colours.
    """
    values = found.values[name]
    with opened(thumbnail) as small:
        plain = np.asarray(small.convert("RGB"))
    height, width = plain.shape[:2]
    share = _seen(found.grid, shares(values, scale), (width, height), size)
    tinted = colours(share) * STRENGTH + plain * (1 - STRENGTH)
    painted = np.where(np.isnan(share)[..., None], plain, tinted.round()).astype(np.uint8)
    lines = [f"{name}: {int((~np.isnan(values)).sum()):,} tiles"]
    if scale.slides > 1:
        low, high = span(values)
        lines[0] += f", {low:.4g} to {high:.4g}"
        lines.append(f"The colours are the same on all {scale.slides:,} slides with this score.")
    below = 2 * MARGIN + (len(lines) + 1) * LINE
    page = Image.new("RGB", (max(width, LEAST_WIDTH), height + below), "white")
    page.paste(Image.fromarray(painted))
    _draw_bar(page, height + MARGIN, lines, (scale.low, scale.high))
    return encode_rgb_png(np.asarray(page))


def _seen(grid: Grid, share: Numbers, small: tuple[int, int], size: tuple[int, int]) -> Numbers:
    """What each px of the small picture shows: of the tile that its middle lies in."""
    if not len(grid):
        return np.full(small[::-1], np.nan)
    laid = np.full((int(grid.col.max()) + 1, int(grid.row.max()) + 1), np.nan)
    laid[grid.col, grid.row] = share
    across = _tile_of(grid.col, grid.x, grid.width, small[0], size[0])
    down = _tile_of(grid.row, grid.y, grid.height, small[1], size[1])
    seen = laid[np.maximum(across, 0)][:, np.maximum(down, 0)]
    seen[across < 0] = np.nan
    seen[:, down < 0] = np.nan
    return seen.T


def _tile_of(number: Whole, start: Whole, length: Whole, px: int, l0_length: int) -> Whole:
    """The column (row) that the middle of each px lies in; -1: in none."""
    numbers, first = np.unique(number, return_index=True)
    starts, lengths = start[first], length[first]
    middle = (np.arange(px) + 0.5) * l0_length / px
    at = np.searchsorted(starts, middle, side="right") - 1
    inside = (at >= 0) & (middle < (starts + lengths)[np.maximum(at, 0)])
    return np.where(inside, numbers[np.maximum(at, 0)], -1)


def _draw_bar(page: Image.Image, top: int, lines: list[str], ends: tuple[float, float]) -> None:
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for line in lines:
        draw.text((MARGIN, top + LINE // 2), line, fill=INK, font=font, anchor="lm")
        top += LINE
    low, high = (f"{end:.4g}" for end in ends)
    left = MARGIN + round(draw.textlength(low, font)) + 6
    bar = page.width - 2 * MARGIN - left - round(draw.textlength(high, font)) - 6 + MARGIN
    ramp = colours(np.tile(np.linspace(0, 1, max(1, bar)), (BAR, 1)))
    page.paste(Image.fromarray(ramp), (left, top + (LINE - BAR) // 2))
    middle = top + LINE // 2
    draw.text((MARGIN, middle), low, fill=INK, font=font, anchor="lm")
    draw.text((left + bar + 6, middle), high, fill=INK, font=font, anchor="lm")


def packed(values: npt.NDArray[np.generic], kind: str) -> str:
    """Numbers as text that a script can hold: little-endian, base64."""
    return base64.b64encode(values.astype(f"<{kind}").tobytes()).decode()


def layer(name: str, values: Numbers, scale: Scale) -> bytes:
    """``heatmap-{name}.js``: the scores in the order of ``tiles.tsv``, as float32."""
    low, high = span(values)
    about = {
        "min": low,
        "max": high,
        "count": int((~np.isnan(values)).sum()),
        "scale": [scale.low, scale.high],
        "slides": scale.slides,
    }
    if top := scale.peak:
        about["peak"] = [slide_id(top.slide), printable(top.slide), top.tile, top.value]
    text = json.dumps(about, separators=(",", ":"))
    return f'heatmap({json.dumps(name)},{text},"{packed(values, "f4")}");\n'.encode()
