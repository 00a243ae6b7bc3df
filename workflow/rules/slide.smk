# The steps of each slide. `stamp` is a parameter because Snakemake redoes a job whose parameters
# changed: the slide's own files are no input (one that is missing or may not be read would stop
# every slide). No parameter hangs on the code: the steps' numbers stand in their records, and the
# report says where they are not today's (docs/decisions/03-step-numbers.md). `path` is not compared
# either: where a slide lies changes no tile. To Snakemake it is derived from the output; `report`
# writes it down where it changed. Outputs are `update`d: what an earlier run left is not removed
# before there is something in its place.


rule inspect:
    output:
        slide=update(f"{RESULTS}/{{slide}}/slide.json"),
        coordinates=update(f"{RESULTS}/{{slide}}/coordinates.tsv"),
    log:
        f"{RESULTS}/{LOGS}/{{slide}}/inspect.log",
    benchmark:
        f"{RESULTS}/{LOGS}/{{slide}}/inspect.benchmark.tsv"
    conda:
        "../../envs/mrxs-tiles.yaml"
    resources:
        mem_mb=inspect_memory,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        path=lambda wildcards, output: str(SLIDES[wildcards.slide].path),
        settings=inspect_settings,
        replaced_scale=replaced_scale,
        annotations=annotation_stamps,
        stamp=lambda wildcards: slide_stamp(wildcards.slide).digest,
    message:
        "inspect {wildcards.slide}"
    script:
        "../scripts/inspect_slide.py"


# The tiles themselves are no output: Snakemake would leave a time stamp of its own among them.
rule tile:
    input:
        slide=rules.inspect.output.slide,
        coordinates=rules.inspect.output.coordinates,
    output:
        manifest=update(f"{RESULTS}/{{slide}}/tiles.tsv"),
        record=update(f"{RESULTS}/{{slide}}/tiles.json"),
    log:
        f"{RESULTS}/{LOGS}/{{slide}}/tile.log",
    benchmark:
        f"{RESULTS}/{LOGS}/{{slide}}/tile.benchmark.tsv"
    conda:
        "../../envs/mrxs-tiles.yaml"
    threads: tile_threads
    resources:
        mem_mb=tile_memory,
        runtime=tile_minutes,
    params:
        path=lambda wildcards, output: str(SLIDES[wildcards.slide].path),
        settings=tile_settings,
        stamp=lambda wildcards: slide_stamp(wildcards.slide).digest,
        # not compared, as `path` is not: `report` puts another value where it belongs
        sheet=lambda wildcards, output: CARRIED.get(wildcards.slide, {}),
    message:
        "tile {wildcards.slide}"
    script:
        "../scripts/tile_slide.py"


if CONFIG.settings.deepzoom:

    # Its own step: asking for it, or for a newer one, cuts no tile again. `tile` removes it where
    # it cuts anew; its page and pictures are no output, as the tiles are none.
    rule viewer:
        input:
            slide=rules.inspect.output.slide,
            manifest=rules.tile.output.manifest,
            record=rules.tile.output.record,
        output:
            record=update(f"{RESULTS}/{{slide}}/viewer.json"),
        log:
            f"{RESULTS}/{LOGS}/{{slide}}/viewer.log",
        benchmark:
            f"{RESULTS}/{LOGS}/{{slide}}/viewer.benchmark.tsv"
        conda:
            "../../envs/mrxs-tiles.yaml"
        threads: tile_threads
        resources:
            mem_mb=viewer_memory,
            runtime=tile_minutes,
        params:
            path=lambda wildcards, output: str(SLIDES[wildcards.slide].path),
            settings=viewer_settings,
            stamp=lambda wildcards: slide_stamp(wildcards.slide).digest,
        message:
            "viewer {wildcards.slide}"
        script:
            "../scripts/viewer.py"


if CONFIG.exports:

    # Its own step: asking for another file, or none, cuts no tile again.
    rule export:
        input:
            slide=rules.inspect.output.slide,
            manifest=rules.tile.output.manifest,
            record=rules.tile.output.record,
        output:
            [f"{RESULTS}/{{slide}}/{EXPORTS[name]}" for name in CONFIG.exports],
        log:
            f"{RESULTS}/{LOGS}/{{slide}}/export.log",
        benchmark:
            f"{RESULTS}/{LOGS}/{{slide}}/export.benchmark.tsv"
        conda:
            "../../envs/mrxs-tiles.yaml"
        resources:
            mem_mb=export_memory,
            runtime=lambda wildcards, attempt: 10 * attempt,
        params:
            exports=CONFIG.exports,
            sheet=sheet_in_exports,
        message:
            "export {wildcards.slide}"
        script:
            "../scripts/export.py"
