"""What differs between systems does the same on each, also on Linux as on Windows."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import as_windows
import running
from mrxs_tiles import system
from mrxs_tiles.errors import ResultsError
from mrxs_tiles.files.store import remove_files, write_file
from mrxs_tiles.files.tile_folder import discard_folder
from mrxs_tiles.steps.run_step import TERMINATED, run

HELD = as_windows.ON_WINDOWS  # who has a file open keeps it from being removed


def opened(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    return os.open(path, flags | system.OPEN_BINARY, 0o666)


def test_lock(tmp_path: Path) -> None:
    """A second one is refused at once; what the first has written can be read meanwhile."""
    path = tmp_path / "lock"
    first, second = opened(path), opened(path)
    system.lock(first)
    os.write(first, b"who holds it")
    with pytest.raises(BlockingIOError):
        system.lock(second)
    assert system.read_at(second, 300, 0) == b"who holds it"
    os.close(first)
    system.lock(second)
    system.remove_locked(path, second)
    assert not path.exists()


def test_lock_that_another_has_open(tmp_path: Path) -> None:
    """Who lets go does not take the file from who waits for it, where the name is all there is."""
    path = tmp_path / "lock"
    first, second = opened(path), opened(path)
    system.lock(first)
    system.remove_locked(path, first)
    system.lock(second)
    assert path.exists() == HELD
    system.remove_locked(path, second)
    assert not path.exists()


def test_read_at(tmp_path: Path) -> None:
    """Threads read at places of one file without being in each other's way."""
    path = tmp_path / "data"
    content = bytes(range(256)) * 200 + b"\r\n\x1a\n"
    path.write_bytes(content)
    descriptor = opened(path, os.O_RDONLY)
    wrong: list[int] = []

    def read(first: int) -> None:
        places = range(first, len(content), 7)
        right = (content[at : at + 31] for at in places)
        found = (system.read_at(descriptor, 31, at) for at in places)
        wrong.extend(at for at, a, b in zip(places, found, right, strict=True) if a != b)

    threads = [threading.Thread(target=read, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert system.read_at(descriptor, 10, len(content)) == b""
    os.close(descriptor)


def test_replace_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a scanner holds for a moment is renamed when it is let go."""
    plain, refusals = Path.replace, [PermissionError(errno.EACCES, "in use")] * 3

    def refused(path: Path, target: Path) -> Path:
        if refusals and HELD:
            raise refusals.pop()
        return plain(path, target)

    monkeypatch.setattr(Path, "replace", refused)
    for name in ("folder", "file"):
        (tmp_path / "new").mkdir() if name == "folder" else (tmp_path / "new").touch()
        system.replace(tmp_path / "new", tmp_path / name)
        assert (tmp_path / name).exists()
    assert bool(refusals) != HELD


def test_remove_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one removed, and a folder with it."""
    plain, once = os.unlink, set[str]()

    def refused(path: Path, **keys: object) -> None:
        name = Path(path).name
        if HELD and name not in once:
            once.add(name)
            raise PermissionError(errno.EACCES, "in use")
        plain(path, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "unlink", refused)
    (tmp_path / "tiles").mkdir()
    for name in ("tiles/0_0.jpg", "report.tsv"):
        (tmp_path / name).touch()
    discard_folder(tmp_path, "tiles")
    remove_files(tmp_path / "report.tsv", tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    assert {"0_0.jpg", "report.tsv"} <= once or not HELD


def test_replace_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held for good is told as the system tells it; what is not there at once."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "in use")

    with pytest.raises(FileNotFoundError):
        system.replace(tmp_path / "none", tmp_path / "x")
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError):
        system.replace(tmp_path / "a", tmp_path / "b")


@pytest.mark.skipif(not as_windows.ACTIVE, reason="what is open can be replaced here")
def test_table_open_in_excel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that another program has open is told, with what to do; it stays as it was."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    (tmp_path / "report.tsv").write_bytes(b"old")
    advice = "Close the program that has it open, or permit writing there, or set another folder"
    with (
        (tmp_path / "report.tsv").open("rb"),
        pytest.raises(ResultsError, match=f"report.tsv cannot be written: .* {advice}"),
    ):
        write_file(tmp_path / "report.tsv", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_link(tmp_path: Path) -> None:
    """A file and a folder are found at another place, by a link or by second names."""
    folder = tmp_path / "slides" / "A"
    folder.mkdir(parents=True)
    (folder / "Data0000.dat").write_bytes(b"data")
    (tmp_path / "slides" / "A.mrxs").write_bytes(b"slide")
    system.link(tmp_path / "slides" / "A.mrxs", tmp_path / "B.mrxs")
    system.link(folder, tmp_path / "B")
    assert (tmp_path / "B.mrxs").read_bytes() == b"slide"
    assert (tmp_path / "B" / "Data0000.dat").read_bytes() == b"data"
    assert (tmp_path / "B.mrxs").samefile(tmp_path / "slides" / "A.mrxs")
    assert (tmp_path / "B.mrxs").is_symlink() != as_windows.ACTIVE


def test_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither can be made, what the system says is told, and nothing is left."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "other disk")

    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "x").touch()
    monkeypatch.setattr(os, "symlink", refused)
    monkeypatch.setattr(os, "link", refused)
    for name in ("A", "A/x"):
        with pytest.raises(OSError, match="other disk"):
            system.link(tmp_path / name, tmp_path / "B")
        assert not os.path.lexists(tmp_path / "B")


@pytest.mark.parametrize("number", system.STOP_SIGNALS)
def test_signals(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    """What ends a process, Ctrl-Break too, lets a step tidy up."""
    before = {one: signal.getsignal(one) for one in system.STOP_SIGNALS}
    tidied = []

    def step() -> None:
        try:
            signal.raise_signal(number)
        finally:
            tidied.append(True)

    try:
        assert run(step, ignore_bad=False) == TERMINATED
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert tidied
    assert capsys.readouterr().err == "mrxs-tiles: terminated\n"


def test_the_rest() -> None:
    """Numbers that the others reckon with."""
    assert system.most_open_files(800) >= 256
    assert system.longest_path() is None or system.longest_path() == 259
    assert system.has_no_reader(BrokenPipeError(errno.EPIPE, "broken"))
    assert not system.has_no_reader(OSError(errno.ENOSPC, "full"))
    assert system.is_mine(Path(__file__).stat()) or os.name == "posix"


@pytest.mark.skipif(sys.platform != "linux" or as_windows.ACTIVE, reason="imitated on Linux alone")
@pytest.mark.slow
def test_as_windows(tmp_path: Path) -> None:
    """Some of these tests where Linux behaves like Windows; `make windows` runs all that can."""
    chosen = [
        *("tests/system", "tests/files/test_lock.py", "tests/files/test_scratch.py"),
        *("tests/files/test_store.py", "tests/mirax/test_data_files.py"),
        *("tests/mirax/test_locate.py", "tests/cutting/test_shard_keys.py"),
        "tests/steps/test_steps.py",
    ]
    command = [sys.executable, "-m", "pytest", "-q", as_windows.OPTION]
    command += ["-m", "not slow and not long and not torture", "-p", "no:cacheprovider"]
    command += ["--basetemp", str(tmp_path / "tmp")]
    done = subprocess.run(
        [*command, *chosen],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


# What a step finds there, in the name of a module of ours: from libraries fcntl is not hidden.
LOOK = """
import os

from mrxs_tiles import system

said = [system.lock.__module__]
try:
    exec("import fcntl", {"__name__": "mrxs_tiles.looking"})
except ModuleNotFoundError:
    said.append("no fcntl")
try:
    os.symlink("nowhere", "link")
except OSError as error:
    said.append(f"no links ({error.winerror})")
with open(snakemake.output[0], "w") as file:
    file.write("; ".join(said))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="imitated on Linux alone")
@pytest.mark.slow
def test_steps_of_snakemake_are_as_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option reaches the steps that Snakemake starts: there is no fcntl for us, and no link."""
    monkeypatch.setattr(as_windows, "ACTIVE", True)
    monkeypatch.setenv(as_windows.VARIABLE, "1")
    (tmp_path / "Snakefile").write_text('rule:\n    output: "said"\n    script: "look.py"\n')
    (tmp_path / "look.py").write_text(LOOK)
    ran = running.run(running.BIN / "snakemake", "--cores", "1", cwd=tmp_path)
    assert ran.code == 0, ran.text
    said = (tmp_path / "said").read_text()
    assert said == "mrxs_tiles.system.windows; no fcntl; no links (1314)"
