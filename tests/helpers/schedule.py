"""Which tests stay together in one of pytest's processes; all others go wherever there is time.

xdist's own groups (--dist=loadgroup) are not heard of by pytest 9.2: node ids are no longer its to
change.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# There is one Slurm, and a browser takes a second to start.
TOGETHER = ("tests/workflow/test_slurm.py", "tests/browser/", "tests/pixels/test_tissue.py")


def group_of(nodeid: str) -> str | None:
    """The group of a test; None: it stands alone."""
    return next((group for group in TOGETHER if nodeid.startswith(group)), None)


class Grouped(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups as a whole, in the order in which tests stand."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid) or nodeid
