"""The whole slide as one small picture, to be looked at."""

from __future__ import annotations

from PIL import Image

from mrxs_tiles.pixels.filters import Color
from mrxs_tiles.pixels.picture_file import saved
from mrxs_tiles.slide.overview import Overview, overview_scale, read_overview
from mrxs_tiles.slide.reader import Reader, SlideFacts

MOST_PX = 1024  # longer side


def make_thumbnail(
    reader: Reader, facts: SlideFacts, background: Color, seen: Overview | None = None
) -> tuple[bytes, bool]:
    """A JPEG of the slide, at most 1024 px, and whether all of it could be read.

    What cannot be read, or was never scanned, has the background's colour.

    Args:
        reader: of the slide.
        facts: what is known of it.
        background: the colour.
        seen: what was read of it on the same background: taken where it has the right scale.
    """
    most = max(1, max(facts.size) // MOST_PX)
    if seen is not None and overview_scale(reader, facts, most).downsample == seen.downsample:
        overview = seen
    else:
        overview = read_overview(reader, facts, most, background)
    picture = Image.fromarray(overview.rgb)
    picture.thumbnail((MOST_PX, MOST_PX), Image.Resampling.LANCZOS)
    return saved(picture, "jpg", quality=85), not overview.unread.any()
