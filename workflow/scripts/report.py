import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.job import run_job
from mrxs_tiles.report import report

job = snakemake
run_job(
    lambda: report(Path(job.output.table).parent, job.params.slides, job.params.refused),
    job.log[0],
    "report",
)
