# MIRAX slides in, tiles and a table of counts out. The parts:
#   config.yaml                 every key with its meaning
#   workflow/rules/config.smk   the config's file
#   workflow/rules/common.smk   config and slides
#   workflow/rules/slurm.smk    what the Slurm plugin needs
#   workflow/rules/slide.smk    inspect, tile and export, one job each per slide
#   workflow/rules/report.smk   report.tsv, runtime.tsv, report.html, and the lines that end a run
#   workflow/mrxs_tiles/        the package that does the work
import gc
import os
import re
import sys

from snakemake.utils import min_version

min_version("9.0")

# workflow.basedir would be the outermost workflow's, where this one is used as a module
HERE = str(workflow.current_basedir)
sys.path.insert(0, f"{HERE}/workflow")
# nothing here multiplies matrices: numpy's threads for that only cost each job time and memory
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# thousands of jobs are a million objects that all stay: to look through them for garbage as often
# as Python does by default takes a tenth of the time before the first job
gc.set_threshold(50_000)
# Snakemake hands this path to a shell as it is, where one with a blank (C:\Users\Anna Maria) is two
# words and no script starts
if re.search(r"[^\w/\\:.+~-]", sys.executable) and sys.executable[0] != '"':
    sys.executable = f'"{sys.executable}"'


include: "workflow/rules/config.smk"


configfile: CONFIG_FILE


include: "workflow/rules/common.smk"
include: "workflow/rules/slurm.smk"
include: "workflow/rules/slide.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        # not the report alone: where it is there, Snakemake would not miss a slide's own files
        of_each_slide(rules.inspect.output.coordinates, rules.tile.output.record),
        rules.report.output.table,
        rules.report.output.page,
        rules.report.output.runtime,
        [
            report(
                f"{RESULTS}/{FOLDER}/{map_name(slide)}",
                caption="workflow/report/map.rst",
                category="Maps",
                labels={"slide": slide},
            )
            for slide in mapped_slides(rules.report.output.page)
        ],
        of_each_slide(*rules.export.output) if CONFIG.exports else [],
