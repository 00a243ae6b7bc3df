"""README and docs: what they link to is there, and what they say to type is understood."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from mrxs_tiles.arguments import config_of, given_for
from mrxs_tiles.config.schema import load_schema
from running import REPO

PAGES = [
    *REPO.glob("*.md"),
    *(REPO / "docs").rglob("*.md"),
    *(REPO / folder / "README.md" for folder in ("config", "tests/data")),
    REPO / "benchmarks" / "RESULTS.md",
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A command of ours with its options, wherever it was installed.
OURS = re.compile(r"^(?:\.venv[/\\](?:bin|Scripts)[/\\])?mrxs-tiles (?!snakefile|--)(.+)$")


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE):
        words = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        found[anchor if anchor not in found else f"{anchor}-{found[anchor]}"] = 1
    return set(found)


def links(page: Path) -> list[str]:
    """Links and pictures of a page, but for those in code."""
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text("utf-8")))
    return [link for link in re.findall(r"]\(([^)\s]+)\)", text) if not re.match(r"\w+:", link)]


def commands(page: Path) -> list[str]:
    """Our own commands among the blocks that a page says to type."""
    blocks = [
        code for language, code in FENCED.findall(page.read_text("utf-8")) if language != "py"
    ]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [found[1] for line in lines if (found := OURS.match(line))]


def name_of(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page: Path) -> None:
    """Each relative link leads to a file or folder that is there, and to a heading that it has."""
    missing = []
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def test_pages_in_the_index() -> None:
    """Each page of docs is named in its index, each decision in that of the decisions."""
    for folder in ("docs", "docs/decisions"):
        index = REPO / folder / "README.md"
        named = {link.partition("#")[0] for link in links(index)}
        assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= named


def test_readme_is_short() -> None:
    """README is read whole: what is long has a page of its own."""
    assert len((REPO / "README.md").read_text("utf-8").splitlines()) < 180


def test_keys() -> None:
    """docs/keys.md has each key of the config, once."""
    text = (REPO / "docs" / "keys.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) == sorted(load_schema("config"))


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_commands(page: Path) -> None:
    """Each command on a page has only options and values that there are."""
    for line in commands(page):
        words = shlex.split(line.replace("E:\\", "/"), comments=True)  # a drive is not mounted here
        own = words[: words.index("--")] if "--" in words else words
        config_of(given_for(own))


def test_biologists_need_no_snakemake() -> None:
    """The page for biologists does without the word."""
    assert "snakemake" not in (REPO / "docs" / "for-biologists.md").read_text("utf-8").lower()
