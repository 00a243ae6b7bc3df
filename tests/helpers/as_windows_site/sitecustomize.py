"""Run by each Python whose path leads here: the programs that tests start with --as-windows."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import as_windows  # noqa: F401 - does it at its import

sys.path.pop(0)
