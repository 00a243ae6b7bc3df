import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.job import run_job
from mrxs_tiles.report import report

job = snakemake
results = Path(job.output.table).parent
run_job(
    lambda: report(results, job.params.slides, job.params.refused, job.params.config),
    job.log[0],
    "report",
)
