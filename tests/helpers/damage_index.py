"""Ways to damage Index.dat, walked from a written one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from damage import HIGH, HUGE, INDEX, Damage, grow, rewrite, set_number, to_fifo, to_folder, to_link
from tiny_slide import ROOT
from write_mirax import WrittenSlide

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
            yield Damage(f"index {what}~{name}", kind, set_number(at, value))


def index_files(slide: WrittenSlide) -> Iterator[Damage]:
    """The file as a whole."""
    data = (slide.folder / INDEX).read_bytes()
    pages = [at for what, at in numbers_of(data, 3, 0) if what.endswith("page link")]

    def circle(folder: Path) -> None:
        for at in pages:
            set_number(at, at - 4)(folder)

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
        yield Damage(f"index file {what}", f"index file {what}", rewrite(INDEX, change))
    yield Damage("index file hole", "index hole", lambda folder: grow(folder / INDEX, HUGE))
    yield Damage("index missing", "index missing", lambda folder: (folder / INDEX).unlink())
    yield Damage("index folder", "index folder", lambda folder: to_folder(folder / INDEX))
    yield Damage("index fifo", "index fifo", lambda folder: to_fifo(folder / INDEX))
    yield Damage("index circle", "index circle", lambda folder: to_link(folder / INDEX, INDEX))
