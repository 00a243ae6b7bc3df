import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.settings import Settings
from mrxs_tiles.steps.run_step import run_job
from mrxs_tiles.steps.tile import tile

job, slide = snakemake, snakemake.wildcards.slide
settings = Settings(**job.params.settings)
results = Path(job.output.record.removesuffix(f"{slide}/tiles.json") or ".")
path, stage = Path(job.params.path), job.config["stage"]
run_job(
    lambda: tile(slide, path, results, settings, job.threads, stage, job.params.stamp),
    job.log[0],
    job.config.get("on_bad_slide", "report"),
)
