r"""What names mean to Windows and to all others: told by the text alone, the same on each system.

A slide is copied from one system to the other, so a name that is odd on one is odd on all: what
leads out of a folder on Windows alone (``C:\x``, ``\\server\x``, ``NUL``) is no slide's file here.
"""

from __future__ import annotations

import ntpath
import posixpath
import re

# Also with a suffix, and with blanks before it. The digits of COM and LPT may be raised ones.
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*([.:].*)?",
    re.IGNORECASE | re.DOTALL,
)
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')


def has_root(name: str) -> bool:
    r"""Whether a name begins at a root or a drive of any system: ``/x``, ``\x``, ``C:x``."""
    return name[:1] in ("/", "\\") or bool(ntpath.splitdrive(name)[0])


def leads_out(name: str) -> bool:
    """Whether a name, put behind a folder's, leads out of the folder on any system."""
    plain = (posixpath.normpath(name), ntpath.normpath(name).replace("\\", "/"))
    return has_root(name) or any(path.split("/")[0] == ".." for path in plain)


def is_device(name: str) -> bool:
    """Whether the last part of a name is a device of Windows, such as ``NUL`` or ``con.dat``."""
    return _DEVICE.fullmatch(re.split(r"[\\/]", name)[-1].strip()) is not None


def windows_fault(name: str) -> str:
    """Why Windows has no folder of a name whose parts are divided by ``/``; "" where it may.

    It completes a sentence: the name "a/CON" <holds the part "CON", ...>.
    """
    for part in name.split("/"):
        if _DEVICE.fullmatch(part.strip()):
            return f'holds the part "{part}", which is a device there'
        if found := _FORBIDDEN.search(part):
            sign = found[0] if found[0].isprintable() else f"\\x{ord(found[0]):02x}"
            return f"holds {sign}, which no name there may hold"
        if part.endswith((".", " ")):
            return f'holds the part "{part}", whose end, a dot or a blank, is dropped there'
    return ""
