"""Kernels are built with what compiler there is, and nothing fails where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mrxs_tiles import native
from mrxs_tiles.__main__ import main
from tiny_slide import TINY
from write_mirax import write_mirax

ROOT = Path(__file__).resolve().parents[1]
NAMES = native.names()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of one small kernel, `room/twice`, and a place for what is built."""
    package = tmp_path / "package"
    (package / "room").mkdir(parents=True)
    (package / "room" / "twice.c").write_text(
        '#include "native.h"\nCLONES int twice(int n) { return 2 * n; }\n', "utf-8"
    )
    shutil.copy(native.HEADER, package)
    monkeypatch.setattr(native, "PACKAGE", package)
    monkeypatch.setattr(native, "HEADER", package / "native.h")
    monkeypatch.setattr(native, "BUILT", tmp_path / "built")
    monkeypatch.setattr(native, "BROUGHT", package / "kernels")
    monkeypatch.delenv(native.SWITCH, raising=False)
    native.load.cache_clear()
    yield package
    native.load.cache_clear()


@pytest.fixture
def compiler() -> str:
    """This machine's compiler."""
    found = shutil.which("cc")
    assert found
    return found


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without one."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)


def test_every_kernel_stands_beside_its_module() -> None:
    """A step's digest counts a kernel with the module that bears its name."""
    assert "pixels/resample" in NAMES
    assert all((native.PACKAGE / f"{name}.py").is_file() for name in NAMES)


@pytest.mark.slow
@pytest.mark.usefixtures("package", "compiler")
def test_built_loaded_and_called() -> None:
    """What was built is loaded by its name, and stays loaded."""
    assert native.names() == ["room/twice"]
    assert "room/twice" in native.complaint()
    native.load.cache_clear()
    assert native.main() == 0
    library = native.load("room/twice")
    assert library is not None
    assert library.twice(21) == 42
    assert native.complaint() == ""
    assert [path.suffix for path in native.BUILT.iterdir()] == [".so"]


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
def test_another_source_is_not_loaded(package: Path) -> None:
    """After a change of its source, or of what it includes, a kernel is not there until built."""
    assert native.main() == 0
    assert native.load("room/twice") is not None
    for file in (package / "room" / "twice.c", package / "native.h"):
        file.write_text(file.read_text("utf-8") + "\n", "utf-8")
        native.load.cache_clear()
        assert native.load("room/twice") is None
        native.main()


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF" + bytes(60)])
def test_a_file_that_is_no_library_is_passed_over(content: bytes) -> None:
    """What cannot be loaded is as if it were not there."""
    native.BUILT.mkdir()
    (native.BUILT / native.file_name("room/twice")).write_bytes(content)
    assert native.load("room/twice") is None
    assert "room/twice" in native.complaint()


@pytest.mark.usefixtures("package", "no_compiler")
def test_no_compiler(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a compiler building says so, leaves nothing, and all kernels are done without."""
    assert native.main() == 1
    assert "room/twice was not built: there is no C compiler" in capsys.readouterr().err
    assert list(native.BUILT.iterdir()) == []
    assert native.load("room/twice") is None


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
def test_a_kernel_that_does_not_compile(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The compiler's own words are told, and the other kernels are built."""
    (package / "room" / "bad.c").write_text("int bad( {\n", "utf-8")
    assert native.main() == 1
    assert "bad.c:1" in capsys.readouterr().err
    assert native.load("room/bad") is None
    assert native.load("room/twice") is not None


@pytest.mark.usefixtures("package")
def test_switched_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the switch nothing is built or loaded, and nothing is said to be missing."""
    monkeypatch.setenv(native.SWITCH, "1")
    assert native.main() == 0
    assert native.SWITCH in capsys.readouterr().out
    assert not native.BUILT.exists()
    assert native.load("room/twice") is None
    assert native.complaint() == ""
    monkeypatch.setenv(native.SWITCH, "0")
    assert not native.is_off()


@pytest.mark.slow
@pytest.mark.usefixtures("package")
def test_without_functions_for_several_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    """A compiler that cannot make those, as for musl, makes one for all processors."""
    fake = tmp_path / "cc"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *NO_CLONES*) exec {compiler} "$@";; esac\nexit 1\n', "utf-8"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("CC", str(fake))
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert native.main() == 0
    assert native.load("room/twice") is not None


@pytest.mark.slow
@pytest.mark.usefixtures("package", "compiler")
def test_a_folder_that_cannot_be_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A place that is a file ends in a sentence."""
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setattr(native, "BUILT", tmp_path / "file" / "lib")
    assert native.main() == 1
    assert "room/twice was not built" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.needs("make env")
def test_make_env_without_compiler_and_network(tmp_path: Path) -> None:
    """`make env` does not fail where nothing can compile: it says so in a line, and goes on."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "make", "touch", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    for part in ("Makefile", "pyproject.toml", "requirements.lock", "envs", "workflow"):
        (tmp_path / part).symlink_to(ROOT / part)
    # an environment with what the rule needs of one, and a pip that finds nothing
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$2" = pip ] && exit 1\nexec "{sys.executable}" "$@"\n', "utf-8"
    )
    python.chmod(0o755)
    for stamp in (".locked", ".done"):
        (tmp_path / ".venv" / stamp).write_text("", "utf-8")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(f"import sys; sys.prefix = {str(tmp_path)!r}", "utf-8")
    done = subprocess.run(
        [shutil.which("make"), ".venv/.kernels"],
        cwd=tmp_path,
        env={"PATH": str(tools), "PYTHONPATH": f"{site}:{ROOT / 'workflow'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "with the same bytes, more slowly" in done.stderr
    assert "there is no C compiler" in (tmp_path / ".venv" / "kernels.log").read_text("utf-8")
    assert not (tmp_path / ".venv" / ".kernels").exists()
    assert not list((tmp_path / "lib" / "mrxs-tiles").iterdir())


@pytest.mark.torture
def test_zig_builds_what_runs_anywhere(tmp_path: Path) -> None:
    """PyPI's compiler, alone on a machine, makes kernels that give Pillow's bytes; 101 MB."""
    zig = tmp_path / "zig"
    options = ("--quiet", "--require-hashes", "--target", zig, "-r", ROOT / "envs" / "zig.lock")
    subprocess.run([sys.executable, "-m", "pip", "install", *options], check=True)
    (zig / "sitecustomize.py").write_text(f"import sys; sys.prefix = {str(tmp_path)!r}", "utf-8")
    env = {"PATH": "", "PYTHONPATH": f"{zig}:{ROOT / 'workflow'}"}
    subprocess.run([sys.executable, "-m", "mrxs_tiles.native"], env=env, check=True)
    code = (
        "from mrxs_tiles import native; from mrxs_tiles.pixels.resample import *\n"
        "assert not native.complaint() and isinstance(resampler()[0], Kernel)"
    )
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_a_command_says_once_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A command line without kernels says so in one line, and does its work."""
    monkeypatch.delenv(native.SWITCH, raising=False)
    monkeypatch.setattr(native, "load", lambda _: None)
    slide = write_mirax(tmp_path / "A.mrxs", TINY).path
    with caplog.at_level("INFO"):
        assert main(["inspect", str(slide), "--results", str(tmp_path / "out")]) == 0
    assert caplog.text.count("not built here (") == 1
    assert "pixels/resample" in caplog.text
