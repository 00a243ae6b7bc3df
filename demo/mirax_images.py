"""The pictures of a MIRAX slide: what the camera took, encoded and joined, and the label's."""

from __future__ import annotations

from io import BytesIO
from typing import Protocol

import imagecodecs
import numpy as np
from PIL import Image, ImageDraw

from mirax_spec import Associated, ImageFormat, MiraxSpec
from scene import Pixels

OVERVIEW_SIDE = 700  # px, the longest side of the previews


class View(Protocol):
    """What can be put under the microscope; see scene.Scene."""

    def region(self, x: int, y: int, width: int, height: int) -> Pixels:
        """The pixels of a level-0 rectangle, (height, width, 3)."""

    def overview(self, downsample: int) -> Pixels:
        """The whole canvas, smaller by a power of two."""


def camera_pixels(
    spec: MiraxSpec, scene: View, picture: tuple[int, int], images: tuple[int, int, int, int]
) -> Pixels:
    """A part of camera picture (column, row): `images` is x, y, across, down within it."""
    column, row = picture
    left, top = (int(side) for side in spec.locations[row, column])
    x, y, across, down = images
    width, height = spec.image_width, spec.image_height
    pixels = scene.region(left + x * width, top + y * height, across * width, down * height)
    darkening = np.uint8(spec.darkening(column, row))
    return pixels - np.minimum(pixels, darkening) if darkening else pixels


def half(pixels: Pixels) -> Pixels:
    """Half the size each way, each pixel the mean of four, rounded."""
    rows = pixels[0::2].astype(np.uint16)
    rows += pixels[1::2]
    mean = rows[:, 0::2] + rows[:, 1::2]
    mean += 2
    mean >>= 2
    return mean.astype(np.uint8)


def encode(pixels: Pixels, image_format: ImageFormat, quality: int) -> bytes:
    """An image as it is stored."""
    pixels = np.ascontiguousarray(pixels)
    if image_format == "JPEG":
        return bytes(imagecodecs.jpeg8_encode(pixels, level=quality, subsampling="420"))
    if image_format == "PNG":
        return bytes(imagecodecs.png_encode(pixels, level=1))
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def decode(data: bytes) -> Pixels:
    """A stored image's pixels, (height, width, 3)."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def associated_picture(name: Associated, spec: MiraxSpec, scene: View) -> Pixels:
    """The slide's macro, label or thumbnail."""
    if name == "label":
        return _label(spec)
    overview = small_overview(spec, scene)
    if name == "thumbnail":
        return overview
    # The macro camera sees the label beside the glass.
    label = Image.fromarray(_label(spec)).resize((overview.shape[1],) * 2)
    return np.concatenate([np.asarray(label), overview])


def small_overview(spec: MiraxSpec, scene: View) -> Pixels:
    """The whole canvas in at most OVERVIEW_SIDE px."""
    downsample = 1
    while max(spec.size) // downsample > OVERVIEW_SIDE:
        downsample *= 2
    return scene.overview(downsample)


def _label(spec: MiraxSpec) -> Pixels:
    picture = Image.new("RGB", (240, 240), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((12, 12), dict(spec.general).get("SLIDE_NAME", "written slide"), fill="black")
    for bar, digit in enumerate(spec.slide_id):
        if int(digit, 16) % 2:
            draw.rectangle((12 + bar * 6, 60, 16 + bar * 6, 200), fill="black")
    return np.asarray(picture)
