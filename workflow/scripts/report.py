import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.report.report import report
from mrxs_tiles.steps.run_step import run_job

job = snakemake
results = Path(job.output.table).parent
logs = Path(job.log[0]).parent  # where the benchmark files lie too, whatever the prefix
params = job.params
run_job(
    lambda: report(
        *(results, params.paths, params.refused, params.config, logs),
        carried=params.carried,
        away=params.away,
        sheet=Path(params.sheet) if params.sheet else None,
    ),
    job.log[0],
    "report",
)
