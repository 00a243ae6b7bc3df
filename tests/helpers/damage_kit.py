"""Ways to damage a MIRAX slide, walked from the files of a written one, not listed by hand.

``kit`` gives them for one slide, ``everything`` all variants of them; each is applied to the
folder of a copy of it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirax_images import encode
from mirax_spec import MiraxSpec
from scene import Pixels
from tiny_slide import ROOT
from write_mirax import StoredImage, WrittenSlide

# 234 x 141 px, 15 tiles of 64 px: level 0 in two data files and five pages, the rest in a third.
SPEC = MiraxSpec(
    positions_x=3, positions_y=2, divisions=2, image_width=40, image_height=36, overlap_x=3.5,
    overlap_y=3, jitter=1, levels=3, page_length=5, camera_step=4,
)  # fmt: skip
INI, INDEX = "Slidedat.ini", "Index.dat"
HUGE, HIGH = 2**31 - 1, 1 << 30


@dataclass(frozen=True)
class Damage:
    """One damage: its name, fit for a file; its class; what it does to a slide's folder."""

    name: str
    kind: str
    apply: Callable[[Path], None]


def everything(slide: WrittenSlide) -> Iterator[Damage]:
    """All damages: each key of Slidedat.ini and each number of Index.dat with every value."""
    yield from ini_values(slide)
    yield from index_numbers(slide)
    yield from whole_files(slide)


def whole_files(slide: WrittenSlide) -> Iterator[Damage]:
    """Those that are not one key or one number."""
    yield from ini_sections(slide)
    yield from ini_bytes()
    yield from index_files(slide)
    yield from data_files(slide)
    yield from stored_images(slide)
    yield from positions(slide)
    yield from names()


def kit(slide: WrittenSlide) -> Iterator[Damage]:
    """What can be run as slides: of each third key or number one value, each value in turn."""
    walked: dict[str, list[Damage]] = {}
    for damage in (*ini_values(slide), *index_numbers(slide)):
        walked.setdefault(damage.name.partition("~")[0], []).append(damage)
    for number, values in enumerate(list(walked.values())[::3]):
        yield values[number % len(values)]
    yield from whole_files(slide)


# --- Slidedat.ini -----------------------------------------------------------------------------

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
            yield Damage(name, "ini section", _replace(INI, line, b"[OTHER]"))


def _replace(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old in content
        (folder / name).write_bytes(content.replace(old, new, 1))

    return apply


def _rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return apply


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
        yield Damage(f"ini bytes {what}", f"ini bytes {what}", _rewrite(INI, change))
    yield Damage("ini missing", "ini missing", lambda folder: (folder / INI).unlink())
    yield Damage("ini folder", "ini missing", lambda folder: _folder(folder / INI))
    yield Damage("ini fifo", "ini missing", lambda folder: _fifo(folder / INI))
    yield Damage("ini circle", "ini missing", lambda folder: _link(folder / INI, INI))


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


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


# --- Index.dat --------------------------------------------------------------------------------

NUMBERS = {
    "-1": -1, "0": 0, "1": 1, "beyond": HIGH, "most": HUGE, "least": -(2**31), "start": ROOT,
}  # fmt: skip


def numbers_of(data: bytes, levels: int, others: int) -> Iterator[tuple[str, int]]:
    """What each number of Index.dat is, and where it stands; of entries some of each page."""

    def number(at: int) -> int:
        (value,) = struct.unpack_from("<i", data, at)
        return int(value)

    for table, count, what in ((ROOT, levels, "level"), (ROOT + 4, others, "record")):
        yield f"{what} table", table
        for row in range(count):
            pointer = number(table) + 4 * row
            record = number(pointer)
            yield f"{what} {row} pointer", pointer
            yield f"{what} {row} head", record
            yield f"{what} {row} first page", record + 4
            page = number(record + 4)
            if what == "level":
                yield from _pages(number, f"{what} {row}", page)
                continue
            names = ("count", "zero", "zero too", "zero three", "offset", "length", "file")
            for i, name in enumerate(names):
                yield f"{what} {row} {name}", page + 4 * i


def _pages(number: Callable[[int], int], what: str, page: int) -> Iterator[tuple[str, int]]:
    page_number = 0
    while page:
        count, following = number(page), number(page + 4)
        if page_number == 0 or not following:
            name = f"{what} {'last' if page_number else 'first'}"
            yield f"{name} page count", page
            yield f"{name} page link", page + 4
            for entry in sorted({0, count // 2, count - 1}):
                for i, field in enumerate(("image", "offset", "length", "file")):
                    yield f"{name} entry {entry} {field}", page + 8 + 16 * entry + 4 * i
        page, page_number = following, page_number + 1


def index_numbers(slide: WrittenSlide) -> Iterator[Damage]:
    """Every pointer, count and link, and fields of first, middle and last entries."""
    data = (slide.folder / INDEX).read_bytes()
    for what, at in numbers_of(data, slide.spec.levels, len(slide.others)):
        field = what.split()[-1]
        for name, value in {**NUMBERS, "itself": at}.items():
            kind = f"index {what.split()[0]} {field}"
            yield Damage(f"index {what}~{name}", kind, _number(at, value))


def _number(at: int, value: int) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        data = bytearray((folder / INDEX).read_bytes())
        struct.pack_into("<i", data, at, value)
        (folder / INDEX).write_bytes(data)

    return apply


def index_files(slide: WrittenSlide) -> Iterator[Damage]:
    """The file as a whole."""
    data = (slide.folder / INDEX).read_bytes()
    pages = [at for what, at in numbers_of(data, 3, 0) if what.endswith("page link")]

    def circle(folder: Path) -> None:
        for at in pages:
            _number(at, at - 4)(folder)

    yield Damage("index pages in circles", "index circles", circle)
    changes: dict[str, Callable[[bytes], bytes]] = {
        "empty": lambda _: b"",
        "version": lambda data: b"09.99" + data[5:],
        "other slide": lambda data: data[:5] + b"0" * 32 + data[37:],
        "zeros": lambda data: data[:ROOT] + bytes(len(data) - ROOT),
        "cut in id": lambda data: data[:20],
        "cut in roots": lambda data: data[: ROOT + 3],
        "cut in the middle": lambda data: data[: len(data) // 2],
        "cut at the end": lambda data: data[:-1],
        "tail": lambda data: data + b"\xff" * 1000,
    }
    for what, change in changes.items():
        yield Damage(f"index file {what}", f"index file {what}", _rewrite(INDEX, change))
    yield Damage("index file hole", "index hole", lambda folder: _grow(folder / INDEX, HUGE))
    yield Damage("index missing", "index missing", lambda folder: (folder / INDEX).unlink())
    yield Damage("index folder", "index folder", lambda folder: _folder(folder / INDEX))
    yield Damage("index fifo", "index fifo", lambda folder: _fifo(folder / INDEX))
    yield Damage("index circle", "index circle", lambda folder: _link(folder / INDEX, INDEX))


def _grow(path: Path, size: int) -> None:
    with path.open("r+b") as stream:
        stream.truncate(size)  # a hole: it takes no room on the disk


# --- data files, images, positions ------------------------------------------------------------


def data_files(slide: WrittenSlide) -> Iterator[Damage]:
    """Each data file missing, of another kind, cut at each kind of place."""
    for number in range(slide.spec.data_files):
        name, holds = f"Data{number:04}.dat", "images" if number < 2 else "the rest"
        for what, change in {"folder": _folder, "fifo": _fifo, "missing": Path.unlink}.items():
            yield Damage(f"{name} {what}", f"{holds} {what}", _on(name, change))
        parts = sorted(i.offset for i in slide.images if i.file_number == number)
        size = (slide.folder / name).stat().st_size
        places = {
            "0": 0, "in head": 20, "behind head": ROOT, "in first": parts[0] + 9,
            "between": parts[len(parts) // 2], "in middle": parts[len(parts) // 2] + 40,
            "in last": size - 1,
        }  # fmt: skip
        for what, at in places.items():
            change = _rewrite(name, lambda data, at=at: data[:at])  # type: ignore[misc]
            yield Damage(f"{name} cut {what}", f"{holds} cut", change)


def _on(name: str, change: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda folder: change(folder / name)


def stored_images(slide: WrittenSlide) -> Iterator[Damage]:
    """One image of each level with other bytes."""

    def jpeg(width: int, height: int) -> bytes:
        pixels: Pixels = np.full((height, width, 3), 90, np.uint8)
        return encode(pixels, "JPEG", 30)

    contents: dict[str, Callable[[bytes], bytes]] = {
        "magic": lambda data: b"XXXX" + data[4:],
        "zeros": lambda data: bytes(len(data)),
        "half zeros": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
        "other size": lambda data: jpeg(24, 16).ljust(len(data), b"\0")[: len(data)],
        "no end": lambda data: data[:-2] + b"\0\0",
        "size in head": lambda data: _sof(data, 65500),
        "size zero": lambda data: _sof(data, 0),
    }
    for level in range(slide.spec.levels):
        images = [image for image in slide.images if image.level == level]
        image = images[len(images) // 2]
        for what, change in contents.items():
            yield Damage(f"image {level} {what}", f"image {what}", _image(slide, image, change))
    yield Damage("image long", "image long", _long(slide))


def _long(slide: WrittenSlide) -> Callable[[Path], None]:
    """The first image of level 0 as long as can be, in a file that has a hole behind it."""
    found = dict(numbers_of((slide.folder / INDEX).read_bytes(), slide.spec.levels, 0))
    first = found["level 0 first entry 0 length"]

    def apply(folder: Path) -> None:
        _number(first, HUGE)(folder)
        _grow(folder / slide.data_path(slide.images[0]).name, 1 << 32)

    return apply


def _sof(data: bytes, side: int) -> bytes:
    at = data.index(b"\xff\xc0") + 5  # height and width of the start of frame
    return data[:at] + struct.pack(">2H", side, side) + data[at + 4 :]


def _image(
    slide: WrittenSlide, image: StoredImage, change: Callable[[bytes], bytes]
) -> Callable[[Path], None]:
    begin, end = image.offset, image.offset + image.length

    def changed(data: bytes) -> bytes:
        return data[:begin] + change(data[begin:end]) + data[end:]

    return _rewrite(slide.data_path(image).name, changed)


def positions(slide: WrittenSlide) -> Iterator[Damage]:
    """The camera positions: flags, places, packed ones."""
    part = slide.others["positions"]
    name = f"Data{part.file_number:04}.dat"

    def with_row(row: int, flag: int, x: int, y: int) -> Callable[[Path], None]:
        at = part.offset + 9 * row
        new = struct.pack("<B2i", flag, x, y)
        return _rewrite(name, lambda data: data[:at] + new + data[at + 9 :])

    rows = {
        "flag": (1, 2, 80, 1), "flag 255": (2, 255, 80, 1), "zero": (1, 1, 0, 0),
        "negative": (1, 1, -50, -50), "far": (4, 1, 10**6, 10**6), "most": (4, 1, HUGE, HUGE),
        "least": (4, 1, -(2**31), -(2**31)), "first": (0, 1, 30, 20),
    }  # fmt: skip
    for what, row in rows.items():
        yield Damage(f"positions {what}", f"positions {what}", with_row(*row))
    whole = slice(part.offset, part.offset + part.length)
    for what, fill in {"zeros": b"\0", "ones": b"\xff", "text": b"A"}.items():
        change = _rewrite(
            name,
            lambda data, fill=fill: (  # type: ignore[misc]
                data[: whole.start] + fill * part.length + data[whole.stop :]
            ),
        )
        yield Damage(f"positions {what}", f"positions {what}", change)
    wanted = part.length
    packed = {
        "garbage": b"garbage", "few": zlib.compress(bytes(wanted - 9)),
        "many": zlib.compress(bytes(wanted + 9)), "bomb": zlib.compress(bytes(1 << 29), 9),
        "cut": zlib.compress(bytes(range(wanted)))[:-9], "empty": b"",
    }  # fmt: skip
    at = position_page(slide)
    for what, data in packed.items():
        yield Damage(f"positions packed {what}", f"packed {what}", _packed(name, at, data))


def position_page(slide: WrittenSlide) -> int:
    """Where in Index.dat the offset of the camera positions stands."""
    data = (slide.folder / INDEX).read_bytes()
    last = len(slide.others) - 1
    found = dict(numbers_of(data, slide.spec.levels, len(slide.others)))
    return found[f"record {last} offset"]


def _packed(name: str, at: int, data: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        _replace(INI, b"VIMSLIDE_POSITION_BUFFER", b"StitchingIntensityLayer")(folder)
        with (folder / name).open("ab") as stream:
            offset = stream.tell()
            stream.write(data)
        _number(at, offset)(folder)
        _number(at + 4, len(data))(folder)

    return apply


# --- names that leave the folder --------------------------------------------------------------


def names() -> Iterator[Damage]:
    """Files that are named, or linked to, outside of the slide's folder: they are there."""
    named = {"INDEXFILE": INDEX, "FILE_0": "Data0000.dat", "FILE_2": "Data0002.dat"}
    for key, name in named.items():
        for what in ("above", "absolute", "below"):
            yield Damage(f"name {key} {what}", f"name {what}", _renamed(key, name, what))
        yield Damage(f"name {key} link", "link out", _on(name, _moved_out))
        yield Damage(f"name {key} link inside", "link inside", _on(name, _moved_aside))
    yield Damage("name ini link", "link out", _on(INI, _moved_out))
    for target in ("/dev/zero", "/dev/null"):
        device = _on(INDEX, lambda path, target=target: _link(path, target))  # type: ignore[misc]
        yield Damage(f"name link {target[5:]}", "link out", device)


def _out(path: Path) -> Path:
    return path.parent.parent / f"{path.parent.name} {path.name}"


def _moved_out(path: Path) -> None:
    path.rename(_out(path))
    path.symlink_to(f"../{_out(path).name}")


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
            path.rename(_out(path))
            new = f"../{_out(path).name}" if what == "above" else str(_out(path))
        _replace(INI, f"{key}={name}".encode(), f"{key}={new}".encode())(folder)

    return apply
