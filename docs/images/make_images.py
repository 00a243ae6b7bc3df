"""Takes all pictures of the docs again: `make pictures`.

Of the demo's slide, which `make demo` writes, and of the real one. Needs Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

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
QUALITY = 85
KEPT, DROPPED = "#0b7a3b", "#d8d8d8"
FONT = ImageFont.load_default(20)
SHOWN = ("2_1", "4_2", "6_2", "6_9")  # tiles of the demo's slide
PREVIEWED = ("min_tissue", "min_focus")
SIDE, GAP = 330, 10  # px of a tile in the first picture, and between two


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


def show_demo(work: Path) -> None:
    """README's first picture: the demo's slide with its grid, and four of its tiles."""
    folder = cut(DEMO, work / "demo", "--tile-size", "1000")
    grid = running.record(folder / "slide.json")["grid"]
    kept = {tile: not why for tile, why in running.reasons(folder).items()}
    slide = _with_grid(folder, grid, kept)
    page = Image.new("RGB", (slide.width + 4 * GAP + 2 * (SIDE + GAP), slide.height), "white")
    page.paste(slide)
    draw = ImageDraw.Draw(page)
    for number, name in enumerate(SHOWN):
        left = slide.width + 4 * GAP + number % 2 * (SIDE + GAP)
        top = 2 * GAP + number // 2 * (SIDE + 4 * GAP)
        with Image.open(folder / "tiles" / f"{name}.jpg") as tile:
            page.paste(tile.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, top))
        draw.text((left, top + SIDE + GAP), f"{name}.jpg", "black", FONT)
    count = sum(kept.values())
    said = f"{count} tiles kept, {grid['tiles'] - count} dropped (grey): never scanned"
    draw.text((slide.width + 4 * GAP, 2 * (SIDE + 6 * GAP)), said, "black", FONT)
    page.save(HERE / "demo.jpg", quality=QUALITY)


def _with_grid(
    folder: Path, grid: dict[str, int], kept: dict[tuple[int, int], bool]
) -> Image.Image:
    """A slide's thumbnail with its grid: kept tiles framed, all others grey."""
    with Image.open(folder / "thumbnail.jpg") as thumbnail:
        slide = thumbnail.convert("RGB")
    side = grid["tile_size"] * slide.width / running.record(folder / "slide.json")["width"]
    draw = ImageDraw.Draw(slide)
    cells = [(col, row) for col in range(grid["cols"]) for row in range(grid["rows"])]
    for col, row in sorted(cells, key=lambda cell: kept.get(cell, False)):
        box = [col * side, row * side, (col + 1) * side, (row + 1) * side]
        box[2], box[3] = min(box[2], slide.width - 1), min(box[3], slide.height - 1)
        if kept.get((col, row)):
            draw.rectangle(box, outline=KEPT, width=2)
        else:
            draw.rectangle(box, DROPPED, "#b5b5b5")
    return slide


def show_map(work: Path) -> None:
    """A slide's map as it is written, small."""
    folder = cut(DEMO, work / "map", "--tile-size", "512", "--min-tissue", "0.1")
    with Image.open(folder / "tiles.png") as drawn:
        drawn = drawn.convert("RGB")
    drawn.thumbnail((900, 900), Image.Resampling.LANCZOS)
    drawn.save(HERE / "tiles.jpg", quality=QUALITY)


def show_preview(work: Path) -> None:
    """Two of the three pictures of `preview`, one below the other."""
    keys = ("--tile-size", "128", "--min-tissue", "0.05")
    done = running.mrxs_tiles("preview", REAL, "--results", work / "preview", *keys)
    assert done.code == 0, done.text
    folder = work / "preview" / REAL.stem / "preview"
    pictures = [Image.open(folder / f"{name}.png").convert("RGB") for name in PREVIEWED]
    for picture in pictures:
        picture.thumbnail((1100, 1100), Image.Resampling.LANCZOS)
    size = max(one.width for one in pictures), sum(one.height for one in pictures)
    page = Image.new("RGB", size, "white")
    page.paste(pictures[0])
    page.paste(pictures[1], (0, pictures[0].height))
    page.save(HERE / "preview.jpg", quality=QUALITY)


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
        page.screenshot(path=HERE / "viewer.jpg", quality=QUALITY)


def main() -> None:
    """All of them."""
    program = installed()
    if program is None:
        sys.exit("No Chromium is installed (Debian: apt install chromium-headless-shell).")
    with tempfile.TemporaryDirectory() as name, launched(program) as browser:
        show_demo(Path(name))
        show_map(Path(name))
        show_preview(Path(name))
        show_report(browser, Path(name))
        show_viewer(browser, Path(name))


if __name__ == "__main__":
    main()
