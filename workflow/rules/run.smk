# How a run begins and ends: what is said, and its exit code. No rules here.
import logging
import subprocess
from shutil import which

from snakemake.common import NOTHING_TO_BE_DONE_MSG

from mrxs_tiles.config.config import cutting_keys
from mrxs_tiles.config.slides_of_job import slides_file, write_slides
from mrxs_tiles.files.lock import RUN_LOCK, hold
from mrxs_tiles.files.manifest import REPORT_TSV
from mrxs_tiles.files.store import make_folder
from mrxs_tiles.native import complaint
from mrxs_tiles.report.records import find_inspected
from mrxs_tiles.report.report import MOST_NAMED
from mrxs_tiles.report.report import report as report_all
from mrxs_tiles.report.run_lines import failed_job
from mrxs_tiles.report.slides_of_report import Reported
from mrxs_tiles.report.summary import summary
from mrxs_tiles.steps.run_step import INTERRUPTED
from mrxs_tiles.steps.try_again import keep_promises, note_asked

NO_SLURM = (
    "There is no sbatch here, so no job can be sent to Slurm: start this on the cluster's login "
    "node, or run it on this machine with --cores all in place of --profile."
)


NO_ACCOUNTING = (
    "Slurm here forgets ended jobs after {age} s (MinJobAge), and the executor plugin does not ask "
    "squeue where that is less than three times its first wait, {wait} s, but sacct, which does "
    "not answer ({said}): the run would never see a job end. Add "
    "--slurm-init-seconds-before-status-checks {less}, or ask the cluster's administrators for "
    "accounting or a MinJobAge of 300, as Slurm has it by default."
)


def never_seen():
    """Why the head would wait for its Slurm jobs for ever; "" where it would not.

    The plugin asks each time anew which command to use, by this rule.
    """
    from snakemake_executor_plugin_slurm.job_status_query import get_min_job_age

    settings = workflow.executor_settings
    wait, age = settings.init_seconds_before_status_checks, get_min_job_age()
    if settings.status_command != "squeue" or age is None or age >= 3 * wait or not which("sacct"):
        return ""
    asked = ["sacct", "-n", "-X", "--name", "none"]
    done = subprocess.run(asked, capture_output=True, encoding="utf-8", errors="replace")
    said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1].rstrip(".")
    sentence = NO_ACCOUNTING.format(age=age, wait=wait, said=said, less=max(1, age // 3))
    return sentence if done.returncode else ""


def hold_results():
    """Keep a second run, in another working directory, off the same results.

    Its jobs would be refused one by one, but only after Snakemake has removed what this run's
    jobs of the same slides have written.
    """
    if not workflow.is_main_process:
        return  # a job of such a run, on a cluster
    try:
        make_folder(CONFIG.results)
        hold(CONFIG.results / RUN_LOCK, f"The folder {RESULTS} is being filled")
    except ResultsError as error:
        raise WorkflowError(str(error)) from None


def begin():
    """What a run does before its jobs."""
    if workflow.executor_plugin.name == "slurm" and not which("sbatch"):
        say(NO_SLURM)  # the plugin would ask for ever
        raise SystemExit(1)
    if workflow.executor_plugin.name == "slurm" and (said := never_seen()):
        say(said)
        raise SystemExit(1)
    hold_results()
    try:
        note_asked(CONFIG.results, asked())
        if ON_CLUSTER:
            write_slides(slides_file(CONFIG), SLIDES.values())
    except ResultsError as error:
        raise WorkflowError(str(error)) from None
    if slides_away().names and CONFIG.on_bad_slide == "stop":
        told = sum(slides_away(), [])
        raise WorkflowError("\n".join(f"{slide}: {why}" for slide, _, why in told))
    if CONFIG.on_bad_slide == "stop":
        stop_at_known()


def stop_at_known():
    """Stop at slides that were bad in an earlier run, and that nothing has changed of since."""
    again = {
        job.wildcards.slide
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in ("inspect", "tile")
    }
    rows = [row for row in read_report(CONFIG.results) if row["slide"] in SLIDES]
    known = bad_slides([row for row in rows if row["slide"] not in again])
    if known:
        raise WorkflowError(
            "Bad slides of an earlier run, which have not changed since (on_bad_slide is stop):\n"
            + "\n".join(known)
        )


def report_time():
    """When ``report.tsv`` was written; None: it is not there."""
    table = CONFIG.results / REPORT_TSV
    return table.stat().st_mtime_ns if table.is_file() else None


REPORTED = report_time()  # before this run


class AfterNothing(logging.Handler):
    """Says what is there where nothing is to be done, of which Snakemake tells no hook."""

    def emit(self, record):
        asked = workflow.dag_settings.targets if workflow.dag_settings else ()
        if record.msg != NOTHING_TO_BE_DONE_MSG or set(asked) - {"all"}:
            return
        if rows := read_report(CONFIG.results):
            say(*summary(CONFIG.results, rows))


def promises():
    """See that the next run does the slides again of which it was said."""
    try:
        keep_promises(CONFIG.results, SLIDES)
    except ResultsError as error:
        raise WorkflowError(str(error)) from None


def last_word():
    """The lines that end a run, and its exit code where a slide is bad."""
    promises()
    rows = read_report(CONFIG.results)
    if not rows or report_time() == REPORTED:
        return  # only a part of the workflow was asked for
    # jobs in a conda environment have kernels of their own
    slower = "" if workflow.deployment_settings.deployment_method else complaint()
    bad, lines = bad_slides(rows), summary(CONFIG.results, rows)
    told = ""
    if bad:
        told = (
            f"Bad slides: {len(bad)} of {len(FOUND)}, see above. All others are done. "
            "(on_bad_slide=ignore ends such a run with exit code 0.)"
        )
    elif TROUBLES:
        told = "Slides are missing, see above. All others are done."
    if CONFIG.on_bad_slide == "ignore":
        told = ""
    # where report and page lie comes last
    say("", *lines[:-2], *TROUBLES, *filter(None, (slower, told)), *lines[-2:])
    if told:
        # no error of Snakemake's, which would stand behind all this and look like a crash
        raise SystemExit(1)


def broken_off():
    """The lines that end a run of which a job failed for good, or that was interrupted."""
    try:
        promises()
    except WorkflowError as error:  # what failed the job may do so here, too
        logger.debug(str(error))
    failed = [
        job for one in workflow.scheduler.failed for job in (one.jobs if one.is_group() else [one])
    ]
    waiting = {job.wildcards.get("slide") for job in workflow.dag.needrun_jobs()} - {None}
    count = f"{len(SLIDES) - len(waiting):,} of {len(FOUND):,} slides are done"
    on = "Start the same command again: it goes on from what is done."
    if not failed:
        say("", f"Interrupted: {count}. {on}")
        raise SystemExit(INTERRUPTED)
    lines = [
        f"{count}; a job failed:" if len(failed) == 1 else f"{count}; {len(failed):,} jobs failed:"
    ]
    for job in failed[:MOST_NAMED]:
        logs = [Path(log) for log in job.log]
        lines += [
            f"  {line}" for line in failed_job(job.rule.name, job.wildcards.get("slide", ""), logs)
        ]
    if len(failed) > MOST_NAMED:
        lines.append(f"  and {len(failed) - MOST_NAMED:,} more")
    say("", *lines, on, *report_so_far(f"This run has not finished: {count}.", waiting))
    raise SystemExit(1)


def report_so_far(unfinished, waiting):
    """Make the report of the slides that wait for nothing, and say where it is.

    Without runtime.tsv, so that Snakemake makes it again in any case.
    """
    slides = {
        slide: str(SLIDES[slide].path)
        for slide in find_inspected(CONFIG.results)
        if slide in SLIDES and slide not in waiting
    }
    if report_time() != REPORTED or not slides:
        return []
    try:
        reported = Reported(slides, carried=CARRIED)
        report_all(CONFIG.results, reported, cutting_keys(CONFIG), unfinished=unfinished)
    except Exception as error:  # the last word is said whatever is wrong, a fault of ours too
        return [f"The report was not made: {str(error) or type(error).__name__}"]
    rows = read_report(CONFIG.results)
    return ["So far, and marked as unfinished:", *summary(CONFIG.results, rows, finished=False)]


if OWN_RUN:
    logger.addHandler(AfterNothing())


onstart:
    begin()


onsuccess:
    last_word()


onerror:
    broken_off()
