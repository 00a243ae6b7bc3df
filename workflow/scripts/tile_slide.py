import sys
from pathlib import Path

# this clone's package, also where another one is installed
sys.path.insert(0, f"{snakemake.scriptdir}/..")

from mrxs_tiles.cutting.job import Source
from mrxs_tiles.mirax.named_files import allow_links_below
from mrxs_tiles.report.piece import make_early
from mrxs_tiles.settings import Settings
from mrxs_tiles.steps.run_step import run_job
from mrxs_tiles.steps.tile import tile

job, slide = snakemake, snakemake.wildcards.slide
allow_links_below(job.config["slides"])
settings = Settings(**job.params.settings)
results = Path(job.output.record.removesuffix(f"{slide}/tiles.json") or ".")
on_bad_slide = job.config.get("on_bad_slide", "report")
path = Path(job.params.path)
source = Source(
    job.config["stage"],
    job.params.stamp,
    stops=on_bad_slide == "stop",
    by_workflow=True,
    sheet=job.params.sheet,
)
run_job(
    lambda: make_early(results, tile(slide, path, results, settings, job.threads, source)),
    job.log[0],
    on_bad_slide,
)
