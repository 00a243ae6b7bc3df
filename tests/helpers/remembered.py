"""What others' packages work out of a text, the same one in each run: worked out once.

Of the same text nothing else comes of it: the rules' files as Python, the page's template as code,
what stands in config.yaml. So forks of one server keep it in a folder. A text of a changed clone is
another text, and what ends in an error is worked out anew.
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
    import yaml
    from snakemake import workflow

    templates = jinja2.FileSystemBytecodeCache(str(folder))
    jinja2.Environment.__init__ = partialmethod(  # type: ignore[assignment,method-assign]
        jinja2.Environment.__init__, bytecode_cache=templates
    )
    workflow.parse = _parsed(workflow.parse, folder)
    yaml.load = _read(yaml.load, folder)
    yaml.compose = _read(yaml.compose, folder)


def _parsed(parse: Callable[..., tuple[str, int]], folder: Path) -> Callable[..., Any]:
    """Snakemake's `parse`; the line numbers, which it adds to its third argument, are kept too."""

    def parsed(
        path: Any, workflow: Any, linemap: dict[int, int], rulecount: int = 0, **more: Any
    ) -> tuple[str, int]:
        if more:
            return parse(path, workflow, linemap, rulecount=rulecount, **more)
        with workflow.sourcecache.open(path) as file:
            asked = (path.get_path_or_uri(secret_free=True), rulecount, file.read())

        def make() -> tuple[tuple[str, int], dict[int, int]]:
            return parse(path, workflow, linemap, rulecount=rulecount), linemap

        found, lines = _kept(folder, asked, make)
        linemap.update(lines)
        return found  # type: ignore[no-any-return]

    return parsed


def _read(read: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    """One of yaml's functions, given a text, or a file at its begin."""

    def known(stream: Any, Loader: Any = None) -> Any:  # noqa: N803  # as yaml has it
        if Loader is None:
            return read(stream)
        text = stream
        if not isinstance(stream, (str, bytes)):
            if not stream.seekable() or stream.tell():
                return read(stream, Loader)
            text = stream.read()
            stream.seek(0)
        asked = (read.__name__, Loader.__module__, Loader.__name__, text)
        return _kept(folder, asked, lambda: read(stream, Loader))

    return known


def _kept(folder: Path, asked: tuple[object, ...], make: Callable[[], Any]) -> Any:
    """What was made of this before, or is made now."""
    kept = folder / hashlib.sha256(repr(asked).encode("utf-8", "surrogateescape")).hexdigest()
    with suppress(OSError):
        return pickle.loads(kept.read_bytes())  # noqa: S301  # written below
    made = make()
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as new:
        new.write(pickle.dumps(made))
    Path(new.name).replace(kept)
    return made
