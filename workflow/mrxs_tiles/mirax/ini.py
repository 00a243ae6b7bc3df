"""Slidedat.ini of a MIRAX slide as a file: read as OpenSlide reads it, a field at a time."""

from __future__ import annotations

import configparser
import math
from pathlib import Path

from mrxs_tiles.errors import SlideError, not_given
from mrxs_tiles.mirax.absent import as_pointer

INI_NAME = "Slidedat.ini"
INI_MAX_BYTES = 1 << 20  # OpenSlide refuses a larger one


class Ini:
    """The fields of a Slidedat.ini: for one that is missing or odd a ``SlideError`` says which."""

    def __init__(self, parser: configparser.RawConfigParser) -> None:
        self._parser = parser

    def text(self, section: str, key: str) -> str:
        """A field that must be there."""
        if not self._parser.has_section(section):
            raise SlideError(f"{INI_NAME} has no section [{section}]")
        value = self._parser.get(section, key, fallback=None)
        if value is None:
            raise SlideError(f"{INI_NAME} has no {key} in [{section}]")
        return value

    def whole(self, section: str, key: str, least: int, most: int = 2**31 - 1) -> int:
        """A field that must be a whole number, of those that OpenSlide takes."""
        value = self.text(section, key)
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise SlideError(
                f"{INI_NAME} says {key}={value[:40]} in [{section}], "
                f"not a whole number from {least} to {most}"
            )
        return number

    def real(self, section: str, key: str) -> float:
        """A field that must be a number."""
        value = self.text(section, key)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not abs(number) < 2**31:
            raise SlideError(f"{INI_NAME} says {key}={value[:40]} in [{section}], not a number")
        return number

    def scale(self, section: str, key: str) -> float:
        """µm per px; 0 where it is not given."""
        return 0.0 if self.optional(section, key) is None else self.real(section, key)

    def optional(self, section: str, key: str) -> str | None:
        """A field; None: it is not there."""
        return self._parser.get(section, key, fallback=None)

    def files(self) -> dict[str, str]:
        """All files that are named, and the key that names each."""
        found = {INI_NAME: ""}
        for section, key in (("HIERARCHICAL", "INDEXFILE"), ("DATAFILE", "FILE_")):
            if self._parser.has_section(section):
                keys = self._parser.items(section)
                found |= {value: name for name, value in keys if name.startswith(key)}
        return found


def read_ini(folder: Path) -> Ini:
    """Read the Slidedat.ini of a slide's data folder.

    Raises:
        SlideError: it cannot be read, or is no such file.
    """
    path = folder / INI_NAME
    try:
        with path.open("rb") as stream:
            data = stream.read(INI_MAX_BYTES + 1)
    except OSError as error:
        raise not_given(f"{INI_NAME} cannot be read ({error.strerror})", error) from None
    if told := as_pointer(path):
        raise SlideError(told)
    if len(data) > INI_MAX_BYTES:
        raise SlideError(f"{INI_NAME} is larger than {INI_MAX_BYTES} bytes")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SlideError(f"{INI_NAME} is UTF-16, not UTF-8")
    # As GLib reads it: only '=' divides, only '#' comments, keys keep their case, a later
    # section or key of the same name adds to the earlier one.
    parser = configparser.RawConfigParser(
        strict=False, delimiters=("=",), comment_prefixes=("#",), default_section="\0"
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(data.decode("utf-8-sig", errors="replace"))
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), [None])[0]
        where = f"line {line} of {INI_NAME}" if line else INI_NAME
        raise SlideError(f"{where} is neither a [section] nor key=value") from None
    return Ini(parser)
