"""Runs `snakemake` and `mrxs-tiles` in forks of a process that has imported what they import.

Snakemake takes a second of a core for its imports alone, and the tests start it a hundred times.
What runs is the same: `main` of the same module in a process of its own, with its own arguments,
environment, working directory, output and exit code. Nothing of this package is imported before,
so each run imports it from where its own clone lies. Only on Linux are such forks safe; elsewhere,
and wherever a program is started to be killed or watched, it is started as always.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

MAINS = {
    "snakemake": ("snakemake.cli", "main"),
    "mrxs-tiles": ("mrxs_tiles.__main__", "command"),
}
# Of what they import, what takes long.
IMPORTED = (
    "snakemake.cli",
    "jsonschema",
    "openslide",
    "PIL.Image",
    "imagecodecs",
    "simplejpeg",
    "smart_open",
)
AT_START = ("PYTHON", "LANG", "LC_")  # variables that Python reads as it starts
LARGEST = 1 << 20  # bytes of a request


def can_run(command: list[str], env: dict[str, str]) -> bool:
    """Whether such a fork does what the command does: those two, with Python as it is here."""
    program = Path(command[0])
    here = program.name in MAINS and program.parent == Path(sys.executable).parent
    return sys.platform == "linux" and here and _read_at_start(env) == _HERE


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {key: env[key] for key in env if key.startswith(AT_START) and key != "PYTHONPATH"}


_HERE = _read_at_start(os.environ)


def run(
    command: list[str], cwd: Path | None, env: dict[str, str], timeout: float
) -> tuple[int, bytes, bytes]:
    """Run such a command to its end; returns its exit code and what it wrote to both streams.

    Raises:
        TimeoutExpired: it did not end in so many seconds; it is killed then.
    """
    asked = json.dumps({"command": command, "cwd": str(cwd or Path.cwd()), "env": env}).encode()
    assert len(asked) < LARGEST
    out, err = os.memfd_create("out"), os.memfd_create("err")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with ours, theirs:
            socket.send_fds(_server(), [asked], [theirs.fileno(), out, err])
            theirs.close()
            ours.settimeout(timeout)
            pid = int(ours.recv(20))
            try:
                code = int(ours.recv(20))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, timeout) from None
        return code, _content(out), _content(err)
    finally:
        os.close(out)
        os.close(err)


def _content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


@cache
def _server() -> socket.socket:
    """The process that forks; it ends with this one, or as soon as this one's socket closes."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork for each request; returns in the fork that is to run a program."""
    for name in IMPORTED:
        import_module(name)
    import_module("snakemake.cli").get_argument_parser()  # imports all plug-ins
    gc.collect()
    gc.freeze()
    waiting = set()
    while True:
        asked, files, *_ = socket.recv_fds(requests, LARGEST, 3)
        waiting = {pid for pid in waiting if not os.waitpid(pid, os.WNOHANG if asked else 0)[0]}
        if not asked:
            os._exit(0)
        if pid := os.fork():
            waiting.add(pid)
        else:
            requests.close()
            answer = socket.socket(fileno=files[0])
            if pid := os.fork():
                answer.send(str(pid).encode())
                os.close(files[1])
                os.close(files[2])
                _, status = os.waitpid(pid, 0)
                answer.send(str(os.waitstatus_to_exitcode(status)).encode())
                os._exit(0)
            answer.close()
            _become(json.loads(asked), files[1], files[2])
            return
        for file in files:
            os.close(file)


def _become(asked: dict[str, Any], out: int, err: int) -> None:
    """Have what a fresh process would have."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = asked["command"]
    path = asked["env"].get("PYTHONPATH")
    sys.path[:1] = [str(Path(sys.argv[0]).parent), *(path.split(os.pathsep) if path else [])]


def _main() -> NoReturn:
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        _serve(requests)
    module, main = MAINS[Path(sys.argv[0]).name]
    sys.exit(getattr(import_module(module), main)())


if __name__ == "__main__":
    _main()
