"""What a step's output depends on is said, not guessed: the step's number, and its libraries.

A number is raised when a step's output may change, with a line in CHANGELOG.md; a test keeps
digests of all outputs, and fails where they change and the number does not. Neither a raised
number nor another library cuts a slide again: who made what is there stands in the records, the
report says where that is not what would make it now, and the user decides. See
docs/decisions/03-step-numbers.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

# Raise a step's number when its output may change, and say in CHANGELOG.md what did.
STEPS = {"inspect": 3, "tile": 5, "viewer": 6, "export": 1, "heatmap": 2, "report": 9}
_PIXELS = ("openslide-bin", "openslide-python", "pillow", "imagecodecs", "simplejpeg", "numpy")
# Libraries whose versions decide the bytes of the results.
LIBRARIES = (*_PIXELS, "tifffile")
OF_STEP = {
    "inspect": _PIXELS,
    "tile": LIBRARIES,
    "viewer": _PIXELS,
    "export": ("h5py", "numpy", "pyarrow"),
    "heatmap": ("pyarrow", "pillow", "numpy"),
    "report": ("pandas", "pillow", "numpy"),
}
FIELD = "made_by"  # of a record
PACKAGE = Path(__file__).parent
_KNOWN = ".dist-info"


@cache
def _installed() -> dict[str, str]:
    """The versions of all packages, by the names of the folders that hold what pip knows.

    importlib.metadata takes 30 ms for its own import, a tenth of what some steps take.
    """
    found: dict[str, str] = {}
    for place in reversed(sys.path):
        try:
            names = os.listdir(place or ".")  # noqa: PTH208 - names, not paths
        except OSError:
            continue
        for name in names:
            if name.endswith(_KNOWN):
                package, _, version = name.removesuffix(_KNOWN).partition("-")
                found[_plain(package)] = version
    return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def version_of(library: str) -> str:
    """The version of a library that is installed; "" where none is."""
    return _installed().get(_plain(library), "")


def versions(libraries: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """The versions of some libraries, of those that are installed."""
    return {name: found for name in libraries if (found := version_of(name))}


def made_by(step: str) -> dict[str, Any]:
    """What a record says of the step that makes it: its name, number and libraries."""
    return {"step": step, "number": STEPS[step], "libraries": versions(OF_STEP[step])}


def all_made_by() -> dict[str, dict[str, Any]]:
    """The same of all steps."""
    return {step: made_by(step) for step in STEPS}


def differences(step: str, record: Mapping[str, Any]) -> Iterator[str]:
    """In words where what made a record is not what would make it now; nothing: it is."""
    then = record.get(FIELD)
    if step == "export" and then:  # of each of its files
        yield from dict.fromkeys(word for one in then.values() for word in _of_one(step, one))
    elif step != "export" or then is None:
        yield from _of_one(step, then or {})


def is_maker(then: object) -> bool:
    """Whether a value says of a step what ``made_by`` does, or nothing, as before there was it."""
    if not isinstance(then, dict):
        return False
    libraries = then.get("libraries", {})
    if not isinstance(libraries, dict) or not isinstance(then.get("number"), int | None):
        return False
    return all(isinstance(text, str) for text in libraries.values())


def _of_one(step: str, then: Mapping[str, Any]) -> Iterator[str]:
    number, now = then.get("number"), STEPS[step]
    if number is None:
        yield f"made by {step} before it had a number, now {now}"
        return
    if number != now:
        yield f"made by {step} {number}, now {now}"
    for name, before in then.get("libraries", {}).items():
        if before != (found := version_of(name)):
            yield f"made by {step} with {name} {before}, now {found or 'not installed'}"
