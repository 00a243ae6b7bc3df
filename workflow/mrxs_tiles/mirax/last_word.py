"""OpenSlide's word where our own reader stops: one question at a time, so that an error counts."""

from __future__ import annotations

import threading

import numpy as np

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.image_store import CORRUPT, FOREIGN
from mrxs_tiles.pixels.filters import Pixels
from mrxs_tiles.slide.reader import Alpha, SlideReader


class LastWord:
    """Asks OpenSlide, alone on its handle."""

    def __init__(self, slide: SlideReader) -> None:
        """Take the slide as OpenSlide has opened it."""
        self._slide = slide
        self._asking = threading.Lock()

    def read(self, location: tuple[int, int], level: int, out: Pixels) -> Alpha:
        """Read a region; see ``Reader.read``.

        Raises:
            SlideError: some pixel of the region cannot be read.
        """
        with self._asking:
            return self._slide.read(location, level, out)

    def on_image(self, location: tuple[int, int], level: int, *, alone: bool) -> str:
        """Whether OpenSlide decodes an image that we do not: one px of it is read.

        Args:
            location: (x, y) of a px of the image, level-0 px.
            level: of the image.
            alone: no other image lies there.
        """
        try:
            self.read(location, level, np.empty((1, 1, 4), np.uint8))
        except SlideError:
            # where another image lies there too, it may be that one: OpenSlide reads the tiles
            return CORRUPT if alone else FOREIGN
        return FOREIGN
