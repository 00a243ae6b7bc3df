"""Small pictures to bytes and back by Pillow, with the one plugin that is needed.

Asked for a format, Pillow imports five; asked for a file's name, the one of its suffix. For a tiny
slide that is a tenth of a step's time.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

JPEG_BEGINNING = b"\xff\xd8\xff"


def saved(picture: Image.Image, suffix: str, **how: Any) -> bytes:
    """A picture as the file that ``picture.save("x.jpg", ...)`` writes.

    Args:
        picture: any that the format can hold.
        suffix: the file's, "jpg" or "png".
        how: as Pillow's writer of that format takes it.
    """
    out = io.BytesIO()
    out.name = f"x.{suffix}"
    picture.save(out, **how)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    """A picture, not yet decoded; that of a JPEG is Pillow's ``JpegImageFile``.

    Raises:
        OSError: it is none, or its head is damaged.
    """
    if not content.startswith(JPEG_BEGINNING):
        return Image.open(io.BytesIO(content))
    try:
        return JpegImageFile(io.BytesIO(content))
    except SyntaxError as error:  # what Pillow's plugins say, and Image.open hides
        raise UnidentifiedImageError(f"a damaged JPEG: {error}") from None
