"""The docs as a site: `make docs`. The pages are those that GitHub shows, unchanged.

The source is the whole clone, so that links from README to docs and back, and to files of the code,
are the same on GitHub and on the site. A link that leads nowhere is a warning, and ends the build.
"""

from __future__ import annotations

from sphinx.application import Sphinx

project = "mrxs-tiles"
author = "the authors of mrxs-tiles"
copyright = author
extensions = ["myst_parser", "sphinxcontrib.mermaid"]
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sourcelink = False

root_doc = "README"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**.md",
    "benchmarks/RESULTS.md",
]
# Else each file below them would be looked at.
exclude_patterns = [".*", "envs", "tests", "workflow", "demo", "results", "slides", "build"]

myst_heading_anchors = 4
# Drawn by a script from the network; without one the page shows its text.
myst_fence_as_directive = ["mermaid"]

# `make links`: lines of GitHub's pages are no anchors in what it sends.
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]

# The order of the pages in the site's menu. On GitHub their index, docs/README.md, does this.
MENU = {
    "Start": ["docs/README"],
    "For": [
        "docs/for-biologists",
        "docs/for-pathologists",
        "docs/training",
        "docs/for-bioinformaticians",
        "docs/trust",
    ],
    "Reference": [
        "docs/slides",
        "docs/keys",
        "docs/output",
        "docs/artifacts",
        "docs/commands",
        "docs/python",
        "docs/cluster",
        "docs/cluster-other",
        "docs/modules",
        "docs/windows",
        "docs/damage",
        "docs/reliability",
        "docs/speed",
        "docs/costs",
        "benchmarks/RESULTS",
        "docs/compared",
        "CHANGELOG",
    ],
    "Developers": ["docs/architecture", "CONTRIBUTING", "docs/decisions/README"],
}


def _with_menu(_: Sphinx, page: str, source: list[str]) -> None:
    """Give the first page and the index of decisions the menu that GitHub does not need."""
    if page == root_doc:
        for caption, pages in MENU.items():
            source[0] += _menu(pages, f":caption: {caption}")
    if page == "docs/decisions/README":
        source[0] += _menu(["[0-9]*"], ":glob:")


def _menu(pages: list[str], option: str) -> str:
    lines = ["", "```{toctree}", ":hidden:", option, "", *pages, "```", ""]
    return "\n".join(lines)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _with_menu)
