from pathlib import Path

from mrxs_tiles.job import run_job
from mrxs_tiles.tile_slide import tile

job, slide = snakemake, snakemake.wildcards.slide
results = Path(job.output.record.removesuffix(f"{slide}/tiles.json") or ".")
run_job(
    lambda: tile(slide, Path(job.params.path), results, job.params.settings, job.threads),
    job.log[0],
    job.config.get("on_bad_slide", "report"),
)
