"""Where the workflow lies that this package does the work of.

In a clone around the package. A wheel brings a copy of what the workflow needs of it, laid out as
there (``setup.py``), so that nothing else has to know the difference.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
BROUGHT = _PACKAGE / "from_clone"  # in a wheel
CLONE = BROUGHT if BROUGHT.is_dir() else _PACKAGE.parents[1]

SNAKEFILE = CLONE / "Snakefile"
SCHEMAS = CLONE / "workflow" / "schemas"
OPENSEADRAGON = CLONE / "envs" / "node_modules" / "openseadragon"
