"""A slide's pictures -> a folder that is whole under its final name.

They are written into a folder of their own that takes the place of the old one when all are
there, so that no run, killed or finished, leaves tiles of two different runs side by side.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from mrxs_tiles.files.checksums import Summed, crc32
from mrxs_tiles.files.store import partial_name, refused, told, undisturbed
from mrxs_tiles.system import OPEN_BINARY, patiently, replace

TILES = "tiles"
STREAM_BYTES = 1 << 20  # written at once of a file that is written in pieces


class TileFolder:
    """A slide's new folder of pictures, built aside and put in place by ``publish``.

    Used as a context: what was not published is gone when it ends.

    Raises:
        ResultsError: it cannot be written.
    """

    def __init__(self, slide_results: Path, name: str = TILES, summed: bool = False) -> None:
        """Build the folder ``name`` below ``results/{slide}``, which exists.

        ``summed``: ``written`` knows all its files, not only those that are streamed.
        """
        self._name, self._summed = name, summed
        self._streams: dict[str, Summed] = {}
        self._written: dict[str, tuple[int, str]] = {}
        self._final = slide_results / name
        self._new = slide_results / partial_name(name)
        self._old = slide_results / _old(name)

    def __enter__(self) -> Self:
        with told(self._final):
            _remove_tree(self._new)
            _remove_tree(self._old)
            self._new.mkdir()
        return self

    def __exit__(self, *error: object) -> None:
        undisturbed(lambda: shutil.rmtree(self._new, ignore_errors=True))

    def make(self, name: str) -> None:
        """Make a folder in it."""
        with told(self._final / name):
            (self._new / name).mkdir()

    def write(self, name: str, content: bytes) -> str:
        """Write one file; returns its path below ``results/{slide}``. Safe in threads."""
        path = f"{self._new}{os.sep}{name}"  # pathlib takes as long as writing a small tile
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_BINARY, 0o666)
            try:
                _write_all(descriptor, content)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise refused(self._final / name, error) from None
        if self._summed:
            self._written[name] = len(content), crc32(content)
        return f"{self._name}/{name}"

    def place(self, name: str) -> Path:
        """Where a file of it will lie, to be named to the user."""
        return self._final / name

    def stream(self, name: str) -> Summed:
        """Open a new file in it, to be written in pieces."""
        with told(self.place(name)):
            self._streams[name] = Summed((self._new / name).open("xb", buffering=STREAM_BYTES))
            return self._streams[name]

    @property
    def written(self) -> dict[str, tuple[int, str]]:
        """Bytes and CRC-32 of files in it, by name in order: of those whose sum is known here."""
        streamed = {name: (one.tell(), one.crc32) for name, one in self._streams.items()}
        return dict(sorted((self._written | streamed).items()))

    def scratch(self) -> IO[bytes]:
        """Open a file on the same disk that has no name and is gone when it is closed."""
        with told(self._final):
            return tempfile.TemporaryFile(dir=self._new)

    def publish(self) -> None:
        """Put the new folder in the place of the old one."""
        with told(self._final):
            if self._final.exists() or self._final.is_symlink():
                replace(self._final, self._old)
            replace(self._new, self._final)
        # what will not go now (a file that is open on a network disk) goes with the next run
        with suppress(OSError):
            _remove_tree(self._old)


def discard_folder(slide_results: Path, name: str) -> None:
    """Remove what a ``TileFolder`` made, and what a killed run left of it.

    Raises:
        ResultsError: it cannot be removed.
    """
    for folder in (name, partial_name(name), _old(name)):
        with told(slide_results / folder):
            _remove_tree(slide_results / folder)


def _old(name: str) -> str:
    return f".{name}.old"


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _remove_tree(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        patiently(lambda: shutil.rmtree(folder))
