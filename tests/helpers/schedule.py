"""Which tests stay together in one of pytest's processes, and which are begun first.

xdist's own groups (--dist=loadgroup) are not heard of by pytest 9.2: node ids are no longer its to
change.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# What waits or takes longest is begun first. There is one Slurm, and a browser takes a second to
# start.
FIRST = ("tests/workflow/test_slurm.py", "tests/workflow/", "tests/browser/", "tests/cutting/")
TOGETHER = ("tests/browser/",)
# Files of many long tests that share no more than slides that all processes share.
APART = (
    "tests/cutting/test_exact.py",
    "tests/demo/test_write_mirax.py",
    "tests/workflow/test_damage.py",
    "tests/workflow/test_docs_run.py",
)


def group_of(nodeid: str) -> str:
    """What stays in one process: a file, whose tests may share what one of them has made."""
    path = nodeid.partition("::")[0]
    if path in APART:
        return nodeid
    return next((folder for folder in TOGETHER if path.startswith(folder)), path)


def turn_of(nodeid: str) -> int:
    """When a test is begun: those with the lowest number first."""
    turns = (turn for turn, begin in enumerate(FIRST) if nodeid.startswith(begin))
    return next(turns, len(FIRST))


class Grouped(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups as a whole, in the order in which tests stand."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
