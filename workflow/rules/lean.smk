# What Snakemake itself does for each of thousands of slides, made less of. No rules here; nothing
# hangs on it (docs/decisions/17-snakemakes-share.md).
import gc
from types import FunctionType, MethodType

from snakemake import common
from snakemake import rules as snakemakes_rules

# thousands of jobs are a million objects that all stay: to look through them for garbage as often
# as Python does by default takes a tenth of the time before the first job (5,000: 40 MB more)
gc.set_threshold(500_000)


def known_parameters(ask):
    """Snakemake's question what a function's parameters are, asked once for each function.

    It asks fifty times for each slide, whose resources and parameters are the same few functions:
    a fifth of the time before the first job.
    """
    known = {}

    def parameters(func):
        own = func.__func__ if isinstance(func, MethodType) else func
        if not isinstance(own, FunctionType) or own.__dict__:  # wrapped, or with words of its own
            return ask(func)
        key = own.__code__, own is func  # of a method the first one is no parameter
        if key not in known:
            known[key] = ask(func)
        return known[key]

    return parameters


if hasattr(common, "get_function_params") and hasattr(snakemakes_rules, "get_function_params"):
    common.get_function_params = known_parameters(common.get_function_params)
    snakemakes_rules.get_function_params = common.get_function_params
