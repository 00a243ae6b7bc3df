"""The configuration: dict -> frozen Config and Settings; all faults at once.

What a key may be alone ``schema`` knows; the sentences and the options of the command line are
made from it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from unicodedata import normalize

from mrxs_tiles.config.cells import from_cell, is_nothing
from mrxs_tiles.config.places import foreign, home_expanded, understood
from mrxs_tiles.config.schema import colour, is_valid, load_schema, plain, rules_of
from mrxs_tiles.config.together import (
    ANNOTATIONS,
    SCALES,
    conflicts,
    is_path,
    replaced_scale,
    scale_faults,
)
from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.alike import nearest
from mrxs_tiles.settings import Settings as Settings
from mrxs_tiles.settings import rectangle
from mrxs_tiles.wording import allowed, found, types, unknown_name, wrong_value

OF_ROWS: dict[str, object] = {"replaced_scale": ""}  # settings that no key gives
CLASSES = ("region_classes", "ignore_classes")
_DECIMAL = r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,2})?"
PATHS = ("slides", "results", "stage", "region", "labels")  # keys that hold a path, or may
# Words that may mean none, or a file or folder of that name.
NO_ANSWER: dict[str, tuple[str, ...]] = {
    "results": ("null", "none"),
    "stage": ("no", "none", "off", "false", "n", "nil", "na", "nan", "~"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, validated."""

    slides: str
    results: Path
    stage: str | None  # a folder, or "auto"; whether it is there the machine knows that cuts
    on_bad_slide: str
    settings: Settings
    exports: tuple[str, ...]  # names in manifest.EXPORTS; no setting: no tile hangs on them
    carry: tuple[str, ...] = ()  # columns of the sheet that go with the slide into the report


@dataclass(frozen=True, slots=True)
class Option:
    """What the command line needs to know of one key."""

    key: str
    flag: str
    help: str
    allowed: str
    default: object
    separator: str  # of a list's parts, where it is one


def options() -> list[Option]:
    """Return one option of the command line for each key of the config, in its order."""
    return [
        Option(
            key=key,
            flag=f"--{key.replace('_', '-')}",
            help=rules["description"],
            allowed=allowed(rules),
            default=rules["default"],
            separator=rules.get("separator", ",") if "array" in types(rules) else "",
        )
        for key, rules in load_schema("config").items()
    ]


def read_config(raw: Mapping[str, object]) -> Config:
    """Check a config as YAML gives it, fill in the defaults and return it.

    Raises:
        ConfigError: with a sentence for each key that is unknown or wrong.
    """
    values, wrong, faults = _each_alone(raw)
    known = load_schema("config")
    names = [field.name for field in fields(Settings) if field.name not in OF_ROWS]
    if not set(wrong) & set(names):
        own = [key for key in SCALES if values[key] != known[key]["default"]]
        faults += scale_faults("", {key: values[key] for key in own})
        faults += conflicts("", {name: values[name] for name in names})
    if faults:
        raise ConfigError(*faults)
    exports: Any = values["exports"]
    carry: Any = values["carry"]
    return Config(
        slides=str(home_expanded(str(values["slides"]))),
        results=home_expanded(str(values["results"])),
        stage=None if values["stage"] is None else str(home_expanded(str(values["stage"]))),
        on_bad_slide=str(values["on_bad_slide"]),
        settings=_settings(OF_ROWS | {name: values[name] for name in names}),
        exports=tuple(name for name in known["exports"]["items"]["enum"] if name in exports),
        carry=tuple(carry),
    )


def check_each(raw: Mapping[str, object]) -> None:
    """Check values that others, not known here, go with: each alone, and the scales.

    Raises:
        ConfigError: as ``read_config``.
    """
    values, wrong, faults = _each_alone(raw)
    known = load_schema("config")
    own = [key for key in SCALES if key not in wrong and values[key] != known[key]["default"]]
    faults += scale_faults("", {key: values[key] for key in own})
    if faults:
        raise ConfigError(*faults)


def _each_alone(raw: Mapping[str, object]) -> tuple[dict[str, object], list[str], list[str]]:
    """The values with the defaults, the keys that are wrong, and the faults of each alone."""
    if not isinstance(raw, Mapping):
        raise ConfigError(f"The config is {found(raw)}: write lines such as tile_size: 3000.")
    known = load_schema("config")
    odd = [key for key in raw if key not in known]
    faults = [f"{shown(key)} is not a key of the config: {unknown_name(key, known)}" for key in odd]
    values = {key: plain(key, raw.get(key, rules["default"])) for key, rules in known.items()}
    wrong = [key for key, value in values.items() if not is_valid(key, value)]
    faults += [wrong_value(key, key, known[key], values[key]) for key in wrong]
    for key in PATHS:
        if key not in wrong and isinstance(text := values.get(key), str):
            values[key], fault = _place(key, text)
            faults += fault
    if "carry" not in wrong:
        faults += _carry_faults(values["carry"])
    return values, wrong, faults


def from_text(key: str, text: str, subject: str = "") -> object:
    """Return a text of the command line or a sheet's cell as ``read_config`` wants it.

    ``subject`` is what a sentence calls it, if not by the key.

    Raises:
        ConfigError: the text is not a value of that key.
    """
    rules = rules_of(key)
    value = plain(key, text)
    if {"integer", "number"} & set(types(rules)) and re.fullmatch("-?[0-9]{1,30}", text):
        value = int(text)
    elif "number" in types(rules) and re.fullmatch(_DECIMAL, text):
        value = float(text)
    if not is_valid(key, value):
        raise ConfigError(wrong_value(subject or key, key, rules, value, typed=False))
    return value


def from_texts(key: str, texts: Sequence[str], subject: str = "") -> object:
    """Return a list of which each text holds some, as an option that is there several times.

    Raises:
        ConfigError: one is wrong, or all together.
    """
    lists: list[Any] = [from_text(key, text, subject) for text in texts]
    if len(lists) == 1:
        return lists[0]
    joined = [part for some in lists for part in some or ()]
    if not is_valid(key, joined):
        raise ConfigError(wrong_value(subject or key, key, rules_of(key), joined, typed=False))
    return joined


def cutting_keys(config: Config) -> dict[str, object]:
    """Return the keys that say how slides are cut, and their values.

    Not where slides, their copies and results lie, nor what is done about bad slides: the
    results do not hang on those.
    """
    return {key: value for key, value in asdict(config.settings).items() if key not in OF_ROWS}


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
        if not is_nothing(key, text := cell.strip()):
            try:
                values[key] = from_cell(key, text, f"{where}, column {key}")
            except ConfigError as error:
                faults += error.faults
    for key in ANNOTATIONS:
        if is_path(key, values.get(key)):
            place = understood(values[key], folder)
            values[key] = str(nearest(Path(os.path.abspath(folder / home_expanded(place)))))
    own = {key: values[key] for key in SCALES if values.get(key) is not None}
    faults += scale_faults(f"{where}: ", own)
    if own:  # it replaces the one that the config asks for
        values = {key: load_schema("config")[key]["default"] for key in SCALES} | values
        values["replaced_scale"] = replaced_scale(settings, values["mpp"])
    if not faults:
        faults += conflicts(f"{where}: ", asdict(settings) | values)
    if faults or not values:
        return settings, faults
    return _settings(asdict(settings) | values), []


def _carry_faults(carry: Any) -> list[str]:
    """What is wrong with the columns to carry: their names stand beside ours in the tables."""
    taken = {*load_schema("config"), *load_schema("slides"), *manifest.REPORT, *manifest.TILES}
    return [
        f"carry names {shown(name)}, which is a key or a column of our own: rename it in the sheet."
        for name in carry
        if name.lower() in taken
    ]


def _place(key: str, text: str) -> tuple[str, list[str]]:
    """A path as it is written here, and what is wrong with one that cannot be."""
    if key == "region" and rectangle(text) is not None:
        return text, []
    word = text.strip().lower()
    if word in NO_ANSWER.get(key, ()):
        empty = "null for none, " if "null" in types(rules_of(key)) else "the path of a folder; "
        return text, [
            f"{key} is {shown(text)}, which may mean none: write {empty}./{word} for a "
            "folder of that name."
        ]
    place = understood(text)
    why = foreign(place)
    return place, [f"{key} is {shown(text)}, which {why}"] if why else []


def _settings(values: dict[str, Any]) -> Settings:
    # 1 and 1.0 ask for the same, and the same must come out, digests too
    for key, rules in load_schema("config").items():
        value = values.get(key)
        if "number" in types(rules) and isinstance(value, float) and value.is_integer():
            values[key] = int(value)
    if isinstance(values["background"], str):
        values["background"] = colour(values["background"])
    for key in ANNOTATIONS:
        if is_path(key, values[key]):
            values[key] = os.path.abspath(home_expanded(values[key]))
    for key in CLASSES:
        if values[key] is not None:
            # as the annotations' classes are read
            values[key] = tuple(normalize("NFC", name.strip()) for name in values[key])
    return Settings(**values)
