import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.steps.export import export
from mrxs_tiles.steps.run_step import run_job

job, slide = snakemake, snakemake.wildcards.slide
results = Path(job.input.record.removesuffix(f"{slide}/tiles.json") or ".")
run_job(
    lambda: export(slide, results, job.params.exports, job.params.sheet),
    job.log[0],
    job.config.get("on_bad_slide", "report"),
)
