"""Linux made to behave like Windows where the two differ most: ``pytest --as-windows``.

docs/windows.md lists what it imitates, and what it cannot. ``conftest`` imports this before the
package, which asks once, at its import, which system it is on; programs that tests start do so by
``as_windows_site``. It needs Linux, whose ``/proc`` says which files are open.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import re
import shutil
import signal
import stat
import struct
import sys
import tempfile
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

OPTION, VARIABLE = "--as-windows", "MRXS_TILES_AS_WINDOWS"
ACTIVE = OPTION in sys.argv or bool(os.environ.get(VARIABLE))
IN_TESTS = OPTION in sys.argv or "pytest" in sys.modules  # else in a program that they start
ON_WINDOWS = ACTIVE or sys.platform == "win32"

HELPERS = Path(__file__).parent
SITE = HELPERS / "as_windows_site"  # on the path of programs, which run its sitecustomize
PACKAGE = "mrxs_tiles"
# What no Windows has; the numbers of Windows for what it has and Linux has not.
HIDDEN_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "pty")
HIDDEN = (
    *("pread", "pwrite", "getuid", "geteuid", "getgid", "getegid", "killpg", "mkfifo", "mknod"),
    *("O_NOFOLLOW", "O_CLOEXEC", "chown", "lchown", "getpgid", "setsid"),
    *("sched_getaffinity", "sched_setaffinity", "sync"),
)
# They look, by sys.platform, for what is hidden.
LOOK_FIRST = ("asyncio", "multiprocessing.util", "psutil", "subprocess")
O_BINARY = 0x8000
# Not to be had as the name of a file or folder, whatever its suffix.
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\\]|[. ]$')
PRIVILEGE = "A required privilege is not held by the client"
IN_USE = "The process cannot access the file because it is being used by another process"

_really: dict[str, Any] = {}


def apply() -> None:
    """Do it to this process."""
    if _really:
        return
    for name in LOOK_FIRST:
        importlib.import_module(name)
    _really["fcntl"] = importlib.import_module("fcntl")
    sys.modules["msvcrt"] = _msvcrt()
    if IN_TESTS:
        for name in HIDDEN_MODULES:
            sys.modules[name] = None  # type: ignore[assignment]
        for name in HIDDEN:
            _really[name] = os.__dict__.pop(name, None)
    else:
        _hide_from_ours()
    os.O_BINARY = O_BINARY  # type: ignore[attr-defined]
    signal.SIGBREAK = signal.SIGUSR2  # type: ignore[attr-defined]
    _open_files_stay()
    _replace("kill", _kill)
    _replace("symlink", _no_links)
    _replace("chmod", _chmod)
    _replace("open", _open)
    _replace("mkdir", _mkdir)
    _really["io.open"] = io.open
    io.open = __builtins__["open"] = _io_open  # type: ignore[index,assignment]
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    tempfile.TemporaryFile = tempfile.NamedTemporaryFile  # type: ignore[misc,assignment]
    if pytest := sys.modules.get("_pytest.tmpdir"):
        pytest.get_user_id = lambda: None  # type: ignore[attr-defined]
    sys.meta_path.insert(0, _Chooser())


def _hide_from_ours() -> None:
    """In a program, where libraries look at sys.platform: what is hidden is so from us alone."""
    plain = __builtins__["__import__"]  # type: ignore[index]

    def imported(name: str, *arguments: Any, **keys: Any) -> Any:
        if name in HIDDEN_MODULES and _is_package():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return plain(name, *arguments, **keys)

    __builtins__["__import__"] = imported  # type: ignore[index]
    for name in HIDDEN:
        if callable(function := getattr(os, name, None)):
            setattr(os, name, _hidden_function(name, function))


def _hidden_function(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def hidden(*arguments: Any, **keys: Any) -> Any:
        if _is_package():
            raise AttributeError(f"module 'os' has no attribute {name!r}")
        return function(*arguments, **keys)

    return hidden


class _Chooser(MetaPathFinder):
    """Has the package choose Windows when it is imported, whichever copy of it that is."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != f"{PACKAGE}.system":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next(spec for spec in found if spec is not None)
        loader: Any = spec.loader
        plain = loader.exec_module

        def on_windows(module: ModuleType) -> None:
            here, sys.platform = sys.platform, "win32"
            try:
                plain(module)
            finally:
                sys.platform = here

        loader.exec_module = on_windows
        return spec


def _replace(name: str, stand_in: Callable[..., Any]) -> None:
    _really[name] = getattr(os, name)
    setattr(os, name, stand_in)


def _refuse(number: int, words: str, path: object, winerror: int = 0) -> NoReturn:
    error = OSError(number, words, os.fspath(path))  # type: ignore[call-overload]
    error.winerror = winerror  # type: ignore[attr-defined]
    raise error


def _caller() -> FrameType:
    """Who called what stands in here, pathlib passed over."""
    frame: FrameType | None = sys._getframe(1)
    while frame and (frame.f_code.co_filename == __file__ or "pathlib" in frame.f_code.co_filename):
        frame = frame.f_back
    assert frame is not None
    return frame


def _is_package() -> bool:
    return str(_caller().f_globals.get("__name__", "")).startswith(f"{PACKAGE}.")


# --- files that are open ----------------------------------------------------------------------


def _open_files() -> dict[tuple[int, int], str]:
    """Which files this process has open: identity and path. Folders do not count."""
    found = {}
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            status = os.stat(f"/proc/self/fd/{number}")  # noqa: PTH116
            if stat.S_ISREG(status.st_mode):
                found[status.st_dev, status.st_ino] = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
        except OSError:
            continue
    return found


def _check_closed(path: object) -> None:
    """Refuse where a file, or one in a folder, is open."""
    try:
        status = os.lstat(os.fspath(path))  # type: ignore[call-overload]
    except OSError:
        return
    found = _open_files()
    below = os.path.realpath(os.fspath(path)) + "/"  # type: ignore[call-overload]
    held = any(name.startswith(below) for name in found.values())
    if (status.st_dev, status.st_ino) in found or (stat.S_ISDIR(status.st_mode) and held):
        _refuse(errno.EACCES, IN_USE, path, 32)


def _open_files_stay() -> None:
    """Have no file removed or renamed that is open, nor anything put in its place."""
    for name in ("unlink", "remove"):
        _replace(name, _removing(name))
    _replace("rmdir", _removing("rmdir"))
    _replace("replace", _renaming("replace"))
    _replace("rename", _renaming("rename"))


def _removing(name: str) -> Callable[..., None]:
    def remove(path: Any, *, dir_fd: int | None = None) -> None:
        if dir_fd is None and not isinstance(path, int):
            _check_closed(path)
            if os.path.isdir(path) and os.path.realpath(path) == os.getcwd():  # noqa: PTH109, PTH112
                _refuse(errno.EACCES, IN_USE, path, 32)
            if os.path.isfile(path) and not os.lstat(path).st_mode & stat.S_IWUSR:  # noqa: PTH113
                _refuse(errno.EACCES, "Access is denied", path, 5)
        _really[name](path, dir_fd=dir_fd)

    return remove


def _renaming(name: str) -> Callable[..., None]:
    def rename(source: Any, target: Any, **keys: Any) -> None:
        _check_closed(source)
        _check_closed(target)
        _check_name(target)
        if os.path.lexists(target) and not os.path.samefile(source, target):  # noqa: PTH121
            if name == "rename":
                _refuse(errno.EEXIST, "Cannot create a file when that file already exists", target)
            if os.path.isdir(target):  # noqa: PTH112
                _refuse(errno.EACCES, "Access is denied", target, 5)
        _really[name](source, target, **keys)

    return rename


# --- names, modes and texts -------------------------------------------------------------------


def _check_name(path: Any) -> None:
    """Refuse to make what Windows cannot."""
    name = os.path.basename(os.fsdecode(path).rstrip("/"))  # noqa: PTH119
    if DEVICE.fullmatch(name) or FORBIDDEN.search(name):
        text = "The filename, directory name, or volume label syntax is incorrect"
        _refuse(errno.EINVAL, text, path, 123)


def _mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    _check_name(path)
    _really["mkdir"](path, mode, dir_fd=dir_fd)


def _open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    if flags & os.O_CREAT:
        _check_name(path)
    if _is_package() and path != os.devnull:
        assert flags & O_BINARY, f"{path} is opened without O_BINARY: its line ends are turned"
    descriptor: int = _really["open"](path, flags & ~O_BINARY, mode, dir_fd=dir_fd)
    return descriptor


def _io_open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    is_text, writes = "b" not in mode, bool(set("wxa+") & set(mode))
    if writes and not isinstance(file, int):
        _check_name(file)
    if is_text and _is_package():
        encoding = "cp1252" if encoding in (None, "locale") else encoding
        newline = "\r\n" if writes and newline is None else newline
    return _really["io.open"](file, mode, buffering, encoding, errors, newline, closefd, opener)


def _chmod(path: Any, mode: int, **keys: Any) -> None:
    """Only that a file is read-only can be set; of a folder nothing."""
    if os.path.isdir(path):  # noqa: PTH112
        return
    _really["chmod"](path, mode & 0o111 | (0o666 if mode & stat.S_IWUSR else 0o444), **keys)


# --- links, signals, locks --------------------------------------------------------------------


def _no_links(_: Any, target: Any, target_is_directory: bool = False, **__: Any) -> None:  # noqa: ARG001
    _refuse(errno.EINVAL, PRIVILEGE, target, 1314)


def _kill(process: int, number: int) -> None:
    """Whom SIGTERM is sent to ends at once: nothing comes there that could be caught."""
    _really["kill"](process, signal.SIGKILL if number == signal.SIGTERM else number)


def _msvcrt() -> ModuleType:
    module = ModuleType("msvcrt")
    fcntl = _really["fcntl"]
    module.LK_UNLCK, module.LK_LOCK, module.LK_NBLCK = 0, 1, 2  # type: ignore[attr-defined]

    def locking(descriptor: int, mode: int, length: int) -> None:
        """Lock bytes from the position on: of a handle, as there, not of a process."""
        kind = fcntl.F_UNLCK if mode == 0 else fcntl.F_WRLCK
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        asked = struct.pack("hhqqi", kind, os.SEEK_SET, at, length, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, asked)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    module.locking = locking  # type: ignore[attr-defined]
    return module


# --- tests that want what is not there --------------------------------------------------------


def wanted_by_test(error: BaseException) -> str:
    """Why a test cannot run on Windows where it asks itself for what is not there; else ""."""
    trace = error.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith(f"{PACKAGE}."):
            return ""  # it is the package that asks
        trace = trace.tb_next
    if isinstance(error, AttributeError) and error.name and not hasattr(error.obj, error.name):
        found = str(getattr(error.obj, "__name__", ""))
        return f"no {found}.{error.name} on Windows" if found in ("os", "signal", "time") else ""
    if getattr(error, "winerror", 0) == 1314:
        return "no links on Windows without Developer Mode"
    if getattr(error, "winerror", 0) == 123:
        return "no such name on Windows"
    if getattr(error, "winerror", 0) == 32:
        return "an open file stays on Windows"
    return ""


if ACTIVE:
    os.environ[VARIABLE] = os.environ["MRXS_TILES_NO_KERNELS"] = "1"  # none is built there
    apply()
