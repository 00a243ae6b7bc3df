"""A test that lacks something is skipped with what to install, or fails where nothing may lack."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

import needs
import programs
from needs import NEEDS, Need

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
    assert NEEDS[name].install.get("debian") or name == "proc"


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
