"""What some tests need beside Python, make and git: how it is noticed, and how it is installed.

A test says ``@pytest.mark.needs("strace")``. Where that is missing it is skipped, and the summary
says once for all such tests what to install and how. On a Debian of a continuous integration,
which installs all of it, it fails instead.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

import as_windows
from mrxs_tiles import native

REPO = Path(__file__).resolve().parents[2]
CHROME = "google-chrome-stable_current_amd64.deb"
APT, BREW = "sudo apt-get install", "brew install"


def _has_chromium() -> bool:
    from browser import installed  # it asks for what is needed here

    return installed() is not None and find_spec("playwright") is not None


def sanitizers() -> str:
    """The library of gcc's sanitizers, which a Python can load; "" where there is none."""
    if sys.platform != "linux" or not shutil.which("gcc"):
        return ""
    asked = ["gcc", "-print-file-name=libasan.so"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return found if Path(found).is_absolute() else ""


def _links() -> bool:
    """Whether this user may make symbolic links."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(folder, "link").symlink_to("nowhere")
        except OSError:
            return False
    return True


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _may_lock_folders() -> bool:
    """Whether a folder can be made read-only even for root."""
    if not _is_root() or not shutil.which("chattr"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["chattr", "+i", folder], capture_output=True, check=False)
        subprocess.run(["chattr", "-i", folder], capture_output=True, check=False)
    return not done.returncode


def _mounts() -> bool:
    """Whether a small disk can be mounted: not by everybody, nor in every container."""
    if not _is_root() or not shutil.which("mount"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=4k", "mrxs-tiles-needs", folder]
        done = subprocess.run(command, capture_output=True, check=False)
        if not done.returncode:
            subprocess.run(["umount", "--lazy", folder], capture_output=True, check=False)
    return not done.returncode


@dataclass(frozen=True)
class Need:
    """Something that a machine has or has not."""

    what: str  # a sentence's end: "... is not here"
    is_here: Callable[[], bool]
    install: dict[str, str] = field(default_factory=dict)  # the command, by the system
    otherwise: str = "it is only on Linux"  # for a system without a command
    in_ci: bool = True  # whether CI on Debian has it for sure
    on_windows: bool = False  # whether Windows can have it; else it is not looked for there


NEEDS = {
    "chromium": Need(
        "Chromium, which the pages are looked at with,",
        _has_chromium,
        {
            "debian": f"{APT} chromium-headless-shell",
            # Ubuntu's own is a snap, which sees no file below /tmp
            "ubuntu": f"wget https://dl.google.com/linux/direct/{CHROME} && {APT} ./{CHROME}",
            "macos": f"{BREW} --cask google-chrome",
        },
        on_windows=True,
    ),
    "openseadragon": Need(
        "OpenSeadragon, which npm installs with `make env`,",
        lambda: (REPO / "envs" / "node_modules" / "openseadragon").is_dir(),
        {
            "debian": f"{APT} npm && make env",
            "ubuntu": f"{APT} npm && make env",
            "macos": f"{BREW} node && make env",
        },
        on_windows=True,
    ),
    "cc": Need(
        "a C compiler",
        lambda: shutil.which("cc") is not None,
        {
            "debian": f"{APT} gcc libc6-dev",
            "ubuntu": f"{APT} gcc libc6-dev",
            "macos": "xcode-select --install",
        },
    ),
    "sanitizers": Need(
        "gcc with its sanitizers",
        lambda: bool(sanitizers()),
        dict.fromkeys(("debian", "ubuntu"), f"{APT} gcc libc6-dev"),
    ),
    "kernels": Need(
        "a kernel that `make env` builds",
        lambda: not native.is_off() and not native.complaint(),
        {
            "debian": f"{APT} gcc libc6-dev && make env",
            "ubuntu": f"{APT} gcc libc6-dev && make env",
            "macos": "xcode-select --install && make env",
        },
    ),
    "make env": Need(
        "an environment made by `make env`",
        lambda: (REPO / ".venv" / ".done").is_file(),
        dict.fromkeys(("debian", "ubuntu", "macos"), "make env"),
    ),
    "strace": Need(
        "strace",
        lambda: shutil.which("strace") is not None,
        {"debian": f"{APT} strace", "ubuntu": f"{APT} strace"},
    ),
    "curl": Need(
        "curl, which webdataset fetches shards with,",
        lambda: shutil.which("curl") is not None,
        {"debian": f"{APT} curl", "ubuntu": f"{APT} curl"},
        on_windows=True,
    ),
    "torch": Need(
        "PyTorch, whose DataLoader the examples are run with (1 GB),",
        lambda: find_spec("torch") is not None,
        dict.fromkeys(("debian", "ubuntu", "macos"), ".venv/bin/pip install torch"),
        in_ci=False,
        on_windows=True,
    ),
    "setpriv": Need(
        "setpriv",
        lambda: shutil.which("setpriv") is not None,
        dict.fromkeys(("debian", "ubuntu"), f"{APT} util-linux"),
    ),
    "slurm": Need(
        "Slurm",
        lambda: shutil.which("slurmctld") is not None and shutil.which("munged") is not None,
        dict.fromkeys(("debian", "ubuntu"), "sudo tests/helpers/slurm.sh install"),
        "it is set up on Debian and Ubuntu alone",
    ),
    "root": Need(
        "root",
        _is_root,
        dict.fromkeys(("debian", "ubuntu", "macos"), "run as root: sudo make test"),
    ),
    "mount": Need(
        "root that may mount a disk",
        _mounts,
        dict.fromkeys(("debian", "ubuntu"), "run as root, outside of a container: sudo make test"),
        in_ci=False,
    ),
    "chattr": Need(
        "root that may make a folder immutable",
        _may_lock_folders,
        dict.fromkeys(("debian", "ubuntu"), "run as root, with /tmp on a disk: sudo make test"),
        in_ci=False,
    ),
    "proc": Need("/proc", lambda: Path("/proc/self/maps").exists(), in_ci=False),
    "links": Need(
        "the permission to make links",
        _links,
        otherwise="switch on Windows' Developer Mode",
        on_windows=True,
    ),
    "SIGTERM": Need(
        "a signal that asks a program to end",
        lambda: not as_windows.ON_WINDOWS,
        otherwise="on Windows SIGTERM ends it at once",
    ),
    "process groups": Need(
        "a signal for all that a program has started",
        lambda: hasattr(os, "killpg"),
        otherwise="Windows has none",
    ),
}


@cache
def system() -> str:
    """debian, ubuntu, macos, win32 or another name."""
    if as_windows.ON_WINDOWS:
        return "win32"
    if sys.platform == "darwin":
        return "macos"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return sys.platform
    like = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((name for name in ("ubuntu", "debian") if name in like), release.get("ID", ""))


@cache
def missing(name: str) -> str:
    """What to do for a need that is not met, in one line; "" where it is met."""
    need = NEEDS[name]
    may_be_here = need.on_windows or not as_windows.ON_WINDOWS
    if may_be_here and need.is_here():
        return ""
    return f"{need.what} is not here: {need.install.get(system(), need.otherwise)}"


def require(name: str) -> None:
    """Skip the test that lacks something, or fail it where nothing may be lacking."""
    if said := missing(name):
        if os.environ.get("CI") == "true" and system() == "debian" and NEEDS[name].in_ci:
            pytest.fail(said, pytrace=False)
        pytest.skip(said)


def summarize(terminal: pytest.TerminalReporter) -> None:
    """Say once for each need how many tests were skipped for it, and what to do."""
    counted = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in terminal.getreports("skipped")
    )
    told = {said: count for said, count in counted.items() if " is not here: " in said}
    if told:
        terminal.section("not tested, for want of something")
    for said, count in sorted(told.items()):
        terminal.write_line(f"{count} tests: {said}" if count > 1 else f"1 test: {said}")
