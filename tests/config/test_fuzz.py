"""Whatever a sheet or the config holds: only our errors come out, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mrxs_tiles.config.config import Config, load_schema, read_config
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.errors import ConfigError
from mutations import (
    EXTREME,
    FEW,
    MANY,
    TEXTS,
    bounded,
    damaged,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one file after the other."""
    return tmp_path_factory.mktemp("fuzzed")


# --- sheets -----------------------------------------------------------------------------------


SHEET = (
    "path\tslide\ttile_size\tbackground\tregion\n"
    'a.mrxs\ta/1\t512\t255,0,0\t0,0,10,10\n"b c".svs\t\t\t#ffffff\tr.geojson\n'
)
HUGE = st.sampled_from([b"x" * 200_000, b'"' + b"y" * 200_000, b"\t" * 5000, b"path\t" * 3000])
LINES = st.sampled_from(
    [b"path\tpath", b"path\tslide\tslide", b"path", b'"', b"\0", b"\xff\xfe", b""]
)


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    """A sheet's bytes: damaged, in another encoding, with huge cells, or anything."""
    text = SHEET.replace("\t", draw(st.sampled_from(["\t", ",", ";"])))
    encodings = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]
    content = draw(damaged(text.encode(draw(st.sampled_from(encodings)))))
    more = draw(st.lists(LINES | HUGE | st.binary(max_size=30), max_size=2))
    where = draw(st.integers(0, len(content)))
    return content[:where] + b"\n".join(more) + content[where:]


def check_sheet(folder: Path, suffix: str, content: bytes) -> None:
    sheet = folder / f"sheet{suffix}"
    sheet.write_bytes(content)
    with bounded():
        told = faults_of(lambda: find_slides(read_config({"slides": str(sheet)})))
    assert all(fault.isprintable() for fault in told)


def faults_of(step: Callable[[], object]) -> tuple[str, ...]:
    """What a step says is wrong with what it was given; anything else that it raises passes."""
    try:
        step()
    except ConfigError as error:
        return error.faults or ("\n",)  # an error must say something
    return ()


SUFFIXES = st.sampled_from([".tsv", ".csv"])


@pytest.mark.long
@FEW
@given(suffix=SUFFIXES, content=sheets() | st.binary(max_size=200))
def test_any_sheet(folder: Path, suffix: str, content: bytes) -> None:
    """Whatever a sheet holds, there are slides or faults of one line each."""
    check_sheet(folder, suffix, content)


@pytest.mark.torture
@MANY
@given(suffix=SUFFIXES, content=sheets() | st.binary(max_size=200))
def test_any_sheet_at_length(folder: Path, suffix: str, content: bytes) -> None:
    """The same, often."""
    check_sheet(folder, suffix, content)


# --- the config -------------------------------------------------------------------------------


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([*EXTREME, -(10**400), 10**400, 0.5, 1e-320])
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | TEXTS
    | st.binary(max_size=4)
    | st.dates()
    | st.datetimes()
)
HASHABLE = SCALARS | st.tuples(SCALARS) | st.frozensets(SCALARS, max_size=2)
NESTED = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=2)
    ),
    max_leaves=8,
)
CONFIGS = st.dictionaries(st.sampled_from(sorted(load_schema("config"))) | HASHABLE, NESTED)


def check_config(raw: object) -> None:
    def read() -> Config:
        return read_config(raw)  # type: ignore[arg-type]

    with bounded():
        told = faults_of(read)
    assert all(fault.isprintable() for fault in told)


@pytest.mark.long
@FEW
@given(raw=CONFIGS)
def test_any_config(raw: dict[Any, Any]) -> None:
    """Whatever a config holds, however nested, it is read or its faults are told."""
    check_config(raw)


@pytest.mark.torture
@MANY
@given(raw=CONFIGS)
def test_any_config_at_length(raw: dict[Any, Any]) -> None:
    """The same, often."""
    check_config(raw)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize("key", ["slides", "tile_size", "background", "region", "format"])
@pytest.mark.parametrize(
    "value",
    [
        "&a [*a]",
        "&a {b: *a}",
        "{? [1, 2] : 3}",
        "!!set {a, b}",
        "!!binary aGFsbG8=",
        f"{'[' * 400}{']' * 400}",
        '"\\ud800"',
        '"a\\0b"',
        "1" * 5000,
        "0x" + "f" * 5000,
        "-.inf",
        "*a9",
    ],
)
def test_config_that_yaml_allows(key: str, value: str) -> None:
    """What only YAML can write: values within themselves, or that are a billion when unfolded."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = f"{LAUGHS if value == '*a9' else ''}{key}: {value}\n"
    try:
        raw = yaml.load(text, loader)  # noqa: S506 - both are safe loaders
    except (ValueError, yaml.YAMLError):  # a number too long, a key that is a list
        return
    check_config({key: raw[key]})


# --- what was found ---------------------------------------------------------------------------


def test_quotation_mark_in_a_sheet_is_one_line(tmp_path: Path) -> None:
    """The separator that the sentence quotes is told, not sent."""
    (tmp_path / "s.tsv").write_text('path\tslide\n"a b".svs\t\n')
    (fault,) = faults_of(lambda: find_slides(read_config({"slides": str(tmp_path / "s.tsv")})))
    assert "('\\t' expected after" in fault
    assert fault.isprintable()
