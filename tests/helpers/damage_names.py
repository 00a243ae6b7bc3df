"""Files that are named, or linked to, outside of the slide's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from damage import INDEX, INI, Damage, on_file, substitute, to_link


def names() -> Iterator[Damage]:
    """Files that are named, or linked to, outside of the slide's folder: they are there."""
    named = {"INDEXFILE": INDEX, "FILE_0": "Data0000.dat", "FILE_2": "Data0002.dat"}
    for key, name in named.items():
        for what in ("above", "absolute", "below"):
            yield Damage(f"name {key} {what}", f"name {what}", _renamed(key, name, what))
        yield Damage(f"name {key} link", "link out", on_file(name, _moved_out))
        yield Damage(f"name {key} link inside", "link inside", on_file(name, _moved_aside))
    yield Damage("name ini link", "link out", on_file(INI, _moved_out))
    for target in ("/dev/zero", "/dev/null"):
        device = on_file(INDEX, lambda path, target=target: to_link(path, target))  # type: ignore[misc]
        yield Damage(f"name link {target[5:]}", "link out", device)


def _out(path: Path) -> Path:
    return path.parent.parent.parent / f"{path.parent.name} {path.name}"


def _moved_out(path: Path) -> None:
    path.replace(_out(path))
    path.symlink_to(f"../../{_out(path).name}")


def _moved_aside(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.symlink_to("aside")


def _renamed(key: str, name: str, what: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        if what == "below":
            (folder / "sub").mkdir()
            path.rename(folder / "sub" / name)
            new = f"sub/{name}"
        else:
            path.replace(_out(path))
            new = f"../{_out(path).name}" if what == "above" else str(_out(path))
        substitute(INI, f"{key}={name}".encode(), f"{key}={new}".encode())(folder)

    return apply
