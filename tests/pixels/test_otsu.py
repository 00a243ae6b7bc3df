"""Otsu's threshold and the removal of small parts are scikit-image's own, px for px."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.filters import threshold_otsu
from skimage.morphology import remove_small_objects

from in_process import Variant
from mrxs_tiles.pixels.otsu import otsu_of, otsu_threshold
from mrxs_tiles.pixels.tissue import without_small


@given(counts=st.lists(st.one_of(st.just(0), st.integers(0, 1 << 25)), min_size=2, max_size=256))
@settings(max_examples=300, deadline=None)
def test_threshold_of_a_histogram(counts: list[int]) -> None:
    """The same value, whatever the histogram, also with gaps and of a value or two."""
    histogram, values = np.array(counts, np.int64), np.arange(len(counts))
    present = np.flatnonzero(histogram)
    if len(present) > 1:
        assert otsu_threshold(histogram, values) == threshold_otsu(hist=(histogram, values))
    elif len(present):
        assert otsu_threshold(histogram, values) == present[0]


@given(seed=st.integers(0, 1 << 32), count=st.integers(2, 300))
@settings(max_examples=100, deadline=None)
def test_threshold_of_samples(seed: int, count: int) -> None:
    """The same of numbers that are no whole ones, in as many bins."""
    random = np.random.default_rng(seed)
    samples = np.where(random.random(count) < 0.4, random.normal(3, 1, count), random.random(count))
    assert otsu_of(samples) == threshold_otsu(samples)


@pytest.mark.long
@given(
    mask=arrays.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))),
    most=st.integers(0, 30),
)
@settings(max_examples=300, deadline=None)
def test_without_small_parts(mask: np.ndarray, most: int) -> None:
    """Parts are joined along sides, not corners, and of just so many px are small."""
    assert (without_small(mask, most) == remove_small_objects(mask, max_size=most)).all()


@pytest.mark.slow
def test_starting_imports_little(variant: Variant, tmp_path: Path) -> None:
    """What takes long to import is imported by neither step, nor to find pen marks."""
    slow = ["skimage", "scipy", "pandas", "jsonschema", "numpy.ma", "socket"]
    words = [str(variant("jpeg").path), "--results", str(tmp_path)]
    code = (
        "import sys; from mrxs_tiles.__main__ import main; "
        f"main(['inspect', *{words}]); main(['tile', *{words}, '--max-pen', '0.5']); "
        f"print([name for name in {slow} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (tmp_path / "jpeg" / "tiles.json").is_file()
    assert done.stdout.splitlines()[-1] == "[]"
