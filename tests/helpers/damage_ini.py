"""Ways to damage Slidedat.ini, walked from a written one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from damage import INI, SPEC, Damage, rewrite, substitute, to_fifo, to_folder, to_link
from write_mirax import WrittenSlide

VALUES: dict[str, bytes | None] = {
    "missing": None, "empty": b"", "negative": b"-1", "zero": b"0", "huge": b"2147483647",
    "larger": b"99999999999999999999", "garbage": b"\x01\x1b[31m%(x)s;#", "latin": b"\xe9\xff",
}  # fmt: skip


def ini_values(slide: WrittenSlide) -> Iterator[Damage]:
    """Every key with every kind of value."""
    section = ""
    for number, line in enumerate((slide.folder / INI).read_bytes().splitlines()):
        key, equals, _ = line.removeprefix(b"\xef\xbb\xbf").decode().partition("=")
        if not equals:
            section = key.strip("[]")
            continue
        for what, value in VALUES.items():
            name = f"ini {section} {key}~{what}"
            yield Damage(name, f"ini {key}", _line(number, key.encode(), value))


def _line(number: int, key: bytes, value: bytes | None) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        lines = (folder / INI).read_bytes().splitlines()
        lines[number : number + 1] = [] if value is None else [key + b"=" + value]
        (folder / INI).write_bytes(b"\r\n".join(lines))

    return apply


def ini_sections(slide: WrittenSlide) -> Iterator[Damage]:
    """Every section renamed, so that it is missing."""
    for line in (slide.folder / INI).read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.startswith(b"["):
            name = f"ini section {line.decode().strip('[]')}"
            yield Damage(name, "ini section", substitute(INI, line, b"[OTHER]"))


def ini_bytes() -> Iterator[Damage]:
    """The file as a whole: empty, cut, of other bytes."""
    changes: dict[str, Callable[[bytes], bytes]] = {
        "empty": lambda _: b"",
        "cut": lambda data: data[: len(data) // 2],
        "zeros": lambda data: bytes(len(data)),
        "utf16": lambda data: data.decode("utf-8-sig").encode("utf-16"),
        "NUL": lambda data: data.replace(b"[GENERAL]", b"[GENERAL]\r\nNAME=a\0b"),
        "latin": lambda data: data.replace(b"[GENERAL]", b"[GENERAL]\r\nNAME=M\xfcller"),
        "too large": lambda data: data + b"#" * (1 << 20),
        "no first section": lambda data: data.replace(b"[GENERAL]\r\n", b""),
        "nonsense": lambda data: data.replace(b"[GENERAL]", b"[GENERAL]\r\nnonsense"),
        "twice": lambda data: data + data.removeprefix(b"\xef\xbb\xbf"),
        "many levels": lambda data: data.replace(b"HIER_0_COUNT=3", b"HIER_0_COUNT=64"),
        "large images": lambda data: _sides(data, b"65535"),
        "larger images": lambda data: _sides(data, b"2147483647"),
        "many pictures": lambda data: _many(data, b"5000"),
        "too many pictures": lambda data: _many(data, b"2147483647"),
        "pictures without place": lambda data: _unplaced(data, b"2000"),
        "pictures and no place": lambda data: _unplaced(data, b"5000"),
    }
    for what, change in changes.items():
        yield Damage(f"ini bytes {what}", f"ini bytes {what}", rewrite(INI, change))
    yield Damage("ini missing", "ini missing", lambda folder: (folder / INI).unlink())
    yield Damage("ini folder", "ini missing", lambda folder: to_folder(folder / INI))
    yield Damage("ini fifo", "ini missing", lambda folder: to_fifo(folder / INI))
    yield Damage("ini circle", "ini missing", lambda folder: to_link(folder / INI, INI))


def _sides(data: bytes, side: bytes) -> bytes:
    for number, old in ((b"WIDTH", SPEC.image_width), (b"HEIGHT", SPEC.image_height)):
        data = data.replace(b"DIGITIZER_%s=%d" % (number, old), b"DIGITIZER_%s=%s" % (number, side))
    return data


def _many(data: bytes, count: bytes) -> bytes:
    x, y = SPEC.images
    data = data.replace(b"IMAGENUMBER_X=%d" % x, b"IMAGENUMBER_X=%s" % count)
    return data.replace(b"IMAGENUMBER_Y=%d" % y, b"IMAGENUMBER_Y=%s" % count)


def _unplaced(data: bytes, count: bytes) -> bytes:
    return _many(data, count).replace(b"VIMSLIDE_POSITION_BUFFER", b"Another layer")
