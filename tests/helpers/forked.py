"""Runs `snakemake`, `mrxs-tiles` and the workflow's jobs in forks of a process with their imports.

Snakemake takes a second of a core for its imports alone, a job a third of one; the tests start
the one a hundred times and the other a thousand times. What runs is the same: `main` of the same
module, or Snakemake's script of a job, in a process of its own, with its own arguments,
environment, working directory, output and exit code. Nothing of this package is imported before,
so each run imports it from where its own clone lies. Only on Linux are such forks safe; elsewhere,
and wherever a program is started to be killed or watched, it is started as always, and its jobs.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
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
    "snakemake.script",
    "jsonschema",
    "openslide",
    "PIL.Image",
    "imagecodecs",
    "simplejpeg",
    "smart_open",
)
AT_START = ("PYTHON", "LANG", "LC_")  # variables that Python reads as it starts
LARGEST = 1 << 20  # bytes of a request
# What Snakemake takes for Python: a job's script is handed to the server, all else to Python.
JOB_STARTER = """#!{python} -IS
import sys
if len(sys.argv) != 2 or not sys.argv[1].endswith(".py"):
    import os
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
import json, os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    asked = {{"command": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
    socket.send_fds(server, [json.dumps(asked).encode()], [1, 2])
    server.recv(20)
    code = int(server.recv(20))
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@dataclass(frozen=True, slots=True)
class Server:
    """The process that forks: where it listens, and what Snakemake starts jobs by."""

    address: str
    job_starter: str


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
    server = _server()
    asked = {"command": command, "cwd": str(cwd or Path.cwd()), "env": env}
    message = json.dumps(asked | {"job_starter": server.job_starter}).encode()
    assert len(message) < LARGEST
    out, err = os.memfd_create("out"), os.memfd_create("err")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as ours:
            ours.connect(server.address)
            socket.send_fds(ours, [message], [out, err])
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
def _server() -> Server:
    """Started once; it ends with this process, or as soon as this one's pipe closes."""
    folder = Path(tempfile.mkdtemp())
    server = Server(address=str(folder / "socket"), job_starter=str(folder / "python"))
    starter = JOB_STARTER.format(python=sys.executable, address=server.address)
    Path(server.job_starter).write_text(starter, "utf-8")
    Path(server.job_starter).chmod(stat.S_IRWXU)
    theirs, ours = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(server.address)
        listening.listen()
        process = subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno()), str(theirs)],
            pass_fds=[listening.fileno(), theirs],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    os.close(theirs)

    def end() -> None:
        os.close(ours)
        process.wait()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()

    atexit.register(end)
    return server


def _serve(listening: socket.socket, lives: int) -> None:
    """Fork for each request; returns in the fork that is to run a program."""
    for name in IMPORTED:
        import_module(name)
    import_module("snakemake.cli").get_argument_parser()  # imports all plug-ins
    gc.collect()
    gc.freeze()
    waiting = set()
    while True:
        ready, *_ = select.select([listening, lives], [], [])
        asked = lives not in ready
        waiting = {pid for pid in waiting if not os.waitpid(pid, os.WNOHANG if asked else 0)[0]}
        if not asked:
            os._exit(0)
        answer, _ = listening.accept()
        if pid := os.fork():
            waiting.add(pid)
            answer.close()
            continue
        listening.close()
        os.close(lives)
        asking, files, *_ = socket.recv_fds(answer, LARGEST, 2)
        if pid := os.fork():
            answer.send(str(pid).encode())
            for file in files:
                os.close(file)
            _, status = os.waitpid(pid, 0)
            answer.send(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        answer.close()
        _become(json.loads(asking), *files)
        return


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
    sys.executable = asked.get("job_starter", sys.executable)
    path = asked["env"].get("PYTHONPATH")
    sys.path[:1] = [str(Path(sys.argv[0]).parent), *(path.split(os.pathsep) if path else [])]


def _main() -> NoReturn:
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        _serve(listening, int(sys.argv[2]))
    try:
        if sys.argv[0].endswith(".py"):
            runpy.run_path(sys.argv[0], run_name="__main__")
            sys.exit()
        module, main = MAINS[Path(sys.argv[0]).name]
        sys.exit(getattr(import_module(module), main)())
    except SystemExit as end:
        _end(end.code)


def _end(code: object) -> NoReturn:
    """End as Python does, but for taking all apart, which would copy what the server imported."""
    if not (code is None or isinstance(code, int)):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    _main()
