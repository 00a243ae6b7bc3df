"""A workbook's number format -> the number as it is seen, as far as a name may hang on it.

The format's language: ECMA-376 part 1, 18.8.31. Thousands, rounding and percent are not written
out: what counts there is the number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIGNS = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|.', re.DOTALL)
_PARTS = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|\[[^\]]*\]|[_*].|(?P<whole>General|@)|(?P<digit>[0#?])|(?P<number>[.,%]|/|E[+-])"
    r"|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"\[[<>=]")
_SCALED = re.compile(r"[0#?],+(?![0#?,])")  # a thousandth, or less, is shown
_LITERALS = ("quoted", "escaped", "currency", "plain")


def as_seen(value: float, number_format: str) -> str | None:
    """Return a number as a cell of that format shows it; None: not at all, or who knows how.

    Literals are there, with the digits beside them; else leading zeros of a whole number.
    """
    if number_format in ("General", ""):
        return repr(value)
    bare = re.sub(r'"[^"]*"|\\.', "", number_format)
    if _CONDITION.search(bare) or _SCALED.search(bare):
        return None
    section, sign = _section(value, number_format)
    parts = [
        (match.lastgroup, match[match.lastgroup])
        for match in _PARTS.finditer(section)
        if match.lastgroup
    ]
    if not parts:
        return None
    kinds = {kind for kind, _ in parts}
    is_named = any(kind in _LITERALS and text.strip() for kind, text in parts)
    is_whole = "digit" in kinds and not {"whole", "number"} & kinds
    if is_whole and (isinstance(value, int) or is_named):
        return sign + _digits(abs(value if isinstance(value, int) else round(value)), parts)
    return sign + _around(_number(abs(value), parts) if is_named else repr(abs(value)), parts)


def _section(value: float, number_format: str) -> tuple[str, str]:
    """The part of a format that a number goes by, and what stands before it."""
    sections = [""]
    for sign in _SIGNS.findall(number_format):
        if sign == ";":
            sections.append("")
        else:
            sections[-1] += sign
    at = 1 if value < 0 else 2 if value == 0 else 0
    if at < len(sections):
        return sections[at], ""  # which says itself what stands before
    return sections[0], "-" if value < 0 else ""


def _number(value: float, parts: Sequence[tuple[str, str]]) -> str:
    """The number with as many places as the format has, where it has no more than those."""
    core = "".join(text for kind, text in parts if kind not in _LITERALS)
    if not re.fullmatch(r"0+\.0+", core):
        return repr(value)
    return f"{value:0{len(core)}.{len(core.split('.')[1])}f}"


def _digits(value: int, parts: Sequence[tuple[str, str]]) -> str:
    """The digits in their places from the right, the first place with all that are left."""
    places = [at for at, (kind, _) in enumerate(parts) if kind == "digit"]
    left = "" if value == 0 else str(value)
    seen: list[str] = []
    for at in range(len(parts) - 1, -1, -1):
        kind, text = parts[at]
        if kind != "digit":
            seen.append(text)
        elif at == places[0]:
            seen.append(left or {"0": "0", "?": " "}.get(text, ""))
        else:
            seen.append(left[-1:] or {"0": "0", "?": " "}.get(text, ""))
            left = left[:-1]
    return "".join(reversed(seen))


def _around(number: str, parts: Sequence[tuple[str, str]]) -> str:
    """The number, with what stands before and behind its places."""
    places = [at for at, (kind, _) in enumerate(parts) if kind not in _LITERALS]
    if not places:
        return "".join(text for _, text in parts)
    before = "".join(text for _, text in parts[: places[0]])
    return before + number + "".join(text for _, text in parts[places[-1] + 1 :])
