"""Whether the slides' results have a place of their own: none over other files, or another's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from mrxs_tiles.errors import shown
from mrxs_tiles.files.alike import difference, not_made, one_place
from mrxs_tiles.names import Slide
from mrxs_tiles.system import longest_path
from mrxs_tiles.system.names import windows_fault

# Characters of the longest path below a slide's data folder, and below its results.
LONGEST_IN_SLIDE = len("\\Slidedat.ini")
LONGEST_IN_RESULTS = len("\\.viewer_files.partial\\20\\1000_1000.jpg")


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


def fit_for_disk(slides: Sequence[Slide], results: Path) -> list[Slide]:
    """Refuse the slides whose results have no place on the disk: theirs alone.

    What a disk makes of names that Windows does not know is tried on it: on a share, or in WSL, it
    may be Windows' own.

    Raises:
        ResultsError: nothing can be written there.
    """
    names = (slide.name for slide in slides if not slide.refused)
    faults = unfit_names(names, results)
    fit = []
    for slide in slides:
        why = faults.get(slide.name) or ("" if slide.refused else path_fault(slide, results))
        refused = slide.refused or (f"Slide {shown(slide.name)}: {why}" if why else "")
        fit.append(replace(slide, refused=refused))
    return fit


def unfit_names(names: Iterable[str], results: Path) -> dict[str, str]:
    """What is said of each name that cannot be a folder below the results.

    Raises:
        ResultsError: nothing can be written there.
    """
    doubtful = {name: why for name in names if (why := windows_fault(name))}
    if not doubtful:
        return {}
    lost = not_made(results, doubtful)
    return {
        name: f"the disk of {shown(results)} has no folder of its name, as on Windows: it "
        f"{doubtful[name]}. Give the slide another name in the column slide of a sheet, or rename "
        "the file."
        for name in lost
    }


def path_fault(slide: Slide, results: Path) -> str:
    """What is said where the paths of a slide are longer than this system opens; else ""."""
    most = longest_path()
    if most is None:
        return ""
    for what, path, more in (
        ("its path", str(slide.path), LONGEST_IN_SLIDE),
        ("that of its results", os.path.abspath(results / slide.name), LONGEST_IN_RESULTS),
    ):
        if len(path) + more > most and not path.startswith("\\\\?\\"):
            return (
                f"{what} has {len(path)} characters, {shown(path)}, and with the files in it more "
                f"than the {most} that Windows opens: switch on long paths (docs/windows.md), or "
                "move it nearer to the drive."
            )
    return ""


def _link_below(results: Path, name: str) -> Path | None:
    """The part of a slide's folder below the results that is a link, if there is one."""
    parts = name.split("/")
    places = (results.joinpath(*parts[:count]) for count in range(1, len(parts) + 1))
    return next((place for place in places if os.path.islink(place)), None)  # noqa: PTH114 - never raises
