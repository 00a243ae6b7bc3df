"""One cell of a sheet -> a value: what spreadsheets write for numbers, yes and no, and nothing."""

from __future__ import annotations

import re

from mrxs_tiles.config.schema import is_valid, plain, rules_of
from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.wording import types, wrong_value

DECIMAL = re.compile(r"[-+]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,2})?|[-+]?\.[0-9]{1,30}")
# One comma and not three digits behind it: 1,000 may be a thousand.
COMMA = re.compile(r"[-+]?(?:0,[0-9]{1,30}|[0-9]{1,30},(?:[0-9]{1,2}|[0-9]{4,30}))")
THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}\.000")  # as much of the world writes 3,000
NOTHING = frozenset(("na", "n/a", "#n/a", "#na", "nan", "<na>", "none"))  # R, pandas, Excel, Python
# As Excel of other languages saves them.
# fmt: off
YES = frozenset((
    "true", "yes", "1", "wahr", "vrai", "vero", "verdadero", "verdadeiro", "waar", "prawda",
    "igaz", "sand", "sann",
))
# fmt: on
NO = frozenset(
    ["false", "no", "0", "falsch", "faux", "falso", "onwaar", "fałsz", "hamis", "falsk", "falskt"]
)


def is_nothing(key: str, text: str) -> bool:
    """Whether a cell says that there is no value: then the config's holds."""
    return not text or (text.lower() in NOTHING and text not in rules_of(key).get("enum", ()))


def from_cell(key: str, text: str, subject: str) -> object:
    """Return a cell's text as a value of a key.

    Args:
        key: the key of the config that the column names.
        text: the cell, not empty, without blanks around it.
        subject: what a sentence calls it.

    Raises:
        ConfigError: the text is not a value of that key, or may mean two.
    """
    rules = rules_of(key)
    value = plain(key, text)
    kinds = set(types(rules))
    if {"integer", "number"} & kinds and isinstance(value, str):
        whole = "number" not in kinds
        if whole and THOUSANDS.fullmatch(value):
            raise ConfigError(
                f"{subject} is {shown(value)}, which may be a thousand: write "
                f"{value.replace('.', '')} or {value.removesuffix('.000')}."
            )
        value = _number(value, whole)
    elif "boolean" in kinds and (word := text.lower().removesuffix(".0")) in YES | NO:
        value = word in YES  # 1.0 is what pandas makes of a column with an empty cell
    elif "enum" in rules and isinstance(value, str) and value.lower() in rules["enum"]:
        value = value.lower()
    if not is_valid(key, value):
        raise ConfigError(wrong_value(subject, key, rules, value, typed=False))
    return value


def _number(text: str, whole: bool) -> object:
    """A text as a number, if it is one; 256.0 is whole."""
    if COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if re.fullmatch("[-+]?[0-9]{1,30}", text):
        return int(text)
    if not DECIMAL.fullmatch(text):
        return text
    if whole:
        return int(float(text)) if re.search(r"\.0*$", text) else text
    return float(text)
