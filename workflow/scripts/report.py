import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.report.report import report
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.steps.run_step import run_job

job = snakemake
results = Path(job.output.table).parent
logs = Path(job.log[0]).parent  # where the benchmark files lie too, whatever the prefix
params = job.params
sheet = Path(params.sheet) if params.sheet else None
reported = Reported(params.paths, params.refused, params.away, params.carried, sheet)
run_job(lambda: report(results, reported, params.config, logs), job.log[0], "report")
