"""What was typed after ``--config``, against what Snakemake makes of it.

Snakemake reads such a value as a number, or else as YAML: ``slides=../study #2`` becomes
``../study``, ``results=007`` the number 7, ``slides=[x]`` a list. What is a text to us is taken as
it was typed, and so is a list of texts: ``schema`` splits ``Necrosis #old,Fold`` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mrxs_tiles.config.schema import load_schema, plain
from mrxs_tiles.config.together import SCALES
from mrxs_tiles.errors import shown
from mrxs_tiles.wording import types

QUOTES = "'\""


def as_typed(
    config: Mapping[str, object], parsed: Mapping[str, object], typed: Iterable[str]
) -> dict[str, object]:
    """Return the config, its texts as they were typed.

    Args:
        config: what the workflow was given: files and command line, merged.
        parsed: what Snakemake has made of the command line.
        typed: the same command line, ``key=value`` each, as it was typed; of a key that is there
            several times the last counts.
    """
    values = dict(config)
    texts, lists = text_keys(), list_keys()
    for key, text in dict(entry.split("=", 1) for entry in typed if "=" in entry).items():
        if not _is_from(parsed, key, values) or parsed[key] is None:
            continue
        # what stands in brackets is a list to both
        if key in texts or (key in lists and not text.lstrip().startswith("[")):
            values[key] = unquoted(text)
    return values


def with_typed_scale(
    config: Mapping[str, object], typed: Mapping[str, object]
) -> tuple[dict[str, object], list[str]]:
    """Return the config without the scales that a typed one replaces, and what is said of them.

    Args:
        config: files and command line, merged.
        typed: what was typed, a value for each key.
    """
    asked = [
        key for key in SCALES if _is_from(typed, key, config) and plain(key, typed[key]) is not None
    ]
    if not asked:
        return dict(config), []
    none = {key: load_schema("config")[key]["default"] for key in SCALES if key not in typed}
    replaced = [key for key in none if plain(key, config.get(key, none[key])) != none[key]]
    notes = [
        f"{asked[0]} is {_short(config[asked[0]])} as typed, so {key} {_short(config[key])} of the "
        "config does not count."
        for key in replaced
    ]
    return dict(config) | none, notes


def text_keys() -> list[str]:
    """The keys that hold any text: paths, a region, a colour."""
    return [
        key
        for key, rules in load_schema("config").items()
        if "string" in types(rules) and "enum" not in rules
    ]


def list_keys() -> list[str]:
    """The keys that hold a list of texts: classes, columns, exports."""
    return [key for key, rules in load_schema("config").items() if "array" in types(rules)]


def unquoted(text: str) -> str:
    """A text without the quotation marks around it, of which a shell takes one pair only."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
        return text[1:-1]
    return text


def _is_from(parsed: Mapping[str, object], key: str, config: Mapping[str, object]) -> bool:
    """Whether a key's value is the command line's: a module's own config need not be."""
    return key in parsed and key in config and _same(config[key], parsed[key])


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else shown(value)


def _same(one: object, other: object) -> bool:
    return repr(one) == repr(other)  # nan is not equal to itself
