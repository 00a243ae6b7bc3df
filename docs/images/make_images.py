"""Takes the pictures of the pages again, `report*.png` and `viewer.jpg`, once those have changed.

    .venv/bin/python docs/images/make_images.py

Needs what `make demo` made, and Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "helpers"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))

import running
from browser import installed, launched, show_pictures
from cohort_files import cohort
from mrxs_tiles.report.report import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEMO = ROOT / "demo/slides/demo.mrxs"
REAL = ROOT / "tests/data/CMU-1-Small-Region.svs"
PLACE = "#x=1190&y=1180&zoom=0.36&tile=5_5"
COHORT_KEYS = {"tile_size": 512, "min_tissue": 0.05}


def cut(slide: Path, results: Path, *options: str) -> Path:
    """Inspect and cut a slide; returns the folder of its results."""
    done = running.cut(slide, results, *options)
    assert done.code == 0, done.text
    return results / slide.stem


@contextmanager
def window(
    browser: Browser, size: tuple[int, int], page: Path, fragment: str = "", dark: bool = False
) -> Iterator[Page]:
    """A page, opened from its file in a window of a size."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    )
    opened = context.new_page()
    opened.goto(page.as_uri() + fragment)
    yield opened
    context.close()


def show_report(browser: Browser, work: Path) -> None:
    """A cohort made up of two slides: the page, on a phone, and a slide unfolded in the dark."""
    keys = [f"--{key.replace('_', '-')}={value}" for key, value in COHORT_KEYS.items()]
    sources = [cut(slide, work / "sources", *keys) for slide in (DEMO, REAL)]
    results = work / "results"
    cohort(sources, results, 120, 12)
    report(results, config=COHORT_KEYS)
    page_file = results / "report.html"
    with window(browser, (1280, 1080), page_file) as page:
        show_pictures(page, ".gallery img")
        page.screenshot(path=HERE / "report.png")
    with window(browser, (390, 844), page_file) as page:
        show_pictures(page, ".gallery img")
        page.screenshot(path=HERE / "report-phone.png")
    with window(browser, (1260, 760), page_file, dark=True) as page:
        page.locator("#search").fill("S0011")
        page.locator(".unfold:visible").click()
        page.locator("#slides").evaluate("one => one.scrollIntoView()")
        page.locator(".open img").evaluate_all("all => Promise.all(all.map(i => i.decode()))")
        page.screenshot(path=HERE / "report-dark.png")


def show_viewer(browser: Browser, work: Path) -> None:
    """The real slide with the grid, and one of its tiles chosen."""
    options = ("--tile-size", "256", "--min-tissue", "0.1", "--min-focus", "50", "--deepzoom=true")
    folder = cut(REAL, work / "viewer", *options)
    with window(browser, (1100, 700), folder / "viewer.html", PLACE) as page:
        page.click("#layers")
        page.wait_for_function("viewer.world.getItemAt(0).getFullyLoaded()")
        page.wait_for_timeout(2000)  # it fades in
        page.screenshot(path=HERE / "viewer.jpg", quality=85)


def main() -> None:
    """All of them."""
    program = installed()
    if program is None:
        sys.exit("No Chromium is installed (Debian: apt install chromium).")
    with tempfile.TemporaryDirectory() as name, launched(program) as browser:
        show_report(browser, Path(name))
        show_viewer(browser, Path(name))


if __name__ == "__main__":
    main()
