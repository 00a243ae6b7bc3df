"""Slidedat.ini of a MIRAX slide: what it says of where the pixels are.

The same checks as OpenSlide's own are made, so that what is accepted here OpenSlide opens
too. Everything else in the file (names, dates, barcodes) is left where it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mrxs_tiles.errors import RefusedSlideError, SlideError, UnsupportedSlideError
from mrxs_tiles.mirax.ini import INI_NAME, Ini, read_ini
from mrxs_tiles.mirax.named_files import Odd, first_odd, target_of
from mrxs_tiles.system.names import has_root

IMAGE_FORMATS = ("JPEG", "PNG", "BMP24")  # what OpenSlide decodes
# What scanners and converters can write, and it does not decode.
# fmt: off
OTHER_FORMATS = frozenset((
    "JPEGXR", "JXR", "HDP", "WDP", "HDPHOTO", "JPEG2000", "JPEG2K", "JP2", "J2K", "JPX",
    "JPEGLS", "JLS", "JPEG12", "JPEG16", "JPEGXL", "JXL", "WEBP", "TIFF", "TIF", "GIF", "RAW",
    "BMP", "BMP8", "BMP16", "BMP32", "BMP48", "PNG16", "AVIF", "HEIC", "H264", "H265", "HEVC",
))
# fmt: on
MPP_KEYS = ("MICROMETER_PER_PIXEL_X", "MICROMETER_PER_PIXEL_Y")
FILES_MAX = 1 << 16
IMAGE_MAX_PX = 1 << 24  # two hundred times what is seen; OpenSlide allocates it unchecked


@dataclass(frozen=True, slots=True)
class Level:
    """One zoom level as its section of Slidedat.ini describes it.

    ``concat`` is how many level-0 images (each way) one image of this level joins;
    ``image_width`` and ``image_height`` are px of a stored image.
    """

    concat: int
    image_width: int
    image_height: int
    image_format: str
    overlap_x: float
    overlap_y: float


@dataclass(frozen=True, slots=True)
class Slidedat:
    """The fields of Slidedat.ini that say where the pixels are."""

    slide_id: str
    version: str
    slide_type: str | None
    index_name: str
    images_x: int
    images_y: int
    divisions: int
    levels: tuple[Level, ...]
    data_files: tuple[str, ...]
    position_record: int | None
    positions_compressed: bool
    partly_shown: tuple[str, ...]
    unscaled: tuple[str, ...]  # sections of levels without a MICROMETER_PER_PIXEL
    mpp_x: float  # of level 0, as it stands there; 0 and less: not known
    mpp_y: float
    objective: str | None

    @property
    def positions_x(self) -> int:
        """Camera pictures side by side."""
        return self.images_x // self.divisions

    @property
    def positions_y(self) -> int:
        """Camera pictures below each other."""
        return self.images_y // self.divisions


def read_slidedat(folder: Path) -> Slidedat:
    """Read a slide's Slidedat.ini.

    Raises:
        RefusedSlideError: a file that it names is not to be opened.
        SlideError: a field is missing or OpenSlide would refuse it; says which.
    """
    ini = read_ini(folder)
    _check_files(folder, ini.files())
    general = "GENERAL"
    divisions = 1  # OpenSlide's own default for old slides
    if ini.optional(general, "CameraImageDivisionsPerSide") is not None:
        divisions = ini.whole(general, "CameraImageDivisionsPerSide", 1)
    zoom = ini.text("HIERARCHICAL", "HIER_0_NAME")
    if zoom != "Slide zoom level":
        raise SlideError(f"{INI_NAME} says HIER_0_NAME={zoom[:40]}, not 'Slide zoom level'")
    record, compressed = _position_record(ini)
    levels = _levels(ini)
    base = ini.text("HIERARCHICAL", "HIER_0_VAL_0_SECTION")
    return Slidedat(
        slide_id=ini.text(general, "SLIDE_ID"),
        version=ini.optional(general, "SLIDE_VERSION") or "",
        slide_type=_slide_type(ini.optional(general, "SLIDE_TYPE")),
        index_name=_inside(ini.text("HIERARCHICAL", "INDEXFILE"), "INDEXFILE"),
        images_x=ini.whole(general, "IMAGENUMBER_X", 1),
        images_y=ini.whole(general, "IMAGENUMBER_Y", 1),
        divisions=divisions,
        levels=levels,
        data_files=_data_files(ini),
        position_record=record,
        positions_compressed=compressed,
        partly_shown=_partly_shown(ini),
        unscaled=_unscaled(ini, len(levels)),
        mpp_x=ini.scale(base, MPP_KEYS[0]),
        mpp_y=ini.scale(base, MPP_KEYS[1]),
        objective=ini.optional(general, "OBJECTIVE_MAGNIFICATION"),
    )


def _check_files(folder: Path, keys: dict[str, str]) -> None:
    """Raise before anything else is looked at: OpenSlide might open what we do not understand."""
    odd = first_odd(folder, keys)
    if odd is None:
        return
    name, why = odd
    if why is Odd.NO_FILE:
        raise RefusedSlideError(f"{name[:40]} is neither a file nor a folder")
    if has_root(name):  # not shown: a path of some machine must not reach the results
        raise RefusedSlideError(f"{INI_NAME} names an absolute path in {keys[name]}")
    if why is Odd.OUTSIDE or "/" in name or name == "..":
        raise RefusedSlideError(
            f"{INI_NAME} says {keys[name]}={name[:40]}, not a file of the slide's folder"
        )
    raise RefusedSlideError(
        f"{name[:40]} is a link to {target_of(folder, name)[:200]}, which lies neither below the "
        "slide's own folder or the one that slides names, nor in a store of git-annex or DVC"
    )


def _slide_type(value: str | None) -> str | None:
    # A free text field could hold a name; only the scanner's own constants are passed on.
    if value is not None and value.startswith("SLIDE_TYPE_") and value.isascii():
        return value if value.replace("_", "").isalnum() else None
    return None


def _inside(name: str, key: str) -> str:
    if not name or name in (".", "..") or any(sep in name for sep in "/\\\0"):
        raise SlideError(f"{INI_NAME} says {key}={name[:40]}, not a file of the slide's folder")
    return name


def _levels(ini: Ini) -> tuple[Level, ...]:
    levels = []
    exponent = 0
    for number in range(ini.whole("HIERARCHICAL", "HIER_0_COUNT", 1, 64)):
        section = ini.text("HIERARCHICAL", f"HIER_0_VAL_{number}_SECTION")
        exponent += ini.whole(section, "IMAGE_CONCAT_FACTOR", min(number, 1), 30)
        if exponent > 30:
            raise SlideError(f"{INI_NAME} joins 2^{exponent} images at level {number}")
        image_format = ini.text(section, "IMAGE_FORMAT")
        if re.sub("[ _.-]", "", image_format.upper()) in OTHER_FORMATS:
            raise UnsupportedSlideError(
                f"its images are {image_format} (IMAGE_FORMAT in {INI_NAME})"
            )
        if image_format not in IMAGE_FORMATS:
            raise SlideError(
                f"{INI_NAME} says IMAGE_FORMAT={image_format[:40]} in [{section}]; "
                f"OpenSlide reads {', '.join(IMAGE_FORMATS)}"
            )
        for key in MPP_KEYS:
            ini.scale(section, key)
        ini.whole(section, "IMAGE_FILL_COLOR_BGR", -(2**31))
        levels.append(
            Level(
                concat=1 << exponent,
                image_width=ini.whole(section, "DIGITIZER_WIDTH", 1, 65535),
                image_height=ini.whole(section, "DIGITIZER_HEIGHT", 1, 65535),
                image_format=image_format,
                overlap_x=ini.real(section, "OVERLAP_X"),
                overlap_y=ini.real(section, "OVERLAP_Y"),
            )
        )
        _check_size(levels[-1], number)
    return tuple(levels)


def _unscaled(ini: Ini, levels: int) -> tuple[str, ...]:
    sections = (ini.text("HIERARCHICAL", f"HIER_0_VAL_{n}_SECTION") for n in range(levels))
    return tuple(
        section
        for section in sections
        if any(ini.optional(section, key) is None for key in MPP_KEYS)
    )


def _check_size(level: Level, number: int) -> None:
    if level.image_width * level.image_height > IMAGE_MAX_PX:
        raise RefusedSlideError(
            f"{INI_NAME} says that images of level {number} are "
            f"{level.image_width} x {level.image_height} px"
        )


def _data_files(ini: Ini) -> tuple[str, ...]:
    count = ini.whole("DATAFILE", "FILE_COUNT", 1, FILES_MAX)
    return tuple(_inside(ini.text("DATAFILE", f"FILE_{i}"), f"FILE_{i}") for i in range(count))


def _position_record(ini: Ini) -> tuple[int | None, bool]:
    """The number of the record with the camera positions, and whether it is compressed."""
    records: dict[str, int] = {}
    offset = 0
    for number in range(ini.whole("HIERARCHICAL", "NONHIER_COUNT", 0, 4096)):
        records.setdefault(ini.text("HIERARCHICAL", f"NONHIER_{number}_NAME"), offset)
        offset += ini.whole("HIERARCHICAL", f"NONHIER_{number}_COUNT", 1)
    if "VIMSLIDE_POSITION_BUFFER" in records:
        return records["VIMSLIDE_POSITION_BUFFER"], False
    if "StitchingIntensityLayer" in records:
        return records["StitchingIntensityLayer"], True
    return None, False


def _partly_shown(ini: Ini) -> tuple[str, ...]:
    """A sentence for each further hierarchy with several values: only its first is shown."""
    sentences = []
    for number in range(1, ini.whole("HIERARCHICAL", "HIER_COUNT", 1, 4096)):
        name = ini.optional("HIERARCHICAL", f"HIER_{number}_NAME") or ""
        count = ini.optional("HIERARCHICAL", f"HIER_{number}_COUNT") or ""
        if not re.fullmatch("[0-9]{1,9}", count) or int(count) < 2:
            continue
        kind = {
            "Slide filter level": "fluorescence filter levels",
            "Microscope focus level": "focus levels (a z-stack)",
            "Slide mask level": "mask levels",
        }.get(name, "values in a further hierarchy")
        sentences.append(
            f"the slide has {int(count)} {kind}; OpenSlide shows the first only, as plain colour"
        )
    return tuple(sentences)
