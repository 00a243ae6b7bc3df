"""The command ``mrxs-tiles report``: what it takes of a sheet, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrxs_tiles.arguments import values_of
from mrxs_tiles.config.config import Config, cutting_keys
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.errors import ConfigError, shown, some_of
from mrxs_tiles.report.carried import export_again
from mrxs_tiles.report.report import read_report, report
from mrxs_tiles.report.run_record import known_config
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.summary import bad_slides, summary
from mrxs_tiles.terminal import say, verdict

MOST_NAMED = 10  # slides in one line


def told_report(config: Config, given: dict[str, Any]) -> int:
    """Aggregate a folder of results, and say what is in it; returns the exit code.

    Args:
        config: the keys, those that were typed among them.
        given: the options as they were typed.

    Raises:
        ConfigError: options that do not go together.
        ResultsError: something in the results cannot be read or written.
    """
    benchmarks = given["benchmarks"]
    logs = None if benchmarks is None else Path(benchmarks)
    if logs is not None and not logs.is_dir():
        raise ConfigError(
            f"--benchmarks is {shown(benchmarks)}, and there is no such folder: name the folder "
            "logs in the results of a run of snakemake."
        )
    carried, notes = _carried(config, given)
    sheet = None if given["slides"] is None else Path(given["slides"])
    reported = Reported(carried=carried, sheet=sheet)
    report(config.results, reported, _keys_of(config, given), logs)
    if carried is not None:
        export_again(config.results)
    rows = read_report(config.results)
    if carried:
        notes += _without_row(config, carried, [row["slide"] for row in rows])
    say([*notes, *summary(config.results, rows)])
    return verdict(config, len(bad_slides(rows)))


def _keys_of(config: Config, given: dict[str, Any]) -> dict[str, object]:
    """The keys that the report tells: of the run that is there, but for those that were typed."""
    keys, typed = cutting_keys(config), values_of(given)
    before = known_config(config.results)
    return before | {key: value for key, value in keys.items() if key in typed or not before}


def _carried(
    config: Config, given: dict[str, Any]
) -> tuple[dict[str, dict[str, str]] | None, tuple[str, ...]]:
    """By slide, the columns that are asked for of a sheet, and what is to be said of that.

    None: nothing is asked for.

    Raises:
        ConfigError: the sheet and its columns are not both there.
    """
    if given["carry"] is None and given["slides"] is None:
        return None, ()
    if given["carry"] is None:
        raise ConfigError(
            f"--slides is {shown(config.slides)}, of which report takes columns alone: name them, "
            "such as --carry patient."
        )
    if not config.carry:
        return {}, ()
    if given["slides"] is None:
        raise ConfigError(
            f"--carry is {', '.join(config.carry)}, and no sheet is named: add --slides SHEET."
        )

    found = find_slides(config)
    return {slide.name: dict(slide.carried) for slide in found}, found.notes


def _without_row(
    config: Config, carried: Mapping[str, object], slides: Sequence[str]
) -> tuple[str, ...]:
    """The sentence on slides that the sheet does not name."""
    others = [slide for slide in slides if slide not in carried]
    if not others:
        return ()
    named = some_of(others, MOST_NAMED)
    return (f"not in the sheet, so without {', '.join(config.carry)}: {named}",)
