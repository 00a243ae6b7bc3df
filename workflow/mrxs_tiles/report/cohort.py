"""One number of each slide -> how it is spread over all of them, and which stand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BINS = 24
FENCE = 1.5  # times the distance between the quartiles (Tukey): what lies beyond is an outlier
LEAST = 8  # slides: with fewer, quartiles say little, and none is called an outlier
LOW, HIGH = "low", "high"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: from, up to, how many slides."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a number is spread over the slides of which it is known."""

    known: int
    median: float
    quartiles: tuple[float, float]
    bars: tuple[Bar, ...]
    outliers: Mapping[str, str]  # slide: "low" or "high"


def distribution(values: Mapping[str, float]) -> Distribution | None:
    """Count values by slide into bars and find the outliers; None where nothing is known."""
    if not values:
        return None
    found = np.array(list(values.values()), float)
    first, median, third = (float(one) for one in np.quantile(found, (0.25, 0.5, 0.75)))
    reach = FENCE * (third - first)
    outliers = {}
    if len(found) >= LEAST:
        outliers = {
            slide: LOW if value < median else HIGH
            for slide, value in values.items()
            if not first - reach <= value <= third + reach
        }
    counts, edges = np.histogram(found, BINS)
    if not np.ptp(found):  # all the same: one bar, from there to there
        counts, edges = np.array([len(found)]), np.array([found[0], found[0]])
    bars = tuple(
        Bar(float(low), float(high), int(count))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    return Distribution(len(found), median, (first, third), bars, outliers)
