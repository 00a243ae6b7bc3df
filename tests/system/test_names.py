r"""What names mean to Windows, told on every system: drives, shares, ``\\?\``, devices, ends."""

from __future__ import annotations

import ntpath
import posixpath
from types import ModuleType

import pytest

from mrxs_tiles.system.names import has_root, is_device, leads_out, windows_fault

ROOTED = [
    *("/x", r"\x", r"C:\x", "C:/x", "C:x", "c:", r"\\server\share\x", "//server/share/x"),
    *(r"\\?\C:\x", r"\\?\UNC\server\share\x", r"\\.\PhysicalDrive0", r"\\.\pipe\x", "//?/C:/x"),
]
OUTSIDE = ["..", "../x", r"..\x", "a/../../x", r"a\..\..\x", r"a/..\..\x", "./../x"]
INSIDE = ["x", "Data0000.dat", "a/x", r"a\x", "a/../x", "..x", "...", "a..b", ".x", "", "ab:c"]


@pytest.mark.parametrize("name", ROOTED + OUTSIDE)
def test_what_leads_out(name: str) -> None:
    """A name that leads out of a folder by the rules of one system does so on all."""
    assert leads_out(name)
    assert has_root(name) == (name in ROOTED)


@pytest.mark.parametrize("name", INSIDE)
def test_what_stays_inside(name: str) -> None:
    """Any other name stays in its folder, by the rules of both systems."""
    assert not leads_out(name)
    for rules, folder in ((posixpath, "/slides/A"), (ntpath, "C:\\slides\\A")):
        assert is_in(rules.join(folder, name), folder, rules)


@pytest.mark.parametrize("name", ROOTED + OUTSIDE)
def test_no_rule_is_passed_over(name: str) -> None:
    """Whatever Python's own rules of one of the systems put outside is told."""
    outside = [
        not is_in(rules.join(folder, name), folder, rules)
        for rules, folder in ((posixpath, "/slides/A"), (ntpath, "C:\\slides\\A"))
    ]
    # relative to its drive, which may be the folder's, and the folder's own drive alone
    assert any(outside) or name in ("C:x", "c:")


def is_in(path: str, folder: str, rules: ModuleType) -> bool:
    """Whether a path lies in a folder, as a stranger would say it."""
    plain = rules.normpath(path)
    return bool(plain == folder or plain.startswith(folder + rules.sep))


def test_devices() -> None:
    """Devices of Windows, whatever their case, suffix and the folder before them."""
    for name in ("NUL", "con", "Aux.dat", "COM1", "lpt9.tar.gz", "com¹", "a/nul", "nul:", "CON .x"):
        assert is_device(name)
    for name in ("null", "CON1", "COM10", "COM", "a.con", "console", "nul/x", ""):
        assert not is_device(name)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("A 1", ""),
        ("sub/A.1 [x] 'é'", ""),
        (".hidden", ""),
        ("a/CON", 'holds the part "CON", which is a device there'),
        ("aux.b/x", 'holds the part "aux.b", which is a device there'),
        ("a.", 'holds the part "a.", whose end, a dot or a blank, is dropped there'),
        ("a /b", 'holds the part "a ", whose end, a dot or a blank, is dropped there'),
        ("a:b", "holds :, which no name there may hold"),
        ('x"y', 'holds ", which no name there may hold'),
        ("a\\b", "holds \\, which no name there may hold"),
        ("a\tb", "holds \\x09, which no name there may hold"),
    ],
)
def test_faults_of_names(name: str, fault: str) -> None:
    """Why Windows has no folder of a name."""
    assert windows_fault(name) == fault
