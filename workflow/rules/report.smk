# The tables and the page of all slides.
#
# What is marked `report` stands in Snakemake's own report too (snakemake --report x.html). So do the
# maps among the page's pictures, as inputs of `all`. As outputs of this job they would grow with the
# square of the slides: Snakemake records with each output all inputs of its job.
#
# The benchmark files, which runtime.tsv is made of, are no input: a slide that was cut before
# they were written, or whose logs were deleted, would be cut again for them.
from mrxs_tiles import __version__
from mrxs_tiles.config.config import cutting_keys
from mrxs_tiles.made_by import all_made_by


rule report:
    input:
        # the table, since it is what is missing of a slide that is to be done again
        slides=of_each_slide(rules.inspect.output.coordinates),
        tiles=of_each_slide(rules.tile.output.record),
        # where shards may be written anew no other job is at their slides
        exports=of_each_slide(*rules.export.output) if CARRIED and CONFIG.exports else [],
        # to which the page leads
        viewers=of_each_slide(*rules.viewer.output) if CONFIG.settings.deepzoom else [],
    output:
        table=report(
            f"{RESULTS}/report.tsv",
            caption="../report/table.rst",
            category="All slides",
            labels={"what": "table"},
        ),
        page=report(
            f"{RESULTS}/report.html",
            caption="../report/page.rst",
            category="All slides",
            labels={"what": "page"},
        ),
        runtime=f"{RESULTS}/runtime.tsv",
        run=f"{RESULTS}/run.json",
        crate=f"{RESULTS}/ro-crate-metadata.json",
    log:
        f"{RESULTS}/{LOGS}/report.log",
    localrule: True
    conda:
        "../../envs/mrxs-tiles.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        paths=lambda wildcards: {slide: str(SLIDES[slide].path) for slide in slides_here()},
        refused=lambda wildcards: REFUSED + slides_away().refused,
        carried=CARRIED,  # of the sheet: compared here, and by no step that cuts
        away=lambda wildcards: slides_away().kept,
        config=cutting_keys(CONFIG),
        sheet=sheet_file(),
        version=__version__,  # stands on the page
        made_by=all_made_by(),  # it says which slides were made by others
        again=say_again(),
    message:
        "report"
    script:
        "../scripts/report.py"
