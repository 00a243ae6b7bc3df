"""Kills a step at its n-th file operation, without chance: every operation is once the last one.

Started as a program it is a server: the package is imported once, and each line on stdin names a
step, where to kill it and its arguments. A fork of the server runs the step, and what became of
that is one line on stdout. What counts as an operation, below one folder: each file that is opened
to be written, each write (which is cut in half where it is the last), rename, removal and folder.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import power_cut

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")
NEVER = 0  # counting begins with 1
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Crashes:
    """The client's side of the server. A context."""

    def __enter__(self) -> Crashes:
        command = [sys.executable, __file__]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._server.communicate()

    def run(
        self, step: str, results: Path, slide: Path, kill_at: int = NEVER, **config: Any
    ) -> int:
        """Run a step, perhaps up to its n-th operation; its exit code, negative: its signal."""
        request = {"step": step, "results": str(results), "slide": str(slide), "config": config}
        return self._ask(request | {"kill_at": kill_at})

    def log(self, step: str, results: Path, slide: Path, log: Path, **config: Any) -> int:
        """Run a step and have all that it does to files written down; see ``power_cut``."""
        request = {"step": step, "results": str(results), "slide": str(slide), "config": config}
        return self._ask(request | {"kill_at": NEVER, "log": str(log)})

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def _serve() -> None:
    import imagecodecs  # noqa: F401 - once for all forks
    import jinja2  # noqa: F401
    import pandas  # noqa: F401
    import skimage.filters  # noqa: F401

    from mrxs_tiles.report import report  # noqa: F401
    from mrxs_tiles.steps import inspect, tile, viewer  # noqa: F401
    from mrxs_tiles.viewer import page

    page.openseadragon = lambda: {"openseadragon.min.js": b"a script " * 1000}
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _child(request)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _child(request: dict[str, Any]) -> None:
    from mrxs_tiles.steps.run_step import run

    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    code = 70
    try:
        if "log" in request:
            with power_cut.written_down(request["results"], Path(request["log"])):
                code = run(lambda: _step(request), ignore_bad=True)
        else:
            _kill_at(request["kill_at"], request["results"])
            code = run(lambda: _step(request), ignore_bad=True)
    finally:
        os._exit(code)


def _step(request: dict[str, Any]) -> Any:
    from mrxs_tiles.config.config import cutting_keys, read_config
    from mrxs_tiles.report.report import report
    from mrxs_tiles.steps.inspect import inspect
    from mrxs_tiles.steps.tile import tile
    from mrxs_tiles.steps.viewer import viewer

    config = read_config(request["config"])
    slide, results = Path(request["slide"]), Path(request["results"])
    if request["step"] == "inspect":
        return inspect(slide.stem, slide, results, config.settings)
    if request["step"] == "viewer":
        return viewer(slide.stem, slide, results, config.settings, 1)
    if request["step"] == "tile":
        return tile(slide.stem, slide, results, config.settings, 1)
    return report(results, config=cutting_keys(config))


def _kill_at(last: int, folder: str) -> None:
    """Kill this process at its n-th operation below a folder."""
    numbers = itertools.count(1)

    def counts(path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(folder)

    def is_last() -> bool:
        return next(numbers) == last

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or not counts(arguments[0]):
            return
        if (event != "open" or arguments[2] & WRITES) and is_last():
            die()

    class Half(io.FileIO):
        def write(self, data: Any) -> int:
            if is_last():
                super().write(bytes(data)[: len(data) // 2])
                die()
            return super().write(data)

    whole_open, whole_write = io.open, os.write

    def half_open(file: Any, mode: str = "r", *arguments: Any, **keys: Any) -> Any:
        if mode == "wb" and counts(file):
            return io.BufferedWriter(Half(file, "w"))
        return whole_open(file, mode, *arguments, **keys)

    def half_write(descriptor: int, data: Any) -> int:
        if counts(Path(f"/proc/self/fd/{descriptor}").readlink()) and is_last():
            whole_write(descriptor, bytes(data)[: len(data) // 2])
            die()
        return whole_write(descriptor, data)

    io.open, os.write = half_open, half_write
    sys.addaudithook(hook)


if __name__ == "__main__":
    _serve()
