"""What may stand on the command line of ``mrxs-tiles``, and what is read from it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from mrxs_tiles import __version__
from mrxs_tiles.config.config import Config, from_text, from_texts, options, read_config
from mrxs_tiles.errors import ConfigError, shown
from mrxs_tiles.wording import close_name, literal

WRONG_USAGE = 2
COMMANDS = {
    "run": "cut slides: the whole workflow, with Snakemake underneath",
    "inspect": "say what a slide is and where its tiles lie",
    "tile": "cut and filter the tiles of an inspected slide",
    "viewer": "make the zoomable page of a cut slide; no tile is cut",
    "export": "write a cut slide's tables as other programs read them",
    "heatmap": "lay a model's numbers back onto the slides whose tiles it saw",
    "report": "write the table and the page of all slides in the results",
    "verify": "see that every file of the results, or a copy, is there, whole and itself",
    "survey": "say what slides will meet and cost, from their indexes alone",
    "preview": "show what a few thresholds would keep of a slide; no tile is cut",
    "snakefile": 'say where the workflow lies, for snakemake -s "$(mrxs-tiles snakefile)"',
}
SLIDE_COMMANDS = ("inspect", "tile", "viewer", "export", "preview")
RESULTS_ALONE = ("verify", "heatmap")  # go by no other key
NOT_OPTIONS = ("slides", "carry")  # named by the command itself; the workflow's alone
WHAT_TO_TYPE = """\
Which slides? Name a folder, one slide, a glob in quotes, or a sheet, and where the results go:

  mrxs-tiles run /data/slides --results /data/tiles
  mrxs-tiles run A1.mrxs --results tiles --tile-size 512

A MIRAX slide is a small file and a folder of the same name beside it: both must be there.
All options: mrxs-tiles run --help"""
SEVERAL = (
    "{count} slides are named, the first {first}: name their folder, or put the glob in quotes, "
    'as in "data/*.mrxs", so that the shell does not write it out. Where the results go is '
    "--results DIR."
)
EPILOG = (
    "Snakemake's own options come last, behind --, as in: mrxs-tiles run /data/slides --results "
    "/data/tiles -- -n (shows what would be done), or -- --profile PROFILE (on a cluster). "
    "The same command again does only what is not done yet."
)


def parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """What understands these words: the other commands' options would only cost time."""
    whole = argparse.ArgumentParser(
        prog="mrxs-tiles",
        allow_abbrev=False,
        description="Cut whole-slide images into tiles, one step at a time.",
    )
    whole.add_argument("--version", action="version", version=f"mrxs-tiles {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, does in COMMANDS.items():
        command = commands.add_parser(
            name, allow_abbrev=False, help=does, description=f"{does.capitalize()}."
        )
        if name in words and name != "snakefile":
            _add_own(command, name)
            _add_config_keys(command, name)
    return whole


def given_for(words: Sequence[str]) -> dict[str, Any]:
    """What is given on the command line; ``more``: behind ``run``'s ``--``, for Snakemake."""
    own, more = list(words), []
    if own[:1] == ["run"] and "--" in own:
        at = own.index("--")
        own, more = own[:at], own[at + 1 :]
    whole = parser(own)
    found, unknown = whole.parse_known_args(own)
    if unknown:
        behind = " (Snakemake's own come behind --)" if found.command == "run" else ""
        whole.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(unknown[0])}{behind}")
    return vars(found) | {"more": more}


def _meant(word: str) -> str:
    """The key's option that a mistyped one may have been meant for, as a part of a sentence."""
    if word.partition("=")[0] == "--slides":
        return ": slides stand without a name, as in mrxs-tiles run /data/slides --results DIR"
    flags = {option.key: option.flag for option in options()}
    close = close_name(word.lstrip("-"), flags) if word.startswith("--") else ""
    return f", did you mean {flags[close]}?" if close else ""


def _add_own(command: argparse.ArgumentParser, name: str) -> None:
    """What a command takes that is no key of the config."""
    add = command.add_argument
    if name == "run":
        _add_run(command)
    if name == "survey":
        add(
            "slides",
            metavar="SLIDES",
            help="a folder of slides, one slide, a glob in quotes, or a sheet",
        )
    if name == "heatmap":
        help_scores = (
            "a .csv, .tsv or .parquet table with slide, col and row (or x and y) and columns of "
            "numbers, or CLAM's attention .h5; several get the same colours"
        )
        add("scores", metavar="SCORES", nargs="+", help=help_scores)
        add("--slide", metavar="NAME", help="whose tiles they are, where the table does not say")
    if name in SLIDE_COMMANDS:
        add("path", metavar="SLIDE", help="the slide's file")
        help_name = "its name, the folder in the results (default: the file's, without suffix)"
        add("--slide", metavar="NAME", help=help_name)
    if name == "report":
        help_benchmarks = "write runtime.tsv too, from Snakemake's benchmark files in this folder"
        add("--benchmarks", metavar="DIR", help=help_benchmarks)
        add("--slides", metavar="SHEET", help="the sheet of the slides, for --carry")
        help_carry = (
            "columns of that sheet that go with the slides into report.tsv, shards and "
            "tiles.parquet; 'none' for none (default: those of the report before)"
        )
        add("--carry", action="append", metavar="NAMES", help=help_carry)
    if name == "verify":
        help_repair = "have the next run do again what is not whole; nothing else is removed"
        add("--repair", action="store_true", help=help_repair)
    if name == "tile":
        help_recut = "cut what is left of a slide that is damaged now, and was whole before"
        add("--recut", action="store_true", help=help_recut)
    if name in ("tile", "viewer", "preview"):
        help_threads = "tiles read at the same time (default: 1)"
        add("--threads", type=_threads, default=1, metavar="N", help=help_threads)


def _add_run(command: argparse.ArgumentParser) -> None:
    """What ``run`` understands beside the keys of the config."""
    command.epilog = EPILOG
    help_slides = "a folder of slides, one slide, a glob in quotes, or a sheet"
    command.add_argument("slides", metavar="SLIDES", nargs="*", help=help_slides)
    help_cores = "how many cores to use (default: all)"
    command.add_argument("--cores", type=_cores, metavar="N", help=help_cores)
    help_recut = (
        "cut every slide again, also those that an earlier version has cut; what is kept of one "
        "that is away or damaged now stays"
    )
    command.add_argument("--recut", action="store_true", help=help_recut)


def _add_config_keys(command: argparse.ArgumentParser, name: str) -> None:
    without = ("slides",) if name == "run" else NOT_OPTIONS
    for option in options():
        alone = name in RESULTS_ALONE and option.key != "results"
        if option.key not in without and not alone:
            default = literal(option.default)
            text = f"{option.help}; {option.allowed} (default: {default})"
            # argparse would read a % of the text as one of its own
            many = bool(option.separator)  # may be given more than once
            command.add_argument(
                option.flag,
                action="append" if many else "store",
                metavar="VALUE",
                help=text.replace("%", "%%"),
            )


def _cores(text: str) -> str:
    if text != "all" and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is neither a whole number from 1 nor all")
    return text


def usage_fault(slides: Sequence[str]) -> str:
    """What to type where not exactly one thing is named; "" where one is."""
    if len(slides) > 1:
        return SEVERAL.format(count=len(slides), first=shown(slides[0]))
    return "" if slides else WHAT_TO_TYPE


def _threads(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1")
    return int(text)


def config_of(given: dict[str, Any]) -> Config:
    """The config from the options alone; config.yaml is the workflow's.

    Raises:
        ConfigError: with a sentence for each option that is wrong.
    """
    return read_config(values_of(given))


def values_of(given: Mapping[str, Any]) -> dict[str, object]:
    """What was given for keys of the config, each as its key has it.

    Raises:
        ConfigError: as ``config_of``.
    """
    values: dict[str, object] = {}
    faults: list[str] = []
    for option in options():
        text = given.get(option.key)
        if text is not None:
            try:
                read = from_texts if isinstance(text, list) else from_text
                values[option.key] = read(option.key, text, option.flag)
            except ConfigError as error:
                faults += error.faults
    if faults:
        raise ConfigError(*faults)
    return values
