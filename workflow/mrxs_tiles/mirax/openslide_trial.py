"""OpenSlide tried in a process of its own, on a slide whose index is not understood.

Numbers that are not checked can make OpenSlide end the whole process (GLib does when there is no
memory) or read for ever. That is found out here, where it costs no more than a sentence.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SECONDS = 120  # a slide opens in one, on a slow disk in ten
MOST_BYTES = 2 << 30  # of address space; opening takes some MB

_TRY = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
except (ImportError, OSError, ValueError):
    pass  # not on this system: the time is limited all the same
import openslide
try:
    slide = openslide.OpenSlide(sys.argv[1])
    slide.read_region((0, 0), slide.level_count - 1, (64, 64))
except openslide.OpenSlideError:
    pass  # an answer, which will be given again
"""


def survives(path: Path) -> bool:
    """Whether OpenSlide opens a slide, or refuses to, without taking its process with it."""
    # -P: without it the working directory's own openslide.py would be run
    command = [sys.executable, "-P", "-c", _TRY, str(path), str(MOST_BYTES)]
    try:
        done = subprocess.run(  # noqa: S603 - our own words; the path is one argument
            command, check=False, capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
