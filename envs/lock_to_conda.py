"""Writes mrxs-tiles.yaml, the conda environment, and what installs the packages into it.

Snakemake copies an environment's files away before conda reads them, and knows an environment by
their content alone. So they cannot refer to the lock: mrxs-tiles.post-deploy.sh, which Snakemake
runs in the new environment, holds the part of it that the workflow runs on, hashes included. It
does not stand in the environment's own file, because Snakemake writes that whole file into its
record of every output: that was a megabyte a slide. `make lock` calls this; a test fails when it
was forgotten.
"""

import re
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

ENVIRONMENT = """\
# For `snakemake --sdm conda`: Python from conda-forge; mrxs-tiles.post-deploy.sh installs all else.
# Made by `make lock`; not edited by hand.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip>=23
"""
DEPLOY = """\
#!bash
# What requirements.lock holds for the workflow's jobs, into the environment that is active.
# Made by `make lock`; not edited by hand.
set -eu
python -m pip --disable-pip-version-check --no-input install --require-hashes -r /dev/stdin <<'END'
"""
# Snakemake does not say where the package lies, so its C files stand here too.
KERNELS = """\
# The kernels, by this machine's C compiler or one that is fetched for once. All works without them.
sources=`mktemp -d`
trap 'rm -rf "$sources"' EXIT
(cd "$sources" && python -c '
import pathlib, sys
for part in sys.stdin.read().split("==== ")[1:]:
    name, _, text = part.partition("\\n")
    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(name).write_text(text, encoding="utf-8", newline="\\n")
') <<'KERNELS'
{sources}KERNELS
kernels() {{ python "$sources/mrxs_tiles/native.py"; }}
kernels || {{
  python -m pip --no-input install --require-hashes -r /dev/stdin <<'ZIG' && kernels ||
{zig}ZIG
    echo "The kernels were not built: all works, with the same bytes, more slowly" >&2
  python -m pip --no-input uninstall --yes ziglang
}}
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


def deploy(lock: str, pyproject: str) -> str:
    """Return the text of the script that installs the packages."""
    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    items = runtime(lock, dependencies).values()
    return DEPLOY + "".join(" \\\n    ".join(lines) + "\n" for lines in items) + "END\n"


def kernels(workflow: Path, zig: str) -> str:
    """Return the rest of the script, which builds the kernels of the package in `workflow`."""
    package = workflow / "mrxs_tiles"
    files = (package / "native.py", package / "native.h", *sorted(package.rglob("*.c")))
    sources = "".join(
        f"==== {file.relative_to(workflow).as_posix()}\n{file.read_text(encoding='utf-8')}"
        for file in files
    )
    return KERNELS.format(sources=sources, zig=zig)


if __name__ == "__main__":
    text = deploy(
        (ROOT / "requirements.lock").read_text(encoding="utf-8"),
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
    )
    text += kernels(ROOT / "workflow", (HERE / "zig.lock").read_text(encoding="utf-8"))
    for name, content in (("yaml", ENVIRONMENT), ("post-deploy.sh", text)):
        path = HERE / f"mrxs-tiles.{name}"
        path.write_text(content, encoding="utf-8", newline="\n")
