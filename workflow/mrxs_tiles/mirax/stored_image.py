"""The bytes of one stored image -> its pixels, as OpenSlide decodes them, or an error.

Pixels are (height, width) uint32, a pixel each: blue in the low byte, green, red, then alpha, 255.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import imagecodecs
import numpy as np
import simplejpeg
from PIL import Image

from mrxs_tiles.pixels.filters import Pixels, Words

Bytes = bytes | memoryview
Decode = Callable[[Bytes, Words], None]  # into an array of the image's size; raises ValueError

_END_OF_IMAGE = b"\xff\xd9"


def decoder(image_format: str) -> Decode:
    """The function that decodes images of a format that Slidedat.ini names.

    It raises ValueError for whatever it does not decode beyond doubt: damage, another size,
    colours of another kind.
    """
    return {"JPEG": _decode_jpeg, "PNG": _decode_png, "BMP24": _decode_bmp}[image_format]


def _decode_jpeg(data: Bytes, out: Words) -> None:
    # OpenSlide takes each of libjpeg's warnings for an error. imagecodecs is silent about them.
    try:
        _decode_strictly(data, out)
    except ValueError:
        # OpenSlide is content with the last line of pixels, and asks for no end of image.
        _decode_strictly(bytes(data) + _END_OF_IMAGE, out)


def _decode_strictly(data: Bytes, out: Words) -> None:
    got = simplejpeg.decode_jpeg(data, colorspace="BGRA", buffer=out)
    if got.shape[:2] != out.shape:
        raise ValueError(f"{got.shape[1]} x {got.shape[0]} px")


def _decode_png(data: Bytes, out: Words) -> None:
    if bytes(data[16:24]) != struct.pack(">2I", *out.shape[::-1]):
        raise ValueError("another size")  # before room is made for what it says
    try:
        rgb = imagecodecs.png_decode(bytes(data))
    except imagecodecs.PngError as error:
        raise ValueError(str(error)) from None
    if rgb.dtype != np.uint8 or rgb.shape != (*out.shape, 3):
        raise ValueError(f"an array of {rgb.dtype} {rgb.shape}")
    _put(rgb, out)


def _decode_bmp(data: Bytes, out: Words) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=("BMP",)) as image:
            fits = image.size == out.shape[::-1]  # no room is made for what damage says
            rgb = np.asarray(image) if fits else np.empty(0, np.uint8)
    except Exception as error:  # noqa: BLE001 - a decoder fed with damage raises anything
        raise ValueError(str(error)) from None
    if rgb.dtype != np.uint8 or rgb.shape != (*out.shape, 3):
        raise ValueError(f"an array of {rgb.dtype} {rgb.shape}")
    _put(rgb, out)


def _put(rgb: Pixels, out: Words) -> None:
    pixels = out.view(np.uint8).reshape(*out.shape, 4)
    pixels[..., 2::-1] = rgb
    pixels[..., 3] = 255
