"""What was typed after --config, against what Snakemake itself makes of it."""

from __future__ import annotations

import pytest
from snakemake.cli import parse_config
from snakemake.common import dict_to_key_value_args

from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.schema import plain
from mrxs_tiles.config.typed import as_typed, text_keys, with_typed_scale
from mrxs_tiles.errors import ConfigError


def given(*typed: str) -> dict[str, object]:
    """The config of a command line, without config.yaml."""
    parsed = parse_config(list(typed))
    return as_typed(parsed, parsed, typed)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "../study #2",
            "a: b",
            "[x]",
            "{x}",
            "*.mrxs",
            "007",
            "2024",
            "1e5",
            "1_000",
            "1:30",
            "nan",
        ),
        *(
            "2024-05-01",
            "no",
            "True",
            "~",
            "- x",
            "&a b",
            "!b c",
            "? x",
            "it's",
            "C'q'",
            "a, b",
            "| x",
        ),
        *("a\\b", "%20", "@x", "x #", "x\ty", "0x10", "inf", "--- x", "null", "a  b"),
    ],
)
def test_texts_are_as_typed(text: str) -> None:
    """Whatever YAML makes of a path, it is what was typed; so is one with quotes around it."""
    assert given(f"slides={text}")["slides"] == text
    assert given(f'slides="{text}"')["slides"] == text
    assert given(f"results='{text}'")["results"] == text


def test_other_values_stay() -> None:
    """Numbers, lists and yes and no are Snakemake's; what is empty stays so."""
    values = given("mpp=0.5", "tile_size=512", "exports=[clam]", "slides=", "format=png")
    assert values == {
        "mpp": 0.5, "tile_size": 512, "exports": ["clam"], "slides": None, "format": "png",
    }  # fmt: skip
    assert text_keys() == ["slides", "results", "region", "labels", "background", "stage"]


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("ignore_classes=Necrosis #old", ["Necrosis #old"]),
        ("ignore_classes='Fold: a #1;007'", ["Fold: a #1", "007"]),
        ("ignore_classes=[Fold, Pen]", ["Fold", "Pen"]),
        ("ignore_classes=2024", ["2024"]),
        ("carry=patient #2", ["patient #2"]),
        ("carry=1e5,no", ["1e5", "no"]),
        ("region_classes=Tumor: Positive", ["Tumor: Positive"]),
        ("region_classes=Tumor: a, b; {x}", ["Tumor: a, b", "{x}"]),
        ("exports=clam,parquet", ["clam", "parquet"]),
        ("exports=[]", []),
        ("exports=None", []),
        ("ignore_classes=none", []),
        ("ignore_classes='null'", []),
        ("region_classes=none", None),
        ("ignore_classes=[none]", ["none"]),
    ],
)
def test_lists_are_as_typed(typed: str, parts: list[str] | None) -> None:
    """The texts of a list are what was typed, not what YAML makes of them."""
    key = typed.split("=")[0]
    assert plain(key, given(typed)[key]) == parts


def test_the_last_counts() -> None:
    """Of a key that is there several times the last counts, as for Snakemake."""
    assert given("slides=a #1", "slides=b #2")["slides"] == "b #2"


def test_another_workflows_command_line() -> None:
    """In a module whose config is its own, the command line of the outer workflow is not ours."""
    typed = ["slides=out #1"]
    assert as_typed({"slides": "mine"}, parse_config(typed), typed) == {"slides": "mine"}
    assert as_typed({}, parse_config(typed), typed) == {}


@pytest.mark.parametrize("value", ["a #2", "it's", 7, "007", ["x"]])
def test_started_from_python(value: object) -> None:
    """Values that come from Python's API are what they are."""
    config = {"slides": value}
    typed = dict_to_key_value_args(config, repr_obj=True)
    assert as_typed(config, config, typed)["slides"] == (
        value if isinstance(value, str) else f"{value}"
    )


def test_region_and_background() -> None:
    """Null is none, and four numbers a rectangle, also when typed."""
    config = read_config(given("region=0,0,5,5", "background=null", "stage=null"))
    assert (config.settings.region, config.stage) == ("0,0,5,5", None)
    assert config.settings.background is None


@pytest.mark.parametrize(
    ("typed", "scales", "told"),
    [
        (["downsample=2"], (2, None, None), ["downsample is 2 as typed, so mpp 1 of the"]),
        (["downsample=1"], (1, None, None), ["downsample is 1 as typed, so mpp 1 of the"]),
        (["magnification=20"], (1, None, 20), ["magnification is 20 as typed, so mpp 1 of"]),
        (["mpp=0.5"], (1, 0.5, None), []),
        (["mpp=null", "downsample=2"], (2, None, None), []),
        (["magnification=null"], (1, 1, None), []),
        (["tile_size=200"], (1, 1, None), []),
    ],
)
def test_a_typed_scale(typed: list[str], scales: tuple[object, ...], told: list[str]) -> None:
    """A scale that is typed replaces the config's, whichever of the three says it."""
    parsed = parse_config(typed)
    values, notes = with_typed_scale({"mpp": 1.0} | parsed, parsed)
    settings = read_config({"slides": "s"} | values).settings
    assert (settings.downsample, settings.mpp, settings.magnification) == scales
    assert len(notes) == len(told)
    assert all(note.startswith(start) for note, start in zip(notes, told, strict=True))


def test_two_typed_scales() -> None:
    """Of two that are typed none is guessed; nor in a module whose config is its own."""
    parsed = parse_config(["mpp=0.5", "downsample=2"])
    values, _ = with_typed_scale(parsed, parsed)
    with pytest.raises(ConfigError, match=r"downsample 2 and mpp 0\.5 are asked for"):
        read_config({"slides": "s"} | values)
    own = {"mpp": 1.0, "downsample": 1}
    assert with_typed_scale(own, parse_config(["downsample=2"])) == (own, [])
