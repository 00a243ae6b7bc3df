"""README and docs: each block runs as it stands, and says what the page shows.

A page's blocks run in their order, in a room of their own (`helpers/doc_room.py`): a folder like a
fresh clone, with small synthetic slides under the names that the docs use.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import running
from doc_blocks import CODE, COMMANDS, OUTPUT, PAGES, Block, blocks, words_of
from doc_room import NAMES, furnish, write_slides
from running import BIN, REPO, Ran

pytestmark = pytest.mark.slow

# Commands that cannot be run here; tests/test_docs.py looks at what can be looked at.
NOT_HERE = {
    "git clone": "no network, and no address yet",
    "cd mrxs-tiles": "the room is that folder",
    "make": "installs packages; each target is one of the Makefile's",
    "pip install": "installs packages; a version is that of the lock file",
    ".venv/bin/python -m pip install": "the same",
    "tmux": "a terminal that stays",
    "sbatch": "no Slurm here; tests/workflow/test_slurm.py runs on one",
    ".venv/bin/python tests/helpers/seed_faults.py": "takes hours",
}
# Run as far as Snakemake's plan, with -n: no queue here. Real runs: tests/workflow/test_slurm.py,
# and test_executors.py for PBS with stand-ins for its commands.
ON_A_QUEUE = re.compile(r"--profile (?:profiles/slurm|\./slurm|pbs)\b")

# What a page supposes to have been done before.
BEFORE = {
    "docs/artifacts.md": "mrxs-tiles run slides.csv --results results --tile-size 512 "
    "--exports parquet",
    "docs/output.md": "mrxs-tiles run slides.csv --results results --tile-size 512 --deepzoom true"
    " --exports clam,qupath,parquet && mrxs-tiles survey slides.csv --results results && "
    "mrxs-tiles heatmap scores.csv --results results && mrxs-tiles preview A1.mrxs --results "
    "results --tile-size 512",
    "docs/trust.md": "mrxs-tiles run /data/slides --results /data/tiles",
}
# Pages that show what is said of bad slides: two of the three are bad there.
BAD = ("README.md", "docs/damage.md", "docs/slides.md")
# Pages that say once more what another page's blocks have shown.
AGAIN = (
    *("docs/artifacts.md", "docs/commands.md", "docs/damage.md"),
    *("docs/for-bioinformaticians.md", "docs/for-pathologists.md"),
)
# What a reader brings to a page's Python.
GIVEN = {"encoder": lambda rgb: rgb.mean(axis=(1, 2)), "predicted": 0.5}
# What differs from run to run, or from machine to machine, and how it is written for comparing.
DIFFERS = (
    (r"\d+ of (\d+)(?=  )", r"N of \1"),  # slides end in any order; lines of it are sorted
    (r"on \d+ cores?", "on N cores"),
    (r"[\d.e-]+ core hours", "N core hours"),
)


def folder_of(factory: pytest.TempPathFactory) -> Path:
    """The slides of all rooms, written once."""

    def make(folder: Path) -> Ran:
        write_slides(folder)
        return Ran(0, "", "")

    return running.once(factory, "slides of the docs", make)[0]


class Room:
    """Where one page is run."""

    def __init__(self, page: str, root: Path, slides: Path) -> None:
        self.page, self.root = page, root
        self.bad = page in BAD
        self.work = furnish(root, slides, self.bad)
        self.said = ""
        self.space: dict[str, Any] = dict(GIVEN)

    def here(self, text: str) -> str:
        """What a page says with the room's own folder for /data and /scratch."""
        return re.sub(r"(?<![\w.])/(data|scratch)/", rf"{self.root}/\1/", text)

    def run(self, block: Block) -> None:
        """Run a block by its kind; output and trees are compared with what is there."""
        if block.is_file:
            path = self.work / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)
            path.chmod(0o755)
        elif block.is_snakefile:
            self.plan_module(block)
        elif block.language == COMMANDS:
            self.said = "".join(self.type(command) for command in block.commands)
        elif block.language == CODE:
            code = compile(self.here(block.text), f"{block.page}:{block.line}", "exec")
            exec(code, self.space)  # noqa: S102 - our own page
        elif block.is_tree:
            self.look_for(block)
        elif block.language == OUTPUT:
            self.compare(block)

    def type(self, command: str) -> str:
        """Run one command; returns what it said."""
        if any(command == one or command.startswith(f"{one} ") for one in NOT_HERE):
            return ""
        if ON_A_QUEUE.search(command):
            command += " -n"
        command = self.here(command)
        ran = self._run(command)
        assert "Traceback" not in ran.text, ran.text
        meets_bad = self.bad and "/data/slides " in command
        planned = command.endswith(" -n")
        assert ran.code == int(meets_bad and not planned), f"{command}\n{ran.text}"
        return ran.text.replace(f"{self.root}/", "/")

    def _run(self, command: str) -> Ran:
        """Run it, by a shell only where one is needed: without it, a fork spares imports."""
        words = words_of(command)
        program = Path(words[0]).name
        if program in ("mrxs-tiles", "snakemake") and not re.search(r"\$\(|&&", command):
            return running.run_ours(
                BIN / program, *words[1:], cwd=self.work, python_path=REPO / "workflow"
            )
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=self.work,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=running.PATIENCE,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def compare(self, block: Block) -> None:
        """What is shown was said: line after line, `…` for a line's rest, `...` for lines."""
        shown = [alike(line) for line in block.text.splitlines()]
        said = [alike(line) for line in self.said.splitlines() if line]
        begin = next((n for n, line in enumerate(said) if matches(shown[0], line)), 0)
        assert follows(in_order(shown), in_order(said[begin:])), f"{block}\n{self.said}"

    def look_for(self, block: Block) -> None:
        """Each file that a tree names is in the results; each that is there is described."""
        roots = [self.root / "data/tiles", self.work / "results"]
        root = next(path for path in roots if path.is_dir())
        slide = next(name for name in (NAMES[0], "A1") if (root / name).is_dir())
        names = files_of(block.text, slide)
        assert len(names) >= 10
        assert [name for name in names if not list(root.glob(name))] == []
        described = (REPO / "docs" / "artifacts.md").read_text("utf-8")
        there = [path.name for folder in (root, root / slide) for path in folder.iterdir()]
        there = [name.replace("tumour", "{name}") for name in there if name not in (*NAMES, "B2")]
        assert [
            name for name in there if name not in (slide, "logs") and name not in described
        ] == []

    def plan_module(self, block: Block) -> None:
        """A workflow with this part has our jobs for each slide."""
        (self.work / "mrxs-tiles").symlink_to(REPO)
        (self.work / "outer.smk").write_text(self.here(block.text))
        command = "snakemake -n -s outer.smk mrxs_tiles_all"
        ran = self._run(command)
        assert ran.code == 0, ran.text
        assert "mrxs_tiles_tile" in ran.text


def alike(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, instead in DIFFERS:
        line = re.sub(pattern, instead, line)
    return line.rstrip()


def in_order(lines: list[str]) -> list[str]:
    """The lines, those of single slides sorted among themselves."""
    counted = sorted(line for line in lines if line.startswith("N of "))
    return [counted.pop(0) if line.startswith("N of ") else line for line in lines]


def matches(shown: str, said: str) -> bool:
    """Whether a line is the one that is shown, which `…` cuts short."""
    whole, cut, _ = shown.partition("…")
    return said.startswith(whole.rstrip()) if cut else said == whole


def follows(shown: list[str], said: list[str]) -> bool:
    """Whether the lines shown are the first of those said; `...` passes over any."""
    if not shown:
        return True
    if shown[0] == "...":
        return any(follows(shown[1:], said[n:]) for n in range(len(said) + 1))
    return bool(said) and matches(shown[0], said[0]) and follows(shown[1:], said[1:])


def files_of(tree: str, slide: str) -> list[str]:
    """The files that a tree of the docs names, below its first line, as globs."""
    folders: list[str] = []
    found = []
    for line in tree.splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        names = []
        for part in re.split(r"\s{2,}", line.strip()):
            if not re.fullmatch(r"[\w{}./-]+( …)?", part) or ("." not in part and "/" not in part):
                break
            name = part.removesuffix(" …").replace("{slide}", slide).replace("{name}", "*")
            names.append(re.sub(r"\b0_0\b", "*", name))
        del folders[depth - 1 :]
        found += ["/".join([*folders, name]).replace("//", "/").rstrip("/") for name in names]
        folders.append(names[0] if names else "")
    return found


def name_of(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


def pages() -> list[Any]:
    """The pages with blocks; those that repeat others only at length."""
    return [
        pytest.param(page, marks=[pytest.mark.torture] if name_of(page) in AGAIN else [])
        for page in PAGES
        if blocks(page)
    ]


def stand_in_for_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of PyTorch as a page's datasets need to be made, where there is none."""
    with contextlib.suppress(ImportError):
        import torch  # noqa: F401

        return
    names = ("torch", "torch.utils", "torch.utils.data")
    modules: list[Any] = [types.ModuleType(name) for name in names]
    modules[2].Dataset, modules[2].IterableDataset = (type(name, (), {}) for name in "ab")
    modules[0].Tensor = type("Tensor", (), {})
    modules[2].get_worker_info = lambda: None
    modules[2].DataLoader = lambda dataset, **_: dataset
    for name, module in zip(names, modules, strict=True):
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_page(
    page: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All blocks of a page run, one after another, and give what the page shows."""
    room = Room(name_of(page), tmp_path, folder_of(tmp_path_factory))
    monkeypatch.chdir(room.work)
    if any(re.search("^from torch", block.text, re.MULTILINE) for block in blocks(page)):
        stand_in_for_torch(monkeypatch)
    for command in BEFORE.get(room.page, "").split(" && "):
        if command:
            room.said = room.type(command)
    for block in blocks(page):
        room.run(block)
    if "run" in room.space:  # shards that a page's examples leave open, as a session would
        room.space["run"].close()
    room.space.clear()
    gc.collect()
