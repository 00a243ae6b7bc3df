"""Who starts another program says so: a test without the marker `slow` fails when it does.

So `make check`, which runs the tests without it, stays quick and needs nothing but Python.
"""

from __future__ import annotations

import sys

HARMLESS = ("uname",)  # asked by libraries as they are imported
STARTS = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system")

_test = ""  # the one that runs and may start none


def forbid(test: str) -> None:
    """Let no program be started for this test, by itself or by what it calls; "": let them."""
    global _test
    _test = test


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if _test and event in STARTS and args[0] not in HARMLESS:
        raise AssertionError(f"{_test} starts a program ({args[0]}): mark it slow")


sys.addaudithook(_refuse)
