# All slides together: which of them are left out, and what the report hangs on. No rules here.
# A job on another machine does without.
import time
from functools import cache
from pathlib import Path

from mrxs_tiles.config.sheet_text import SHEETS
from mrxs_tiles.report.pictures import FOLDER, map_name, maps_beside
from mrxs_tiles.report.report import read_report
from mrxs_tiles.report.runtime import RUNTIME_TSV
from mrxs_tiles.report.summary import bad_slides
from mrxs_tiles.steps.away import Away, away
from mrxs_tiles.steps.try_again import asked_again, keep_promises_now


@cache
def asked():
    """The slides that are asked for again; Snakemake knows what is forced only after this file."""
    settings = workflow.dag_settings
    return asked_again(settings.forcerun, settings.forceall, SLIDES, CONFIG.results)


@cache
def slides_away():
    """The slides that are left out, with their results, since they cannot be opened now.

    Of a job's own slide its run knew better, and to look at all others would cost it time.
    """
    if not workflow.is_main_process:  # of a workflow that this one is a module of
        return Away([], [])
    if IS_MODULE and not workflow.dryrun:  # else a hook has done it at the end of the run before
        keep_promises_now(CONFIG.results, SLIDES)
    return away(SLIDES.values(), CONFIG.results, asked())


def of_each_slide(*files):
    """A rule's input: those files of each slide that is not left out."""
    return lambda wildcards: expand(files, slide=slides_here())


def slides_here():
    """The names of the slides that are not left out."""
    left_out = slides_away().names
    return [slide for slide in SLIDES if slide not in left_out]


def sheet_file():
    """The sheet that names the slides; None: no sheet does."""
    file = Path(CONFIG.slides)
    return str(file) if file.suffix.lower() in SHEETS and file.is_file() else None


def say_again():
    """A value that makes the report anew in every run, if a slide is bad or missing.

    Snakemake runs no hook when there is nothing to do, and a run with a bad slide must not
    end in silence. Where an unfinished run has left its report (no runtime.tsv), it is made anyway.
    """
    if not (CONFIG.results / RUNTIME_TSV).is_file():
        return 0
    return time.time_ns() if TROUBLES or bad_slides(read_report(CONFIG.results)) else 0


def mapped_slides(page):
    """The slides whose map lies beside the report's page by now.

    The page is asked where that is, since a module with `prefix:` has it elsewhere.
    """
    there = maps_beside(Path(page))
    return [slide for slide in SLIDES if map_name(slide) in there]
