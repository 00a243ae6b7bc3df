"""Which code made a step's output: a digest that changes when the output may.

Snakemake notices a changed script, but not a changed module that the script imports. The
digest of a step is a parameter of its rule, so a new version of the code that cuts tiles
cuts them again, and a new version of the report does not.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parent
PAGE_SUFFIXES = (".html", ".css", ".js")  # of what lies beside a module that fills it in
# Libraries whose versions decide the bytes of the results.
LIBRARIES = (
    *("openslide-bin", "openslide-python", "pillow", "imagecodecs", "simplejpeg", "numpy"),
    "tifffile",
)
# The words of a module: texts, comments, ends of lines with the next one's indent, names and signs.
# Python's own tokenizer takes half a second for all modules, whenever Snakemake starts.
_WORDS = re.compile(
    r"""(?:\b[rRbBfFuU]{1,2})?(?:
            \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
            | "(?:[^\\"\n]|\\.)*" | '(?:[^\\'\n]|\\.)*'
        )
        | \#[^\n]* | \\\n | \n[ ]* | \w[\w.]* | \S""",
    re.DOTALL | re.VERBOSE,
)
_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
# What is imported of this package: the second group may hold modules of a room, too.
_IMPORTS = re.compile(
    rf"\bfrom\s+{PACKAGE.name}(?:\.([\w.]+))?\s+import\s+(\([^)]*\)|[^\n]*)"
    rf"|\bimport\s+([^\n]*\b{PACKAGE.name}\b[^\n]*)"
)


@cache
def revision(
    module: str, without: tuple[str, ...] = (), libraries: tuple[str, ...] = LIBRARIES
) -> str:
    """A digest of a module of this package, all that it imports here, and the libraries.

    ``module``: its name below the package, such as ``steps.tile``.
    ``without``: modules that this run does not come to, with what they alone import.
    ``libraries``: those whose versions decide what the module writes.

    A module's page or kernel, which lies beside it and bears its name, counts with it. Comments,
    docstrings and blank lines of the modules do not count.
    """
    digest = hashlib.sha256()
    for name in sorted(_needed(module, without)):
        digest.update(_code(file_of(name).read_text(encoding="utf-8")).encode())
        for suffix in PAGE_SUFFIXES:
            if (page := file_of(name).with_suffix(suffix)).is_file():
                digest.update(page.read_bytes())
        if (kernel := file_of(name).with_suffix(".c")).is_file():
            digest.update(_c_code(kernel.read_text(encoding="utf-8")).encode())
    for library in libraries:
        try:
            digest.update(f"{library} {version(library)}\n".encode())
        except PackageNotFoundError:
            continue
    return digest.hexdigest()[:16]


def file_of(module: str) -> Path:
    """The file of a module of this package."""
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def _needed(module: str, without: tuple[str, ...]) -> set[str]:
    """The module and, through all imports, those of this package it needs."""
    found, looked_at = set(), set(without)
    waiting = {module}
    while waiting:
        name = waiting.pop()
        looked_at.add(name)
        if _is_module(name):
            found.add(name)
            source = file_of(name).read_text(encoding="utf-8")
            waiting |= _imported(source) - looked_at
    return found


def _is_module(name: str) -> bool:
    """False for a room, and for what a module defines."""
    return bool(name) and file_of(name).is_file()


@cache
def _imported(source: str) -> frozenset[str]:
    """What is imported of this package: modules, and names that may be modules of a room."""
    names: set[str] = set()
    for module, taken, plain in _IMPORTS.findall(source):
        if plain:
            names |= set(re.findall(rf"\b{PACKAGE.name}\.([\w.]+)", plain))
        else:
            prefix = f"{module}." if module else ""
            names |= {module, *(prefix + name for name in re.findall(r"\w+", taken))}
    return frozenset(names)


def _c_code(source: str) -> str:
    """A kernel without its comments, lines that run on joined."""
    return " ".join(re.sub(r"/\*.*?\*/", " ", source, flags=re.DOTALL).split())


@cache
def _code(source: str) -> str:
    """The module's words without what does not run, one line each for what stands in one."""
    lines: list[str] = []
    line: list[str] = []
    indent, depth = "", 0
    for word in (*_WORDS.findall(source), "\n"):
        first = word[0]
        if first == "\n":
            if depth:
                continue
            if len(line) > 1 or (line and line[0][-1] not in "\"'"):  # else nothing, or a docstring
                lines.append(indent + "\t".join(line))
            indent, line = word, []
        elif first not in "#\\":
            line.append(word)
            depth += (word in _OPENING) - (word in _CLOSING)
    return "".join(lines)
