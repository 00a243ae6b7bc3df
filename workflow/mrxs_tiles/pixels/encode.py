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
from mrxs_tiles.pixels.picture_file import saved

Encode = Callable[[Pixels], bytes]

SUBSAMPLINGS = {"420": "4:2:0", "422": "4:2:2", "444": "4:4:4"}
LOSSLESS = 100  # the quality of a webp or jxl that keeps every pixel
UM_PER_CM = 10_000

# How hard the encoders try: as far as a tile's bytes shrink by more than its time grows. What that
# costs stands in docs/costs.md, measured by benchmarks/formats.py.
# One filter instead of the best of five for each row, and of zlib only runs and Huffman's codes: of
# stained tissue, which never repeats itself, it finds no more than the noise of the camera anyway.
PNG_EFFORT = {"level": 1, "filter": imagecodecs.PNG.FILTER.PAETH}
PNG_EFFORT |= {"strategy": imagecodecs.PNG.STRATEGY.RLE}
TIF_LEVEL = 1  # of deflate, which every reader of TIFF knows (not so zstd)
WEBP_METHOD = 2  # of 6
LOSSLESS_WEBP = {"lossless": True, "quality": 0, "method": 0}  # quality: effort, here
JXL_EFFORT = 3  # of 10
LOSSLESS_JXL_EFFORT = 1  # the one that is made for speed; the next takes ten times as long

NO_PROFILE = (
    "the slide's colour profile is not in its tiles: imagecodecs writes none into jxl; png, webp "
    "and tif would hold it"
)


def make_encoder(
    image_format: str,
    quality: int,
    subsampling: str,
    profile: bytes | None = None,
    mpp: tuple[float, float] | None = None,
) -> tuple[Encode, str]:
    """The function that encodes pictures in a format, and a warning ("" where there is none).

    Args:
        image_format: ``jpg``, ``png``, ``webp``, ``tif`` or ``jxl``.
        quality: 1 to 100, for jpg, webp and jxl; 100 is a lossless webp or jxl.
        subsampling: ``420``, ``422`` or ``444``, for jpg.
        profile: the slide's ICC colour profile, for png, webp and tif.
        mpp: µm per px across and down, for tif; None: not known.
    """
    if image_format == "png":
        return lambda pixels: encode_png(pixels, profile), ""
    if image_format == "webp":
        return lambda pixels: encode_webp(pixels, quality, profile), ""
    if image_format == "tif":
        return lambda pixels: encode_tif(pixels, profile, mpp), ""
    if image_format == "jxl":
        return lambda pixels: encode_jxl(pixels, quality), NO_PROFILE if profile else ""
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
    # noise by Knuth's multiplicative hashing: numpy.random takes long to import
    noise = np.arange(75 * 83 * 4, dtype=np.uint32) * np.uint32(2654435761) >> 24
    picture = noise.astype(np.uint8).reshape(75, 83, 4)
    try:
        return one(picture) == other(picture)
    except Exception:  # noqa: BLE001 - whatever another version of a codec raises, Pillow still encodes
        return False


def encode_jpeg_with_pillow(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    """What ``Image.save("x.jpg", quality=..., subsampling=...)`` writes."""
    image = Image.fromarray(rgb(pixels))
    return saved(image, "jpg", quality=quality, subsampling=SUBSAMPLINGS[subsampling])


def encode_png(pixels: Pixels, profile: bytes | None = None) -> bytes:
    """A PNG of the same pixels, RGB."""
    if profile is None:  # imagecodecs writes none, and is faster
        return encode_rgb_png(rgb(pixels))
    return saved(Image.fromarray(rgb(pixels)), "png", icc_profile=profile, compress_level=1)


def encode_rgb_png(pixels: Pixels) -> bytes:
    """A PNG of (height, width, 3) uint8."""
    return bytes(imagecodecs.png_encode(pixels, **PNG_EFFORT))


def encode_webp(pixels: Pixels, quality: int, profile: bytes | None = None) -> bytes:
    """A WebP; of the same pixels, RGB, at quality 100."""
    effort = {"quality": quality, "method": WEBP_METHOD}
    if quality == LOSSLESS:
        effort = LOSSLESS_WEBP
    return saved(Image.fromarray(rgb(pixels)), "webp", icc_profile=profile or b"", **effort)


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
        compressionargs={"level": TIF_LEVEL},
        predictor=True,
        maxworkers=1,  # the tiles themselves are cut side by side
        resolution=None if mpp is None else (UM_PER_CM / mpp[0], UM_PER_CM / mpp[1]),
        resolutionunit="NONE" if mpp is None else "CENTIMETER",
        iccprofile=profile,
        metadata=None,
        software=False,
    )
    return out.getvalue()


def encode_jxl(pixels: Pixels, quality: int) -> bytes:
    """A JPEG XL; of the same pixels, RGB, at quality 100, else at libjxl's own scale of quality."""
    exact = quality == LOSSLESS
    return bytes(
        imagecodecs.jpegxl_encode(
            rgb(pixels),
            level=None if exact else quality,
            lossless=exact,
            effort=LOSSLESS_JXL_EFFORT if exact else JXL_EFFORT,
            numthreads=1,  # the tiles themselves are cut side by side
        )
    )
