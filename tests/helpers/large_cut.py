"""Two large slides and what is cut of them undisturbed, which several test modules compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

import running
from running import LARGE, Ran

FINE = "--tile-size=64"  # 2,300 tiles: a cut that takes a second or two


def large_and_cut(factory: pytest.TempPathFactory) -> Path:
    """`slides/A.mrxs` and its copy `B.mrxs`, and their results and report below `undisturbed`.

    Made once a session and shared by all tests and processes: nobody changes them.
    """

    def make(folder: Path) -> Ran:
        first = running.write(folder / "slides" / "A.mrxs", LARGE).path
        second = running.copy_slide(first, folder / "slides" / "B.mrxs")
        for slide in (first, second):
            running.cut(slide, folder / "undisturbed", FINE)
        return running.mrxs_tiles("report", "--results", folder / "undisturbed", FINE)

    folder, ran = running.once(factory, "large-and-cut", make)
    assert ran.code == 0, ran.text
    return folder
