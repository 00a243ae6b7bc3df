"""Shows a run of the workflow on the terminal: a line for each slide as it ends, and a bar.

The workflow puts it in the place of Snakemake's own where no other is asked for
(rules/config.smk). To Snakemake it is ``--logger mrxs-tiles``, which it imports each time it
starts, so nothing heavy is imported here. With ``-p`` or ``--verbose``, and for another workflow,
all is shown as Snakemake itself would.
"""

from __future__ import annotations

import os
import sys
from logging import LogRecord, makeLogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase


class LogHandler(LogHandlerBase):
    """Takes Snakemake's messages, and decides who shows them."""

    def __post_init__(self) -> None:
        """Begin as Snakemake does; a workflow of ours says so when it is read."""
        settings = self.common_settings
        self._stream = sys.stdout if settings.stdout else sys.stderr
        self._plain = settings.printshellcmds or settings.verbose or settings.debug_dag
        if not self._plain:
            os.environ["MRXS_TILES_SCREEN"] = "1"  # mrxs_tiles.progress: the jobs keep silent
        self._snakemakes = None
        self._run = None

    def emit(self, record: LogRecord) -> None:
        """Show a message, or none."""
        try:
            if self._run is None:
                from mrxs_tiles.report.run_on_terminal import RunOnTerminal

                self._run = RunOnTerminal(self._stream, self.common_settings)
            if self._run.takes(record, self._plain):
                self._run.show(record)
            else:
                self._as_snakemake_does(record)
        except BrokenPipeError:  # nobody reads on; the files count
            return
        except Exception:  # noqa: BLE001 - as in all handlers of logging
            self.handleError(record)

    def _as_snakemake_does(self, record: LogRecord) -> None:
        from snakemake import logging as own

        settings = self.common_settings
        if self._snakemakes is None:
            filters = own.DefaultFilter(
                *(settings.quiet, settings.debug_dag, settings.verbose),
                *(settings.dryrun, settings.printshellcmds),
            )
            formats = own.DefaultFormatter(settings.quiet, settings.show_failed_logs)
            self._snakemakes = own.ColorizingTextHandler(
                settings.nocolor, self._stream, formats, filters
            )
        # a rule's message would stand there in place of all that is known of the job
        self._snakemakes.handle(makeLogRecord(record.__dict__ | {"rule_msg": None}))

    def close(self) -> None:
        """Take the bar away."""
        if self._run is not None:
            self._run.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Snakemake then shows nothing itself."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Its log file in .snakemake/log is its own, as ever."""
        return False

    @property
    def has_filter(self) -> bool:
        """What is shown is decided here."""
        return True

    @property
    def has_formatter(self) -> bool:
        """And how."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Nobody draws it."""
        return False
