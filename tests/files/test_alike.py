"""Names that lie side by side, and how often they are asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mrxs_tiles.files.alike import SETTLED_NS, while_unchanged


def test_a_look_is_taken_once(tmp_path: Path) -> None:
    """A folder is looked at again only where something came or went, or might have just now."""
    looks: list[Path] = []

    @while_unchanged
    def names(folder: Path) -> Sequence[str]:
        looks.append(folder)
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else ()

    def look(expected: list[str], taken: int, folder: Path = tmp_path) -> None:
        looks.clear()
        assert [list(names(folder)) for _ in range(3)] == [expected] * 3
        assert looks == [folder] * taken

    (tmp_path / "a").touch()
    look(["a"], taken=3)  # it has changed a moment ago
    os.utime(tmp_path, ns=(0, 0))
    look(["a"], taken=1)
    (tmp_path / "b").touch()
    look(["a", "b"], taken=3)
    os.utime(tmp_path, ns=(SETTLED_NS, SETTLED_NS))
    look(["a", "b"], taken=1)
    look([], taken=3, folder=tmp_path / "not there")
