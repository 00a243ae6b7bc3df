"""Whether a region or labels lie where nobody can have meant them: by another corner, or outside.

QuPath counts from the scanned area's corner, others from the slide's, and on a MIRAX slide these
are thousands of px apart. Nothing is moved: the user is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from mrxs_tiles.grid.grid import Bounds

TINY = 2.0  # px: a smaller drawing is one of fractions of the slide, or of mm
SLACK = 0.02  # of a side of the scanned area: people draw a little beyond its edge


def misplaced(called: str, extent: Sequence[float], origin: str, bounds: Bounds | None) -> str:
    """Return what is to be asked of where drawings lie; "" where nothing is odd.

    Args:
        called: what the sentence calls them.
        extent: left, top, right, bottom of all, level-0 px, as their file counts.
        origin: from where they are taken to count, ``slide`` or ``bounds``.
        bounds: of the slide's scanned area; None: not known.
    """
    left, top, right, bottom = extent
    where = f"x {left:.6g} to {right:.6g}, y {top:.6g} to {bottom:.6g}"
    if right - left < TINY and bottom - top < TINY:
        return (
            f"{called} is smaller than {TINY:g} px ({where}): are its numbers level-0 px, and not "
            "fractions of the slide or mm?"
        )
    if bounds is None or not any(bounds[:2]):
        return ""  # both corners are one
    corners = {"slide": (0, 0), "bounds": bounds[:2]}
    other = next(name for name in corners if name != origin)
    if _lies_in(extent, corners[origin], bounds) or not _lies_in(extent, corners[other], bounds):
        return ""
    x, y, width, height = bounds
    return (
        f"{called} ({where}) reaches beyond the scanned area (x {x} to {x + width}, y {y} to "
        f"{y + height}), and would lie in it if it counted from the corner of the "
        f"{'scanned area, as QuPath does' if other == 'bounds' else 'slide'}: is region_origin "
        f"{other} meant?"
    )


def beyond(called: str, extent: Sequence[float], size: tuple[int, int], outside: str) -> str:
    """Return what is to be asked of drawings that reach far beyond the slide; "" of others.

    Args:
        called: what the sentence calls them.
        extent: left, top, right, bottom of all, level-0 px from the slide's corner.
        size: of the slide, level-0 px.
        outside: the classes of which nothing lies on the slide, in words; "" for none.
    """
    if _lies_in(extent, (0, 0), (0, 0, *size)):
        return ""
    left, top, right, bottom = extent
    nothing = f", and nothing of {outside} lies on it" if outside else ""
    return (
        f"{called} (x {left:.6g} to {right:.6g}, y {top:.6g} to {bottom:.6g}) reaches beyond this "
        f"slide of {size[0]} x {size[1]} px{nothing}: was it drawn on this slide, and are its "
        "numbers level-0 px?"
    )


def _lies_in(extent: Sequence[float], corner: Sequence[int], bounds: Bounds) -> bool:
    """Whether drawings that count from a corner lie in the scanned area, or nearly."""
    for axis in (0, 1):
        low, slack = bounds[axis], SLACK * bounds[axis + 2]
        if extent[axis] + corner[axis] < low - slack:
            return False
        if extent[axis + 2] + corner[axis] > low + bounds[axis + 2] + slack:
            return False
    return True
