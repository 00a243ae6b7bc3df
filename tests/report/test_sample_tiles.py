"""Which tiles of a slide its report shows, and the medians beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrxs_tiles.report import sample_tiles

MEASURED = st.floats(0, 1e6) | st.just(float("nan"))


@given(st.lists(MEASURED, max_size=30))
def test_median(values: list[float]) -> None:
    """It is numpy's, of what was measured; none of nothing."""
    known = [value for value in values if value == value]
    expected = float(np.median(known)) if known else None
    assert sample_tiles._median(np.array(values, float)) == expected


@pytest.mark.parametrize(
    ("found", "wanted", "places"),
    [
        (0, 6, []),
        (1, 6, [0]),
        (3, 6, [0, 1, 2]),
        (6, 6, [0, 1, 2, 3, 4, 5]),
        (11, 6, [0, 2, 4, 6, 8, 10]),
        (100, 2, [0, 99]),
        (100, 1, [0]),
    ],
)
def test_spread(found: int, wanted: int, places: list[int]) -> None:
    """Places lie evenly over the row, its first and last among them."""
    assert sample_tiles._spread(found, wanted) == places
