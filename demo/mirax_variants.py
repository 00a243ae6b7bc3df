"""Small slides, one for each way in which MIRAX slides differ."""

from __future__ import annotations

from dataclasses import replace

from mirax_spec import MiraxSpec


def _corner_missing(column: int, row: int) -> bool:
    return column + row >= 2


def _middle(column: int, row: int) -> bool:
    return column in (1, 2) and row in (2, 3)


def _ragged(column: int, row: int) -> bool:
    return (3 * column + 5 * row) % 4 != 0


def _nothing(*_: int) -> bool:
    return False


# Pictures so large that a tile of 300 px lies within one, whatever the grid: blank where plain.
LARGE = MiraxSpec(
    positions_x=3, positions_y=4, image_width=170, image_height=160, plain=True, pieces=1,
    scanned=_corner_missing,
)  # fmt: skip
SMALL = MiraxSpec(positions_x=4, positions_y=5, scanned=_corner_missing)

VARIANTS: dict[str, MiraxSpec] = {
    "jpeg": replace(SMALL, seed=1),
    "jpeg_plain": replace(LARGE, seed=2),
    "png": replace(SMALL, image_format="PNG", seed=3),
    "bmp": replace(LARGE, image_format="BMP24", seed=4),
    "zlib_positions": replace(SMALL, positions="zlib", scanned=_ragged, seed=5),
    "no_positions": replace(
        SMALL, positions="absent", overlap_x=0, overlap_y=0, scanned=_ragged, seed=6
    ),
    "no_positions_overlap": replace(SMALL, positions="absent", seed=7),
    "fill_colour": replace(LARGE, fill_color=(200, 180, 90), image_format="PNG", seed=8),
    "odd_sizes": MiraxSpec(
        positions_x=11, positions_y=13, divisions=3, image_width=47, image_height=53,
        overlap_x=7.25, overlap_y=5, scanned=_ragged, image_format="PNG", page_length=7, seed=9,
    ),
    "one_division": MiraxSpec(
        positions_x=9, positions_y=7, divisions=1, image_width=203, image_height=255,
        scanned=_ragged, levels=5, data_files=1, seed=10,
    ),
    "eight_divisions": MiraxSpec(
        positions_x=3, positions_y=4, divisions=8, image_width=75, image_height=63,
        overlap_x=54.6, overlap_y=45.5, levels=9, mpp=("8.68E-002", "8.68E-002"),
        objective="40", data_files=12, seed=11,
    ),
    "few_levels": replace(SMALL, levels=2, seed=12),
    "one_level": replace(SMALL, levels=1, seed=13),
    "small_area": replace(
        LARGE, positions_x=6, positions_y=7, image_width=100, image_height=90, scanned=_middle,
        seed=14,
    ),
    "full": replace(
        LARGE, scanned=None, jitter=0, overlap_x=0, overlap_y=0, camera_step=0, pieces=2, seed=15
    ),
    "no_objective": replace(SMALL, objective=None, seed=16),
    "objective_20x": replace(SMALL, objective="20x", seed=17),
    "mpp_zero": replace(SMALL, mpp=(0.0, 0.0), seed=18),
    "anisotropic": replace(SMALL, mpp=(0.2325, 0.31), seed=19),
    "fluorescence": replace(
        SMALL, filters=("DAPI", "FITC", "TRITC"), fill_color=(0, 0, 0), seed=20
    ),
    "z_stack": replace(
        SMALL, focus_levels=("ExtFocusLevel", "ZStackLevel_(1)", "ZStackLevel_(2)"), seed=21
    ),
    "no_associated": replace(SMALL, associated=(), seed=22),
    "nothing_scanned": replace(SMALL, scanned=_nothing, seed=23),
}  # fmt: skip
