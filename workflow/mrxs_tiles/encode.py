"""Pixels -> the bytes of a picture file.

Arrays are (height, width, 4) uint8 as OpenSlide gives them: blue, green, red and a fourth
byte that is not looked at.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import imagecodecs
import numpy as np
from PIL import Image

from mrxs_tiles.filters import Pixels

Encode = Callable[[Pixels], bytes]

SUBSAMPLINGS = {"420": "4:2:0", "422": "4:2:2", "444": "4:4:4"}
PNG_LEVEL = 6  # zlib's and Pillow's default


def make_encoder(image_format: str, quality: int, subsampling: str) -> tuple[Encode, str]:
    """The function that encodes pictures in a format, and a warning ("" where there is none).

    JPEG bytes must be Pillow's. imagecodecs writes the same ones faster, from OpenSlide's own
    buffer and without holding up other threads, as long as both wheels carry the same
    libjpeg-turbo. That is tried on one small picture here; if it fails, Pillow encodes.

    Args:
        image_format: ``jpg`` or ``png``.
        quality: 1 to 100, for jpg.
        subsampling: ``420``, ``422`` or ``444``, for jpg.
    """
    if image_format == "png":
        return encode_png, ""

    def fast(pixels: Pixels) -> bytes:
        return bytes(
            imagecodecs.jpeg8_encode(
                pixels,
                level=quality,
                colorspace=imagecodecs.JPEG8.CS.EXT_BGRX,
                outcolorspace=imagecodecs.JPEG8.CS.YCbCr,
                subsampling=subsampling,
            )
        )

    def plain(pixels: Pixels) -> bytes:
        return encode_jpeg_with_pillow(pixels, quality, subsampling)

    if _same_bytes(fast, plain):
        return fast, ""
    return plain, (
        "imagecodecs and Pillow write different JPEG bytes here, so Pillow encodes, more "
        "slowly; install the versions of requirements.lock"
    )


def _same_bytes(one: Encode, other: Encode) -> bool:
    picture = np.random.default_rng(0).integers(0, 256, (75, 83, 4), np.uint8)
    try:
        return one(picture) == other(picture)
    except Exception:  # noqa: BLE001 - whatever another version of a codec raises, Pillow still encodes
        return False


def encode_jpeg_with_pillow(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    """What ``Image.save("x.jpg", quality=..., subsampling=...)`` writes."""
    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 2::-1]))
    image.save(out, "JPEG", quality=quality, subsampling=SUBSAMPLINGS[subsampling])
    return out.getvalue()


def encode_png(pixels: Pixels) -> bytes:
    """A PNG of the same pixels, RGB."""
    rgb = np.ascontiguousarray(pixels[..., 2::-1])
    return bytes(imagecodecs.png_encode(rgb, level=PNG_LEVEL))
