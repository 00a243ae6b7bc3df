"""The bytes of a picture file -> a picture, whatever its format is."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

# A bare codestream, and one in a container (ISO/IEC 18181-2).
JXL_BEGINNINGS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


def open_picture(content: bytes) -> Image.Image:
    """The picture, as Pillow opens it; JPEG XL, which Pillow cannot read, decoded.

    Raises:
        OSError: it is no picture, or damaged.
    """
    if not content.startswith(JXL_BEGINNINGS):
        return Image.open(io.BytesIO(content))
    import imagecodecs  # here: it takes as long as Pillow, and most pictures do not need it

    try:
        return Image.fromarray(imagecodecs.jpegxl_decode(content))
    except (RuntimeError, ValueError) as error:
        raise UnidentifiedImageError(f"a damaged JPEG XL: {error}") from None
