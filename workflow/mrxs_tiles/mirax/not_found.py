"""What is said of a slide that is not where it was named: what lies there, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mrxs_tiles.config.walk import ARCHIVES
from mrxs_tiles.files.alike import alike, difference, folded, listing, while_unchanged
from mrxs_tiles.mirax.absent import how_to_fetch, why_absent
from mrxs_tiles.mirax.data_folder import MIRAX_SUFFIX, has_slide, is_data, is_mirax, like_named
from mrxs_tiles.mirax.ini import INI_NAME

RULE = "A MIRAX slide is a small .mrxs file and a folder of the same name beside it"
# as Windows, macOS, GNOME and browsers name a second one
_COPY = re.compile(
    r"(.+?)(?: ?\([0-9]{1,3}\)| - (?:Copy|Kopie|Copie|Copia)(?: ?\([0-9]{1,3}\))?| copy(?: [0-9]+)?"
    r"| \((?:copy|Kopie|another copy)\)| Kopie(?: [0-9]+)?)"
)


def not_there(path: Path) -> str:
    """What is said of a file that is not there."""
    if path.is_symlink():
        how = how_to_fetch(path)
        return f"{path.name} is a broken link{how}. Check the path, or copy the slide there."
    folder = path.with_suffix("")
    if is_mirax(path) and is_data(folder):
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


def no_file(path: Path) -> str:
    """What is said of what is there, but no file."""
    if not path.is_dir():
        kind = "a pipe or a device"
    elif is_data(path):
        return f"{path.name} is the data folder of a slide, not its file. {beside(path)}"
    else:
        kind = "a folder"
    hint = " (a folder of slides is named by the key slides)" if kind == "a folder" else ""
    return f"{path.name} is {kind}, not a slide file{hint}. Copy the slide there, or leave it out."


def beside(folder: Path) -> str:
    """What to do for who names a data folder or what is in it."""
    name = folder.name + MIRAX_SUFFIX
    if has_slide(folder):
        return f"Name the file beside that folder, {name}."
    if (folder / name).is_file():
        return f"{name} lies inside its data folder: move it one folder up, and name it there."
    return f"{RULE}: copy {name} beside the folder '{folder.name}', and name it."


def no_data_folder(path: Path) -> str:
    """What is said of a small file without its data folder."""
    folder = path.with_suffix("")
    if len(like := like_named(path)) > 1:
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
    if is_data(path.parent):
        return (
            f"{path.name} lies inside a data folder, '{path.parent.name}'. {RULE}: move it one "
            "folder up."
        )
    if path.is_symlink():
        return (
            f"{path.name} is a link, and neither beside it nor beside the file it points to is "
            f"a folder '{folder.name}'. {RULE}: link to both, or copy both."
        )
    return _missing_beside(path, folder)


def _missing_beside(path: Path, folder: Path) -> str:
    """The same, where a likely cause lies beside it."""
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
    if folder is None or not is_data(folder):
        return None
    files = (folder.with_name(folder.name + one) for one in (MIRAX_SUFFIX, MIRAX_SUFFIX.upper()))
    return next((file for file in files if file.is_file()), None)


def _what_it_lacks(path: Path, folder: Path) -> str:
    """What is said of a slide whose folder is there, but is no data folder."""
    ini = folder / INI_NAME
    if why := why_absent(ini):
        return f"{INI_NAME} of {path.name} is missing{why}."
    if is_data(inner := folder / folder.name):
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
        if is_data(folder / name) and not has_slide(folder / name)
    )
