# Config and slides, checked before any job starts. No rules here.
import os
import sys
from dataclasses import asdict, fields, replace
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from mrxs_tiles.config.config import read_config
from mrxs_tiles.errors import ConfigError, ResultsError
from mrxs_tiles.mirax.stamp import first_stamp
from mrxs_tiles.files.manifest import EXPORTS
from mrxs_tiles.names import LOGS, check_for_cluster, fit_for_cluster
from mrxs_tiles.annotations.marks import file_megabytes, file_stamp
from mrxs_tiles.settings import GridSettings
from mrxs_tiles.config.schema import rules_of
from mrxs_tiles.config.slides import Found, find_slides
from mrxs_tiles.config.slides_of_job import names_asked, read_slides, slides_file
from mrxs_tiles.config.typed import as_typed, with_typed_scale
from mrxs_tiles.files.store import check_writable

# Whether the slides' jobs are sent to other machines (--jobs), or this is such a job. Which
# executor sends them Snakemake knows only after it has read this.
ON_CLUSTER = workflow.remote_exec or workflow.resource_settings.nodes is not None
# Whether this is a module of another workflow, which runs none of our hooks.
IS_MODULE = workflow.modifier.parent_modifier is not None
# Whether this is such a job, of which all rules are here: it needs those of a slide alone.
IS_LONE_JOB = workflow.remote_exec and not IS_MODULE
CLUSTER_THREADS = 8  # more gain little, and a job of many cores waits long for its place

# Asked for the rules alone, no slide need be there.
RULES_ALONE = {"--lint", "--list", "-l", "--list-rules", "--list-target-rules", "--lt"}
AS_IN = "As in: snakemake --cores all --config slides=/data/slides results=/data/tiles"


def slides_named():
    """The slides that the config names; none where only the rules are asked for.

    A job on another machine looks for no other slide than its own.
    """
    if IS_LONE_JOB and (own := read_slides(slides_file(CONFIG), names_asked(sys.argv))):
        return Found(tuple(own))
    try:
        return find_slides(CONFIG)
    except ConfigError as error:
        if OWN_RUN and RULES_ALONE & set(sys.argv):
            return Found(())
        if CONFIG.slides == rules_of("slides")["default"]:  # nobody has named any
            raise ConfigError(*error.faults, AS_IN) from None
        raise


try:
    settings = workflow.config_settings
    values = as_typed(config, settings.config, settings.config_args or [])
    values, replaced = with_typed_scale(values, settings.config)
    NOTES += replaced
    CONFIG = read_config(values)
    FOUND = slides_named()
    TROUBLES = FOUND.troubles  # folders that cannot be read: slides are missing
    NOTES += FOUND.notes
    if ON_CLUSTER:
        check_for_cluster(settings.config_args or [])
        FOUND = [fit_for_cluster(slide) for slide in FOUND]
    check_writable(CONFIG.results)
    if CONFIG.settings.deepzoom and workflow.is_main_process:
        from mrxs_tiles.viewer.page import openseadragon  # takes its time, of each job

        openseadragon()  # is it there? To be said now, not by each slide's job
except (ConfigError, ResultsError) as error:
    raise WorkflowError(str(error)) from None

# The scripts take them from there: as parameters they would cut all slides again. And as they were
# meant: to Snakemake `slides=2024` is a number, and a module's config need not name its slides.
config["stage"] = CONFIG.stage
config["slides"] = CONFIG.slides

CLUSTER_MB = 200  # the Snakemake around the steps in a cluster's job, which counts there
VIEWER_MB = 80  # what a thread holds of the pyramid: a block, its parts, its tiles as files
DRAWN_MB = 2.5  # of memory, for a MB of annotations
MASK_MB = 700  # what `inspect` holds to find the tissue on a whole glass
RESAMPLED_MB = 200  # what a thread reads at once of a tile to be resampled, and its copies

CARRIED = {slide.name: dict(slide.carried) for slide in FOUND} if CONFIG.carry else {}
RESULTS = str(CONFIG.results)
REFUSED = [(slide.name, str(slide.path), slide.refused) for slide in FOUND if slide.refused]
SLIDES = {slide.name: slide for slide in FOUND if not slide.refused}
if workflow.is_main_process and (NOTES or TROUBLES):
    say(*NOTES, *TROUBLES)
if OWN_RUN:
    logger.info("", extra={MARK: {"slides": len(FOUND), "results": RESULTS}})


wildcard_constraints:
    slide=".+",


@cache
def slide_stamp(slide):
    return first_stamp(SLIDES[slide].path)


@cache
def grid_values(settings):
    """Most slides share one Settings: what Snakemake is told of it is made once."""
    values = {field.name: getattr(settings, field.name) for field in fields(GridSettings)}
    return values | {"replaced_scale": bool(settings.replaced_scale)}


@cache
def cut_values(settings):
    """As in `grid_values`."""
    return asdict(replace(settings, replaced_scale="", deepzoom=False))


def inspect_settings(wildcards):
    """What of the slide's settings `inspect` goes by: another quality does not redo it."""
    return grid_values(SLIDES[wildcards.slide].settings)


def replaced_scale(wildcards, output):
    """What the config asks for in place of a row's mpp: named in a warning, and not compared.

    That it asks for something else at all is among `inspect_settings`.
    """
    return SLIDES[wildcards.slide].settings.replaced_scale


def tile_settings(wildcards):
    """The slide's settings, of which each change cuts it again."""
    return cut_values(SLIDES[wildcards.slide].settings)


def viewer_settings(wildcards, output):
    """The same for `viewer`, not compared: what changes its pictures cuts the tiles again."""
    return tile_settings(wildcards)


def sheet_in_exports(wildcards):
    """What the exports hold of the slide's row of the sheet: a corrected value exports it again."""
    return CARRIED.get(wildcards.slide, {}) if "parquet" in CONFIG.exports else {}


def annotation_stamps(wildcards):
    """What changes when the files of the slide's region and labels do."""
    settings = SLIDES[wildcards.slide].settings
    return [file_stamp(asked) for asked in (settings.region, settings.labels)]


def tile_threads(wildcards):
    """All cores for one slide; for many one each, and a large slide gets more.

    Side by side is the better use of cores, since each job has a beginning and an end that
    run on one; a slide of some GB last in line would keep the others waiting. On a cluster only
    the slide's size counts: a job there works its threads out anew, on another machine.
    """
    by_size = 1 + int(slide_stamp(wildcards.slide).size / 1e9)
    if ON_CLUSTER:
        return min(by_size, CLUSTER_THREADS)
    return min(workflow.cores, max(-(-workflow.cores // len(SLIDES)), by_size))


def tile_memory(wildcards, threads, attempt):
    """MB for `tile`: Python and OpenSlide; the index; the tables; a tile of each thread.

    Each thread has a tile as pixels, in the cache and as a file. A slide has some 20 px a
    byte, and a row of the tables, while it is made, takes about 1 kB. Measured in benchmarks/.
    """
    settings = SLIDES[wildcards.slide].settings
    side = settings.tile_size + 2 * settings.overlap
    gigabytes = slide_stamp(wildcards.slide).size / 1e9
    rows_mb = 20 * gigabytes * 1e6 / (settings.tile_size * settings.downsample) ** 2
    tile_mb = max(20, 2.5 * side * side * 4 / 1e6)  # small tiles are read together
    if settings.mpp or settings.magnification or settings.downsample != 1:
        tile_mb += RESAMPLED_MB
    base_mb = 300 + CLUSTER_MB * ON_CLUSTER
    return int(attempt * (base_mb + 100 * gigabytes + rows_mb + tile_mb * threads))


def viewer_memory(wildcards, threads, attempt):
    """MB for `viewer`: as for `tile`, with pieces of the pyramid for tiles."""
    return tile_memory(wildcards, 0, attempt) + attempt * VIEWER_MB * threads


def inspect_memory(wildcards, attempt):
    """MB for `inspect`: as for `tile`, without tiles, with the mask of the largest slide.

    And with its annotations: their polygons take about as much as their text, twice that for a
    while, and the largest is held as a text, too.
    """
    settings = SLIDES[wildcards.slide].settings
    drawn_mb = sum(file_megabytes(asked) for asked in {settings.region, settings.labels})
    return tile_memory(wildcards, 0, attempt) + attempt * int(MASK_MB + DRAWN_MB * drawn_mb)


def export_memory(wildcards, attempt):
    """MB for `export`: as for `tile`, without tiles. A million rows took 200 MB at most."""
    return tile_memory(wildcards, 0, attempt)


def tile_minutes(wildcards, attempt):
    """Minutes for `tile`: a GB takes a core half a minute as jpg, three as webp, plus the disk."""
    gigabytes = slide_stamp(wildcards.slide).size / 1e9
    return int(attempt * (20 + 20 * gigabytes))
