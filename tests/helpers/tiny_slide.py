"""A slide of a few kilobytes, for those who look at its index alone."""

from __future__ import annotations

from mirax_spec import MiraxSpec

TINY = MiraxSpec(
    positions_x=3, positions_y=2, divisions=2, image_width=24, image_height=20, overlap_x=2.5,
    overlap_y=3, jitter=1, levels=3, page_length=5, data_files=2, associated=(), pieces=0,
    plain=True, image_format="PNG",
)  # fmt: skip
ROOT = 37  # where Index.dat's tables begin: behind version and SLIDE_ID
