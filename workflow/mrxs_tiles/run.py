"""The command ``run``: the whole workflow in one go, with Snakemake underneath.

It is called in this process: the screen, the files and the exit code are those of ``snakemake``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path

from mrxs_tiles.clone import SNAKEFILE
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.files.store import make_folder, write_file
from mrxs_tiles.steps.run_step import BAD_INPUT, DONE, INTERRUPTED
from mrxs_tiles.steps.try_again import WHOLE_STAYS

OWN_CONFIG = Path("config.yaml")
# Beside what Snakemake keeps of its own: the jobs of a cluster read it too, also later.
KEPT_CONFIGS = Path(".snakemake/mrxs-tiles")
# What says how many jobs may run, or where: then it is not ours to say.
PLACES = ("--cores", "-c", "--jobs", "-j", "--executor", "-e", "--profile")


def run(
    values: Mapping[str, object], cores: str | None, more: Sequence[str], recut: bool = False
) -> int:
    """Run the workflow; returns the exit code.

    Args:
        values: keys of the config and what was given for them.
        cores: how many, or ``all``; None: all, unless ``more`` says something of it.
        more: Snakemake's own options and targets.
        recut: every slide that can be read is cut again, by today's numbers and libraries. What
            is kept of one that is away or damaged now stays.

    Raises:
        ResultsError: what Snakemake is to read cannot be written.
    """
    if OWN_CONFIG.is_file() and _asks_for_something(OWN_CONFIG):
        print(f"{OWN_CONFIG} here is read too; what was typed wins over it", file=sys.stderr)
    if sys.stderr.isatty():  # it takes seconds before there is more to say
        print(f"Looking at what is there in {values['slides']}", file=sys.stderr)
    # targets come first: behind an option that takes several values they would be some of these
    words = [*more, "--snakefile", str(SNAKEFILE)]
    if not any(word.startswith("--workflow-profile") for word in more):
        words += ["--workflow-profile", str(SNAKEFILE.parent / "profiles" / "default")]
    if cores or not any(word.startswith(PLACES) for word in more):
        words += ["--cores", cores or "all"]
    try:
        return _snakemake(words, _kept_config(values), recut)
    except KeyboardInterrupt:
        print("Interrupted. Start the same command again to go on.", file=sys.stderr)
        return INTERRUPTED


def _asks_for_something(config: Path) -> bool:
    """Whether a config has anything but the defaults, as a clone's has; or cannot be read here."""
    import yaml  # not needed where no config.yaml lies

    try:
        found = yaml.safe_load(config.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return True
    defaults = {key: rules["default"] for key, rules in load_schema("config").items()}
    if not isinstance(found, dict):
        return True
    # as text: YAML reads 420 as a number
    return any(key not in defaults or str(found[key]) != str(defaults[key]) for key in found)


def _kept_config(values: Mapping[str, object]) -> Path:
    """The values as a file that Snakemake reads, each as it was meant."""
    content = json.dumps(values, indent=1, sort_keys=True).encode()
    folder = Path.cwd() / KEPT_CONFIGS
    make_folder(folder)
    file = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.json"
    write_file(file, content)
    return file


def _snakemake(words: Sequence[str], config: Path, recut: bool) -> int:
    from snakemake import cli  # takes a second

    said = io.StringIO()
    try:
        with redirect_stderr(said):
            parser, args = cli.parse_args(words)
    except SystemExit as ended:
        sys.stderr.write(said.getvalue())
        return _code(ended)
    except Exception as error:  # noqa: BLE001 - a wrong word of an option has many types there
        print(f"Snakemake does not take what stands behind --: {error}", file=sys.stderr)
        return BAD_INPUT
    if recut:
        args.forcerun = [*(args.forcerun or ()), "tile"]
        os.environ[WHOLE_STAYS] = "1"
    # behind those of a profile, such as packing.yaml of profiles/slurm: what was typed wins
    args.configfile = [*(args.configfile or ()), config]
    # but for which profile it takes, which is ours
    lines = said.getvalue().splitlines(keepends=True)
    sys.stderr.write("".join(line for line in lines if not line.startswith("Using ")))
    try:
        return DONE if cli.args_to_api(args, parser) else BAD_INPUT
    except SystemExit as ended:  # a rule's own end
        return _code(ended)
    except Exception as error:  # noqa: BLE001 - as in the main of Snakemake
        cli.print_exception(error)
        return BAD_INPUT


def _code(ended: SystemExit) -> int:
    if isinstance(ended.code, str):
        print(ended.code, file=sys.stderr)
    return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
