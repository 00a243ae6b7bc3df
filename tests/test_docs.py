"""README and docs: what they link to is there, and what they say to type is understood.

Their blocks are run by tests/workflow/test_docs_run.py.
"""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import doc_blocks
from doc_blocks import FENCED, LANGUAGES
from mrxs_tiles.arguments import COMMANDS, config_of, given_for, parser
from mrxs_tiles.config.schema import load_schema
from running import REPO

PAGES = [
    *REPO.glob("*.md"),
    *(REPO / "docs").rglob("*.md"),
    *(REPO / folder / "README.md" for folder in ("config", "tests/data")),
    REPO / "benchmarks" / "RESULTS.md",
]
# Where pages on the web lie that ours lead to.
HOSTS = {
    "creativecommons.org",
    "doi.org",
    "git-scm.com",
    "github.com",
    "learn.microsoft.com",
    "openseadragon.github.io",
    "openslide.cs.cmu.edu",
    "openslide.org",
    "pypi.org",
    "semver.org",
    "snakemake.github.io",
    "snakemake.readthedocs.io",
    "www.python.org",
}
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
        code
        for language, code in FENCED.findall(page.read_text("utf-8"))
        if language != doc_blocks.CODE
    ]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [found[1] for line in lines if (found := OURS.match(line))]


def addresses(page: Path) -> set[str]:
    """The addresses on the web that a page leads to."""
    text = FENCED.sub("", page.read_text("utf-8"))
    named = re.findall(r"^\[[^]]+]: (\S+)$", text, re.MULTILINE)
    return {*named, *re.findall(r"]\((https?://[^)\s]+)\)", text)}


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


def test_blocks_say_what_they_are() -> None:
    """Each block has its language, by which it is run, compared or looked at."""
    found = {(name_of(page), one) for page in PAGES for one, _ in FENCED.findall(page.read_text())}
    assert {pair for pair in found if pair[1] not in LANGUAGES} == set()


def test_pages_with_blocks_are_run() -> None:
    """No page has a block that no test runs."""
    assert {page for page in PAGES if FENCED.search(page.read_text("utf-8"))} <= {*doc_blocks.PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_sentences(page: Path) -> None:
    """What a sentence names has the command, the options and the target that it says."""
    text = FENCED.sub("", page.read_text("utf-8"))
    wrong = [target for target in re.findall(r"`make (\w+)[^`]*`", text) if not is_target(target)]
    for command, rest in re.findall(r"`mrxs-tiles ([a-z]\w*)([^`]*)`", text):
        known = options_of(command) if command in COMMANDS else set()
        said = re.findall(r"(?<= )--\w[\w-]*", rest.partition(" -- ")[0])
        wrong += [f"{command} {one}" for one in said if one not in known]
        wrong += [] if command in COMMANDS else [command]
    assert wrong == []


def is_target(name: str) -> bool:
    return f"\n{name}:" in (REPO / "Makefile").read_text("utf-8")


@cache
def options_of(command: str) -> set[str]:
    """The options of one of our commands, as its help has them."""
    said = io.StringIO()
    with redirect_stdout(said), suppress(SystemExit):
        parser([command]).parse_args([command, "--help"])
    return set(re.findall(r"--\w[\w-]*", said.getvalue()))


def test_what_is_not_run() -> None:
    """Commands that install something name targets, files and versions that there are."""
    typed = "".join(block.text for page in doc_blocks.PAGES for block in doc_blocks.blocks(page))
    targets = set(re.findall(r"^make (\w+)", typed, re.MULTILINE))
    makefile = (REPO / "Makefile").read_text("utf-8")
    assert targets == {one for one in targets if f"\n{one}:" in makefile} > {"demo", "env"}
    lock = (REPO / "requirements.lock").read_text("utf-8")
    versions = re.findall(r"pip install ([\w-]+==\S+)", typed)
    assert versions == [one for one in versions if f"\n{one}" in lock] != []
    assert all((REPO / name).is_file() for name in re.findall(r"install .* -r (\S+)", typed))


def test_addresses() -> None:
    """Addresses on the web are whole and lead to known hosts; `make links` asks them all."""
    found = {one for page in PAGES for one in addresses(page)}
    parts = [urlsplit(one) for one in found]
    assert {part.geturl() for part in parts if part.scheme != "https" or part.query} == set()
    assert {part.hostname for part in parts} - HOSTS == set()
    assert {one for one in found if one[-1] in ".,;:"} == set()


def test_other_tools_by_their_source() -> None:
    """What is said of another tool is linked to a place in its source at a commit, or not known."""
    text = (REPO / "docs" / "compared.md").read_text("utf-8")
    names = dict(re.findall(r"^\[([^]]+)]: (\S+)$", text, re.MULTILINE))
    assert set(re.findall(r"]\[([\w.-]+)]", text)) == names.keys()
    rows = re.findall(
        r"^\| (?:[\w. ]+) (\|.*) \|$", text.split("## What they read")[1], re.MULTILINE
    )
    cells = [cell for row in rows for cell in row.split(" | ")[1:]]
    assert len(cells) > 90
    plain = {cell for cell in cells if "](" not in cell and "][" not in cell}
    assert plain <= {
        "not found",
        "not looked up",
        "for viewers of others",
        "a whole program for it",
    }
    commit = re.compile(r"https://github\.com/[\w-]+/[\w-]+/blob/[0-9a-f]{40}/\S+")
    assert [name for name, address in names.items() if not commit.fullmatch(address)] == []


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
