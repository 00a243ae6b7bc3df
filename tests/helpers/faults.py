"""Faults that can be seeded into the package: one operator, constant or branch is another.

A fault is known by the text of its line, so that it can be applied to another state of the
package as well, in which that line stands elsewhere.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"), ast.Mod: ("%", "*"), ast.And: ("and", "or"), ast.Or: ("or", "and"),
}  # fmt: skip
# What stands in these decides nothing at run time, or only what a person reads.
PASSED_OVER = (ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)
ONLY_FOR_TYPES = ("annotation", "returns", "decorator_list", "type_params")


@dataclass(frozen=True)
class Fault:
    """One change of one line of one module."""

    module: str  # below the package: mirax/index.py
    line: int  # where it stood when it was drawn, from 1
    text: str  # the line, without what surrounds it
    nth: int  # of the module's lines with this text, from 0
    column: int  # in the text
    old: str
    new: str
    kind: str  # operator, constant, branch

    def apply(self, path: Path) -> bool:
        """Change a file; False: it has no such line."""
        if not self.is_in(path):
            return False
        lines = path.read_text("utf-8").split("\n")
        number = self._places(lines)[self.nth]
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        end = self.column + len(self.old)
        assert self.text[self.column : end] == self.old
        lines[number] = indent + self.text[: self.column] + self.new + self.text[end:]
        path.write_text("\n".join(lines), "utf-8")
        return True

    def is_in(self, path: Path) -> bool:
        """Whether a file has such a line."""
        return path.exists() and self.nth < len(self._places(path.read_text("utf-8").split("\n")))

    def _places(self, lines: list[str]) -> list[int]:
        return [number for number, line in enumerate(lines) if line.strip() == self.text]


def draw(package: Path, seed: int, count: int, wanted: Callable[[Fault], bool]) -> list[Fault]:
    """Faults that are wanted, spread over the modules in proportion to their lines of code."""
    chance = random.Random(seed)  # noqa: S311 - the same faults for the same seed
    modules = {
        path: faults
        for path in sorted(package.rglob("*.py"))
        if (faults := [fault for fault in faults_of(path, package) if wanted(fault)])
    }
    weights = [_lines_of_code(path) for path in modules]
    drawn: dict[Fault, None] = {}
    while len(drawn) < count:
        (path,) = chance.choices(list(modules), weights)
        kinds = sorted({fault.kind for fault in modules[path]})
        kind = chance.choice(kinds)
        drawn[chance.choice([fault for fault in modules[path] if fault.kind == kind])] = None
    return list(drawn)


def faults_of(path: Path, package: Path) -> list[Fault]:
    """All that could be another in a module."""
    source = path.read_text("utf-8")
    lines = source.split("\n")
    found = []
    for kind, line, column, old, new in _changes(ast.parse(source), lines):
        text = lines[line - 1].strip()
        nth = sum(other.strip() == text for other in lines[: line - 1])
        begin = column - (len(lines[line - 1]) - len(lines[line - 1].lstrip()))
        module = path.relative_to(package).as_posix()
        found.append(Fault(module, line, text, nth, begin, old, new, kind))
    return found


def _lines_of_code(path: Path) -> int:
    tree = ast.parse(path.read_text("utf-8"))
    return len({node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)})


Change = tuple[str, int, int, str, str]  # kind, line, column, old, new


def _changes(node: ast.AST, lines: list[str]) -> Iterator[Change]:
    if isinstance(node, PASSED_OVER):
        return
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        yield from _operators(node.ops, sides, lines)
    elif isinstance(node, ast.BoolOp):
        yield from _operators([node.op] * (len(node.values) - 1), node.values, lines)
    elif isinstance(node, ast.BinOp) and not isinstance(node.left, ast.Constant | ast.JoinedStr):
        yield from _operators([node.op], [node.left, node.right], lines)
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and _one_line(node.test):
        test = node.test
        old = lines[test.lineno - 1].encode()[test.col_offset : test.end_col_offset].decode()
        if old != "TYPE_CHECKING":
            yield "branch", test.lineno, _column(test, lines), old, f"(not ({old}))"
    for name, value in ast.iter_fields(node):
        if name in ONLY_FOR_TYPES:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _changes(child, lines)


def _operators(ops: list, sides: list[ast.expr], lines: list[str]) -> Iterator[Change]:
    for op, left, right in zip(ops, sides, sides[1:], strict=False):
        if type(op) not in OPERATORS or left.end_lineno != right.lineno:
            continue
        old, new = OPERATORS[type(op)]
        line = lines[right.lineno - 1].encode()
        between = line[left.end_col_offset : right.col_offset].decode()
        if between.strip("() ") == old:
            begin = len(line[: left.end_col_offset].decode()) + between.index(old)
            yield "operator", right.lineno, begin, old, new


def _constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield "constant", node.lineno, node.col_offset, str(node.value), str(not node.value)
    elif isinstance(node.value, int) and _one_line(node):
        old = str(node.value)
        if node.end_col_offset == node.col_offset + len(old):  # not 0xff, not 1_000
            yield "constant", node.lineno, node.col_offset, old, str(node.value + 1)


def _one_line(node: ast.expr) -> bool:
    return node.lineno == node.end_lineno


def _column(node: ast.expr, lines: list[str]) -> int:
    return len(lines[node.lineno - 1].encode()[: node.col_offset].decode())
