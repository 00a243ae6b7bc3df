"""A test that lacks something is skipped with what to install, or fails where nothing may lack."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import as_windows
import needs
import programs
from needs import NEEDS, Need

AT_HAND = ("proc", "links", "process groups", "SIGTERM")  # on every Linux
ABSENT = Need("a moon", lambda: False, {"debian": "sudo apt-get install moon"})


@pytest.fixture(autouse=True)
def _on_debian(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(NEEDS, "moon", ABSENT)
    monkeypatch.setattr(needs, "system", lambda: "debian")
    monkeypatch.delenv("CI", raising=False)
    needs.missing.cache_clear()
    yield
    needs.missing.cache_clear()


def test_skipped_with_the_command() -> None:
    """The reason is a line that says what to install, and how."""
    with pytest.raises(pytest.skip.Exception) as caught:
        needs.require("moon")
    assert str(caught.value) == "a moon is not here: sudo apt-get install moon"


def test_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all is installed first, what is missing is a failure."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="a moon is not here"):
        needs.require("moon")


@pytest.mark.parametrize("system", ["ubuntu", "macos", "win32"])
def test_other_systems_only_skip(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """CI elsewhere installs nothing; a system without a command is told so."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(needs, "system", lambda: system)
    with pytest.raises(pytest.skip.Exception, match=r"a moon is not here: it is only on Linux"):
        needs.require("moon")


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_every_need_has_a_command(name: str) -> None:
    """On Debian there is a way to have each; what has none is there on every Linux."""
    assert NEEDS[name].install.get("debian") or name in AT_HAND


def test_what_windows_cannot_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it is not looked for, though --as-windows is Linux, and the line says why."""
    monkeypatch.setattr(as_windows, "ON_WINDOWS", True)
    monkeypatch.setattr(needs, "system", lambda: "win32")
    for name in NEEDS:
        there = Need(NEEDS[name].what, lambda: True, otherwise="no", on_windows=name == "chromium")
        monkeypatch.setitem(NEEDS, name, there)
        assert bool(needs.missing(name)) == (name != "chromium")
    monkeypatch.undo()


def test_slurm_is_not_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of Slurm is skipped with a line that says so."""
    monkeypatch.setattr(as_windows, "ON_WINDOWS", True)
    monkeypatch.setattr(needs, "system", lambda: "win32")
    assert needs.missing("slurm") == ("Slurm is not here: it is set up on Debian and Ubuntu alone")
    monkeypatch.delattr(os, "geteuid", raising=False)
    assert needs.missing("root") == "root is not here: it is only on Linux"


PYTHON_FILE = """
import os
import pytest

@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    (tmp_path_factory.mktemp("x") / "link").symlink_to("nowhere")

def test_one(linked): pass
def test_two(linked): pass
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="imitated on Linux alone")
def test_fixtures_as_on_windows(tmp_path: Path) -> None:
    """Each test of a fixture that makes links is skipped, not the first alone."""
    folder = Path(__file__).parent
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(folder / 'helpers')!r})\n"
        f"exec(open({str(folder / 'conftest.py')!r}).read())\n"
    )
    (tmp_path / "test_it.py").write_text(PYTHON_FILE)
    command = [sys.executable, "-m", "pytest", "-q", "-c", folder.parent / "pyproject.toml"]
    done = subprocess.run(
        # a folder of its own: in the common one it would clear away what earlier sessions left
        [
            *(*command, "--as-windows", "-p", "no:cacheprovider", "--rootdir", folder.parent),
            *("--basetemp", tmp_path / "inner", tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
    )
    assert "2 skipped" in done.stdout, done.stdout + done.stderr


def test_quick_tests_start_no_program() -> None:
    """Without the marker `slow` neither this process nor a library in it starts another."""
    for start in (
        lambda: subprocess.run([sys.executable, "-V"], check=False),
        lambda: os.system("true"),  # noqa: S605
    ):
        with pytest.raises(AssertionError, match="starts a program"):
            start()
    programs.forbid("")
    assert subprocess.run([sys.executable, "-V"], capture_output=True, check=False).returncode == 0
