r"""Paths as people write them, on Windows: those of WSL and Git Bash, URLs, ``\\?\``, quotes.

As in ``places``: what has one reading only becomes the path that it means. Nothing here asks for
the system: the rules are ``ntpath``'s, and what is there is asked with two functions.
"""

from __future__ import annotations

import ntpath
import os
import re
from pathlib import Path
from urllib.parse import unquote

from mrxs_tiles.config.sheet_text import stripped
from mrxs_tiles.errors import shown

DRIVE = re.compile(r"([A-Za-z]):(?=[\\/]|$)")
LONG = re.compile(r"^(?:\\\\|//)[?.][\\/](?:UNC(?=[\\/]))?")  # Windows' way round its longest path
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{2}")
QUOTES = ('""', "''", "“”", "„“", "«»", "\u2018\u2019")
# How WSL, Git Bash and Cygwin name a drive.
_MOUNTED = re.compile(r"/(?:mnt/|cygdrive/)?([A-Za-z])(?=/|$)")
_OF_DRIVE = re.compile(r"([A-Za-z]):(?![\\/])")  # where that drive stands just now
_SHARES = ("smb", "cifs")


def unwrapped(text: str) -> str:
    """A text without the blanks and quotation marks around it; as it is where nothing is left."""
    plain = stripped(text)
    pair = next((pair for pair in QUOTES if _wrapped(plain, pair)), None)
    return (stripped(plain[1:-1]) if pair else plain) or plain


def _wrapped(text: str, pair: str) -> bool:
    return len(text) > 2 and text[0] == pair[0] and text[-1] == pair[1]


def understood(text: str, folder: Path) -> str:
    """Return a path as Windows knows it, where what was written has one meaning.

    Args:
        text: the path, or a glob.
        folder: where relative paths start.
    """
    if is_there(folder, text) and stripped(text) == text and not LONG.match(text):
        return text
    plain = unwrapped(text)
    if plain.lower().startswith("file:"):
        plain = _of_url(plain)
    elif (match := URL.match(plain)) and match[1].lower() in _SHARES:
        rest = plain[match.end() :]
        host, _, share = rest.partition("/")
        plain = "\\\\" + host.rsplit("@")[-1] + "\\" + share.replace("/", "\\")
    short = LONG.sub(lambda match: r"\\" if match[0].endswith("UNC") else "", plain)
    if short != plain:
        if short.startswith("\\\\"):
            short = "\\\\" + short.lstrip("\\/")
        # where long paths are not switched on, only the long form leads to one that is long
        return plain if is_there(folder, plain) and not is_there(folder, short) else short
    match = _MOUNTED.match(plain)
    if match and not is_there(folder, plain) and has_drive(match[1]):
        return f"{match[1].upper()}:\\" + plain[match.end() :].strip("/").replace("/", "\\")
    return plain


def foreign(text: str) -> str:
    r"""Return why a text is no path that can be kept to, and what to write, else an empty text.

    It completes a sentence: the path "/data" <is ...>.
    """
    if '"' in text:
        return (
            r'holds a quotation mark: in "E:\my slides\" the last \ takes the one behind it for a '
            r"letter. Write the path without a \ at its end."
        )
    if match := URL.match(text):
        scheme = match[1].lower()
        do = "mount the share" if scheme in ("nfs", "afp") else "copy the files here"
        return f"is an address ({scheme}), not a path: {do}, and write the path."
    if match := _OF_DRIVE.match(text):
        whole = f"{match[1]}:\\{text[2:]}"
        return (
            f"begins wherever drive {match[1]}: stands just now: write the whole path, such as "
            f"{shown(whole)}."
        )
    drive, rest = ntpath.splitdrive(text)
    if not drive and rest[:1] in ("/", "\\") and not is_there(Path(), text):
        return (
            "begins with no drive, as on Linux: write the whole path with its drive, such as "
            f"{shown('E:' + rest.replace('/', chr(92)))}."
        )
    return ""


def is_there(folder: Path, text: str) -> bool:
    """Whether something has this path."""
    try:
        return bool(text) and os.path.lexists(folder / Path(text).expanduser())
    except (OSError, RuntimeError, ValueError):  # ~ of nobody; a zero byte; no such name
        return False


def has_drive(letter: str) -> bool:
    """Whether there is a drive of this letter."""
    return os.path.isdir(f"{letter}:\\")  # noqa: PTH112 - never raises


def _of_url(text: str) -> str:
    path = unquote(re.sub(r"^file:", "", text, flags=re.IGNORECASE)).replace("/", "\\")
    host = re.match(r"\\\\([^\\]+)(\\.*)", path)
    if host and host[1].lower() != "localhost":
        return path  # of a share: file://nas/x
    path = host[2] if host else path
    bare = path.lstrip("\\")
    return bare if DRIVE.match(bare) else "\\\\" + bare if path.startswith("\\\\\\\\") else path
