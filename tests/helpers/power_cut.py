"""A disk that forgets: what is left of a step's files when the power goes.

What a step does to files is written down in its order, with each wait for the disk (``fsync``,
``syncfs``). From that the state after a cut at any moment is made, as a file system with a journal
may leave it: names (files made, renamed, removed) up to some moment not before the last wait, in
their order, since a journal keeps it; of a file whose content was not waited for nothing, a part
or all.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
FOLDER = -1
Operation = list[str]
Tree = dict[str, bytes]


@contextmanager
def written_down(folder: str, log: Path) -> Iterator[None]:
    """Write down what this process does below a folder, until the context ends."""
    from mrxs_tiles.system import posix

    done: list[Operation] = []
    contents = log.with_suffix(".contents")
    contents.mkdir(exist_ok=True)
    busy = [False]

    def note(kind: str, path: Any, *more: str, at: int = -1) -> None:
        name = os.fsdecode(path)
        if at >= 0 and not name.startswith("/"):
            name = f"{os.readlink(f'/proc/self/fd/{at}')}/{name}"  # noqa: PTH115
        if name.startswith(folder):
            done.append([kind, name, *more])

    def kept(path: str) -> str:
        """The content of a file that is renamed: it may be gone at the end."""
        if not os.path.isfile(path):  # noqa: PTH113
            return ""
        copy = contents / str(len(done))
        copy.write_bytes(Path(path).read_bytes())
        return str(copy)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if busy[0] or not event.startswith(("open", "os.")):
            return
        busy[0] = True
        try:
            if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
                if arguments[2] & WRITES and not os.path.isdir(arguments[0]):  # noqa: PTH112
                    note("write", arguments[0])
            elif event == "os.rename":
                source = os.fsdecode(arguments[0])
                note("rename", source, os.fsdecode(arguments[1]), kept(source))
            elif event in ("os.remove", "os.rmdir"):
                note("remove", arguments[0], at=arguments[1])
            elif event == "os.mkdir":
                note("mkdir", arguments[0])
        finally:
            busy[0] = False

    def fsync(descriptor: int) -> None:
        note("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115

    def syncfs(_: int) -> int:
        done.append(["syncfs", ""])
        return 0

    os.fsync = fsync
    posix._syncfs = lambda: syncfs  # type: ignore[assignment]
    sys.addaudithook(hook)
    yield
    busy[0] = True
    log.write_text(json.dumps(done), "utf-8")


def late(first: int, last: int, dice: random.Random) -> int:
    """A number from first to last, the last ones more often: there the records are written."""
    return last - int((last - first + 1) * dice.random() ** 3)


class Disk:
    """The names on a disk, and which file each is; a file is the number of what made it."""

    def __init__(self, before: Tree) -> None:
        self.names: dict[str, int] = {}
        self.contents: dict[int, bytes] = {}
        for number, (name, content) in enumerate(before.items()):
            self._add_folders(name)
            if not name.endswith("/"):
                self.names[name] = -2 - number
                self.contents[-2 - number] = content

    def _add_folders(self, name: str) -> None:
        parts = name.rstrip("/").split("/")
        ends = len(parts) + name.endswith("/")
        for end in range(1, ends):
            self.names.setdefault("/".join(parts[:end]), FOLDER)

    def do(self, number: int, operation: Operation) -> None:
        """Do what happened to names."""
        kind, name, *more = operation
        if kind == "write":
            self.names.setdefault(name, number)
        elif kind == "mkdir":
            self.names.setdefault(name, FOLDER)
        elif kind == "remove":
            self.names.pop(name, None)
        elif kind == "rename" and name in self.names:
            target = more[0]
            moved = {one: at for one, at in self.names.items() if _is_in(one, name)}
            self.names = {one: at for one, at in self.names.items() if one not in moved}
            self.names |= {target + one[len(name) :]: at for one, at in moved.items()}

    def tree(self) -> Tree:
        """All files and their bytes, an empty folder as ``name/``."""
        found = {n: self.contents.get(at, b"") for n, at in self.names.items() if at != FOLDER}
        for name, at in self.names.items():
            if at == FOLDER and not any(one.startswith(f"{name}/") for one in self.names):
                found[f"{name}/"] = b""
        return found


def _is_in(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


class Log:
    """What a step did, with names below the folder."""

    def __init__(self, log: Path, folder: Path, before: Tree, after: Tree) -> None:
        self._before = before
        self.waits = True  # False: as if the step had not waited for the disk
        below = len(str(folder)) + 1
        read: list[Operation] = json.loads(log.read_text("utf-8"))
        self.done = [
            [kind, name[below:], *([more[0][below:], more[1]] if more else [])]
            for kind, name, *more in read
        ]
        self._contents = self._read_contents(after)

    def _read_contents(self, after: Tree) -> dict[int, bytes]:
        """What each file that was written holds in the end."""
        disk, found = Disk(self._before), {}
        for number, operation in enumerate(self.done):
            if operation[0] == "rename" and operation[3]:
                found[disk.names.get(operation[1], FOLDER)] = Path(operation[3]).read_bytes()
            disk.do(number, operation)
        for name, at in disk.names.items():
            if at >= 0 and name in after:
                found[at] = after[name]
        return found

    def after_a_cut(self, moment: int, dice: random.Random) -> Tree:
        """What may lie there after the power went before an operation."""
        disk, safe, least = Disk(self._before), set[int](), 0
        for number, operation in enumerate(self.done[:moment]):
            kind, name, *_ = operation
            at = disk.names.get(name, FOLDER)
            if not self.waits:
                continue
            if kind == "syncfs":
                safe |= set(disk.names.values())
            elif kind == "fsync" and at != FOLDER:
                safe.add(at)
            if kind == "syncfs" or (kind == "fsync" and at == FOLDER):
                least = number
            disk.do(number, operation)
        left = Disk(self._before)
        for number, operation in enumerate(self.done[: late(least, moment, dice)]):
            left.do(number, operation)
        for at in left.names.values():
            if at >= 0:
                whole = self._contents.get(at, b"")
                torn = dice.choice((b"", whole[: len(whole) // 2], whole))
                left.contents[at] = whole if at in safe else torn
        return left.tree()
