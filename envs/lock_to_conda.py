"""Writes mrxs-tiles.yaml, the conda environment, from requirements.lock.

Snakemake copies an environment's file away before conda reads it, and knows an environment by
that file's content alone. So the file cannot refer to the lock: it holds the part of it that
the workflow runs on, hashes included. `make lock` calls this; a test fails when it was forgotten.
"""

import re
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

HEAD = """\
# For `snakemake --sdm conda`: Python from conda-forge, all else from requirements.lock.
# Made by `make lock`; not edited by hand.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip>=23
  - pip:
"""


def normal(name: str) -> str:
    """Return a package's name as the lock spells it, without extras and versions."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", name.strip(), maxsplit=1)[0]).lower()


def locked(lock: str) -> dict[str, tuple[list[str], set[str]]]:
    """Return for each package of a lock its lines (requirement, hashes) and who asks for it."""
    packages: dict[str, tuple[list[str], set[str]]] = {}
    for line in lock.splitlines():
        if re.match(r"\w", line):
            lines, parents = packages[normal(line)] = ([line.rstrip(" \\")], set())
        elif line.startswith("    --hash="):
            lines.append(line.strip(" \\"))
        elif parent := re.match(r"    #(?: via|  ) *(\S+)", line):
            parents.add(normal(parent[1]))
    return packages


def runtime(lock: str, dependencies: list[str]) -> dict[str, list[str]]:
    """Return the lines of the packages that the dependencies need, themselves included."""
    packages = locked(lock)
    wanted: set[str] = set()
    found = {normal(name) for name in dependencies}
    while found:
        wanted |= found
        found = {name for name, (_, by) in packages.items() if by & wanted} - wanted
    return {name: packages[name][0] for name in sorted(wanted)}


def environment(lock: str, pyproject: str) -> str:
    """Return the text of the conda environment."""
    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    items = runtime(lock, dependencies).values()
    # A folded scalar (>-): one line for pip, one hash a line for whoever reads a diff.
    return HEAD + "".join(
        "      - >-\n" + "".join(f"        {line}\n" for line in lines) for lines in items
    )


if __name__ == "__main__":
    text = environment(
        (ROOT / "requirements.lock").read_text(encoding="utf-8"),
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
    )
    (HERE / "mrxs-tiles.yaml").write_text(text, encoding="utf-8", newline="\n")
