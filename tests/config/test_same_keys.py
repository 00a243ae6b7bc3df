"""Keys that ask for the same in other words are the same keys."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from mrxs_tiles.config.config import override, read_config
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.cutting.keys import keys_digest
from mrxs_tiles.settings import Settings
from mrxs_tiles.wording import types

NUMBERS = [key for key, rules in load_schema("config").items() if "number" in types(rules)]


@pytest.mark.parametrize("key", NUMBERS)
def test_one_number(key: str) -> None:
    """1 and 1.0 are one value, in the config and in a sheet, in digests and in parameters."""
    known = {"min_region": {"region": "0,0,9,9"}}.get(key, {})
    one = read_config({**known, key: 1}).settings
    others = [read_config({**known, key: 1.0}).settings]
    others += [
        override(read_config(known).settings, {key: text}, "row 1")[0] for text in ("1", "1.0")
    ]
    for other in others:
        assert json.dumps(asdict(other)) == json.dumps(asdict(one))
        assert keys_digest(other) == keys_digest(one)


def test_defaults() -> None:
    """A default that is spelt out is the default."""
    for key in NUMBERS:
        default = load_schema("config")[key]["default"]
        if default is not None:
            said = read_config({key: float(default)}).settings
            assert keys_digest(said) == keys_digest(read_config({}).settings)


def test_the_configs_scale_is_not_a_rows() -> None:
    """A row with an mpp of its own is asked for the same whatever the config asks for."""

    def row(**config: object) -> Settings:
        return override(read_config(config).settings, {"mpp": "0.25"}, "row 1")[0]

    digests = {keys_digest(row()), keys_digest(row(mpp=0.5)), keys_digest(row(mpp=1))}
    assert len(digests | {keys_digest(row(magnification=10))}) == 1
