"""config.yaml as a text, before Snakemake reads it: what YAML would take otherwise than meant.

Snakemake says of a file with a tab in it no line, of a key that is there twice nothing, and nothing
of a ``config.yml`` that it does not look for.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mrxs_tiles.config.config import PATHS
from mrxs_tiles.config.places import home_expanded
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.errors import ConfigError, shown

if TYPE_CHECKING:
    from yaml import Node, ScalarNode

CONFIG = "config.yaml"
_UNREAD = re.compile(r"config\.(ya?ml|yaml\.txt|yml\.txt|json)", re.IGNORECASE)
_TEMPLATE = "__use_yte__"  # a template of Snakemake's own: no YAML yet
_KINDS = {
    "int": "a number",
    "float": "a number",
    "bool": "yes or no",
    "timestamp": "a date",
}


def check_config_files(read: Sequence[Path], folder: Path = Path()) -> list[str]:
    """Check the config's files; return what is to be said of others that are not read.

    Args:
        read: the files that Snakemake reads; those that are not there it names itself.
        folder: the working directory.

    Raises:
        ConfigError: a file cannot be read as it is meant; with its name and line.
    """
    faults = [fault for path in read if path.is_file() for fault in _faults(path)]
    if faults:
        raise ConfigError(*faults)
    return list(_unread(read, folder))


def _faults(path: Path) -> Iterator[str]:
    import yaml

    label = shown(path)
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        yield f"{label}, line {row} is not text in UTF-8: save the file in UTF-8."
        return
    if _TEMPLATE in text:
        return
    try:
        json.loads(text)
    except ValueError:
        pass
    else:
        yield from _twice(label, yaml.compose(text.replace("\t", " "), yaml.SafeLoader))
        return
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        yield _not_yaml(label, text, error)
        return
    except yaml.YAMLError as error:
        yield f"{label} cannot be read ({str(error).splitlines()[0]}): save it in UTF-8."
        return
    if not isinstance(node, yaml.MappingNode):
        yield _no_keys(label, text, node)
        return
    yield from _twice(label, node)
    for key, value in node.value:
        if sign := _sign(text, key.end_mark.index, value):
            yield (
                f"{label}, line {key.start_mark.line + 1}: {key.value} begins with {sign}, which "
                "is a sign of YAML's own: write the value in quotes."
            )
        elif key.value in PATHS:
            yield from _path_faults(label, text, key.value, value)


def _sign(text: str, key_end: int, value: Node) -> str:
    """The sign before a value by which YAML takes what follows for a tag or an anchor, else ""."""
    match = re.match(r"\s*:\s+([!&])", text[key_end:])
    is_written_there = value.start_mark.index >= key_end
    return match[1] if match and is_written_there else ""


def _not_yaml(label: str, text: str, error: Exception) -> str:
    """The line on which YAML ends, and what is probably wrong there."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    number = mark.line if mark is not None else 0
    lines = text.splitlines() or [""]
    tabs = [row for row, line in enumerate(lines) if re.search(r"\t+\S", line.split(" #")[0])]
    if "\t" in lines[min(number, len(lines) - 1)] or (tabs and "\\t" in str(error)):
        row = number if "\t" in lines[min(number, len(lines) - 1)] else tabs[0]
        return (
            f"{label}, line {row + 1} holds a tab, which YAML does not take: write blanks instead, "
            "and none before a key."
        )
    line = lines[min(number, len(lines) - 1)].strip()
    if "escape" in str(error):
        return (
            f"{label}, line {number + 1}: in double quotes a backslash is YAML's own: write the "
            f"value in single quotes, or with /, in {shown(line)}."
        )
    what = getattr(error, "problem", None) or "it ends too soon"
    return (
        f"{label}, line {number + 1} is no YAML ({what}): write lines such as tile_size: 3000, "
        f"none indented, and a value with special characters in quotes, in {shown(line)}."
    )


def _no_keys(label: str, text: str, node: Node | None) -> str:
    if node is None:
        return f"{label} is empty: write a key, such as slides: /data/mrxs, or remove the file."
    lines = text.splitlines()
    line = lines[node.start_mark.line] if node.start_mark.line < len(lines) else ""
    if match := re.match(r"\s*([A-Za-z_]+)\s*[:=]\s*(\S.*)", line):
        return (
            f"{label}, line {node.start_mark.line + 1} is no key and value: write "
            f"{shown(f'{match[1]}: {match[2]}')}, with a colon and a blank, a line for each key."
        )
    return f"{label} holds no keys: write lines such as tile_size: 3000."


def _twice(label: str, node: Node | None) -> Iterator[str]:
    """A fault for each key that is there more than once, of which only the last would count."""
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for key, _ in getattr(node, "value", ()):
        lines[str(key.value)].append(key.start_mark.line + 1)
    for key, found in lines.items():
        if len(found) > 1:
            places = " and ".join(map(str, found))
            yield f"{label}: the key {shown(key)} is there twice, on lines {places}: remove one."


def _path_faults(label: str, text: str, key: str, node: Node) -> Iterator[str]:
    where = f"{label}, line {node.start_mark.line + 1}: {key} is"
    written = text[node.start_mark.index : node.end_mark.index].strip()
    kind = node.tag.rsplit(":", 1)[-1]
    if kind in ("seq", "map"):
        what = "a list" if kind == "seq" else "a mapping"
        if "\n" not in written:
            yield f"{where} {written}, {what} to YAML: write {_quoted(written)}, in quotes."
    elif kind in _KINDS and getattr(node, "style", None) is None:
        none = ", or null for none" if key in ("stage", "region") and kind == "bool" else ""
        yield (
            f"{where} {written}, which is {_KINDS[kind]} to YAML: write {_quoted(written)}, in "
            f"quotes{none}."
        )
    elif getattr(node, "style", None) is None:
        yield from _comment_faults(where, text, key, node)  # type: ignore[arg-type]


def _comment_faults(where: str, text: str, key: str, node: ScalarNode) -> Iterator[str]:
    """A fault where what follows a blank and # may belong to the path."""
    rest = text[node.end_mark.index :].split("\n", 1)[0].rstrip()
    if not re.match(r"[ \t]+#", rest):
        return
    whole = f"{node.value}{rest}"
    there = os.path.lexists(home_expanded(whole))
    if there or (key in ("results", "stage") and re.match(r"[ \t]+#\w", rest)):
        yield (
            f"{where} {node.value} to YAML, for which a # after a blank begins a comment: write "
            f"{_quoted(whole)} in quotes, or the comment on a line of its own."
        )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _unread(read: Sequence[Path], folder: Path) -> Iterator[str]:
    """What is to be said of files that look like the config and are not read.

    Raises:
        ConfigError: there is none in the working directory that is.
    """
    names = sorted(name for name in os.listdir(folder) if _UNREAD.fullmatch(name))  # noqa: PTH208
    here = {path.absolute() for path in read}
    for name in names:
        path = folder / name
        if any(one.exists() and path.samefile(one) for one in read) or not _holds_keys(path):
            continue
        what = f"{shown(name)} in the working directory is not read"
        do = f"rename it to {CONFIG}, or name it with --configfile {name}"
        if any(one.parent == folder.absolute() for one in here) or len(read) > 1:
            yield f"{what}, since the config is {shown(read[-1])}."
        else:
            raise ConfigError(f"{what}, and holds keys of the config: {do}.")


def _holds_keys(path: Path) -> bool:
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(content, dict) and bool(set(content) & set(load_schema("config")))
