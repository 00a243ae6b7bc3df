"""Why a file of a slide is not there, or is not itself: for the sentence that says so.

"Copy it again" helps nobody whose file differs in one letter, or whose git-annex, DVC or Git LFS
has only left word of where the content is.
"""

from __future__ import annotations

import os
from pathlib import Path

from mrxs_tiles.errors import printable
from mrxs_tiles.files.alike import alike, difference
from mrxs_tiles.mirax.named_files import target_of

POINTER_BYTES = 2000  # no pointer is larger
POINTERS = {  # what one holds: whose it is, and what fetches the file
    b"version https://git-lfs.github.com/": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}
FETCHED = {".git/annex/": "git annex get", ".dvc/cache/": "dvc pull"}


def why_absent(path: Path) -> str:
    """How a sentence goes on that says that a file is missing; "" where nothing is known."""
    if path.is_symlink():
        try:
            target = target_of(path.parent, path.name)
        except OSError:
            return ""
        return f": it is a link to {printable(target)}, and nothing is there{how_to_fetch(path)}"
    if len(like := alike(path)) == 1:
        return (
            f": '{printable(like[0].name)}' differs from it only "
            f"{difference(path.name, like[0].name)}, so rename that"
        )
    return ""


def how_to_fetch(link: Path) -> str:
    """What brings the content of a broken link here, in brackets; "" where nothing is known."""
    target = os.readlink(link)  # noqa: PTH115 - as it stands there
    return next((f" (fetch it: {do})" for store, do in FETCHED.items() if store in target), "")


def as_pointer(path: Path) -> str:
    """What is said of a file that only points to the real one; "" where it does not."""
    try:
        if path.stat().st_size > POINTER_BYTES:
            return ""
        content = path.read_bytes()
    except OSError:
        return ""
    for start, (whose, do) in POINTERS.items():
        if content.startswith(start):
            return f"{printable(path.name)} is a pointer of {whose}, not the file itself: {do}"
    return ""
