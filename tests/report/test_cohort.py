"""How a number is spread over slides, and which stand out."""

from __future__ import annotations

import pytest

from mrxs_tiles.report.cohort import BINS, LEAST, distribution

ROUND = {f"s{number}": float(number) for number in range(1, 10)}  # quartiles 3 and 7


def test_nothing_known() -> None:
    """Without a value there is nothing to show."""
    assert distribution({}) is None


def test_bars() -> None:
    """Each slide is counted in one bar, from the least to the greatest value."""
    found = distribution(ROUND)
    assert found is not None
    assert (found.known, found.median, found.quartiles) == (9, 5, (3, 7))
    assert (len(found.bars), sum(bar.count for bar in found.bars)) == (BINS, 9)
    assert (found.bars[0].low, found.bars[-1].high) == (1, 9)
    assert found.outliers == {}


def test_all_the_same() -> None:
    """Slides that do not differ share one bar, and none stands out."""
    found = distribution(dict.fromkeys("abcdefghij", 0.0))
    assert found is not None
    assert [bar.count for bar in found.bars] == [10]
    assert found.outliers == {}


@pytest.mark.parametrize(("value", "kind"), [(13.1, "high"), (-3.1, "low"), (12.9, None)])
def test_outliers(value: float, kind: str | None) -> None:
    """What lies beyond 1.5 times the distance of the quartiles stands out, on its side."""
    values = {f"u{number}": (3.0, 5.0, 7.0)[number % 3] for number in range(300)} | {"x": value}
    found = distribution(values)
    assert found is not None
    assert found.quartiles == (3, 7)
    assert found.outliers == ({} if kind is None else {"x": kind})


def test_few_slides() -> None:
    """With few slides none is called an outlier."""
    values = {f"s{number}": 1.0 for number in range(LEAST - 2)} | {"x": 100.0}
    found = distribution(values)
    assert found is not None
    assert found.outliers == {}
    found = distribution(values | {"y": 1.0})
    assert found is not None
    assert found.outliers == {"x": "high"}
