"""The configuration: dict -> frozen Config and Settings; all faults at once.

Keys, types, defaults and limits stand in ``schemas/config.schema.yaml`` alone; the sentences
and the options of the command line are made from it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.settings import Settings as Settings
from mrxs_tiles.settings import rectangle
from mrxs_tiles.wording import allowed, found, types, unknown_name, wrong_value

# jsonschema, yaml and PIL are imported where they are used: every job of the workflow imports
# this module for the dataclasses alone, and those three take ten times as long as the rest.
if TYPE_CHECKING:
    from jsonschema import Validator

_HERE = Path(__file__).resolve().parent
# in a clone beside the package, installed in it
SCHEMAS = next(
    folder for folder in (_HERE.parent / "schemas", _HERE / "schemas") if folder.is_dir()
)
SLIDE_MPP = "slide_mpp"  # says what a slide is, not how it is cut: no key of the config
SCALES = ("downsample", "mpp", "magnification")  # only one of them counts
_DECIMAL = r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,2})?"
LARGEST = {"jpg": 65500, "webp": 16383}  # px; no side of what their libraries write is longer


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, validated."""

    slides: str
    results: Path
    stage: str | None  # a folder, or "auto"; whether it is there the machine knows that cuts
    on_bad_slide: str
    settings: Settings
    exports: tuple[str, ...]  # names in manifest.EXPORTS; no setting: no tile hangs on them


@dataclass(frozen=True, slots=True)
class Option:
    """What the command line needs to know of one key."""

    key: str
    flag: str
    help: str
    allowed: str
    default: object


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


def options() -> list[Option]:
    """Return one option of the command line for each key of the config, in its order."""
    return [
        Option(
            key=key,
            flag=f"--{key.replace('_', '-')}",
            help=rules["description"],
            allowed=allowed(rules),
            default=rules["default"],
        )
        for key, rules in load_schema("config").items()
    ]


def read_config(raw: Mapping[str, object]) -> Config:
    """Check a config as YAML gives it, fill in the defaults and return it.

    Raises:
        ConfigError: with a sentence for each key that is unknown or wrong.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError(f"The config is {found(raw)}: write lines such as tile_size: 3000.")
    known = load_schema("config")
    odd = [key for key in raw if key not in known]
    faults = [f"{shown(key)} is not a key of the config: {unknown_name(key, known)}" for key in odd]
    values = {key: _plain(key, raw.get(key, rules["default"])) for key, rules in known.items()}
    wrong = [key for key, value in values.items() if not _is_valid(key, value)]
    faults += [wrong_value(key, key, known[key], values[key]) for key in wrong]
    names = [field.name for field in fields(Settings) if field.name != SLIDE_MPP]
    if not set(wrong) & set(names):
        own = [key for key in SCALES if values[key] != known[key]["default"]]
        faults += _scale_faults("", {key: values[key] for key in own})
        faults += _conflicts("", {name: values[name] for name in names})
    if faults:
        raise ConfigError(*faults)
    exports: Any = values["exports"]
    return Config(
        slides=str(home_expanded(str(values["slides"]))),
        results=home_expanded(str(values["results"])),
        stage=None if values["stage"] is None else str(home_expanded(str(values["stage"]))),
        on_bad_slide=str(values["on_bad_slide"]),
        settings=_settings({SLIDE_MPP: None} | {name: values[name] for name in names}),
        exports=tuple(name for name in known["exports"]["items"]["enum"] if name in exports),
    )


def from_text(key: str, text: str, subject: str = "") -> object:
    """Return a text of the command line or a sheet's cell as ``read_config`` wants it.

    ``subject`` is what a sentence calls it, if not by the key.

    Raises:
        ConfigError: the text is not a value of that key.
    """
    rules = _rules(key)
    value = _plain(key, text)
    if {"integer", "number"} & set(types(rules)) and re.fullmatch("-?[0-9]{1,30}", text):
        value = int(text)
    elif "number" in types(rules) and re.fullmatch(_DECIMAL, text):
        value = float(text)
    if not _is_valid(key, value):
        raise ConfigError(wrong_value(subject or key, key, rules, value, typed=False))
    return value


def cutting_keys(config: Config) -> dict[str, object]:
    """Return the keys that say how slides are cut, and their values.

    Not where slides, their copies and results lie, nor what is done about bad slides: the
    results do not hang on those.
    """
    return {key: value for key, value in asdict(config.settings).items() if key != SLIDE_MPP}


def override(
    settings: Settings, cells: Mapping[str, str], where: str, folder: Path = Path()
) -> tuple[Settings, list[str]]:
    """Return the settings with a sheet row's cells put over them, and the faults found.

    An empty cell keeps what is there. With faults the settings come back as they were.
    ``where`` begins each fault: the sheet and the row. Relative paths start at ``folder``.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for key, cell in cells.items():
        if text := cell.strip():
            try:
                values[key] = from_text(key, text, f"{where}, column {key}")
            except ConfigError as error:
                faults += error.faults
    if isinstance(values.get("region"), str) and rectangle(values["region"]) is None:
        values["region"] = str(folder / home_expanded(values["region"]))
    own = {key: values[key] for key in SCALES if values.get(key) is not None}
    faults += _scale_faults(f"{where}: ", own)
    if own:  # it replaces the one that the config asks for
        values = {key: load_schema("config")[key]["default"] for key in SCALES} | values
    if not faults:
        faults += _conflicts(f"{where}: ", asdict(settings) | values)
    if faults or not values:
        return settings, faults
    return _settings(asdict(settings) | values), []


def home_expanded(text: str) -> Path:
    """Return a path, a leading ``~`` or ``~user`` of it replaced where there is that user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _rules(key: str) -> dict[str, Any]:
    """Return the schema of a key of the config, or of a column that only a sheet has."""
    return load_schema("slides" if key == SLIDE_MPP else "config")[key]


def _plain(key: str, value: object) -> object:
    """Bring a value that has one reading only into the form that the schema describes."""
    rules = _rules(key)
    if "array" in types(rules):
        return _parts(value)
    if isinstance(value, str):
        word = value.lower()
        if "boolean" in types(rules) and word in ("true", "false"):
            return word == "true"  # --config limit_bounds=false arrives as a text
        if "null" in types(rules) and word in ("", "null"):
            return None  # so does background=null
    elif type(value) is int and value in range(1000) and str(value) in rules.get("enum", ()):
        return str(value)  # and subsampling=420 as a number
    return value


def _parts(value: object) -> object:
    """A list as it is; from a text its parts: ``a,b``, ``[a, b]``, and nothing for none."""
    if not isinstance(value, str):
        return [] if value is None else value
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1].strip()
    return [part.strip() for part in text.split(",")] if text else []


@cache
def _validators() -> dict[str, Validator]:
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(())
    formats.checks("colour")(lambda value: not isinstance(value, str) or _colour(value) is not None)
    keys = [*load_schema("config"), SLIDE_MPP]
    return {key: Draft202012Validator(_rules(key), format_checker=formats) for key in keys}


def _is_valid(key: str, value: Any) -> bool:
    # For JSON Schema 512.0 is a whole number. Here it is not: it is no number of pixels.
    # What is no number at all would be within all limits.
    if isinstance(value, float) and ("number" not in types(_rules(key)) or math.isnan(value)):
        return False
    # A key is a list of texts at most. jsonschema prints what it refuses, and YAML can write a list
    # of a few lines that is printed in a billion words.
    if isinstance(value, tuple | set | frozenset | Mapping):
        return False
    if isinstance(value, list) and not (
        "array" in types(_rules(key)) and all(isinstance(item, str) for item in value)
    ):
        return False
    try:
        return _validators()[key].is_valid(value)
    except ValueError:  # jsonschema prints what it refuses, and Python no number so long
        return False


def _colour(text: str) -> tuple[int, int, int] | None:
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


def _settings(values: dict[str, Any]) -> Settings:
    if float(values["downsample"]).is_integer():
        values["downsample"] = int(values["downsample"])
    if isinstance(values["background"], str):
        values["background"] = _colour(values["background"])
    if values["region"] is not None and rectangle(values["region"]) is None:
        values["region"] = os.path.abspath(home_expanded(values["region"]))
    return Settings(**values)


def _region_faults(subject: str, region: str | None) -> list[str]:
    """Return what is wrong with a region, as far as its file need not be read for it."""
    if region is None:
        return []
    numbers = rectangle(region)
    if numbers is not None:
        if min(numbers[2:]) > 0:
            return []
        problem = "whose width or height is not above 0: write x,y,width,height in level-0 px."
    elif os.path.isfile(home_expanded(region)):  # noqa: PTH113 - Path.is_file() can raise
        return []
    else:
        path = shown(os.path.abspath(home_expanded(region)))
        problem = (
            f"neither four numbers nor a file, looked for at {path}: write x,y,width,height in "
            "level-0 px, the path of a GeoJSON file, or null."
        )
    return [f"{subject}region is {shown(region)}, {problem}"]


def _conflicts(subject: str, values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong between keys that are right alone, and with files that they name."""
    return _region_faults(subject, values["region"]) + _size_faults(subject, values)


def _scale_faults(subject: str, scales: Mapping[str, object]) -> list[str]:
    """Return what is wrong where more than one scale is asked for."""
    if len(scales) < 2:
        return []
    asked = " and ".join(f"{key} {value:g}" for key, value in scales.items())
    return [f"{subject}{asked} are asked for, of which only one can be had: remove the others."]


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
