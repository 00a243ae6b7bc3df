"""What ``slide.json`` holds of a MIRAX slide's index."""

from __future__ import annotations

from mrxs_tiles.files.manifest import Record
from mrxs_tiles.mirax import layout
from mrxs_tiles.mirax.index import MiraxIndex


def mirax_record(index: MiraxIndex) -> Record:
    """The field ``mirax``."""
    slidedat = index.slidedat
    base = slidedat.levels[0]
    return {
        "version": slidedat.version,
        "slide_type": slidedat.slide_type,
        "image_format": base.image_format,
        "image_width": base.image_width,
        "image_height": base.image_height,
        "images_x": slidedat.images_x,
        "images_y": slidedat.images_y,
        "divisions": slidedat.divisions,
        "positions": len(index.positions),
        "positions_scanned": int(layout.scanned_positions(index).sum()),
        "stored_images": [len(images) for images in index.images],
        "data_files": [
            {"name": name, "bytes": size}
            for name, size in zip(slidedat.data_files, index.file_bytes, strict=True)
        ],
        "missing": list(index.missing),
    }
