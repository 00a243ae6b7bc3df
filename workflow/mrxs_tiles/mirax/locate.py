"""Where the parts of a slide lie, and a path that OpenSlide accepts for them.

A MIRAX slide is a small ``NAME.mrxs`` and, beside it, the folder ``NAME`` with all pixels.
OpenSlide wants exactly these names, in lower case, side by side. Scanners write ``.MRXS``
too, and people link to the small file alone: both are served through a temporary link.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.config.walk import ARCHIVES
from mrxs_tiles.errors import SlideError
from mrxs_tiles.mirax.data_folder import MIRAX_SUFFIX, data_folder, is_data, is_mirax
from mrxs_tiles.mirax.ini import INI_NAME
from mrxs_tiles.mirax.not_found import beside, no_data_folder, no_file, not_there
from mrxs_tiles.mirax.slidedat import read_slidedat
from mrxs_tiles.system import LINK_ADVICE
from mrxs_tiles.system import link as make_link

PERMIT = "Permit whoever runs this to read it (chmod, or ask who owns it)"
# Formats of one file. What belongs to others (.vms, .vmu, .dcm) only OpenSlide knows.
SINGLE = frozenset({".bif", ".czi", ".ndpi", ".scn", ".svs", ".svslide", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class SlideFiles:
    """A slide's parts: ``path`` as the user named it; ``folder`` for MIRAX, else None."""

    path: Path
    folder: Path | None


def locate(path: Path) -> SlideFiles:
    """Find a slide's parts.

    Raises:
        SlideError: the file, or a MIRAX slide's folder or Slidedat.ini, is not there.
    """
    try:
        return _locate(path)
    except SlideError:
        raise
    except OSError as error:
        raise SlideError(
            f"{path.name} cannot be looked at: {error.strerror}. Check its name and who may "
            "read it and its folder."
        ) from None


def _locate(path: Path) -> SlideFiles:
    if not path.exists():
        raise SlideError(not_there(path))
    if not path.is_file():
        raise SlideError(no_file(path))
    if path.suffix.lower() in ARCHIVES:
        raise SlideError(
            f"{path.name} is an archive, not a slide. Unpack it, so that each .mrxs lies beside "
            "its folder, and name the .mrxs."
        )
    if path.name == INI_NAME or (path.suffix.lower() == ".dat" and is_data(path.parent)):
        raise SlideError(f"{path.name} is a part of a slide. {beside(path.parent)}")
    if not os.access(path, os.R_OK):
        raise SlideError(f"{path.name} may not be read. {PERMIT}.")
    if not is_mirax(path):
        return SlideFiles(path, None)
    folder = data_folder(path)
    if folder is None:
        raise SlideError(no_data_folder(path))
    return SlideFiles(path, folder)


def parts_of(files: SlideFiles) -> Sequence[Path]:
    """The files that a slide consists of, its own first; none where that is not known."""
    path, folder = files.path, files.folder
    if folder is None:
        return [path] if path.suffix.lower() in SINGLE else []
    try:
        slidedat = read_slidedat(folder)
    except SlideError:  # OpenSlide may open it all the same
        return []
    names = dict.fromkeys([INI_NAME, slidedat.index_name, *slidedat.data_files])
    return [path, *(folder / name for name in names)]


@contextmanager
def openable(files: SlideFiles) -> Iterator[Path]:
    """A path under which OpenSlide opens the slide, for as long as the context lasts.

    Raises:
        SlideError: the temporary link that the name needs cannot be made.
    """
    path, folder = files.path, files.folder
    if folder is None or (path.suffix == MIRAX_SUFFIX and folder == path.with_suffix("")):
        yield path
        return
    plain = path.with_suffix(MIRAX_SUFFIX)
    if folder == path.with_suffix("") and plain.exists() and plain.samefile(path):
        yield plain  # a file system that does not tell upper from lower case
        return
    with tempfile.TemporaryDirectory(prefix="mrxs-tiles-", ignore_cleanup_errors=True) as scratch:
        link = Path(scratch) / "slide.mrxs"
        try:
            make_link(path, link)
            make_link(folder, link.with_suffix(""))
        except OSError as error:
            raise SlideError(
                f"{path.name} needs a temporary link, which cannot be made "
                f"({error.strerror}). Rename the file so that it ends in {MIRAX_SUFFIX}."
                f"{LINK_ADVICE}"
            ) from None
        yield link
