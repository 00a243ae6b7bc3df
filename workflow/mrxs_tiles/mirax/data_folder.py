"""The folder of a MIRAX slide: with all its pixels, beside the small file of the same name."""

from __future__ import annotations

import os
from pathlib import Path

from mrxs_tiles.files.alike import alike
from mrxs_tiles.mirax.ini import INI_NAME

MIRAX_SUFFIX = ".mrxs"


def is_mirax(path: Path) -> bool:
    """True where the name says MIRAX, in upper or lower case."""
    return path.suffix.lower() == MIRAX_SUFFIX


def data_folder(path: Path) -> Path | None:
    """The folder of a MIRAX slide: beside it, or beside the file that it is a link to.

    Where none has exactly its name, the one that differs in case or Unicode form only.
    """
    folder = path.with_suffix("")
    if (folder / INI_NAME).is_file():
        return folder
    folder = Path(os.path.realpath(path)).with_suffix("")
    if (folder / INI_NAME).is_file():
        return folder
    like = like_named(path)
    return like[0] if len(like) == 1 else None


def like_named(path: Path) -> list[Path]:
    """Data folders whose names differ in case or Unicode form only, and are no other slide's."""
    return [
        folder
        for folder in alike(path.with_suffix(""))
        if is_data(folder) and not has_slide(folder)
    ]


def is_data(folder: Path) -> bool:
    """Whether it is such a folder."""
    return os.path.isfile(folder / INI_NAME)  # noqa: PTH113 - never raises


def has_slide(folder: Path) -> bool:
    """Whether a small file of its name lies beside it."""
    names = (folder.name + suffix for suffix in (MIRAX_SUFFIX, MIRAX_SUFFIX.upper()))
    return any((folder.parent / name).exists() for name in names)
