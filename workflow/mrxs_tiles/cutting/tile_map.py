"""``tiles.png``: the slide small, with what became of each of its tiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrxs_tiles.errors import printable
from mrxs_tiles.pixels.encode import encode_rgb_png
from mrxs_tiles.pixels.filters import Color, Pixels
from mrxs_tiles.pixels.label_tints import LABEL_STRENGTH, label_tint
from mrxs_tiles.pixels.picture_file import opened
from mrxs_tiles.pixels.reasons import KEPT, LOOKS, NO_ROW
from mrxs_tiles.pixels.reasons import TINTS as TINTS

KINDS = tuple(TINTS)
MOST_LABELS = 20  # that have a colour: no map shows more that can be told apart
STRENGTH = 0.55  # of a tint over the picture
WEAK = 0.2  # of the one over what was not even listed
LEAST_WIDTH = 420  # px, so that the legend's lines fit in
LINE = 22  # px from one line of the legend to the next
MARGIN = 10
INK = (0, 0, 0)
EDGE = 0.6  # of the picture's brightness, where two tiles meet
LEAST_TILE = 5  # px on the map: smaller ones have no edges drawn


class TileMap:
    """Paints tiles onto a slide's thumbnail, one after the other."""

    def __init__(self, thumbnail: bytes, size: tuple[int, int]) -> None:
        """Begin with a picture of the whole slide, whose ``size`` is in level-0 px."""
        with opened(thumbnail) as picture:
            self._picture: Pixels = np.asarray(picture.convert("RGB"))
        height, width = self._picture.shape[:2]
        self._per_px = size[0] / width, size[1] / height  # level-0 px for one of the map
        self._kind = np.full((height, width), KINDS.index(NO_ROW), np.uint8)
        self._edge = np.zeros((height, width), bool)
        self._labels: Counter[str] = Counter()
        self._numbers: dict[str, int] = {}  # of labels, in the order in which they come

    def add(self, x: int, y: int, width: int, height: int, reason: str, label: str = "") -> None:
        """Paint one tile; its place in level-0 px, ``reason`` "" where it is kept.

        ``label``: by which it is tinted where it is kept; "": it stays clear.
        """
        left, right = round(x / self._per_px[0]), round((x + width) / self._per_px[0])
        top, bottom = round(y / self._per_px[1]), round((y + height) / self._per_px[1])
        self._kind[top:bottom, left:right] = KINDS.index(reason or KEPT)
        if label and not reason:
            self._labels[label] += 1
            if (place := self._numbers.setdefault(label, len(self._numbers))) < MOST_LABELS:
                self._kind[top:bottom, left:right] = len(KINDS) + place
        if min(right - left, bottom - top) >= LEAST_TILE:
            self._edge[top:bottom, left : left + 1] = True
            self._edge[top : top + 1, left:right] = True

    def painted(self) -> Image.Image:
        """The map alone."""
        plain = Image.fromarray(self._picture)
        painted = plain.copy()
        for number, (tint, strength) in enumerate(self._veils()):
            for edge in (False, True):
                here = (self._kind == number) & (self._edge == edge)
                if here.any():
                    looks = _looks(tint, strength, edge)
                    painted.paste(plain.point(looks), mask=Image.fromarray(here))
        return painted

    def _veils(self) -> list[tuple[Color, float]]:
        """Colour and strength of each number in the map."""
        shown = list(self._numbers)[:MOST_LABELS]
        return [
            *((TINTS[kind], _strength(kind)) for kind in KINDS),
            *((label_tint(label), LABEL_STRENGTH) for label in shown),
        ]

    def png(self, counts: Mapping[str, int], mpp: float | None) -> bytes:
        """The map with its legend and a scale bar, as a PNG.

        Args:
            counts: tiles by "kept" and by reason; what is 0 has no line.
            mpp: µm per level-0 px; None: not known, the bar is in px then.
        """
        painted = self.painted()
        width, height = painted.size
        veils = dict(zip(KINDS, self._veils(), strict=False))
        lines = [
            (*veils[kind], f"{counts[kind]:,} {LOOKS[kind].label}")
            for kind in KINDS
            if counts.get(kind)
        ]
        behind_kept = 1 if counts.get(KEPT) else 0
        lines[behind_kept:behind_kept] = self._label_lines()
        if (self._kind == KINDS.index(NO_ROW)).any():
            lines.append((*veils[NO_ROW], LOOKS[NO_ROW].sentence))
        below = height + 2 * MARGIN + LINE * (len(lines) + 1)
        page = Image.new("RGB", (max(width, LEAST_WIDTH), below), "white")
        page.paste(painted)
        self._legend(page, height + MARGIN, lines, mpp)
        return encode_rgb_png(np.asarray(page))

    def _label_lines(self) -> list[tuple[Color, float, str]]:
        """What the legend says of the kept tiles' labels."""
        lines: list[tuple[Color, float, str]] = []
        for label, count in list(self._labels.items())[:MOST_LABELS]:
            lines.append((label_tint(label), LABEL_STRENGTH, f"{count:,} kept: {printable(label)}"))
        if (left := len(self._labels) - len(lines)) > 0:
            lines.append((TINTS[KEPT], 0.0, f"{left:,} more labels, without a colour"))
        return lines

    def _legend(
        self,
        page: Image.Image,
        top: int,
        lines: list[tuple[Color, float, str]],
        mpp: float | None,
    ) -> None:
        draw = ImageDraw.Draw(page)
        font = ImageFont.load_default(14)
        length, label = scale_bar(self._picture.shape[1], self._per_px[0], mpp)
        middle = top + LINE // 2
        draw.rectangle((MARGIN, middle - 2, MARGIN + length - 1, middle + 1), fill=INK)
        draw.text((2 * MARGIN + length, middle), label, fill=INK, font=font, anchor="lm")
        for number, (color, share, text) in enumerate(lines, 1):
            middle = top + number * LINE + LINE // 2
            tint = tuple(round(share * band + (1 - share) * 255) for band in color)
            box = (MARGIN, middle - 7, MARGIN + 14, middle + 7)
            draw.rectangle(box, fill=tint, outline=INK)
            draw.text((3 * MARGIN, middle), text, fill=INK, font=font, anchor="lm")


def _looks(tint: Color, strength: float, edge: bool) -> list[int]:
    """What values of red become under a tint, then those of green, then those of blue; 768."""
    veil = np.float32(strength)
    tints = np.array(tint, np.float32)[:, None]
    tinted = np.arange(256, dtype=np.float32) * (1 - veil) + tints * veil
    tinted *= np.float32(EDGE if edge else 1)
    looks: list[int] = tinted.round().astype(int).ravel().tolist()
    return looks


def _strength(kind: str) -> float:
    return {KEPT: 0.0, NO_ROW: WEAK}.get(kind, STRENGTH)


def scale_bar(width: int, l0_per_px: float, mpp: float | None) -> tuple[int, str]:
    """Length in px and label of a bar of a round length, at most a quarter of the map's width.

    Args:
        width: the map's, px.
        l0_per_px: level-0 px for one px of the map.
        mpp: µm per level-0 px, if known.
    """
    unit = l0_per_px * (mpp or 1)  # µm, or level-0 px, for one px of the map
    most = max(1.0, width / 4) * unit
    power = 10.0 ** np.floor(np.log10(most))
    length = float(max(step * power for step in (1, 2, 5) if step * power <= most))
    if mpp is None:
        label = f"{length:g} px of the slide"
    else:
        label = f"{length / 1000:g} mm"  # Pillow's own font has no µ
    return max(1, round(length / unit)), label
