"""Keys that are right alone and wrong together, or with the files that they name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mrxs_tiles.config.places import home_expanded
from mrxs_tiles.errors import shown
from mrxs_tiles.settings import Settings, rectangle

SCALES = ("downsample", "mpp", "magnification")  # only one of them counts
SAME_SCALE = 0.05  # part by which two scales may differ and mean the same
ANNOTATIONS = ("region", "labels")  # keys that name an annotation file
LARGEST = {"jpg": 65500, "webp": 16383}  # px; no side of what their libraries write is longer


def scale_faults(subject: str, scales: Mapping[str, object]) -> list[str]:
    """Return what is wrong where more than one scale is asked for."""
    if len(scales) < 2:
        return []
    asked = " and ".join(f"{key} {value:g}" for key, value in scales.items())
    return [f"{subject}{asked} are asked for, of which only one can be had: remove the others."]


def replaced_scale(settings: Settings, mpp: float | None) -> str:
    """What the config asks for, where a row's ``mpp`` asks for something else."""
    if mpp is None:
        return ""
    if settings.mpp is not None:
        near = abs(settings.mpp / mpp - 1) <= SAME_SCALE
        return "" if near else f"mpp {settings.mpp:g}"
    if settings.magnification is not None:
        return f"magnification {settings.magnification:g}"
    return "" if settings.downsample == 1 else f"downsample {settings.downsample:g}"


def conflicts(subject: str, values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong between keys that are right alone, and with files that they name."""
    return _annotation_faults(subject, values) + _size_faults(subject, values)


def _annotation_faults(subject: str, values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with region and labels, as far as their files need not be read."""
    faults = []
    region = values["region"]
    numbers = None if region is None else rectangle(region)
    if numbers is not None and min(numbers[2:]) <= 0:
        faults.append(
            f"{subject}region is {shown(region)}, whose width or height is not above 0: write "
            "x,y,width,height in level-0 px."
        )
    for key in ANNOTATIONS:
        path = values[key]
        if not is_path(key, path) or os.path.isfile(home_expanded(path)):  # noqa: PTH113 - Path.is_file() can raise
            continue
        where = shown(os.path.abspath(home_expanded(path)))
        if key == "region":
            what = "neither four numbers nor a file"
            write = "x,y,width,height in level-0 px, the path of a GeoJSON file, or null"
        else:
            what, write = "which is no file", "the path of a GeoJSON file, or null"
        faults.append(
            f"{subject}{key} is {shown(path)}, {what}, looked for at {where}: write {write}."
        )
    asked = values["region_classes"] or ()
    if both := [name for name in asked if name in values["ignore_classes"] or name.endswith("*")]:
        names = ", ".join(map(shown, both))
        faults.append(
            f"{subject}region_classes names {names}, which is ignored (as ignore_classes says, and "
            "always where a class ends in *): remove it there or here."
        )
    return faults


def is_path(key: str, value: object) -> bool:
    """Whether the value of one of ``ANNOTATIONS`` names a file."""
    return isinstance(value, str) and not (key == "region" and rectangle(value) is not None)


def _size_faults(subject: str, values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong between the sizes."""
    tile_size, overlap = values["tile_size"], values["overlap"]
    side = tile_size + 2 * overlap
    if overlap > tile_size:
        # Deep Zoom puts the second tile's corner at tile_size - overlap.
        problem = "the second tile would begin before the slide: write an overlap <= tile_size."
    elif side > (limit := LARGEST.get(values["format"], side)):
        problem = (
            f"a tile can have {side} px a side, and a {values['format']} at most {limit}: "
            "write smaller ones, or format png."
        )
    else:
        return []
    return [f"{subject}overlap is {overlap} px and tile_size {tile_size} px, so {problem}"]
