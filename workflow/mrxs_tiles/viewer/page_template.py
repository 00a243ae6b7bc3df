"""A page of a module: its template, filled, with its style and its script in it.

They lie beside the module and bear its name: ``.html``, ``.css`` and ``.js``. Every value is
escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from mrxs_tiles.made_by import PACKAGE

if TYPE_CHECKING:
    from jinja2 import Template

Filters = Mapping[str, Callable[..., str]]


def filled(
    module: str,
    values: Mapping[str, Any],
    filters: Filters | None = None,
    scripts: Sequence[str] = (),
) -> str:
    """The page of ``module``, such as ``report.page``.

    Its template also gets ``style``, ``script`` and ``script_digest``. ``scripts``: which scripts
    of the room are one, in this order; none: the one that bears the module's name.
    """
    room, _, name = module.rpartition(".")
    folder = PACKAGE / room
    script = "".join((folder / f"{one}.js").read_text("utf-8") for one in scripts or (name,))
    return template(module, filters).render(
        style=(folder / f"{name}.css").read_text("utf-8"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )


def template(module: str, filters: Filters | None = None) -> Template:
    """The template of ``module``, such as ``report.page``, or of a part of its page."""
    return _compiled(module, tuple((filters or {}).items()))


@cache  # compiling takes a quarter of a second, more than to write the page of a small cohort
def _compiled(module: str, filters: tuple[tuple[str, Callable[..., str]], ...]) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # few steps need it

    room, _, name = module.rpartition(".")
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(PACKAGE / room, encoding="utf-8"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(filters)
    return environment.get_template(f"{name}.html")
