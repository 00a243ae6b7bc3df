"""A real browser for pages: Debian's Chromium, driven by Playwright, nothing downloaded.

The fixtures are imported in `conftest.py`, so that every test module has them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import needs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

APPS = "/Applications/{0}.app/Contents/MacOS/{0}"
PROGRAMS = (
    "chromium-headless-shell",  # the same engine without a window's parts: half the CPU
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *(APPS.format("Google Chrome"), APPS.format("Chromium")),  # macOS
)
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PATIENCE = 60_000  # ms, also on a busy machine


@dataclass
class Watched:
    """A page of the browser, and all that it complained of and asked for."""

    page: Page
    console: list[str] = field(default_factory=list)  # errors and warnings
    errors: list[str] = field(default_factory=list)  # that a script did not catch
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, path: Path, fragment: str = "") -> Page:
        """Open a file as a double click does."""
        self.page.goto(path.as_uri() + fragment)
        return self.page

    def check(self) -> None:
        """Nothing went wrong, and nothing but files was asked for."""
        assert (self.console, self.errors, self.dialogs) == ([], [], [])
        assert [url for url in self.requests if not url.startswith(("file://", "data:"))] == []


def show_pictures(page: Page, selector: str) -> None:
    """Have the pictures loaded; one that cannot be shown fails the test.

    Not `wait_for_function`: what it calls again and again, the page's own policy forbids.
    """
    page.locator(selector).evaluate_all(
        "all => Promise.all(all.map(one => { one.loading = 'eager'; return one.decode() }))"
    )


def wait_until_at_rest(page: Page) -> None:
    """Wait until a viewer that was asked to go somewhere is there, and its address says where."""
    springs = "['centerSpringX', 'centerSpringY', 'zoomSpring'].map((one) => viewer.viewport[one])"
    apart = "Math.abs(one.current.value - one.target.value)"
    page.wait_for_function(
        f"{springs}.every((one) => {apart} < 1e-9) && location.hash === `#${{here()}}`"
    )


def installed() -> str | None:
    """The path of a Chromium."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """A browser, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, started once for each process of pytest."""
    needs.require("chromium")
    program = installed()
    assert program
    with launched(program) as browser:
        yield browser


@contextmanager
def without_scripts(watched: Watched, path: Path) -> Iterator[Page]:
    """A file, opened in the same browser where scripts are off."""
    browser = watched.page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    yield page
    context.close()


@pytest.fixture
def watched(chromium: Browser) -> Iterator[Watched]:
    """A new page, 1280 px wide, in a browser that knows of no other."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    seen = Watched(page)
    page.on(
        "console",
        lambda said: seen.console.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))

    def refuse(dialog: object) -> None:
        seen.dialogs.append(dialog.message)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", refuse)
    yield seen
    context.close()
