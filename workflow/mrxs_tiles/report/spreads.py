"""How each measure of the page is spread over the slides, and in which slides it stands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mrxs_tiles.files.manifest import Record
from mrxs_tiles.report.cohort import Distribution, distribution
from mrxs_tiles.report.text import MEASURES

MOST_NAMED = 12  # outliers named below a histogram; the table shows all of them


def spreads_of(slides: Sequence[Record]) -> list[Record]:
    """What the template needs of each measure; ``outlier`` of slides that stand out is filled."""
    spreads = []
    for key, measure in MEASURES.items():
        known = {
            one["id"]: one["measured"][key] for one in slides if one["measured"][key] is not None
        }
        spread = distribution(known)
        named = []
        for one in slides:
            if spread and one["id"] in spread.outliers:
                one["outlier"][key] = spread.outliers[one["id"]]
                named.append((one["id"], one["name"], one["measured"][key]))
        named.sort(key=lambda outlier: (outlier[2], outlier[1]))
        spreads.append(
            {
                "key": key,
                "measure": measure,
                "spread": spread,
                "highest": _highest(spread),
                "named": _ends(named),
                "unnamed": max(0, len(named) - MOST_NAMED),
            }
        )
    return spreads


def _highest(spread: Distribution | None) -> int:
    return max(bar.count for bar in spread.bars) if spread else 0


def _ends(named: list[Any]) -> list[Any]:
    """The farthest outliers of both ends, where there are too many to name."""
    half = MOST_NAMED // 2
    return named if len(named) <= MOST_NAMED else named[:half] + named[-half:]
