"""Seed faults into copies of the package, one at a time, and see whether the tests notice.

    .venv/bin/python tests/helpers/seed_faults.py draw FAULTS.json --seed 1 --count 60
    .venv/bin/python tests/helpers/seed_faults.py run FAULTS.json RESULTS.jsonl

`draw` writes a list of faults: one changed operator, constant or branch each. `run` applies each
to a copy of the clone and runs, until one fails: the quick tests that lie in the module's room or
import the module; all quick ones; the slow ones. What became of each fault is a line of RESULTS;
those that are there already are passed over, so it may be interrupted. Without a fault all tests
must pass.

Options: --clone DIR another clone, with a .venv of its own, to which the faults are applied; `draw`
takes only those whose line is there too. --paths FILE a JSON object that says where that one has a
module, {"mirax/index.py": "mirax.py"}. --quick leaves out the slow tests; --processes N.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from faults import Fault, draw

REPO = Path(__file__).resolve().parents[2]
PACKAGE = Path("workflow", "mrxs_tiles")
LINKED = (".venv", "envs/node_modules")  # large, and no fault is in them
LEFT_OUT = (".git", ".venv", "node_modules", "results", "__pycache__", ".*_cache", ".hypothesis")
QUICK, SLOW = "not slow and not torture", "slow and not torture"
PATIENCE = {"near": 900, "quick": 3600, "slow": 10800}  # seconds, after which a fault hangs
PASSED, NONE = 0, 5  # pytest's exit codes
CAUGHT = (1, 2, 3, 4)  # a test failed, one cannot be imported, pytest breaks, conftest cannot


@contextmanager
def copied(clone: Path) -> Iterator[Path]:
    """A copy of a clone that uses its environment."""
    with tempfile.TemporaryDirectory(prefix="seed-faults-") as folder:
        copy = Path(folder, "clone")
        shutil.copytree(clone, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for name in LINKED:
            if (clone / name).exists():
                (copy / name).symlink_to(clone / name)
        yield copy


def nearest(copy: Path, module: str) -> list[str]:
    """The test files of a module's room, and those that import the module."""
    path = Path(module).with_suffix("")
    package, _, name = f"mrxs_tiles.{'.'.join(path.parts)}".rpartition(".")
    imported = re.compile(
        rf"{re.escape(package)}\.{name}\b|from {re.escape(package)} import [^\n]*\b{name}\b"
    )
    found = []
    for test in sorted((copy / "tests").rglob("test_*.py")):
        in_room = len(path.parts) > 1 and test.parent.name == path.parts[0]
        imports = imported.search(test.read_text("utf-8")) is not None
        if in_room or imports:
            found.append((name not in test.stem, not imports, test.relative_to(copy).as_posix()))
    return [test for *_, test in sorted(found)]  # the likeliest first


def tested(copy: Path, stage: list[str], processes: int, patience: int) -> str:
    """The first test that fails, "" if none does."""
    command = [copy / ".venv" / "bin" / "python", "-m", "pytest", "-q", "-x"]
    command += ["-p", "no:cacheprovider", "-n", str(processes), *stage]
    try:
        done = subprocess.run(
            command, cwd=copy, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        return "none ended"
    if done.returncode in (PASSED, NONE):
        return ""
    assert done.returncode in CAUGHT, done.stdout + done.stderr
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return failed[1] if failed else "the tests cannot be collected"


def judged(fault: Fault, copy: Path, path: Path, quick: bool, most: int) -> dict[str, object]:
    """What became of a fault: the test that caught it, in which stage, after how long."""
    began = time.monotonic()
    whole = path.read_bytes()
    there = fault.apply(path)
    caught, stage = "", "not there"
    try:
        if there:
            near = nearest(copy, path.relative_to(copy / PACKAGE).as_posix())
            stages = {"near": [*near, "-m", QUICK], "quick": ["-m", QUICK], "slow": ["-m", SLOW]}
            if not near:
                del stages["near"]
            if quick:
                del stages["slow"]
            for stage in stages:
                processes = 0 if stage == "near" else most
                caught = tested(copy, stages[stage], processes, PATIENCE[stage])
                if caught:
                    break
    finally:
        path.write_bytes(whole)
    seconds = round(time.monotonic() - began)
    return {**asdict(fault), "there": there, "caught": caught, "stage": stage, "seconds": seconds}


def placed(fault: Fault, clone: Path, paths: Path | None) -> Path:
    """Where a clone has the module of a fault."""
    moved = json.loads(paths.read_text("utf-8")) if paths else {}
    return clone / PACKAGE / moved.get(fault.module, fault.module)


def run(arguments: argparse.Namespace) -> int:
    """Apply all faults that have no result yet; print what became of each."""
    faults = [Fault(**fault) for fault in json.loads(arguments.faults.read_text("utf-8"))]
    results = arguments.results
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    with copied(arguments.clone.resolve()) as copy:
        for fault in faults[len(lines) :]:
            path = placed(fault, copy, arguments.paths)
            found = judged(fault, copy, path, arguments.quick, arguments.processes)
            lines.append(json.dumps(found))
            results.write_text("\n".join([*lines, ""]), "utf-8")
            say(found)
    all_found = [json.loads(line) for line in lines]
    there = [found for found in all_found if found["there"]]
    survived = [found for found in there if not found["caught"]]
    print(f"\n{len(there) - len(survived)} of {len(there)} faults were caught; survived:")  # noqa: T201
    for found in survived:
        say(found)
    return 0


def say(found: dict[str, object]) -> None:
    """One fault in a line."""
    place = f"{found['module']}:{found['line']}"
    what = f"{found['old']} -> {found['new']}"
    became = f"{found['stage']}: {found['caught'] or 'SURVIVED'}, {found['seconds']} s"
    print(f"{place}  {what}  in  {found['text']}\n    {became}", flush=True)  # noqa: T201


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("faults", type=Path)
    drawing.add_argument("--seed", type=int, default=1)
    drawing.add_argument("--count", type=int, default=60)
    running = commands.add_parser("run")
    running.add_argument("faults", type=Path)
    running.add_argument("results", type=Path)
    for command in (drawing, running):
        command.add_argument("--clone", type=Path, default=REPO)
        command.add_argument("--paths", type=Path)
    running.add_argument("--quick", action="store_true")
    running.add_argument("--processes", type=int, default=3)
    arguments = parser.parse_args()
    if "results" in arguments:
        return run(arguments)
    clone, paths = arguments.clone, arguments.paths
    faults = draw(
        REPO / PACKAGE,
        arguments.seed,
        arguments.count,
        lambda fault: fault.is_in(placed(fault, clone, paths)),
    )
    text = json.dumps([asdict(fault) for fault in faults], indent=1, ensure_ascii=False)
    arguments.faults.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
