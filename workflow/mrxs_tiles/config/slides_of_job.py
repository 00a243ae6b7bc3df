"""The slides of a run, written down for its jobs on other machines: each reads its own alone.

To find them again, each of ten thousand jobs would read the whole sheet, or search the folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from mrxs_tiles.config.config import Config
from mrxs_tiles.files.store import make_folder, write_file
from mrxs_tiles.names import Slide
from mrxs_tiles.settings import Settings

# Beside what Snakemake keeps of its own; the jobs work in the same directory.
KEPT = Path(".snakemake/mrxs-tiles")
_TARGET = re.compile(r"\w+:slide=(.+)", re.DOTALL)  # of Snakemake's --target-jobs


def slides_file(config: Config) -> Path:
    """Where the slides of this config are written down: another one has another file.

    So has another state of the sheet: what was corrected in it meanwhile is read anew.
    """
    state, sheet = "", Path(config.slides)
    with suppress(OSError, ValueError):
        if sheet.is_file():
            state = f"{sheet.stat().st_size} {sheet.stat().st_mtime_ns}"
    digest = hashlib.sha256(f"{config!r} {state}".encode("utf-8", "surrogateescape"))
    return KEPT / f"slides-{digest.hexdigest()[:16]}.jsonl"


def write_slides(file: Path, slides: Iterable[Slide]) -> None:
    """Write down the slides, a line each.

    Raises:
        ResultsError: that cannot be written.
    """
    make_folder(file.parent)
    write_file(file, "".join(f"{_line(slide)}\n" for slide in slides).encode())


def read_slides(file: Path, names: Collection[str]) -> list[Slide] | None:
    """The slides of these names; None: they have to be found again."""
    begins = tuple(_begin(name) for name in names)
    try:
        with file.open(encoding="utf-8") as lines:
            found = [_slide(json.loads(line)) for line in lines if line.startswith(begins)]
    except (OSError, ValueError, TypeError):  # another version of us has written it
        return None
    return found if found and {slide.name for slide in found} == set(names) else None


def names_asked(words: Sequence[str]) -> set[str]:
    """The slides that a job is for, from the command with which it started Snakemake."""
    return {match[1] for word in words if (match := _TARGET.fullmatch(word))}


def _begin(name: str) -> str:
    return f"[{json.dumps(name)}, "


def _line(slide: Slide) -> str:
    path, rest = json.dumps(str(slide.path)), json.dumps((slide.refused, slide.carried))
    return f"{_begin(slide.name)}{path}, {_settings(slide.settings)}, {rest[1:]}"


@cache
def _settings(settings: Settings) -> str:
    """Those of the config are those of thousands of slides."""
    return json.dumps(asdict(settings))


def _slide(parts: list[Any]) -> Slide:
    name, path, settings, refused, carried = parts
    values: dict[str, Any] = {
        key: tuple(one) if isinstance(one, list) else one for key, one in settings.items()
    }
    pairs = tuple((column, cell) for column, cell in carried)
    return Slide(name, Path(path), Settings(**values), refused, pairs)
