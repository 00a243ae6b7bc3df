"""Slides drawn by hypothesis, and what of the written ones our own reader leaves to OpenSlide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from write_mirax import MiraxSpec

PARTLY_SHOWN = ("fluorescence", "z_stack")
# Variants whose images are stored as those of `jpeg`: other in what is said of the scale alone, or
# in the pictures beside the slide.
STORED_ALIKE = ("no_objective", "objective_20x", "mpp_zero", "anisotropic", "no_associated")


def each_kind(names: Iterable[str]) -> list[Any]:
    """Parameters of variants: those that are stored as another one are torture."""
    torture = pytest.mark.torture
    return [pytest.param(name, marks=[torture] * (name in STORED_ALIKE)) for name in names]


@st.composite
def specs(draw: st.DrawFn) -> MiraxSpec:
    columns, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    divisions = draw(st.integers(1, 4))
    width, height = draw(st.integers(17, 90)), draw(st.integers(17, 90))
    overlaps = st.one_of(st.just(0.0), st.floats(0, 16).map(lambda px: round(px, 2)))
    cells = st.lists(st.booleans(), min_size=columns * rows, max_size=columns * rows)
    scanned = np.array(draw(cells)).reshape(rows, columns) if draw(st.booleans()) else None
    return MiraxSpec(
        positions_x=columns, positions_y=rows, divisions=divisions, image_width=width,
        image_height=height, overlap_x=draw(overlaps), overlap_y=draw(overlaps),
        jitter=draw(st.integers(0, 7)), levels=draw(st.integers(1, 4)),
        image_format=draw(st.sampled_from(["JPEG", "JPEG", "PNG", "BMP24"])),
        quality=draw(st.sampled_from([30, 80, 95])),
        positions=draw(st.sampled_from(["plain", "plain", "zlib", "absent"])),
        fill_color=draw(st.tuples(*[st.integers(0, 255)] * 3)),
        data_files=draw(st.integers(1, 5)), scanned=scanned, plain=draw(st.booleans()),
        page_length=draw(st.integers(1, 64)), seed=draw(st.integers(0, 1 << 16)),
    )  # fmt: skip


def some_or_many(some: int, many: int) -> pytest.MarkDecorator:
    """A test's ``examples``: some in the whole suite, many at length."""
    values = [
        pytest.param(some, marks=pytest.mark.slow),
        pytest.param(many, marks=pytest.mark.torture),
    ]
    return pytest.mark.parametrize("examples", values)


def check_drawn(check: Callable[[], None], examples: int) -> None:
    """Run what hypothesis draws for, with so many examples."""
    every = list(HealthCheck)
    settings(max_examples=examples, deadline=None, suppress_health_check=every)(check)()
