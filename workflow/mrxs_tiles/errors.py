"""The tree of errors: everything that is the user's to mend, told in whole sentences."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence


class MrxsTilesError(Exception):
    """Base of all errors of this package; ``str(error)`` is what the user is told."""


class ConfigError(MrxsTilesError, ValueError):
    """The config, the slide sheet or the command line is wrong; carries all faults at once."""

    def __init__(self, *faults: str) -> None:
        """Take one sentence for each fault."""
        super().__init__(*faults)

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults, a sentence each."""
        return self.args

    def __str__(self) -> str:
        """Return the faults, one line each."""
        return "\n".join(self.args)


class SlideError(MrxsTilesError, OSError):
    """A slide cannot be opened or read."""

    def __init__(self, sentence: str) -> None:
        """Take the whole sentence: which slide, what was found, what to do."""
        super().__init__(printable(sentence))  # it may quote a damaged file


class PassingError(SlideError):
    """A slide cannot be read for a reason that may pass; the next run tries it again."""


# The system's answers that stay the same until somebody changes the slide.
_CERTAIN = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}
)


def not_given(sentence: str, error: OSError) -> SlideError:
    """What is said of a file that the system does not give: it may do so in a minute."""
    return SlideError(sentence) if error.errno in _CERTAIN else PassingError(sentence)


class RefusedSlideError(SlideError):
    """A slide that not even OpenSlide may try: it would hang, be killed, or read other files."""


class UnsupportedSlideError(RefusedSlideError):
    """A slide that is sound, but of a kind that OpenSlide cannot read."""


class StoredImageError(SlideError):
    """An image that is stored in the slide is damaged: certain, and no need to try again."""

    def __init__(self, image: int, sentence: str) -> None:
        """Take the image's row in the index, and the whole sentence."""
        super().__init__(sentence)
        self.image = image


def bare(error: SlideError) -> SlideError:
    """The error alone, to be kept: what it was raised from would keep pixels and handles alive."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def printable(text: str) -> str:
    r"""Return text as one line of valid UTF-8: what cannot be printed as ``\n``, ``\xff``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def shown(text: object) -> str:
    """Return text in double quotes, fit for a sentence of one line."""
    return f'"{printable(str(text))}"'


def some_of(names: Sequence[str], most: int, say: Callable[[str], str] = printable) -> str:
    """Names in a sentence, at most so many: A, B and 3 more."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(say, names[:most])) + more


def as_size(byte_count: float | None) -> str:
    """A size in the unit that suits it."""
    if byte_count is None:
        return ""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if byte_count >= one:
            return f"{byte_count / one:.3g} {unit}"
    return f"{byte_count:.0f} bytes"


def _escape(char: str) -> str:
    # Python stands U+DC80 to U+DCFF for the bytes of a file name that are not UTF-8.
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


class ResultsError(MrxsTilesError, OSError):
    """The results cannot be written, or those of an earlier step are not there."""

    def __init__(self, sentence: str) -> None:
        """Take the whole sentence: which file or folder, what was found, what to do."""
        super().__init__(sentence)


class StageError(MrxsTilesError, OSError):
    """A slide cannot be copied to where ``stage`` says; the slide is not to blame."""

    def __init__(self, sentence: str) -> None:
        """Take the whole sentence: which slide and folder, what was found, what to do."""
        super().__init__(printable(sentence))
