# Patience for the official Slurm plugin. Where Slurm does not answer five times within a second
# (its master restarts), version 2.8.0 forgets the jobs that it waits for and the run never ends;
# where its master is away it turns to sacct, which without accounting never answers; and it waits
# for ever for a job of which a master that crashed knows no more. And its jobs would start Snakemake
# three times: once, and through srun once more for each step. No rules here;
# tests/workflow/test_slurm.py shows what it is for.
import asyncio
import sys

from snakemake.exceptions import WorkflowError

SLURM_ASK_AGAIN = 10  # s
SLURM_ASK_FOR = 3600  # s


def patient(query):
    """The plugin's question after its jobs, asked until it is answered.

    A job that Slurm knew and knows no more is said to be UNKNOWN, which the plugin takes for
    ended; Snakemake then looks whether its outputs are there.
    """
    seen = set()

    async def ask(command, logger):
        for _ in range(SLURM_ASK_FOR // SLURM_ASK_AGAIN):
            states, seconds = await query(command, logger)
            if states is not None:
                seen.update(states)
                return dict.fromkeys(seen, "UNKNOWN") | states, seconds
            logger.warning(f"Slurm does not answer; asked again in {SLURM_ASK_AGAIN} s")
            await asyncio.sleep(SLURM_ASK_AGAIN)
        raise WorkflowError(
            "Slurm has not answered for an hour. Its jobs may still run (squeue --me): when it "
            "answers again, start the same command again, which goes on from what is done."
        )

    return ask


def remembered(ask_age):
    """How long Slurm remembers ended jobs, also while it does not answer."""
    known = [None]

    def age():
        known[0] = ask_age() or known[0]
        return known[0]

    return age


def one_snakemake(executor):
    """What is added to a job's command: its Snakemake starts the steps by itself.

    Each further Snakemake would take two seconds of a core. All that srun would do here for a step,
    to keep it within what the job was given, Slurm does for the job's own script.
    """
    return "--executor local"


slurm = sys.modules.get("snakemake_executor_plugin_slurm")
if ON_CLUSTER and hasattr(slurm, "query_job_status") and hasattr(slurm, "get_min_job_age"):
    slurm.query_job_status = patient(slurm.query_job_status)
    slurm.get_min_job_age = remembered(slurm.get_min_job_age)
if ON_CLUSTER and hasattr(getattr(slurm, "Executor", None), "additional_general_args"):
    slurm.Executor.additional_general_args = one_snakemake
