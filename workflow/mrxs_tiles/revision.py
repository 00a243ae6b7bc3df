"""Which code made a step's output: a digest that changes when the output may.

Snakemake notices a changed script, but not a changed module that the script imports. The
digest of a step is a parameter of its rule, so a new version of the code that cuts tiles
cuts them again, and a new version of the report does not.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
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
_LAYOUT = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
_DOCSTRING = "docstring"


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
        digest.update(_code(file_of(name).read_bytes()).encode())
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
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and name not in without:
            found.add(name)
            waiting.extend(filter(_is_module, _imported(file_of(name).read_bytes())))
    return found


def _is_module(name: str) -> bool:
    """False for a room, and for what a module defines."""
    return bool(name) and file_of(name).is_file()


@cache
def _imported(source: bytes) -> list[str]:
    """What is imported of this package: modules, and names that may be modules of a room."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition(".")
            if package == PACKAGE.name:
                prefix = f"{module}." if module else ""
                names += [module, *(f"{prefix}{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            parts = [alias.name.partition(".") for alias in node.names]
            names += [module for package, _, module in parts if package == PACKAGE.name and module]
    return names


def _c_code(source: str) -> str:
    """A kernel without its comments, lines that run on joined."""
    return " ".join(re.sub(r"/\*.*?\*/", " ", source, flags=re.DOTALL).split())


@cache
def _code(source: bytes) -> str:
    """The module's tokens without what does not run."""
    kept: list[str] = []
    begins = True  # a statement begins: a text that stands there is a docstring
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL):
            continue
        if token.type in _LAYOUT:
            begins = True
            if token.type != tokenize.NEWLINE or kept[-1:] != [_DOCSTRING]:
                kept.append(tokenize.tok_name[token.type])
            else:
                kept.pop()
        elif begins and token.type == tokenize.STRING:
            kept.append(_DOCSTRING)
        else:
            begins = False
            kept.append(token.string)
    return "\n".join(kept)
