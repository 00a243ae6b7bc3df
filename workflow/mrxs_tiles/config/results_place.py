"""Whether the slides' results have a place of their own: none over other files, or another's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mrxs_tiles.errors import shown
from mrxs_tiles.files.alike import difference, one_place
from mrxs_tiles.names import Slide


def misplaced(slides: Sequence[Slide], results: Path) -> list[str]:
    """Return a fault if the results would be written over something that is not theirs."""
    if results.exists() and not results.is_dir():
        return [f"results is {shown(results)}, which is a file: name a folder."]
    real = cache(os.path.realpath)
    for slide in slides:
        if link := _link_below(results, slide.name):
            return [
                f"results is {shown(results)}, and {shown(link)} in it is a link: what is written "
                "and removed there would lie elsewhere. Remove the link, or name another folder."
            ]
        own = Path(real(slide.path.parent), slide.path.stem)
        mirax = slide.path.suffix.lower() == ".mrxs" and not slide.refused
        target = Path(real(results), slide.name)
        if mirax and (target == own or own in target.parents):
            return [
                f"results is {shown(results)}, and so the results of the slide "
                f"{shown(slide.name)} would go into its own data folder {shown(own)}: "
                "name another folder."
            ]
    return []


def same_on_disk(slides: Sequence[Slide], results: Path) -> list[str]:
    """Return a fault for each two names that are one folder where the results go."""
    places = {slide.name: shown(slide.path) for slide in slides if not slide.refused}
    return [
        f"The disk of {shown(results)} takes {shown(one)} ({places[one]}) and {shown(other)} "
        f"({places[other]}) for one name, as they differ only {difference(one, other)}: give "
        "another in the column slide of a sheet, or set results on another disk."
        for one, other in one_place(results, places)
    ]


def _link_below(results: Path, name: str) -> Path | None:
    """The part of a slide's folder below the results that is a link, if there is one."""
    parts = name.split("/")
    places = (results.joinpath(*parts[:count]) for count in range(1, len(parts) + 1))
    return next((place for place in places if os.path.islink(place)), None)  # noqa: PTH114 - never raises
