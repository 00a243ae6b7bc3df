"""The fenced blocks of README and docs: what each is, by its language."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from running import REPO

PAGES = (
    REPO / "README.md",
    *sorted((REPO / "docs").glob("*.md")),
    REPO / "CONTRIBUTING.md",
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS, OUTPUT, CODE = "sh", "text", "python"
# Every block says what it is, in a word that GitHub and Sphinx colour by.
LANGUAGES = {
    COMMANDS: "commands, typed in a shell one after another; a whole script begins with #!",
    OUTPUT: "what the commands before it say; a tree of files begins with results/",
    CODE: "Python, one block after another in one session; a part of a Snakefile has `snakefile:`",
    "yaml": "a file, named first in backticks in the paragraph before it",
    "powershell": "commands for Windows",
    "mermaid": "a drawing",
}


@dataclass(frozen=True)
class Block:
    """A fenced block, with the paragraph that it follows."""

    page: str  # relative to the clone
    line: int
    language: str
    text: str
    before: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file that the reader writes, and not something that is typed."""
        return self.language == "yaml" or self.text.startswith("#!")

    @property
    def is_snakefile(self) -> bool:
        """Whether it is a part of a Snakefile."""
        return self.language == CODE and "snakefile:" in self.text

    @property
    def is_tree(self) -> bool:
        """Whether it shows the files of the results."""
        return self.language == OUTPUT and self.text.startswith("results/")

    @property
    def commands(self) -> list[str]:
        """The commands of a shell's block, each on one line, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [found for line in lines if (found := _without_comment(line))]

    @property
    def file(self) -> Path:
        """The file's name, as the paragraph before it says."""
        return Path(re.findall(r"`([\w./-]+\.\w+)`", self.before)[0])


def _without_comment(line: str) -> str:
    """A line up to its comment: two blanks and a number sign."""
    return re.split(r"\s{2,}#", line)[0].strip()


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """The blocks of a page, in order."""
    text = page.read_text("utf-8")
    return tuple(
        Block(
            page=page.relative_to(REPO).as_posix(),
            line=text.count("\n", 0, found.start()) + 1,
            language=found[1],
            text=found[2],
            before=text[: found.start()].rstrip().rpartition("\n\n")[2],
        )
        for found in FENCED.finditer(text)
    )


def words_of(command: str) -> list[str]:
    """A command's words, as a shell divides them."""
    return shlex.split(command)
