"""A page of a module: its template, filled, with its style and its script in it.

The files are ``templates/{module}.html``, ``.css`` and ``.js``. Every value is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from mrxs_tiles.revision import PACKAGE, TEMPLATES


def filled(
    module: str, values: Mapping[str, Any], filters: Mapping[str, Callable[..., str]] | None = None
) -> str:
    """The page of ``module``; it also gets ``style``, ``script`` and ``script_digest``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # few steps need it

    folder = PACKAGE / TEMPLATES
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(folder, encoding="utf-8"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(filters or {})
    script = (folder / f"{module}.js").read_text("utf-8")
    return environment.get_template(f"{module}.html").render(
        style=(folder / f"{module}.css").read_text("utf-8"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )
