"""A file under its final name is whole; what cannot be written is told in a sentence."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.store import free_bytes, make_folder, remove_files, write_file
from mrxs_tiles.files.tile_folder import TileFolder

HELP = "Free space or permit writing there, or set another folder with results; then run again."
REFUSALS = [
    (errno.ENOSPC, "No space left on device"),
    (errno.EROFS, "Read-only file system"),
    (errno.EACCES, "Permission denied"),
    (errno.EDQUOT, "Disk quota exceeded"),
]
refused = pytest.mark.parametrize(("number", "words"), REFUSALS)


def refusing(number: int) -> Callable[..., NoReturn]:
    """A function that fails as the operating system does."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refuse


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


# --- one file ---------------------------------------------------------------------------------


def test_write_file(tmp_path: Path) -> None:
    """A file is written, and written anew, and nothing is left beside it."""
    path = tmp_path / "a name.tsv"
    for content in (b"first", b"", b"\r\n\x00" * 1000):
        write_file(path, content)
        assert tree(tmp_path) == {"a name.tsv": content}


def test_removed_with_what_a_killed_run_left(tmp_path: Path) -> None:
    """A file that is no longer wanted goes, and so does the half of it that a kill left."""
    for name in ("viewer.html", ".viewer.html.partial", "slide.json"):
        (tmp_path / name).write_bytes(b"half")
    remove_files(tmp_path / "viewer.html", tmp_path / "tissue.png")
    assert names(tmp_path) == ["slide.json"]


class Killed(BaseException):
    """Stands for what ends a program at any place."""


def half_written(error: BaseException) -> Callable[[Path, bytes], NoReturn]:
    """A `write_bytes` that is stopped when half is on the disk."""

    def write(path: Path, content: bytes) -> NoReturn:
        with path.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise error

    return write


@pytest.mark.parametrize("error", [Killed(), KeyboardInterrupt()])
def test_stopped_while_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Stopped in the middle, the old content is still there, and no half of the new."""
    path = tmp_path / "slide.json"
    path.write_bytes(b"the old content")
    monkeypatch.setattr(Path, "write_bytes", half_written(error))
    with pytest.raises(type(error)):
        write_file(path, b"the new content")
    assert tree(tmp_path) == {"slide.json": b"the old content"}


def test_stopped_before_the_name_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped when all is written, but not under its name, nothing has changed."""
    path = tmp_path / "slide.json"
    path.write_bytes(b"the old content")

    def stop(*_: Any) -> NoReturn:
        raise Killed

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(Killed):
        write_file(path, b"the new content")
    assert tree(tmp_path) == {"slide.json": b"the old content"}


def test_final_name_is_never_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the final name stands the old content or the new, at every moment."""
    path = tmp_path / "slide.json"
    path.write_bytes(b"the old content")
    seen = []
    replace = Path.replace

    def look_and_replace(self: Path, target: Path) -> Path:
        seen.append((path.read_bytes(), self.read_bytes()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look_and_replace)
    write_file(path, b"the new content")
    assert seen == [(b"the old content", b"the new content")]


@refused
def test_refused_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """A full disk and the like are told with the file's name; the old content stays."""
    path = tmp_path / "tiles.tsv"
    path.write_bytes(b"the old content")
    monkeypatch.setattr(Path, "write_bytes", half_written(OSError(number, os.strerror(number))))
    with pytest.raises(ResultsError) as caught:
        write_file(path, b"the new content")
    assert str(caught.value) == f"{path} cannot be written: {words}. {HELP}"
    assert tree(tmp_path) == {"tiles.tsv": b"the old content"}


def test_no_folder(tmp_path: Path) -> None:
    """A file in a folder that is not there is told."""
    path = tmp_path / "gone" / "tiles.tsv"
    with pytest.raises(ResultsError) as caught:
        write_file(path, b"")
    assert str(caught.value) == f"{path} cannot be written: No such file or directory. {HELP}"


def test_make_folder(tmp_path: Path) -> None:
    """A folder is made with all above it; where a file is in the way, that is told."""
    make_folder(tmp_path / "a" / "b c" / "d")
    make_folder(tmp_path / "a" / "b c" / "d")
    assert (tmp_path / "a" / "b c" / "d").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="file cannot be written: File exists"):
        make_folder(tmp_path / "file")


def test_remove_files(tmp_path: Path) -> None:
    """Files are removed where they are there; what is no file is told."""
    (tmp_path / "a").touch()
    remove_files(tmp_path / "a", tmp_path / "b")
    assert names(tmp_path) == []
    (tmp_path / "c").mkdir()
    with pytest.raises(ResultsError, match="c cannot be written"):
        remove_files(tmp_path / "c")


def test_free_bytes(tmp_path: Path) -> None:
    """The free space is the file system's; of a folder that is not there, that is told."""
    free = os.statvfs(tmp_path)
    assert abs(free_bytes(tmp_path) - free.f_bavail * free.f_frsize) < 1 << 30
    with pytest.raises(ResultsError):
        free_bytes(tmp_path / "gone")


# --- a slide's tiles --------------------------------------------------------------------------


def old_tiles(tmp_path: Path) -> Path:
    """A slide's folder with the tiles of an earlier run."""
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "0_0.jpg").write_bytes(b"old")
    (tmp_path / "tiles" / "9_9.png").write_bytes(b"stale")
    return tmp_path


OLD = {"tiles/0_0.jpg": b"old", "tiles/9_9.png": b"stale"}


def test_publish(tmp_path: Path) -> None:
    """The new tiles take the place of the old ones: no stale file, nothing left beside."""
    folder = old_tiles(tmp_path)
    with TileFolder(folder) as tiles:
        assert tiles.write("0_0.jpg", b"new") == "tiles/0_0.jpg"
        assert tiles.write("0_1.jpg", b"too") == "tiles/0_1.jpg"
        assert (folder / "tiles" / "0_0.jpg").read_bytes() == b"old"
        tiles.publish()
        assert names(folder) == ["tiles"]
    assert tree(folder) == {"tiles/0_0.jpg": b"new", "tiles/0_1.jpg": b"too"}
    assert names(folder) == ["tiles"]


def test_publish_first_and_empty(tmp_path: Path) -> None:
    """With no tile at all there is an empty folder."""
    with TileFolder(tmp_path) as tiles:
        tiles.publish()
    assert names(tmp_path) == ["tiles"]
    assert names(tmp_path / "tiles") == []


@pytest.mark.parametrize("error", [ValueError("a fault"), KeyboardInterrupt(), Killed()])
def test_not_published(tmp_path: Path, error: BaseException) -> None:
    """What was not published is gone, and the old tiles are all there."""
    folder = old_tiles(tmp_path)

    def interrupted() -> None:
        with TileFolder(folder) as tiles:
            tiles.write("0_0.jpg", b"new")
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert tree(folder) == OLD
    assert names(folder) == ["tiles"]


def killed_at(folder: Path, moment: str) -> None:
    """Leave what a run leaves that is killed without a chance to tidy up."""
    tiles = TileFolder(folder).__enter__()
    tiles.write("5_5.jpg", b"of the killed run")
    hidden = [path for path in folder.iterdir() if path.name.startswith(".")]
    assert len(hidden) == 1
    if moment == "between":
        # publish had put the old tiles aside, and not yet the new ones in their place
        aside = Path(shutil.move(folder / "tiles", folder / ".tiles.old"))
        assert aside.is_dir()


@pytest.mark.parametrize("moment", ["while cutting", "between"])
def test_after_a_killed_run(tmp_path: Path, moment: str) -> None:
    """What a killed run left is not taken for tiles, and the next run tidies it up."""
    folder = old_tiles(tmp_path)
    killed_at(folder, moment)
    assert not (folder / "tiles" / "5_5.jpg").exists()
    with TileFolder(folder) as tiles:
        tiles.write("0_0.jpg", b"new")
        tiles.publish()
    assert tree(folder) == {"tiles/0_0.jpg": b"new"}
    assert names(folder) == ["tiles"]


def test_link_in_place_of_tiles(tmp_path: Path) -> None:
    """Where `tiles` is a link, it is replaced, and what it points to is left alone."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "results"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "mine.txt").write_bytes(b"mine")
    (folder / "tiles").symlink_to(elsewhere, target_is_directory=True)
    with TileFolder(folder) as tiles:
        tiles.write("0_0.jpg", b"new")
        tiles.publish()
    assert tree(elsewhere) == {"mine.txt": b"mine"}
    assert not (folder / "tiles").is_symlink()
    assert names(folder) == ["tiles"]


def test_file_in_place_of_tiles(tmp_path: Path) -> None:
    """A file called `tiles` makes room."""
    (tmp_path / "tiles").write_bytes(b"a file")
    with TileFolder(tmp_path) as tiles:
        tiles.publish()
    assert (tmp_path / "tiles").is_dir()
    assert names(tmp_path) == ["tiles"]


def test_many_threads(tmp_path: Path) -> None:
    """Tiles that are written at the same time are all there, each whole."""
    wanted = {f"tiles/{n % 7}_{n}.jpg": bytes([n % 256]) * (n * 37) for n in range(200)}
    with TileFolder(tmp_path) as tiles:
        with ThreadPoolExecutor(8) as pool:
            written = pool.map(lambda n: tiles.write(Path(n).name, wanted[n]), wanted)
            assert list(written) == list(wanted)
        tiles.publish()
    assert tree(tmp_path) == wanted


def test_short_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the operating system takes a few bytes at a time, the tile is whole all the same."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda to, data: write(to, data[:7]))
    content = bytes(range(256)) * 5
    with TileFolder(tmp_path) as tiles:
        tiles.write("0_0.jpg", content)
        tiles.publish()
    assert tree(tmp_path) == {"tiles/0_0.jpg": content}


@refused
def test_refused_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """A tile that cannot be written is told by its final name, and the old tiles stay."""
    folder = old_tiles(tmp_path)
    monkeypatch.setattr(os, "write", refusing(number))
    with pytest.raises(ResultsError) as caught, TileFolder(folder) as tiles:
        tiles.write("3_4.jpg", b"new")
    tile = folder / "tiles" / "3_4.jpg"
    assert str(caught.value) == f"{tile} cannot be written: {words}. {HELP}"
    assert tree(folder) == OLD
    assert names(folder) == ["tiles"]


@refused
def test_refused_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """Where no folder can be made, that is told, and the old tiles stay."""
    folder = old_tiles(tmp_path)
    monkeypatch.setattr(Path, "mkdir", refusing(number))
    with pytest.raises(ResultsError) as caught, TileFolder(folder):
        pass
    assert str(caught.value) == f"{folder / 'tiles'} cannot be written: {words}. {HELP}"
    assert tree(folder) == OLD


@refused
def test_refused_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """Where the folders cannot change places, that is told."""
    folder = old_tiles(tmp_path)
    monkeypatch.setattr(Path, "replace", refusing(number))
    with pytest.raises(ResultsError) as caught, TileFolder(folder) as tiles:
        tiles.publish()
    assert str(caught.value) == f"{folder / 'tiles'} cannot be written: {words}. {HELP}"
    assert tree(folder) == OLD
