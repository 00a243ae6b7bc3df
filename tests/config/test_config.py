"""The configuration: what is accepted."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mrxs_tiles.config.config import (
    Config,
    Settings,
    from_text,
    from_texts,
    options,
    override,
    read_config,
)
from mrxs_tiles.config.schema import SCHEMAS, load_schema
from mrxs_tiles.errors import ConfigError, MrxsTilesError, SlideError, printable

ROOT = Path(__file__).parents[2]
KEYS = list(load_schema("config"))
PER_SLIDE = [field.name for field in dataclasses.fields(Settings) if field.name in KEYS]
DEFAULTS = read_config({}).settings


# On a busy machine hypothesis takes seconds to make its first text.
AT_LEISURE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_defaults() -> None:
    """An empty config is the contract's defaults."""
    expected = Settings(
        replaced_scale="",
        tile_size=3000,
        overlap=0,
        downsample=1,
        mpp=None,
        magnification=None,
        slide_mpp=None,
        mpp_tolerance=0.05,
        limit_bounds=False,
        region=None,
        region_origin="slide",
        region_classes=None,
        ignore_classes=(),
        min_region=0,
        labels=None,
        edge="keep",
        drop_blank=True,
        max_tiles=None,
        max_tiles_per_label=None,
        min_tissue=0,
        min_focus=0,
        max_pen=1,
        background=None,
        format="jpg",
        quality=75,
        subsampling="420",
        packing="folder",
        shard_size=1000,
        deepzoom=False,
        reader="auto",
    )
    expected_config = Config("slides", Path("results"), None, "report", expected, ())
    assert read_config({}) == expected_config


def test_config_yaml_is_the_defaults() -> None:
    """The config.yaml that comes along names every key of the schema with its default."""
    written = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert list(written) == KEYS
    assert read_config(written) == read_config({})


def test_schemas_agree() -> None:
    """Both schemas are valid, and the sheet's columns are exactly the keys of one slide."""
    for name in ("config", "slides"):
        schema = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
    per_slide = [
        field.name
        for field in dataclasses.fields(Settings)
        if field.name not in ("reader", "packing", "shard_size", "deepzoom", "replaced_scale")
    ]
    assert list(load_schema("slides")) == ["path", "slide", *per_slide]
    assert set(per_slide) <= set(KEYS)
    for key in per_slide:
        reference = f"config.schema.yaml#/properties/{key}"
        assert load_schema("slides")[key] == {"$ref": reference}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("limit_bounds", "False", False),
        ("limit_bounds", "TRUE", True),
        ("drop_blank", False, False),
        ("subsampling", 444, "444"),
        ("subsampling", "422", "422"),
        ("background", "White", (255, 255, 255)),
        ("background", "1, 2,3", (1, 2, 3)),
        ("background", "#0a0B0c", (10, 11, 12)),
        ("background", "null", None),
        ("background", "", None),
        ("downsample", 2**30, 2**30),
        ("downsample", 2.5, 2.5),
        ("mpp", 0.5, 0.5),
        ("mpp", 1, 1),
        ("magnification", 20, 20),
        ("overlap", 3000, 3000),
    ],
)
def test_accepted(key: str, value: object, expected: object) -> None:
    """What YAML and --config deliver in several forms comes out in one."""
    assert getattr(read_config({key: value}).settings, key) == expected


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leading ~ is the user's home, in both places; an unknown user's stays a path."""
    monkeypatch.setenv("HOME", "/home/me")
    config = read_config({"slides": "~/a*.mrxs", "results": "~/out"})
    assert (config.slides, config.results) == ("/home/me/a*.mrxs", Path("/home/me/out"))
    assert read_config({"slides": "~nobody-of-that-name/a"}).slides == "~nobody-of-that-name/a"


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("tile_size", "512", 512),
        ("limit_bounds", "True", True),
        ("background", "null", None),
        ("background", "white", "white"),
        ("subsampling", "444", "444"),
        ("results", "1e5", "1e5"),
    ],
)
def test_from_text(key: str, text: str, expected: object) -> None:
    """A text of the command line becomes what read_config takes for that key."""
    value = from_text(key, text)
    assert (type(value), value) == (type(expected), expected)
    read_config({key: value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], ()),
        (None, ()),
        ("", ()),
        ("[]", ()),
        ("clam", ("clam",)),
        ("[ clam , qupath ]", ("clam", "qupath")),
        (["parquet", "qupath", "clam"], ("clam", "qupath", "parquet")),
    ],
)
def test_exports(value: object, expected: tuple[str, ...]) -> None:
    """A list or a text, whatever its order, is the same choice."""
    assert read_config({"exports": value}).exports == expected


@pytest.mark.parametrize("text", ["", " 512", "512.0", "5e2", "1_000", "-1", "\u0665", "9" * 5000])
def test_from_text_refuses(text: str) -> None:
    """Only plain digits are a whole number."""
    with pytest.raises(ConfigError, match=r"^--tile-size is .*: write a whole number of px"):
        from_text("tile_size", text, "--tile-size")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["[Tumor, Stroma]", "Necrosis"], ["Tumor", "Stroma", "Necrosis"]),
        (["Tumor: a, b", "Fold;Pen"], ["Tumor: a, b", "Fold", "Pen"]),
        (["none", '["Fold, old"]'], ["Fold, old"]),
        (["none"], []),
    ],
)
def test_from_texts(texts: list[str], expected: list[str]) -> None:
    """A list's option may be there several times; each time it is read as it would be alone."""
    assert from_texts("ignore_classes", texts) == expected


def test_override() -> None:
    """Cells replace settings, blanks around them do not count, empty ones keep."""
    cells = {"tile_size": " 512 ", "limit_bounds": "TRUE", "background": "red", "overlap": " "}
    changed, found = override(DEFAULTS, cells, "here")
    assert not found
    assert changed == dataclasses.replace(
        DEFAULTS, tile_size=512, limit_bounds=True, background=(255, 0, 0)
    )
    again, found = override(changed, {"background": "null", "overlap": "8"}, "here")
    assert not found
    assert (again.background, again.overlap, again.tile_size) == (None, 8, 512)
    assert override(again, {}, "here") == (again, [])


def test_override_refuses() -> None:
    """All wrong cells of a row are told, each with its place; the settings stay."""
    cells = {"tile_size": "5e2", "format": "gif", "quality": "80"}
    assert override(DEFAULTS, cells, "row 3") == (
        DEFAULTS,
        [
            'row 3, column tile_size is "5e2": write a whole number of px from 1 to 30000 '
            "(the default is 3000).",
            'row 3, column format is "gif": write jpg, png, webp, tif, jxl or none '
            "(the default is jpg).",
        ],
    )
    assert override(DEFAULTS, {"overlap": "3001"}, "row 3") == (
        DEFAULTS,
        [
            "row 3: overlap is 3001 px and tile_size 3000 px, so the second tile would begin "
            "before the slide: write an overlap <= tile_size."
        ],
    )


def test_options() -> None:
    """The command line gets one option for each key, its default a value that is accepted."""
    found = options()
    assert [option.key for option in found] == KEYS
    assert found[3].flag == "--tile-size"
    assert found[3].help == "side of a tile, px"
    assert found[3].allowed == "a whole number of px from 1 to 30000"
    assert read_config({option.key: option.default for option in found}) == read_config({})


def test_errors_are_sentences_and_travel() -> None:
    """An error is its sentence, also as a builtin and after a way through another process."""
    for error in (ConfigError("One.", "Two."), SlideError("Slide a: gone."), ConfigError()):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(copy), str(copy)) == (type(error), str(error))
        assert isinstance(error, MrxsTilesError)
    assert str(ConfigError("One.", "Two.")) == "One.\nTwo."
    assert isinstance(ConfigError("x"), ValueError)
    assert isinstance(SlideError("x"), OSError)


@AT_LEISURE
@given(st.text(st.characters(exclude_categories=())))
def test_printable(text: str) -> None:
    """Whatever a file's name holds, its sentence is one line of UTF-8."""
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown
    if text.isprintable():
        assert shown == text
    assert printable("caf\udce9\n") == "caf\\xe9\\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given_there", "key", "expected"),
    [
        ("results=./1e5", "results", Path("1e5")),
        ("limit_bounds=true", "limit_bounds", True),
        ("drop_blank=False", "drop_blank", False),
        ("background=null", "background", None),
        ("background=", "background", None),
        ("background=255,0,0", "background", (255, 0, 0)),
        ("subsampling=444", "subsampling", "444"),
        ("tile_size='512'", "tile_size", 512),
        ("exports=clam", "exports", ("clam",)),
        ("exports=qupath,clam", "exports", ("clam", "qupath")),
        ("exports=[parquet,clam]", "exports", ("clam", "parquet")),
        ("exports=[]", "exports", ()),
        ("exports=", "exports", ()),
    ],
)
def test_what_snakemake_delivers(given_there: str, key: str, expected: object) -> None:
    """What the documentation tells to write after --config arrives as it is meant."""
    from snakemake.cli import parse_config  # takes half a second

    config = read_config(parse_config([given_there]))
    assert getattr(config, key, None) == expected or getattr(config.settings, key) == expected


@pytest.mark.slow
def test_import_is_cheap() -> None:
    """Every job imports the dataclasses: what only the checks need is not loaded with them."""
    code = (
        "import sys, mrxs_tiles.config, mrxs_tiles.config.slides; "
        "print({'jsonschema', 'yaml', 'PIL', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "workflow",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.dates()
    | st.sampled_from(["true", "NULL", "255,0,0", "#ffffff", "~", "~x", "jpg", "444", "a{b}"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(SCALARS, SCALARS, max_size=2)


@AT_LEISURE
@given(st.dictionaries(st.sampled_from(KEYS) | SCALARS, VALUES))
def test_anything_is_a_config_or_a_config_error(raw: dict[Any, Any]) -> None:
    """Whatever stands in a config, nothing but a ConfigError comes out, a line for each fault."""
    try:
        config = read_config(raw)
    except ConfigError as error:
        told = error
    else:
        assert set(raw) <= set(KEYS)
        assert hash(config) is not None
        return
    assert len(str(told).splitlines()) == len(told.faults) > 0
    assert all(fault.isprintable() for fault in told.faults)


@AT_LEISURE
@given(st.dictionaries(st.sampled_from(PER_SLIDE), st.text() | st.integers(0, 10**5).map(str)))
def test_any_cells_are_settings_or_faults(cells: dict[str, str]) -> None:
    """Whatever stands in a row, the settings are replaced or the faults are told."""
    changed, found = override(DEFAULTS, cells, "row 2")
    assert not found or changed == DEFAULTS
    assert all(fault.startswith("row 2") and fault.isprintable() for fault in found)
