"""The files of a MIRAX slide: Slidedat.ini, Index.dat, Data0000.dat and those that follow."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mirax_spec import Associated, MiraxSpec

VERSION = b"01.02"
SCAN_DATA: dict[Associated, tuple[str, str]] = {
    "macro": ("ScanDataLayer_SlideThumbnail", "THUMBNAIL_IMAGE_TYPE"),
    "label": ("ScanDataLayer_SlideBarcode", "BARCODE_IMAGE_TYPE"),
    "thumbnail": ("ScanDataLayer_SlidePreview", "PREVIEW_IMAGE_TYPE"),
}
POSITION_LAYER = {"plain": "VIMSLIDE_POSITION_BUFFER", "zlib": "StitchingIntensityLayer"}

Section = list[tuple[str, object]]


@dataclass(frozen=True)
class Part:
    """Some bytes of one data file."""

    file_number: int
    offset: int
    length: int


@dataclass(frozen=True)
class StoredImage:
    """One image of one level; `x`, `y` counted in level-0 images, from the slide's corner."""

    level: int
    index: int
    x: int
    y: int
    file_number: int
    offset: int
    length: int


class DataFiles:
    """The data files while they are written: all open, each appended to."""

    def __init__(self, folder: Path, slide_id: str, count: int) -> None:
        self.paths = [folder / f"Data{number:04}.dat" for number in range(count)]
        self._header = VERSION + slide_id.encode()

    def __enter__(self) -> DataFiles:
        self._stack = ExitStack()
        self._files: list[BinaryIO] = [
            self._stack.enter_context(path.open("wb")) for path in self.paths
        ]
        for file in self._files:
            file.write(self._header)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def append(self, file_number: int, data: bytes) -> Part:
        """Write `data` at a file's end."""
        file = self._files[file_number]
        part = Part(file_number, file.tell(), len(data))
        file.write(data)
        return part


def position_buffer(spec: MiraxSpec) -> bytes:
    """Nine bytes a camera picture: a flag, x and y in level-0 px; never scanned: x = y = 0."""
    records = np.zeros(spec.scanned_pictures.shape, [("flag", "u1"), ("x", "<i4"), ("y", "<i4")])
    records["flag"] = spec.scanned_pictures
    records["x"], records["y"] = np.moveaxis(spec.locations * records["flag"][..., None], 2, 0)
    data = records.tobytes()
    return zlib.compress(data) if spec.positions == "zlib" else data


def slidedat(spec: MiraxSpec) -> bytes:
    """Slidedat.ini as a scanner writes it: with a byte order mark, and carriage returns."""
    lines: list[str] = []
    for name, keys in _sections(spec):
        lines += [f"[{name}]", *(f"{key}={value}" for key, value in keys)]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8-sig")


def index(spec: MiraxSpec, images: Sequence[StoredImage], others: Sequence[Part]) -> bytes:
    """Index.dat: two tables of records, those of the images and those of all the rest."""
    start = len(VERSION) + len(spec.slide_id) + 8
    by_level: dict[int, list[StoredImage]] = {level: [] for level in range(spec.levels)}
    for image in sorted(images, key=lambda image: (image.level, image.index)):
        by_level[image.level].append(image)
    # Filter and focus levels have records of their own; here they name no images.
    by_level |= {spec.levels + i: [] for i in range(len(spec.filters) + len(spec.focus_levels))}
    levels = _table(start, [list(_pages(group, spec.page_length)) for group in by_level.values()])
    records = [[(1, (0, 0, p.offset, p.length, p.file_number))] for p in others]
    rest = _table(start + len(levels), records)
    roots = struct.pack("<2i", start, start + len(levels))
    return VERSION + spec.slide_id.encode() + roots + levels + rest


Page = tuple[int, tuple[int, ...]]  # how many entries; their numbers


def _pages(images: Sequence[StoredImage], length: int) -> Iterator[Page]:
    for first in range(0, max(len(images), 1), length):
        page = images[first : first + length]
        yield (
            len(page),
            tuple(
                number
                for image in page
                for number in (image.index, image.offset, image.length, image.file_number)
            ),
        )


def _table(start: int, records: Iterable[Sequence[Page]]) -> bytes:
    """Offsets of the records, then the records: 0, offset of the first page, the pages."""
    groups = list(records)
    offsets: list[int] = []
    numbers: list[int] = []
    place = start + 4 * len(groups)
    for pages in groups:
        offsets.append(place)
        numbers += [0, place + 8]
        place += 8
        for number, (count, entries) in enumerate(pages, 1):
            place += 8 + 4 * len(entries)
            numbers += [count, place if number < len(pages) else 0, *entries]
    return struct.pack(f"<{len(offsets) + len(numbers)}i", *offsets, *numbers)


def _sections(spec: MiraxSpec) -> Iterator[tuple[str, Section]]:
    yield "GENERAL", _general(spec)
    layers = _layers(spec)
    hierarchies = _hierarchies(spec)
    keys: Section = [("INDEXFILE", "Index.dat"), ("HIER_COUNT", len(hierarchies))]
    keys += _named("HIER", "LAYER", hierarchies)
    keys += [("NONHIER_COUNT", len(layers)), *_named("NONHIER", "NONHIERLAYER", layers)]
    yield "HIERARCHICAL", keys
    files: Section = [(f"FILE_{i}", f"Data{i:04}.dat") for i in range(spec.data_files)]
    yield "DATAFILE", [("FILE_COUNT", spec.data_files), *files]
    for level in range(spec.levels):
        yield f"LAYER_0_LEVEL_{level}_SECTION", _level(spec, level)
    for number, (name, values) in enumerate(list(hierarchies.items())[1:], 1):
        for level, value in enumerate(values):
            key = "FILTER_NAME" if name == "Slide filter level" else "FOCUS_NAME"
            yield f"LAYER_{number}_LEVEL_{level}_SECTION", [(key, value)]
    for number, (name, values) in enumerate(layers.items()):
        for level in range(len(values)):
            keys = []
            if name == "Scan data layer":
                keys = [(SCAN_DATA[spec.associated[level]][1], "JPEG")]
            yield f"NONHIERLAYER_{number}_LEVEL_{level}_SECTION", keys


def _general(spec: MiraxSpec) -> Section:
    keys: Section = [
        ("SLIDE_VERSION", VERSION.decode()),
        ("SLIDE_ID", spec.slide_id),
        ("IMAGENUMBER_X", spec.images[0]),
        ("IMAGENUMBER_Y", spec.images[1]),
        ("CameraImageDivisionsPerSide", spec.divisions),
        ("CURRENT_SLIDE_VERSION", "1.9"),
        ("SLIDE_TYPE", "SLIDE_TYPE_FLUORESCENCE" if spec.filters else "SLIDE_TYPE_BRIGHTFIELD"),
    ]
    if spec.objective is not None:
        keys.append(("OBJECTIVE_MAGNIFICATION", spec.objective))
    return [*keys, *spec.general]


def _hierarchies(spec: MiraxSpec) -> dict[str, list[str]]:
    hierarchies = {"Slide zoom level": [f"ZoomLevel_{i}" for i in range(spec.levels)]}
    if spec.filters:
        hierarchies["Slide filter level"] = [f"FilterLevel_{i}" for i in range(len(spec.filters))]
    if spec.focus_levels:
        hierarchies["Microscope focus level"] = list(spec.focus_levels)
    return hierarchies


def _layers(spec: MiraxSpec) -> dict[str, list[str]]:
    layers: dict[str, list[str]] = {}
    if spec.associated:
        layers["Scan data layer"] = [SCAN_DATA[name][0] for name in spec.associated]
    if spec.positions != "absent":
        layers[POSITION_LAYER[spec.positions]] = ["default"]
    return layers


def _named(prefix: str, section: str, groups: Mapping[str, Sequence[str]]) -> Section:
    keys: Section = []
    for number, (name, values) in enumerate(groups.items()):
        key = f"{prefix}_{number}"
        keys += [(f"{key}_NAME", name), (f"{key}_COUNT", len(values))]
        for level, value in enumerate(values):
            keys.append((f"{key}_VAL_{level}", value))
            keys.append((f"{key}_VAL_{level}_SECTION", f"{section}_{number}_LEVEL_{level}_SECTION"))
    return keys


def _level(spec: MiraxSpec, level: int) -> Section:
    red, green, blue = spec.fill_color
    keys: Section = [
        ("OVERLAP_X", spec.overlap_x / 2**level),
        ("OVERLAP_Y", spec.overlap_y / 2**level),
        ("IMAGE_FORMAT", spec.image_format),
        ("IMAGE_FILL_COLOR_BGR", red | green << 8 | blue << 16),
        ("DIGITIZER_WIDTH", spec.image_width),
        ("DIGITIZER_HEIGHT", spec.image_height),
        ("IMAGE_CONCAT_FACTOR", min(level, 1)),
    ]
    for axis, mpp in zip("XY", spec.mpp, strict=True):
        if mpp is not None:
            keys.append((f"MICROMETER_PER_PIXEL_{axis}", _coarser(mpp, level)))
    return keys


def _coarser(mpp: float | str, level: int) -> float | str:
    """A level's own mpp; a text stays as it is, for it may be no number at all."""
    return mpp if isinstance(mpp, str) else mpp * 2**level
