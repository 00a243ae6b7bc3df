"""Whether the tiles of all slides have one scale: they are to be compared, or learnt from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from mrxs_tiles.errors import printable

SAME = 1.005  # scales that are nearer are one
NAMED = 3  # slides named of each scale


def differing_scales(rows: Iterable[Mapping[str, Any]]) -> str:
    """A sentence on the scales that the tiles of slides have, "" where it is one.

    Args:
        rows: those of ``report.tsv``, as text or typed.
    """
    slides = [row for row in rows if row["status"] != "failed" and row["downsample"]]
    known = sorted((mpp, str(row["slide"])) for row in slides if (mpp := _tile_mpp(row)))
    groups: list[list[tuple[float, str]]] = []
    for mpp, slide in known:
        if groups and mpp <= groups[-1][0][0] * SAME:
            groups[-1].append((mpp, slide))
        else:
            groups.append([(mpp, slide)])
    parts = [f"{group[0][0]:.4g} µm per px ({_named([s for _, s in group])})" for group in groups]
    if groups and (unknown := sorted(str(row["slide"]) for row in slides if not _tile_mpp(row))):
        parts.append(f"not known ({_named(unknown)})")
    if len(parts) < 2:
        return ""
    return f"The tiles have different scales: {', '.join(parts)}"


def _tile_mpp(row: Mapping[str, Any]) -> float | None:
    """µm per px of a slide's tiles, the mean of across and down."""
    if not row["mpp_x"] or not row["mpp_y"]:
        return None
    return math.sqrt(float(row["mpp_x"]) * float(row["mpp_y"])) * float(row["downsample"])


def _named(slides: list[str]) -> str:
    count = f"{len(slides):,} slide{'' if len(slides) == 1 else 's'}"
    more = ", ..." if len(slides) > NAMED else ""
    return f"{count}: {', '.join(printable(slide) for slide in slides[:NAMED])}{more}"
