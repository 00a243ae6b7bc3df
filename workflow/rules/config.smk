# The config's file, looked at before Snakemake reads it. No rules here.
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from mrxs_tiles.config.config_file import check_config_files
from mrxs_tiles.errors import ConfigError
from mrxs_tiles.report.run_on_terminal import MARK, SAID
from snakemake_logger_plugin_mrxs_tiles import LogHandler

CONFIG_FILE = "config.yaml" if os.path.exists("config.yaml") else f"{HERE}/../config.yaml"
NOTES = []  # what is said once, when the run begins
# Whether this is the run itself: no job of it on a cluster, and no part of another workflow.
OWN_RUN = workflow.is_main_process and workflow.modifier.namespace is None


def say(*lines):
    """Say something whatever is asked to be shown, in its turn among Snakemake's messages."""
    logger.info("\n".join(lines), extra={MARK: SAID})


def show_slides():
    """A line for each slide instead of six for each job, where no other logger is asked for.

    Not by the profile (`logger: mrxs-tiles`), which would keep a Python in which the package is not
    installed from starting the workflow of a clone.
    """
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            logger.removeHandler(handler)
            logger.addHandler(LogHandler(workflow.output_settings, None))
            break
    logger.info("", extra={MARK: {}})  # this is a workflow that the logger knows


if OWN_RUN:
    show_slides()

if workflow.is_main_process and not workflow.modifier.skip_configfile:
    try:
        # the last one counts
        NOTES += check_config_files([Path(CONFIG_FILE), *workflow.config_settings.configfiles])
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
