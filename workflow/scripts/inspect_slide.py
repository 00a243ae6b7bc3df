import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.mirax.named_files import allow_links_below
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.run_step import run_job

job, slide = snakemake, snakemake.wildcards.slide
allow_links_below(job.config["slides"])
settings = GridSettings(**job.params.settings | {"replaced_scale": job.params.replaced_scale})
results = Path(job.output.slide.removesuffix(f"{slide}/slide.json") or ".")
run_job(
    lambda: inspect(slide, Path(job.params.path), results, settings, job.params.stamp, True),
    job.log[0],
    job.config.get("on_bad_slide", "report"),
)
