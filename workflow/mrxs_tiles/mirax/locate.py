"""Where the parts of a slide lie, and a path that OpenSlide accepts for them.

A MIRAX slide is a small ``NAME.mrxs`` and, beside it, the folder ``NAME`` with all pixels.
OpenSlide wants exactly these names, in lower case, side by side. Scanners write ``.MRXS``
too, and people link to the small file alone: both are served through a temporary link.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.config.walk import ARCHIVES
from mrxs_tiles.errors import SlideError
from mrxs_tiles.files.alike import alike, difference, folded, listing, while_unchanged
from mrxs_tiles.mirax.absent import how_to_fetch, why_absent
from mrxs_tiles.mirax.ini import INI_NAME
from mrxs_tiles.mirax.slidedat import read_slidedat
from mrxs_tiles.system import LINK_ADVICE
from mrxs_tiles.system import link as make_link

MIRAX_SUFFIX = ".mrxs"
RULE = "A MIRAX slide is a small .mrxs file and a folder of the same name beside it"
# as Windows, macOS, GNOME and browsers name a second one
_COPY = re.compile(
    r"(.+?)(?: ?\([0-9]{1,3}\)| - (?:Copy|Kopie|Copie|Copia)(?: ?\([0-9]{1,3}\))?| copy(?: [0-9]+)?"
    r"| \((?:copy|Kopie|another copy)\)| Kopie(?: [0-9]+)?)"
)
PERMIT = "Permit whoever runs this to read it (chmod, or ask who owns it)"
# Formats of one file. What belongs to others (.vms, .vmu, .dcm) only OpenSlide knows.
SINGLE = frozenset({".bif", ".czi", ".ndpi", ".scn", ".svs", ".svslide", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class SlideFiles:
    """A slide's parts: ``path`` as the user named it; ``folder`` for MIRAX, else None."""

    path: Path
    folder: Path | None


def is_mirax(path: Path) -> bool:
    """True where the name says MIRAX, in upper or lower case."""
    return path.suffix.lower() == MIRAX_SUFFIX


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
        raise SlideError(_not_there(path))
    if not path.is_file():
        raise SlideError(_no_file(path))
    if path.suffix.lower() in ARCHIVES:
        raise SlideError(
            f"{path.name} is an archive, not a slide. Unpack it, so that each .mrxs lies beside "
            "its folder, and name the .mrxs."
        )
    if path.name == INI_NAME or (path.suffix.lower() == ".dat" and _is_data(path.parent)):
        raise SlideError(f"{path.name} is a part of a slide. {_beside(path.parent)}")
    if not os.access(path, os.R_OK):
        raise SlideError(f"{path.name} may not be read. {PERMIT}.")
    if not is_mirax(path):
        return SlideFiles(path, None)
    folder = data_folder(path)
    if folder is None:
        raise SlideError(_what_is_missing(path))
    return SlideFiles(path, folder)


def _not_there(path: Path) -> str:
    """What is said of a file that is not there."""
    if path.is_symlink():
        how = how_to_fetch(path)
        return f"{path.name} is a broken link{how}. Check the path, or copy the slide there."
    folder = path.with_suffix("")
    if is_mirax(path) and _is_data(folder):
        if (folder / path.name).is_file():
            return (
                f"{path.name} lies inside its own data folder '{folder.name}'. Move it one folder "
                "up, beside that."
            )
        return (
            f"{path.name} does not exist, but its data folder '{folder.name}' does. {RULE}: copy "
            "the small file there, too."
        )
    if len(like := alike(path)) > 1:
        names = " and ".join(f"'{one.name}'" for one in like)
        return (
            f"{path.name} does not exist, but {names}, which differ from it only "
            f"{difference(path.name, like[0].name)}. Write the name as it is on the disk."
        )
    hint = ""
    if path.with_name(path.name + MIRAX_SUFFIX).is_file():
        return f"{path.name} does not exist. Write the whole name, {path.name}{MIRAX_SUFFIX}."
    if "\\" in path.name:
        hint = " Its name holds a backslash: write the path with /."
    return f"{path.name} does not exist. Check the path, or copy the slide there.{hint}"


def _no_file(path: Path) -> str:
    """What is said of what is there, but no file."""
    if not path.is_dir():
        kind = "a pipe or a device"
    elif _is_data(path):
        return f"{path.name} is the data folder of a slide, not its file. {_beside(path)}"
    else:
        kind = "a folder"
    hint = " (a folder of slides is named by the key slides)" if kind == "a folder" else ""
    return f"{path.name} is {kind}, not a slide file{hint}. Copy the slide there, or leave it out."


def _beside(folder: Path) -> str:
    """What to do for who names a data folder or what is in it."""
    name = folder.name + MIRAX_SUFFIX
    if _has_slide(folder):
        return f"Name the file beside that folder, {name}."
    if (folder / name).is_file():
        return f"{name} lies inside its data folder: move it one folder up, and name it there."
    return f"{RULE}: copy {name} beside the folder '{folder.name}', and name it."


def _is_data(folder: Path) -> bool:
    return os.path.isfile(folder / INI_NAME)  # noqa: PTH113 - never raises


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
    like = _like(path)
    return like[0] if len(like) == 1 else None


def _like(path: Path) -> list[Path]:
    """Data folders whose names differ in case or Unicode form only, and are no other slide's."""
    return [
        folder
        for folder in alike(path.with_suffix(""))
        if _is_data(folder) and not _has_slide(folder)
    ]


def _what_is_missing(path: Path) -> str:
    folder = path.with_suffix("")
    if len(like := _like(path)) > 1:
        names = " and ".join(f"'{one.name}'" for one in like)
        return (
            f"The folder '{folder.name}' is missing beside {path.name}, and several differ from it "
            f"only {difference(folder.name, like[0].name)}: {names}. Rename the right one to "
            f"'{folder.name}'."
        )
    if folder.is_dir():
        return _what_it_lacks(path, folder)
    if folder.is_symlink():
        return (
            f"The folder '{folder.name}' beside {path.name} is missing{why_absent(folder)}. "
            f"{RULE}: copy the folder there too."
        )
    if _is_data(path.parent):
        return (
            f"{path.name} lies inside a data folder, '{path.parent.name}'. {RULE}: move it one "
            "folder up."
        )
    if path.is_symlink():
        return (
            f"{path.name} is a link, and neither beside it nor beside the file it points to is "
            f"a folder '{folder.name}'. {RULE}: link to both, or copy both."
        )
    packed = [suffix for suffix in sorted(ARCHIVES) if path.with_suffix(suffix).is_file()]
    if packed:
        return (
            f"The folder '{folder.name}' is missing beside {path.name}, but there is "
            f"{folder.name}{packed[0]}. {RULE}: unpack it there."
        )
    if (original := _copied_from(path)) is not None:
        return (
            f"The folder '{folder.name}' is missing beside {path.name}, which looks like a copy of "
            f"{original.name} alone. Remove it, or, if it is another slide, copy its folder there "
            "too."
        )
    renamed = _without_slide(path.parent)
    hint = f" (is it '{renamed[0]}'? Then rename that)" if len(renamed) == 1 else ""
    return (
        f"The folder '{folder.name}' is missing beside {path.name}{hint}. {RULE}: "
        "copy the folder there too."
    )


def _copied_from(path: Path) -> Path | None:
    """The slide with a folder of which a file manager or a browser made this file."""
    found = _COPY.fullmatch(path.stem)
    folder = path.with_name(found[1]) if found else None
    if folder is None or not _is_data(folder):
        return None
    files = (folder.with_name(folder.name + one) for one in (MIRAX_SUFFIX, MIRAX_SUFFIX.upper()))
    return next((file for file in files if file.is_file()), None)


def _what_it_lacks(path: Path, folder: Path) -> str:
    """What is said of a slide whose folder is there, but is no data folder."""
    ini = folder / INI_NAME
    if why := why_absent(ini):
        return f"{INI_NAME} of {path.name} is missing{why}."
    if _is_data(inner := folder / folder.name):
        return (
            f"The folder '{folder.name}' beside {path.name} holds another '{inner.name}', with "
            f"the {INI_NAME}. {RULE}: move what is in the inner one up into the outer one."
        )
    return (
        f"The folder '{folder.name}' beside {path.name} has no {INI_NAME}. {RULE}: "
        "copy the whole folder again from the scanner or the archive."
    )


@while_unchanged
def _without_slide(folder: Path) -> Sequence[str]:
    """The data folders in a folder that are no slide's: for a hint, so what is in them may age."""
    names = set(listing(folder))
    housed = {folded(Path(name).stem) for name in names if is_mirax(Path(name))}
    return sorted(
        name
        for name in names
        if folded(name) not in housed  # else it is that slide's, in another case
        # of thousands of slides that have their folders no file is looked at
        if not is_mirax(Path(name)) and name + MIRAX_SUFFIX not in names
        if _is_data(folder / name) and not _has_slide(folder / name)
    )


def _has_slide(folder: Path) -> bool:
    names = (folder.name + suffix for suffix in (MIRAX_SUFFIX, MIRAX_SUFFIX.upper()))
    return any((folder.parent / name).exists() for name in names)


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
