"""What a wrong value's sentence says: what was found, and what to write.

The rules of a key are its properties in ``schemas/config.schema.yaml``.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from mrxs_tiles.errors import shown


def wrong_value(
    subject: str, key: str, rules: Mapping[str, Any], value: object, typed: bool = True
) -> str:
    """Return the sentence on a wrong value: what was found and what to write.

    Args:
        subject: what the sentence calls the key: an option, a sheet's cell.
        key: its name in the config.
        rules: its schema.
        value: what was found.
        typed: the value came from YAML, where 512 and "512" differ.
    """
    hint, default = "", f" (the default is {literal(rules['default'])})"
    numeric = {"integer", "number"} & set(types(rules))
    if typed and isinstance(value, str) and numeric and is_number(value):
        hint = ", without quotes"
    elif "number" in types(rules) and _has_decimal_comma(value):
        hint = f", with a point, as in {str(value).replace(',', '.')}"
    elif "pattern" in rules and not isinstance(value, str | list | Mapping | None):
        hint = f', as in {key}: "1e5" in config.yaml or --config {key}=./1e5'  # it drops quotes
    there = found(value, typed)
    if "array" in types(rules) and isinstance(value, list):
        there += f" of {', '.join(found(part, False) for part in value[:6])}"
    return f"{subject} is {there}: write {allowed(rules)}{hint}{default}."


def _has_decimal_comma(value: object) -> bool:
    return isinstance(value, str) and "," in value and is_number(value.replace(",", "."))


def is_number(text: str) -> bool:
    """Whether a text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def allowed(rules: Mapping[str, Any]) -> str:
    """Return in words what a key may be."""
    if "allowed" in rules:
        return str(rules["allowed"])
    if "boolean" in types(rules):
        return "true or false"
    if "enum" in rules:
        names = [str(name) for name in rules["enum"]]
        if len(names) > 6:
            names = [*names[:4], "...", names[-1]]
        return f"{', '.join(names[:-1])} or {names[-1]}"
    unit = f" of {rules['unit']}" if "unit" in rules else ""
    return f"a whole number{unit} from {rules['minimum']} to {rules['maximum']}"


def literal(value: object) -> str:
    """Return a value as YAML writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def found(value: object, typed: bool = True) -> str:
    """Return in words what stood where something else is needed."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, str):
        text = shown(value if len(value) <= 100 else f"{value[:100]}...")
        return f"the text {text}" if typed else text
    if isinstance(value, bool):
        return literal(value)
    if isinstance(value, int | float):
        # Python refuses to print whole numbers of more than 4,300 digits.
        huge = isinstance(value, int) and abs(value) >= 10**30
        return "a number of more than 30 digits" if huge else f"the number {value}"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"


def unknown_name(name: object, known: Iterable[str]) -> str:
    """Return the end of a sentence on an unknown key or column: what may have been meant."""
    names = list(known)
    close = close_name(name, names)
    return f"did you mean {close}?" if close else f"remove it; known are {', '.join(names)}."


def close_name(name: object, known: Iterable[str]) -> str:
    """Return the known name that may have been meant, else an empty text."""
    text = str(name).strip().lower().replace("-", "_").replace(" ", "_")
    return next(iter(difflib.get_close_matches(text, list(known), n=1, cutoff=0.75)), "")


def types(rules: Mapping[str, Any]) -> list[str]:
    """Return the types that a key may have."""
    named = rules["type"]
    return [named] if isinstance(named, str) else named


ALIKE = "only in spelling (case, blanks, dashes, Unicode form, 7 and 7.0)"
_NUMBER = re.compile(r"[-+]?0*([0-9]+)(?:\.([0-9]*))?")


def spelled_alike(names: Iterable[str]) -> list[list[str]]:
    """Those names that differ from each other only in ways that a reader hardly sees, together."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_spoken(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def usual_spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Of names that are spelled alike, for each but the commonest that one.

    Args:
        counts: how often each name stands.
    """
    return {
        name: usual
        for alike in spelled_alike(counts)
        for usual in [max(alike, key=counts.__getitem__)]
        for name in alike
        if name != usual
    }


def _spoken(name: str) -> str:
    """A name as it is read out: no case, one sort of dash and blank, 7.0 and 007 as 7."""
    text = unicodedata.normalize("NFKC", name).casefold()
    kinds = ((letter, unicodedata.category(letter)) for letter in text)
    text = "".join("-" if kind == "Pd" else letter for letter, kind in kinds if kind != "Cf")
    text = " ".join(text.split())
    if number := _NUMBER.fullmatch(text.replace(",", ".")):
        whole, part = number[1], number[2] or ""
        sign = "-" if text.startswith("-") else ""
        # 1.1 and 1.10 are two blocks of a case
        return sign + (f"{whole}.{part}" if part.strip("0") else whole)
    return text
