"""A MIRAX slide that OpenSlide refuses for what is not needed, as OpenSlide opens it.

OpenSlide hashes the coarsest level when it opens a slide, and refuses one of which an image is in
a file that is missing or cut short, though level 0 may be whole: it is opened without such levels.
And it refuses one whose Slidedat.ini does not say how many µm its px are: it is told 0, which it
takes for not known.
"""

from __future__ import annotations

import re
import tempfile
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.index import MiraxIndex
from mrxs_tiles.mirax.ini import INI_NAME
from mrxs_tiles.mirax.locate import SlideFiles, openable
from mrxs_tiles.mirax.slidedat import MPP_KEYS
from mrxs_tiles.system import LINK_ADVICE, link

_SECTION = re.compile(rb"\s*\[(.*)\]\s*")
_NOT_KNOWN = "".join(f"\n{key} = 0" for key in MPP_KEYS).encode() + b"\n"
_COUNT = re.compile(rb"(\s*HIER_0_COUNT\s*=\s*)\d+(\s*)", re.DOTALL)


def usable_levels(index: MiraxIndex) -> int:
    """How many levels are left without the coarsest ones that lack an image; 0: none opens."""
    levels = len(index.images)
    while levels and index.unreadable(levels - 1).any():
        levels -= 1
    return levels


def with_levels(index: MiraxIndex, levels: int) -> MiraxIndex:
    """The index with its first levels only."""
    slidedat = replace(index.slidedat, levels=index.slidedat.levels[:levels])
    return replace(index, slidedat=slidedat, images=index.images[:levels])


def is_mended(index: MiraxIndex, levels: int) -> bool:
    """Whether OpenSlide opens the slide only in another form, so that its digest is not its own.

    ``levels``: how many of its levels OpenSlide has.
    """
    return levels < len(index.images) or bool(index.slidedat.unscaled)


@contextmanager
def openable_levels(files: SlideFiles, index: MiraxIndex | None) -> Iterator[Path]:
    """As ``locate.openable``, without what would keep OpenSlide from opening it.

    Raises:
        SlideError: the links that it needs cannot be made.
    """
    levels = usable_levels(index) if index is not None else 0
    if index is None or files.folder is None or not (levels and is_mended(index, levels)):
        with openable(files) as path:
            yield path
        return
    with tempfile.TemporaryDirectory(prefix="mrxs-tiles-", ignore_cleanup_errors=True) as scratch:
        slide = Path(scratch) / "slide.mrxs"
        try:
            link(files.path, slide)
            _link_folder(files.folder, slide.with_suffix(""), levels, index.slidedat.unscaled)
        except OSError as error:
            lacks = "its coarsest level" if levels < len(index.images) else "its scale"
            raise SlideError(
                f"{files.path.name} lacks {lacks}, and needs temporary links to be read "
                f"without it, which cannot be made ({error.strerror}). Copy its folder again from "
                f"the scanner or the archive.{LINK_ADVICE}"
            ) from None
        yield slide


def _link_folder(folder: Path, links: Path, levels: int, unscaled: Collection[str]) -> None:
    links.mkdir()
    for file in folder.iterdir():
        if file.name != INI_NAME:
            link(file, links / file.name)
    lines = (folder / INI_NAME).read_bytes().splitlines(keepends=True)
    section = b""
    for number, line in enumerate(lines):
        if found := _SECTION.fullmatch(line.removeprefix(BOM_UTF8)):
            section = found[1]
            if section.decode("utf-8", "replace") in unscaled:  # one of the two may stand there
                lines[number] = line.rstrip(b"\r\n") + _NOT_KNOWN
        elif section == b"HIERARCHICAL" and (found := _COUNT.fullmatch(line)):
            lines[number] = b"%s%d%s" % (found[1], levels, found[2])
    (links / INI_NAME).write_bytes(b"".join(lines))
