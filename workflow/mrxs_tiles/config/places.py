r"""Paths as people write them: Windows' drives and backslashes, shares, URLs, quotation marks.

What has one reading only becomes the path that it means here. Else the path stays as it is, and
``foreign`` says what to write: no folder called ``C:\out`` is ever made.
"""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from urllib.parse import unquote

from mrxs_tiles.config import places_windows
from mrxs_tiles.config.places_windows import DRIVE, LONG, URL, unwrapped
from mrxs_tiles.errors import shown
from mrxs_tiles.files.alike import nearest
from mrxs_tiles.system import BACKSLASH_DIVIDES

DRIVE_ALONE = re.compile(r"[A-Za-z]:(?=[^\\/]+\\)")  # relative to where that drive stands
SHARE = re.compile(r"[\\/]{2}([^\\/]+)[\\/]+([^\\/]+)(?=[\\/]|$)")
SHARES_OF_WINDOWS = frozenset(("wsl$", "wsl.localhost"))
MOUNTS = Path("/proc/self/mounts")
KERNEL = Path("/proc/sys/kernel/osrelease")


def understood(text: str, folder: Path | None = None) -> str:
    """Return a path as it is written here, where what was written has one meaning.

    Args:
        text: the path, or a glob.
        folder: where relative paths start; None: the working directory.
    """
    base = folder or Path()
    if BACKSLASH_DIVIDES:
        return places_windows.understood(text, base)
    if _is_there(base, text):
        return text
    plain = unwrapped(text)
    if plain.lower().startswith("file:"):
        plain = _of_url(plain)
    if _is_there(base, plain):
        return plain
    plain = LONG.sub(lambda match: r"\\" if match[0].endswith("UNC") else "", plain)
    if (local := _drive(plain) or _share(plain)) is not None:
        return local
    turned = plain.replace("\\", "/")
    if turned != plain and not foreign(turned):
        as_glob = glob.has_magic(turned) and not any(glob.iglob(plain, root_dir=base))  # noqa: PTH207 - any glob
        if as_glob or _is_there(base, str(nearest(base / turned))):
            return turned
    return plain


def home_expanded(text: str) -> Path:
    """Return a path, a leading ``~`` or ``~user`` of it replaced where there is that user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def foreign(text: str) -> str:
    r"""Return why a text is no path of this system, and what to write, else an empty text.

    It completes a sentence: the path "C:\slides" <is ...>.
    """
    if BACKSLASH_DIVIDES:
        return places_windows.foreign(text)
    if match := DRIVE.match(text):
        rest = text[match.end() :].replace("\\", "/")
        here = f"/mnt/{match[1].lower()}{rest}"
        which = f"such as {shown(here)}" if _is_there(Path(), here) else "as this system names it"
        return f"is a path of Windows, and its drive is not mounted here: write the path {which}."
    if DRIVE_ALONE.match(text) and not _is_there(Path(), text):
        return (
            "is a path of Windows that begins wherever its drive stands: write the whole path, as "
            "this system names it."
        )
    if match := URL.match(text):
        scheme = match[1].lower()
        do = "mount the share" if scheme in ("smb", "nfs", "cifs", "afp") else "copy the files here"
        return f"is an address ({scheme}), not a path: {do}, and write the path."
    share = SHARE.match(text)
    if share and (text[0] == "\\" or not _is_there(Path("/"), share[1])):
        return (
            "is a network share as Windows names it, which is not mounted here under that name: "
            "mount it, and write the path where it is mounted."
        )
    if "\\" in text and not _is_there(Path(), text[: text.rfind("\\")] + _part_after(text)):
        return f"has backslashes, as on Windows: write {shown(text.replace(chr(92), '/'))}."
    return ""


def _part_after(text: str) -> str:
    """The rest of the part of a path that holds its last backslash, from that on."""
    return text[text.rfind("\\") :].split("/")[0]


def windows_stem(text: str) -> str:
    """The last part of a path of any system, without suffix."""
    return Path(re.split(r"[\\/]", text.rstrip("\\/"))[-1]).stem


def _is_there(folder: Path, text: str) -> bool:
    try:
        return bool(text) and os.path.lexists(folder / Path(text).expanduser())
    except (RuntimeError, ValueError):  # ~ of nobody; a zero byte
        return False


def _of_url(text: str) -> str:
    path = re.sub(r"^file:(?://(?:localhost(?=/))?(?=/))?", "", text, flags=re.IGNORECASE)
    path = path if Path(path).exists() else unquote(path)
    if path.startswith("///"):  # file://///nas/x
        path = path[1:]
    return path[1:] if DRIVE.match(path[1:]) else path


def _drive(text: str) -> str | None:
    """The place of a path on a drive of Windows, where that is mounted (WSL)."""
    match = DRIVE.match(text)
    if match is None:
        return None
    letter, rest = match[1], text[match.end() :].replace("\\", "/")
    for source, target in _mounts():
        if source.rstrip("\\/").lower() == f"{letter}:".lower():
            return f"{target}{rest}"
    usual = Path(f"/mnt/{letter.lower()}")
    return f"{usual}{rest}" if _in_wsl() and usual.is_dir() else None


def _share(text: str) -> str | None:
    r"""The place of a path on a share, where that is mounted: \\nas\x, //nas/x, smb://nas/x."""
    text = re.sub(r"^(?:smb|cifs):(?=//)", "", text, flags=re.IGNORECASE)
    match = SHARE.match(text)
    if match is None:
        return None
    host, share = match[1].rsplit("@")[-1], match[2]
    rest = text[match.end() :].replace("\\", "/")
    if host.lower() in SHARES_OF_WINDOWS and share == os.environ.get("WSL_DISTRO_NAME"):
        return rest or "/"
    whole = _slashed(f"//{host}/{share}{rest}")
    for source, target in _mounts():
        source = _slashed(source)
        if source.startswith("//") and f"{whole}/".lower().startswith(f"{source}/".lower()):
            return f"{target}{whole[len(source) :]}"
    return None


def _slashed(text: str) -> str:
    return text.replace("\\", "/").rstrip("/")


def _mounts() -> list[tuple[str, str]]:
    """What is mounted here, and where; the longest source first."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    found = [tuple(map(_unescaped, line.split(" ")[:2])) for line in lines if " " in line]
    return sorted(((pair[0], pair[1]) for pair in found), key=lambda pair: -len(pair[0]))


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _in_wsl() -> bool:
    if "WSL_DISTRO_NAME" in os.environ or "WSL_INTEROP" in os.environ:
        return True
    try:
        return "microsoft" in KERNEL.read_text().lower()
    except OSError:
        return False
