# The config's file, looked at before Snakemake reads it. No rules here.
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from mrxs_tiles.config.config_file import check_config_files
from mrxs_tiles.errors import ConfigError

CONFIG_FILE = "config.yaml" if os.path.exists("config.yaml") else f"{HERE}/config.yaml"
NOTES = []  # what is said once, when the run begins

if workflow.is_main_process and not workflow.modifier.skip_configfile:
    try:
        # the last one counts
        NOTES += check_config_files([Path(CONFIG_FILE), *workflow.config_settings.configfiles])
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
