"""docs/architecture.md says what is there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import mrxs_tiles

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "architecture.md").read_text("utf-8")
PACKAGE = Path(mrxs_tiles.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_room(room: str) -> None:
    """Each room has its line, which names modules that it has, and says in itself what it is."""
    (line,) = re.findall(rf"^\| `{room}/` \| (.*) \|$", PAGE, re.MULTILINE)
    named = re.findall(r"`(\w+)`", line)
    missing = [name for name in named if not (PACKAGE / room / f"{name}.py").is_file()]
    assert missing in ([], ["load"])
    assert (import_module(f"mrxs_tiles.{room}").__doc__ or "").strip()


def test_way_of_a_tile() -> None:
    """Each function that a tile passes is there."""
    rooms = "|".join(ROOMS)
    passed = re.findall(rf"`((?:{rooms})\.\w+)\.(\w+)(?:\.(\w+))?`", PAGE)
    assert len(passed) >= 15
    for module, name, method in passed:
        found = getattr(import_module(f"mrxs_tiles.{module}"), name)
        assert not method or callable(getattr(found, method)), (module, name, method)


def test_places_to_add() -> None:
    """Each file that is named as the place for something new is there."""
    files = re.findall(r"`((?:\w+/)+\w+\.\w+)`", PAGE)
    roots = (PACKAGE, PACKAGE.parent, PACKAGE.parents[1])
    assert len(files) >= 8
    assert [file for file in files if not any((root / file).exists() for root in roots)] == []
