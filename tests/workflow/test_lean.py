"""What rules/lean.smk puts in the place of a function of Snakemake's says the same."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

import pytest
from snakemake import common, rules

from running import REPO


class Resource:
    """As Snakemake's: its method is asked for, and is another object each time."""

    def evaluate(self, wildcards: object, *, attempt: int = 1) -> None:
        """Nothing."""


def named(wildcards: object, threads: int, **others: object) -> None:
    """A function as in a Snakefile."""


@wraps(named)
def wrapped(*arguments: object) -> None:
    """One that says it takes what another one takes."""


def with_words(*arguments: object) -> None:
    """One of which Snakemake itself has noted what it takes."""


with_words._overwrite_params = {"wildcards": None}  # type: ignore[attr-defined]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The functions of which Snakemake's own function was asked, where lean.smk is read."""
    found: list[object] = []
    own: Callable[[Any], Any] = common.get_function_params

    def ask(func: Any) -> Any:
        found.append(func)
        return own(func)

    threshold = gc.get_threshold()
    monkeypatch.setattr(common, "get_function_params", ask)
    monkeypatch.setattr(rules, "get_function_params", ask)
    exec((REPO / "workflow/rules/lean.smk").read_text("utf-8"), {})  # noqa: S102 - no rule is in it
    yield found
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    "function",
    [
        named,
        lambda wildcards, output: (wildcards, output),
        Resource().evaluate,
        Resource.evaluate,
        wrapped,
        partial(named, threads=1),
        len,
        Resource,
    ],
)
def test_says_what_snakemake_says(function: Callable[..., object]) -> None:
    """Of functions, lambdas, methods and whatever else can be called, also when asked again."""
    for _ in range(2):
        assert common.get_function_params(function) == inspect.signature(function).parameters
        assert rules.get_function_params(function) == inspect.signature(function).parameters


def test_asks_once(asked: list[object]) -> None:
    """A function is looked at once, and each one that differs; what has its own words always."""
    for _ in range(3):
        common.get_function_params(named)
        rules.get_function_params(Resource().evaluate)
        common.get_function_params(Resource.evaluate)
    assert len(asked) == 3
    for _ in range(3):
        assert common.get_function_params(with_words) == {"wildcards": None}
    assert len(asked) == 6
