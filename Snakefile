# The workflow stands in workflow/Snakefile. This one lies here because Snakemake loads
# profiles/default only from beside the Snakefile that it is given.
include: "workflow/Snakefile"


# what is included has no say in the default target
if workflow.modifier.namespace is None:  # not as a module
    workflow.default_target = "all"
