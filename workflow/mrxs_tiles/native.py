"""The kernels: small C files beside the modules that use them, compiled once, loaded with ctypes.

Nothing needs them: without them all works, with the same bytes, more slowly. ``python -m
mrxs_tiles.native`` builds them all into the environment of the Python that runs it; `make env` and
the conda environment do that, and an installed package brings its own (``setup.py``). This module
needs the standard library alone, since it runs where nothing else is installed yet.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
HEADER = PACKAGE / "native.h"
SWITCH = "MRXS_TILES_NO_KERNELS"  # set to 1: they are neither built nor loaded
# Nothing builds them there yet. Asked here and not of `system`: this file runs alone, too.
HAS_KERNELS = sys.platform != "win32"
# Of what is built here, and of what an installed package brings.
BUILT = Path(sys.prefix) / "lib" / "mrxs-tiles"
BROUGHT = PACKAGE / "kernels"

# No fused multiply-add, which would round otherwise where a processor has it; no -march=native,
# since the nodes of a cluster differ (native.h: a function may be compiled for several).
FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-Wall", "-Wextra")
# Tried one after the other: without functions for several processors where those cannot be had.
VARIANTS: tuple[tuple[str, ...], ...] = ((), ("-DNO_CLONES",))
ZIG_CACHES = ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")
# In a process of its own, since a library of another machine's kind may take it down.
LOADS = (sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])")
MOST_SECONDS = 120.0  # for one file: it takes a second

OFF = f"{SWITCH}=1 is set: the kernels are neither built nor loaded."
MISSING = (
    "Some kernels are not built here ({names}): all works, with the same bytes, more slowly. "
    "They need a C compiler: install one, then run `make env` or `python -m mrxs_tiles.native`."
)


@cache
def load(name: str) -> ctypes.CDLL | None:
    """The kernel ``name``, such as ``pixels/resample``; None: do it without.

    It was not built, or from another source, or not for this machine, or the switch
    ``MRXS_TILES_NO_KERNELS=1`` is set. Its functions run without the GIL.
    """
    if is_off():
        return None
    for folder in (BUILT, BROUGHT):
        try:
            return ctypes.CDLL(str(folder / file_name(name)))
        except OSError:
            continue
    return None


def is_off() -> bool:
    """Whether the kernels are not wanted."""
    return os.environ.get(SWITCH, "") not in ("", "0")


def names() -> list[str]:
    """All kernels of the package."""
    return sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in _sources())


def complaint() -> str:
    """A sentence where kernels are missing that nobody switched off; else ""."""
    if is_off() or not HAS_KERNELS:
        return ""
    missing = [name for name in names() if load(name) is None]
    return MISSING.format(names=", ".join(missing)) if missing else ""


def file_name(name: str) -> str:
    """The library of a kernel: named by its source, so another version's is never loaded."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for path in (HEADER, _source(name)):
        digest.update(path.read_bytes())
    flat = name.replace("/", "-")
    return f"{flat}-{digest.hexdigest()[:16]}-{sysconfig.get_platform()}.so"


def build(name: str, folder: Path, extra: Sequence[str] = ()) -> Path:
    """Compile a kernel into a folder; a file that another process loads stays whole.

    Args:
        name: such as ``pixels/resample``.
        folder: made if need be.
        extra: further options of the compiler; whether the library can be loaded is not tried then.

    Raises:
        OSError: no compiler could, or the folder cannot be written to; it says why.
    """
    import shlex  # here and below: what each start loads kernels with does without them
    import tempfile

    folder.mkdir(parents=True, exist_ok=True)
    target, said = folder / file_name(name), ["there is no C compiler"]
    # beside the target: it is moved there, and zig's caches go with it
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for compiler in compilers():
            for variant in VARIANTS:
                made = Path(work) / "kernel.so"
                made.unlink(missing_ok=True)
                options = (*FLAGS, *variant, *extra, f"-I{PACKAGE}")
                command = [*compiler, *options, str(_source(name)), "-o", str(made), "-lm"]
                fault = _fault(command, Path(work)) or (
                    "" if extra else _fault([*LOADS, str(made)])
                )
                if fault:
                    said.append(f"{shlex.join(command)}: {fault}")
                    continue
                made.replace(target)
                return target
    raise OSError("\n".join(said[-1:] if len(said) == 1 else said[1:]))


def compilers() -> Iterator[list[str]]:
    """The commands of this machine's C compilers, the likeliest first; none on Windows."""
    import shlex
    import shutil
    from importlib.util import find_spec

    if not HAS_KERNELS:
        return
    if asked := os.environ.get("CC"):
        yield shlex.split(asked)
    for program in ("cc", "gcc", "clang"):
        if path := shutil.which(program):
            yield [path]
    if find_spec("ziglang") is not None:
        # it would compile for this very processor
        yield [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]


def _fault(command: list[str], work: Path | None = None) -> str:
    """Run a command; returns what went wrong, "" where nothing did.

    ``work``: where zig keeps what it compiles of its own, 30 MB in the user's home else.
    """
    import subprocess

    caches = {} if work is None else dict.fromkeys(ZIG_CACHES, str(work))
    try:
        done = subprocess.run(  # noqa: S603 - this machine's compiler, on files of this package
            command,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | caches,
            timeout=MOST_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


def _sources() -> Iterator[Path]:
    return PACKAGE.rglob("*.c")


def _source(name: str) -> Path:
    return PACKAGE / f"{name}.c"


def main() -> int:
    """Build all kernels that are not there; the exit code is 1 where one could not be."""
    if is_off():
        print(OFF)
        return 0
    failed = False
    for name in names():
        if load(name) is not None:
            continue
        try:
            print(f"built {build(name, BUILT)}")
        except OSError as error:
            print(f"{name} was not built: {error}", file=sys.stderr)
            failed = True
    load.cache_clear()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
