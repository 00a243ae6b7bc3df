"""Private folders on a local disk: none is left, and nobody else's is touched."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from mrxs_tiles import system
from mrxs_tiles.files import scratch
from running import names


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The folder to which slides are copied."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


def test_what_is_left_alone(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only folders of our own name, user and machine that nobody holds are removed."""
    prefix = scratch._prefix()
    kept = [f"{scratch.PREFIX}another-abcd1234", "mrxs-tiles-abcd1234", f"{prefix}held", "other"]
    for name in (*kept, f"{prefix}left", f"{prefix}begun"):
        (local / name / "slide").mkdir(parents=True)
        (local / name / "lock").touch()
    shutil.rmtree(local / f"{prefix}begun")  # killed before it had a lock
    (local / f"{prefix}begun").mkdir()
    (local / f"{prefix}file").touch()
    (local / f"{prefix}link").symlink_to(local / "other")
    kept += [f"{prefix}file", f"{prefix}link"]
    with (local / f"{prefix}held" / "lock").open("r+") as lock:
        system.lock(lock.fileno())
        with monkeypatch.context() as patch:
            patch.setattr(scratch, "is_mine", lambda _: False)
            scratch.remove_leftovers(local)
            assert f"{prefix}left" in names(local)
        scratch.remove_leftovers(local)
        assert names(local) == sorted(kept)
    scratch.remove_leftovers(local)
    assert f"{prefix}held" not in names(local)


def test_removed_before_it_is_locked(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run that takes a new folder for left, before it has its lock, costs one attempt."""
    real, made = scratch.tempfile.mkdtemp, []

    def raced(**keys: Any) -> str:
        made.append(real(**keys))
        if len(made) < 3:
            scratch.remove_leftovers(local)
        return str(made[-1])

    monkeypatch.setattr(scratch.tempfile, "mkdtemp", raced)
    with scratch.private_folder(local) as folder:
        assert len(made) == 3
        assert folder.parent == Path(made[-1])
    assert names(local) == []


def test_interrupted_removal(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that a signal raises while the copy is removed does not stop the removal."""
    real = threading.Thread.join

    def interrupted(thread: Any, timeout: float | None = None) -> None:
        real(thread, timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt), scratch.private_folder(local):
        pass
    assert names(local) == []


def test_removed_by_another(local: Path) -> None:
    """A private folder that somebody else has removed meanwhile is left without a word."""
    with scratch.private_folder(local) as folder:
        shutil.rmtree(folder.parent)
    assert names(local) == []
