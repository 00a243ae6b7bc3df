"""What each key may be: the schemas, read and applied to one value.

Keys, types, defaults and limits stand in ``schemas/config.schema.yaml`` alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mrxs_tiles.clone import SCHEMAS
from mrxs_tiles.wording import types

# jsonschema, yaml and PIL are imported where they are used: every job of the workflow imports
# this module, and those three take ten times as long as the rest.
if TYPE_CHECKING:
    from jsonschema import Validator

NO_LIST = ("", "null", "none")  # written for a list: nobody's class
_SIMPLE = frozenset(
    (
        *("description", "default", "unit", "allowed", "type", "enum", "pattern"),
        *("minimum", "maximum", "exclusiveMinimum"),
    )
)


@cache
def load_schema(name: str) -> dict[str, dict[str, Any]]:
    """Return the properties of a schema, in its order.

    Raises:
        OSError: the schema's file cannot be read: the clone is not whole.
    """
    import yaml

    text = (SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is there
    schema = yaml.load(text, loader)  # noqa: S506 - both are safe loaders
    properties: dict[str, dict[str, Any]] = schema["properties"]
    return properties


def rules_of(key: str) -> dict[str, Any]:
    """Return the schema of a key of the config."""
    return load_schema("config")[key]


def plain(key: str, value: object) -> object:
    """Bring a value that has one reading only into the form that the schema describes."""
    rules = rules_of(key)
    if "array" in types(rules):
        if value is None or (isinstance(value, str) and value.strip().lower() in NO_LIST):
            return None if "null" in types(rules) else []
        return _parts(value, rules.get("separator", ","))
    if isinstance(value, str):
        word = value.lower()
        if "boolean" in types(rules) and word in ("true", "false"):
            return word == "true"  # --config limit_bounds=false arrives as a text
        if "null" in types(rules) and word in ("", "null"):
            return None  # so does background=null
    elif type(value) is int and value in range(1000) and str(value) in rules.get("enum", ()):
        return str(value)  # and subsampling=420 as a number
    return value


def _parts(value: object, separator: str) -> object:
    """A list as it is; from a text its parts: ``a,b``, ``[a, b]``, and nothing for none.

    Where the separator is another, what is in brackets is a list as YAML has it.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        if separator != ",":
            return _yaml_list(text)
        text = text[1:-1].strip()
    parts = [part.strip() for part in text.split(separator)] if text else []
    return [part for part in parts if part] if separator != "," else parts


def _yaml_list(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


@cache
def _validators() -> dict[str, Validator]:
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(())
    formats.checks("colour")(lambda value: not isinstance(value, str) or colour(value) is not None)
    return {
        key: Draft202012Validator(rules, format_checker=formats)
        for key, rules in load_schema("config").items()
    }


def _plainly_valid(rules: Mapping[str, Any], value: Any) -> bool:
    """True where a plain value keeps simple rules; where it does not, jsonschema has the word.

    So a command whose options are right, as nearly all are, does without that library's import, a
    fifth of its start.
    """
    known, kind = types(rules), type(value)
    if value is None:
        return "null" in known and "enum" not in rules
    if value == []:
        return "array" in known and not {"enum", "minItems"} & {*rules}
    if rules.keys() - _SIMPLE:
        return False
    if kind is str:
        fits = re.search(rules.get("pattern", ""), value) is not None
        return "string" in known and fits and value in rules.get("enum", (value,))
    if kind is bool:
        return "boolean" in known and "enum" not in rules
    if ("number" in known and kind in (int, float)) or ("integer" in known and kind is int):
        least = rules.get("minimum", value) <= value > rules.get("exclusiveMinimum", -math.inf)
        return least and value <= rules.get("maximum", value) and "enum" not in rules
    return False


def is_valid(key: str, value: Any) -> bool:
    """Whether a value is one that the key may have."""
    if _plainly_valid(rules_of(key), value):
        return True
    # For JSON Schema 512.0 is a whole number. Here it is not: it is no number of pixels.
    # What is no number at all would be within all limits.
    if isinstance(value, float) and ("number" not in types(rules_of(key)) or math.isnan(value)):
        return False
    # A key is a list of texts at most. jsonschema prints what it refuses, and YAML can write a list
    # of a few lines that is printed in a billion words.
    if isinstance(value, tuple | set | frozenset | Mapping):
        return False
    if isinstance(value, list) and not (
        "array" in types(rules_of(key)) and all(isinstance(item, str) for item in value)
    ):
        return False
    try:
        return _validators()[key].is_valid(value)
    except ValueError:  # jsonschema prints what it refuses, and Python no number so long
        return False


def colour(text: str) -> tuple[int, int, int] | None:
    """Return a colour as r, g, b; None where the text is no colour."""
    from PIL import ImageColor

    text = text.strip().lower()
    if re.fullmatch(r"\d{1,3} *, *\d{1,3} *, *\d{1,3}", text, re.ASCII):
        red, green, blue = (int(part) for part in text.split(","))
        return (red, green, blue) if max(red, green, blue) <= 255 else None
    if text in ImageColor.colormap or re.fullmatch("#[0-9a-f]{6}", text):
        red, green, blue = ImageColor.getrgb(text)[:3]
        return red, green, blue
    return None
