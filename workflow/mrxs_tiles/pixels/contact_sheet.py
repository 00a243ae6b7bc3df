"""Pictures side by side on one page, each with a line below it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GAP = 12  # px between pictures, and around all
LINE = 24  # px for the line below a picture
TITLE = 34
MOST_WIDTH = 1600  # px of the page


def contact_sheet(title: str, pictures: Sequence[tuple[Image.Image, str]]) -> bytes:
    """A page of pictures with their lines, in their order from left to right, as a PNG."""
    width = max((picture.width for picture, _ in pictures), default=0)
    height = max((picture.height for picture, _ in pictures), default=0)
    font, bold = ImageFont.load_default(14), ImageFont.load_default(18)
    width = max([width, *(round(font.getlength(line)) for _, line in pictures)])
    per_row = max(1, min(len(pictures), (MOST_WIDTH - GAP) // (width + GAP)))
    rows = -(-len(pictures) // per_row)
    title_width = round(bold.getlength(title)) + 2 * GAP
    page_width = max(title_width, GAP + per_row * (width + GAP))
    page = Image.new("RGB", (page_width, TITLE + GAP + rows * (height + LINE + GAP)), "white")
    draw = ImageDraw.Draw(page)
    draw.text((GAP, GAP + TITLE // 2), title, fill="black", font=bold, anchor="lm")
    for number, (picture, line) in enumerate(pictures):
        row, col = divmod(number, per_row)
        x, y = GAP + col * (width + GAP), TITLE + GAP + row * (height + LINE + GAP)
        page.paste(picture, (x, y))
        draw.rectangle((x, y, x + picture.width - 1, y + picture.height - 1), outline="grey")
        middle = y + picture.height + LINE // 2
        draw.text((x, middle), line, fill="black", font=font, anchor="lm")
    out = io.BytesIO()
    page.save(out, "PNG", compress_level=3)
    return out.getvalue()
