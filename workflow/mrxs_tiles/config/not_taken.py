"""What lies in a folder of slides and is not taken for one: said, since it may have been meant."""

from __future__ import annotations

import glob
from collections.abc import Collection
from pathlib import Path

from mrxs_tiles.config.walk import Walk, passed_over_note
from mrxs_tiles.errors import shown

ASK = "name a folder, one slide, a glob or a sheet (.tsv, .csv, .xlsx)."


def not_taken(asked: str, root: Path, seen: Walk) -> list[str]:
    """The notes on a folder that holds MIRAX slides, and what else may be slides.

    Args:
        asked: what the key ``slides`` holds.
        root: the folder that it names.
        seen: what lies below it.
    """
    notes = [passed_over_note(seen.passed_over, root)] if seen.passed_over else []
    if seen.others:
        notes.append(
            f"Of the folder {shown(root)} only slides that end in .mrxs are cut. Other files there "
            f"may be slides, too ({_counts(seen)}): {_by_glob(asked, seen)}."
        )
    known = {path.stem for path in seen.slides}
    if packed := [path for path in seen.archives if _may_hold_slides(path, known)]:
        more = f" and {len(packed) - 1} more" if len(packed) > 1 else ""
        notes.append(
            f"{shown(min(packed))}{more} is not unpacked: if there are slides in it, they are not "
            "cut. Unpack it, so that each .mrxs lies beside its folder."
        )
    return notes


def nothing_below(asked: str, root: Path, seen: Walk) -> str:
    """The sentence on a folder without a MIRAX slide; for the arguments see ``not_taken``."""
    found = f"slides is {shown(asked)}, and no file below {shown(root)} ends in .mrxs"
    if seen.inner:
        file = min(seen.inner)
        return (
            f"slides is {shown(asked)}, and {shown(file)} lies inside its own data folder: "
            f"move it one folder up, beside {shown(file.parent.name)}."
        )
    if seen.data_folders:
        folder = min(seen.data_folders)
        return (
            f"{found}, but {shown(folder)} is the data folder of a slide: "
            f"copy the small file {shown(folder.name + '.mrxs')} beside it, too."
        )
    if seen.others:
        return f"{found}, but other files may be slides ({_counts(seen)}): {_by_glob(asked, seen)}."
    if seen.archives:
        return (
            f"{found}, but there is {shown(min(seen.archives))}: unpack it, so that each .mrxs "
            "lies beside its folder."
        )
    if seen.passed_over:
        return f"{found}. {passed_over_note(seen.passed_over, root)}"
    return f"{found} (hidden files and folders are passed over): {ASK}"


def _may_hold_slides(archive: Path, known: Collection[str]) -> bool:
    """Not where it is named as a slide that is there, nor a single file that is no slide."""
    stem, _, ending = archive.name.lower().partition(".")
    single = ending.endswith("gz") and not ending.endswith(("tar.gz", "tgz", "mrxs.gz"))
    return not single and archive.name[: len(stem)] not in known


def _others(seen: Walk) -> list[tuple[str, int]]:
    """Endings of other formats and how many files have them, most first."""
    return sorted(seen.others.items(), key=lambda other: (-other[1], other[0]))


def _counts(seen: Walk) -> str:
    return ", ".join(f"{count} in {suffix}" for suffix, count in _others(seen))


def _by_glob(asked: str, seen: Walk) -> str:
    """How they can be asked for."""
    pattern = f"{glob.escape(asked)}/**/*{_others(seen)[0][0]}"
    return f"name them with a glob, {shown(pattern)}, or in a sheet"
