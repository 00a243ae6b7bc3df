"""Runs `snakemake`, `mrxs-tiles` and the workflow's jobs in forks of a process with their imports.

Snakemake takes a second of a core for its imports alone, a job a third of one; the tests start
the one a hundred times and the other a thousand times. What runs is the same: `main` of the same
module, or Snakemake's script of a job, in a process of its own, with its own arguments,
environment, working directory, output and exit code. Nothing of this package is imported before,
so each run imports it from where its own clone lies. What Snakemake, Jinja and yaml make of a
text is kept for the next fork (`remembered.py`). Only on Linux are such forks safe; elsewhere,
and wherever a program is started to be killed or watched, it is started as always, and its jobs.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import runpy
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from array import array
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from remembered import remember

MAINS = {
    "snakemake": ("snakemake.cli", "main"),
    "mrxs-tiles": ("mrxs_tiles.__main__", "command"),
}
# Of what they import, what takes long.
IMPORTED = (
    *("snakemake.cli", "snakemake.script", "snakemake.storage", "snakemake.benchmark"),
    *("difflib", "filecmp", "graphlib", "packaging.version", "xml.parsers.expat"),
    *("cc3d", "h5py", "imagecodecs._jpeg8", "imagecodecs._png", "jinja2.ext", "jsonschema"),
    *("nbformat", "openslide", "pyarrow.dataset", "pyarrow.pandas_compat", "pyarrow.parquet"),
    *("rocrate.rocrate", "shapely", "simplejpeg", "smart_open", "tqdm"),
    *("PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.ImageDraw", "PIL.ImageFont"),
    *("PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.PpmImagePlugin"),
)
AT_START = ("PYTHON", "LANG", "LC_")  # variables that Python reads as it starts
LARGEST = 1 << 20  # bytes of a request
# What Snakemake takes for Python: a job's script is handed to the server, all else to Python.
# It imports what Python has built in alone, which takes a third of the time.
JOB_STARTER = """#!{python} -IS
import sys, posix
if len(sys.argv) != 2 or not sys.argv[1].endswith(".py"):
    posix.execv({python!r}, [{python!r}, *sys.argv[1:]])
import _socket, marshal
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect({address!r})
asked = marshal.dumps({{"command": sys.argv[1:], "cwd": posix.getcwd(), "env": posix.environ}})
server.sendmsg([asked], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, {streams!r})])
server.recv(20)
code = int(server.recv(20))
if code < 0:
    posix.kill(posix.getpid(), -code)
posix._exit(code)
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
    message = marshal.dumps(asked | {"job_starter": server.job_starter})
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
    streams = array("i", [1, 2]).tobytes()
    starter = JOB_STARTER.format(python=sys.executable, address=server.address, streams=streams)
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
        shutil.rmtree(folder)

    atexit.register(end)
    return server


def _serve(listening: socket.socket, lives: int) -> None:
    """Fork for each request; returns in the fork that is to run a program."""
    for name in IMPORTED:
        import_module(name)
    import_module("snakemake.cli").get_argument_parser()  # imports all plug-ins
    remember(Path(listening.getsockname()).parent)
    gc.collect()
    gc.freeze()
    running: dict[int, tuple[int, socket.socket]] = {}  # by what tells the end of each
    while True:
        ready, *_ = select.select([listening, lives, *running], [], [])
        for ended in running.keys() & set(ready):
            pid, answer = running.pop(ended)
            os.close(ended)
            _, status = os.waitpid(pid, 0)
            with answer, suppress(OSError):  # of who asked and was killed
                answer.send(str(os.waitstatus_to_exitcode(status)).encode())
        if lives in ready:
            for pid, _ in running.values():
                os.waitpid(pid, 0)
            os._exit(0)
        if listening not in ready:
            continue
        answer, _ = listening.accept()
        asking, files, *_ = socket.recv_fds(answer, LARGEST, 2)
        if pid := os.fork():
            running[os.pidfd_open(pid)] = pid, answer
            with suppress(OSError):
                answer.send(str(pid).encode())
            for file in files:
                os.close(file)
            continue
        for other in (lives, *running):
            os.close(other)
        for other in (listening, answer, *(answer for _, answer in running.values())):
            other.close()
        _become(marshal.loads(asking), *files)  # noqa: S302  # from our own programs
        return


def _become(asked: dict[str, Any], out: int, err: int) -> None:
    """Have what a fresh process would have."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update({os.fsdecode(key): os.fsdecode(one) for key, one in asked["env"].items()})
    sys.argv = asked["command"]
    sys.executable = asked.get("job_starter", sys.executable)
    path = os.environ.get("PYTHONPATH")
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
