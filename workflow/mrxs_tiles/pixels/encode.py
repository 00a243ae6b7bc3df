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

from mrxs_tiles.pixels.filters import Pixels, rgb

Encode = Callable[[Pixels], bytes]

SUBSAMPLINGS = {"420": "4:2:0", "422": "4:2:2", "444": "4:4:4"}
PNG_LEVEL = 6  # zlib's and Pillow's default
LOSSLESS = 100  # the quality of a webp that keeps every pixel
UM_PER_CM = 10_000


def make_encoder(
    image_format: str,
    quality: int,
    subsampling: str,
    profile: bytes | None = None,
    mpp: tuple[float, float] | None = None,
) -> tuple[Encode, str]:
    """The function that encodes pictures in a format, and a warning ("" where there is none).

    Args:
        image_format: ``jpg``, ``png``, ``webp`` or ``tif``.
        quality: 1 to 100, for jpg and webp; 100 is a lossless webp.
        subsampling: ``420``, ``422`` or ``444``, for jpg.
        profile: the slide's ICC colour profile, for all but jpg.
        mpp: µm per px across and down, for tif; None: not known.
    """
    if image_format == "png":
        return lambda pixels: encode_png(pixels, profile), ""
    if image_format == "webp":
        return lambda pixels: encode_webp(pixels, quality, profile), ""
    if image_format == "tif":
        return lambda pixels: encode_tif(pixels, profile, mpp), ""
    return _make_jpeg_encoder(quality, subsampling)


def _make_jpeg_encoder(quality: int, subsampling: str) -> tuple[Encode, str]:
    """The fastest that writes Pillow's bytes.

    imagecodecs writes the same ones faster, from OpenSlide's own buffer and without holding up
    other threads, as long as both wheels carry the same libjpeg-turbo. That is tried on one
    small picture here; if it fails, Pillow encodes.
    """

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
    image = Image.fromarray(rgb(pixels))
    image.save(out, "JPEG", quality=quality, subsampling=SUBSAMPLINGS[subsampling])
    return out.getvalue()


def encode_png(pixels: Pixels, profile: bytes | None = None) -> bytes:
    """A PNG of the same pixels, RGB."""
    if profile is None:  # imagecodecs writes none, and is faster
        return bytes(imagecodecs.png_encode(rgb(pixels), level=PNG_LEVEL))
    out = io.BytesIO()
    Image.fromarray(rgb(pixels)).save(out, "PNG", icc_profile=profile)
    return out.getvalue()


def encode_webp(pixels: Pixels, quality: int, profile: bytes | None = None) -> bytes:
    """A WebP; of the same pixels, RGB, at quality 100."""
    out = io.BytesIO()
    Image.fromarray(rgb(pixels)).save(
        out, "WEBP", quality=quality, lossless=quality == LOSSLESS, icc_profile=profile or b""
    )
    return out.getvalue()


def encode_tif(
    pixels: Pixels, profile: bytes | None = None, mpp: tuple[float, float] | None = None
) -> bytes:
    """A TIFF of the same pixels, RGB, deflated, with its px per cm."""
    import tifffile  # here, since few write it: its import takes as long as numpy's

    out = io.BytesIO()
    tifffile.imwrite(
        out,
        rgb(pixels),
        photometric="rgb",
        compression="adobe_deflate",
        predictor=True,
        resolution=None if mpp is None else (UM_PER_CM / mpp[0], UM_PER_CM / mpp[1]),
        resolutionunit="NONE" if mpp is None else "CENTIMETER",
        iccprofile=profile,
        metadata=None,
        software=False,
    )
    return out.getvalue()
