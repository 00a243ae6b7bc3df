"""What Snakemake and Jinja work out of a text, the same one in each run: worked out once.

Of the same text nothing else comes of it: the rules' files as Python, the page's template as code.
So forks of one server keep it in a folder. A text of a changed clone is another text.
"""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partialmethod
from pathlib import Path
from typing import Any


def remember(folder: Path) -> None:
    """Have this process, and its forks, look there first."""
    import jinja2
    from snakemake import workflow

    templates = jinja2.FileSystemBytecodeCache(str(folder))
    jinja2.Environment.__init__ = partialmethod(  # type: ignore[assignment,method-assign]
        jinja2.Environment.__init__, bytecode_cache=templates
    )
    workflow.parse = _remembering(workflow.parse, folder)


def _remembering(parse: Callable[..., tuple[str, int]], folder: Path) -> Callable[..., Any]:
    """Snakemake's `parse`; the line numbers, which it adds to its third argument, are kept too."""

    def remembered(
        path: Any, workflow: Any, linemap: dict[int, int], rulecount: int = 0, **more: Any
    ) -> tuple[str, int]:
        if more:
            return parse(path, workflow, linemap, rulecount=rulecount, **more)
        with workflow.sourcecache.open(path) as file:
            asked = repr((path.get_path_or_uri(secret_free=True), rulecount, file.read()))
        kept = folder / hashlib.sha256(asked.encode("utf-8", "surrogateescape")).hexdigest()
        with suppress(OSError):
            found, lines = pickle.loads(kept.read_bytes())  # noqa: S301  # written below
            linemap.update(lines)
            return found  # type: ignore[no-any-return]
        found = parse(path, workflow, linemap, rulecount=rulecount)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as new:
            new.write(pickle.dumps((found, linemap)))
        Path(new.name).replace(kept)
        return found

    return remembered
