"""JSON value by value: a file of half a gigabyte is never held whole."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from mrxs_tiles.annotations.drawing import NotUsableError
from mrxs_tiles.annotations.packed import Read

CHUNK = 1 << 21  # bytes read at once
MOST_VALUE = 1 << 28  # characters of one value, which takes ten times as much memory
LATE = 1000  # an error so near to the end may be the end itself, where a value is cut in two

_BLANK = re.compile(r"[ \t\n\r\x1e]*")  # \x1e stands before each value of a JSON text sequence
_decode = json.JSONDecoder().raw_decode


class JsonStream:
    """The values of a JSON text, one after the other."""

    def __init__(self, read: Read, start: bytes = b"") -> None:
        """Take what reads the next bytes, and those that were read already."""
        encoding = "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._read, self._start = read, start
        self._text, self._place, self._lines = "", 0, 1
        self._ended = False

    def peek(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            found = _BLANK.match(self._text, self._place)
            self._place = found.end() if found else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more(CHUNK):
                return ""

    def take(self, char: str) -> None:
        """Go past a character that must stand here.

        Raises:
            NotUsableError: another one stands here.
        """
        if self.peek() != char:
            raise self._odd(self._place)
        self._place += 1

    def value(self) -> Any:
        """The next value.

        Raises:
            NotUsableError: there is none, or it is too large.
        """
        self.peek()
        while True:
            try:
                value, end = _decode(self._text, self._place)
            except json.JSONDecodeError as error:
                early = error.pos < len(self._text) - LATE
                if early and not error.msg.startswith("Unterminated string"):
                    raise self._odd(error.pos) from None
                if not self._more(max(CHUNK, len(self._text) - self._place)):
                    raise self._odd(error.pos) from None
                continue
            except (ValueError, RecursionError):  # a number of 5,000 digits, brackets in brackets
                raise self._odd(self._place) from None
            # a number may go on in what is not yet read
            is_whole = not isinstance(value, int | float) or end < len(self._text) - LATE
            length = end - self._place  # reading on moves the place
            if is_whole or not self._more(CHUNK):
                self._place += length
                return value

    def _more(self, size: int) -> bool:
        """Read on; False at the end."""
        if self._ended:
            return False
        if len(self._text) - self._place > MOST_VALUE:
            raise NotUsableError(f"holds one value of more than {MOST_VALUE >> 20} MB")
        content = self._start or self._read(size)
        self._start, self._ended = b"", not content
        try:
            text = self._decoder.decode(content, final=self._ended)
        except UnicodeDecodeError:
            raise NotUsableError("is not text in UTF-8") from None
        if not self._lines or not self._text:
            text = text.removeprefix("\ufeff")
        self._lines += self._text.count("\n", 0, self._place)
        self._text, self._place = self._text[self._place :] + text, 0
        return not self._ended

    def _odd(self, place: int) -> NotUsableError:
        line = self._lines + self._text.count("\n", 0, place)
        return NotUsableError(f"is no JSON: line {line} is odd")
