"""The command line: the steps without Snakemake, survey and preview; each key is an option."""

from __future__ import annotations

import io
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from mrxs_tiles.arguments import WRONG_USAGE, config_of, given_for, usage_fault, values_of
from mrxs_tiles.clone import SNAKEFILE
from mrxs_tiles.config.config import (
    Config,
    check_each,
    read_config,
)
from mrxs_tiles.config.places import foreign, understood
from mrxs_tiles.config.results_place import fit_for_disk, misplaced
from mrxs_tiles.errors import ConfigError, MrxsTilesError, ResultsError, shown
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import BAD, Record
from mrxs_tiles.names import LOGS, Slide, name_fault
from mrxs_tiles.native import complaint
from mrxs_tiles.steps.run_step import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    complain,
    end_quickly,
    log_to,
    run,
)
from mrxs_tiles.terminal import Terminal, perhaps_unread, say, verdict

LOGGED = ("inspect", "tile", "export")  # as in the workflow

log = logging.getLogger(__name__)


def command() -> NoReturn:
    """Run ``mrxs-tiles`` as a program, and end it."""
    code = main()
    end_quickly()
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``mrxs-tiles``; returns its exit code."""
    # Nothing here multiplies matrices: numpy's threads for that only cost time at its import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # what a pipe of Windows cannot encode is escaped, as on stderr
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    finally:
        with perhaps_unread():
            sys.stdout.flush()


def _run(words: Sequence[str]) -> int:
    given: dict[str, Any] = {}
    with perhaps_unread():  # --help
        given = given_for(words)
    if not given:
        return DONE
    if given["command"] == "snakefile":
        say([str(SNAKEFILE)])
        return DONE
    if given["command"] == "run":
        return _workflow(given)
    terminal = Terminal(sys.stdout)
    terminal.addFilter(lambda record: record.levelno < logging.ERROR)  # these go to stderr
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[terminal])
    command = given.pop("command")
    try:
        config = config_of(given)
        if command == "report":
            from mrxs_tiles.report_command import told_report

            return told_report(config, given)
        if command == "survey":
            return _survey(config)
        if command == "heatmap":
            return _heatmap(config, given)
        if command == "verify":
            return _verify(config, bool(given["repair"]))
        return _slide_step(command, config, given)
    except MrxsTilesError as error:
        return complain(error)
    except KeyboardInterrupt:
        print("mrxs-tiles: interrupted", file=sys.stderr)
        return INTERRUPTED


def _workflow(given: dict[str, Any]) -> int:
    from mrxs_tiles.config.typed import with_typed_scale
    from mrxs_tiles.run import OWN_CONFIG
    from mrxs_tiles.run import run as run_workflow

    logging.getLogger("mrxs_tiles").addHandler(logging.NullHandler())  # the screen is Snakemake's
    if fault := usage_fault(given["slides"]):
        print(f"mrxs-tiles: {fault}", file=sys.stderr)
        return WRONG_USAGE
    try:
        values = values_of(given | {"slides": None}) | {"slides": given["slides"][0]}
        values, _ = with_typed_scale(values, values)  # in place of config.yaml's
        # all faults, before Snakemake takes its time; what goes with a file's keys it tells itself
        (check_each if OWN_CONFIG.is_file() or given["more"] else read_config)(values)
        return run_workflow(values, given["cores"], given["more"], given["recut"])
    except MrxsTilesError as error:
        return complain(error)


def _slide_step(command: str, config: Config, given: dict[str, Any]) -> int:
    slide = _slide(config, given)
    if command != "export":  # which opens no slide
        _refuse_a_name(str(given["path"]), config.results)
    if command == "export" and not config.exports:
        raise ConfigError("Nothing is asked for: name it, such as --exports clam,parquet.")
    if command in LOGGED:
        with suppress(OSError):  # of which the step has more to say
            log_to(config.results / LOGS / slide.name / f"{command}.log")
    if slower := complaint():
        log.warning(slower)
    return run(lambda: _done(command, slide, config, given), config.on_bad_slide == "ignore")


def _slide(config: Config, given: dict[str, Any]) -> Slide:
    """The slide that is named.

    Raises:
        ConfigError: its name or its place cannot be one.
    """
    path = _slide_path(str(given["path"]))
    name = path.stem if given["slide"] is None else given["slide"]
    if fault := name_fault(name):
        raise ConfigError(
            f"The slide's name {shown(name)} {fault}: give another, such as --slide case/1."
        )
    slide = Slide(name, path, config.settings)
    if faults := misplaced([slide], config.results):
        raise ConfigError(*faults)
    if refused := fit_for_disk([slide], config.results)[0].refused:
        raise ConfigError(refused)
    return slide


def _refuse_a_name(text: str, results: Path) -> None:
    """Raise if a slide's name was given for its file: its results would be those of a lost file."""
    record = results / text / manifest.SLIDE_JSON
    if name_fault(text) or os.path.lexists(text) or not record.is_file():
        return
    with suppress(ResultsError):
        path = str(manifest.read_record(record).get("path"))
        named = "" if Path(path).stem == text else f" --slide {shlex.quote(text)}"
        raise ConfigError(
            f"There is no file {shown(text)}, but {results} has a slide of that name: give its "
            f"file, {shown(path)}{named}."
        )


def _done(command: str, slide: Slide, config: Config, given: dict[str, Any]) -> Record:
    """Do what is asked with a slide; returns its record."""
    name, path, results, settings = slide.name, slide.path, config.results, config.settings
    if command == "inspect":
        from mrxs_tiles.steps.inspect import inspect

        return inspect(name, path, results, settings)
    if command == "export":
        return _export(name, config)
    threads = int(given["threads"] or 1)
    if command == "preview":
        from mrxs_tiles.steps.preview import preview

        return preview(name, path, results, settings, threads)
    if command == "viewer":
        return _view(slide, config, threads)
    return _tile(slide, config, threads, bool(given["recut"]))


def _tile(slide: Slide, config: Config, threads: int, recut: bool) -> Record:
    """Cut a slide, then make what lies beside its tiles, as the workflow does in steps."""
    from mrxs_tiles.cutting import kept
    from mrxs_tiles.cutting.job import Source
    from mrxs_tiles.report.carried import sheet_of
    from mrxs_tiles.report.piece import make_early
    from mrxs_tiles.steps.tile import tile

    name, results, settings = slide.name, config.results, config.settings
    if settings.deepzoom:
        from mrxs_tiles.viewer.page import openseadragon

        openseadragon()  # before hours of work: is it there?
    if recut:
        kept.ask_again(results / name)
    # a sheet is known to the workflow and `report` alone: what they left is carried on
    source = Source(config.stage, sheet=sheet_of(name, results))
    tiled = make_early(results, tile(name, slide.path, results, settings, threads, source))
    viewed = _view(slide, config, threads) if settings.deepzoom else tiled
    exported = _export(name, config) if config.exports else tiled
    return viewed if viewed["status"] in BAD else exported


def _view(slide: Slide, config: Config, threads: int) -> Record:
    from mrxs_tiles.cutting.job import Source
    from mrxs_tiles.steps.viewer import viewer

    source = Source(config.stage)
    return viewer(slide.name, slide.path, config.results, config.settings, threads, source)


def _slide_path(text: str) -> Path:
    """The slide's file as it is named on this system.

    Raises:
        ConfigError: it is named as on another.
    """
    place = understood(text)
    if (why := foreign(place)) and not Path(place).exists():
        raise ConfigError(f"The slide is {shown(text)}, which {why}")
    return Path(place)


def _export(slide: str, config: Config) -> Record:
    from mrxs_tiles.report.carried import sheet_of
    from mrxs_tiles.steps.export import export

    sheet = sheet_of(slide, config.results)
    return export(slide, config.results, config.exports, sheet)


def _verify(config: Config, repairs: bool) -> int:
    from mrxs_tiles.report.repair import repair, repair_report
    from mrxs_tiles.report.verify import lines, verify

    told = verify(config.results)
    say(lines(config.results, told))
    if repairs and not told.is_whole:
        done = repair(config.results, told.harmed)
        say([*done, *repair_report(config.results, told.look, told.said)])
    return DONE if told.is_whole else BAD_INPUT


def _heatmap(config: Config, given: dict[str, Any]) -> int:
    from mrxs_tiles.steps.heatmap import heatmap  # here: nothing else needs pyarrow and h5py

    tables = [Path(understood(str(table))) for table in given["scores"]]
    say(heatmap(tables, config.results, given["slide"]))
    return DONE


def _survey(config: Config) -> int:
    from mrxs_tiles.config.slides import find_slides
    from mrxs_tiles.mirax.named_files import allow_links_below
    from mrxs_tiles.steps.survey import summary, survey

    found = find_slides(config)
    allow_links_below(config.slides)
    rows = survey(found, config.results)
    say(summary(config.results, rows, (*found.notes, *found.troubles)))
    return verdict(config, sum(row["status"] in BAD for row in rows), len(found.troubles))


if __name__ == "__main__":
    command()
