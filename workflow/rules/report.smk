# The table of all slides, and the last word of a run.


rule report:
    input:
        slides=expand(rules.inspect.output.slide, slide=SLIDES),
        tiles=expand(rules.tile.output.record, slide=SLIDES),
    output:
        table=f"{RESULTS}/report.tsv",
    log:
        "logs/report.log",
    localrule: True
    conda:
        "../../envs/mrxs-tiles.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        slides=list(SLIDES),
        refused=REFUSED,
        code=revision("report"),
        again=say_again(),
    script:
        "../scripts/report.py"


onsuccess:
    last_word()
