"""`report.html` in a real browser: sound, safe, sortable, readable by everybody, small."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

import cohort_files
import running
from browser import Watched, show_pictures, without_scripts
from in_process import cut
from mrxs_tiles.report.pictures import FOLDER, slide_id
from mrxs_tiles.report.report import report
from page_cohort import CONFIG, EVIL, MARKUP
from running import REPO, Ran, tree

if TYPE_CHECKING:
    from playwright.sync_api import Page


ODD = ("a #1?x=100%25", "sub dir/Ä ölç 漢", 'it\'s "q"', "a:b", "-dot.dot.", "tab & <b>", "x;y=1")


def names(page: Page) -> list[str]:
    """The slides that are shown, from top to bottom."""
    return page.locator("table.slides > tbody:visible .unfold").all_inner_texts()


def sort_by(page: Page, title: str) -> list[str]:
    page.get_by_role("button", name=title, exact=True).click()
    return names(page)


# --- what a person does with it -----------------------------------------------------------------


def test_opens_by_double_click(page_results: Path, watched: Watched) -> None:
    """It opens without a complaint, with its slides' pictures; tiles come when a row unfolds."""
    page = watched.open(page_results / "report.html")
    assert not [url for url in watched.requests if url.endswith("-tiles.jpg")], "they come late"
    assert page.locator(".more:visible").count() == 0
    show_pictures(page, ".gallery img")
    page.get_by_role("button", name="B", exact=True).click()
    show_pictures(page, ".open img")
    assert page.locator(".open img").count() >= 4
    asked = [url for url in watched.requests if not url.endswith("/report.html")]
    assert all(f"/{FOLDER}/" in url for url in asked if url.startswith("file:"))
    assert all(slide_id("B") in url for url in asked if url.endswith("-tiles.jpg"))
    watched.check()


def test_bad_slides_first(page_results: Path, watched: Watched) -> None:
    """Failed slides stand on top, then damaged ones, then those with a warning, then by name."""
    page = watched.open(page_results / "report.html")
    assert names(page) == ["Y", "Z", "a9", EVIL, "B", "a10"]
    leads = page.locator(".lead")
    assert leads.first.inner_text() == "6 slides: 2 bad, 1 with a warning."
    assert leads.nth(1).inner_text().startswith("The tiles have different scales: 0.2325 µm")
    assert page.locator("table.slides tbody").first.locator(".said").inner_text() == MARKUP


def test_sorting(page_results: Path, watched: Watched) -> None:
    """A column's title sorts by it, numbers as numbers, again the other way, unknown ones last."""
    page = watched.open(page_results / "report.html")
    assert sort_by(page, "Slide") == [EVIL, "a9", "a10", "B", "Y", "Z"]
    assert sort_by(page, "Slide") == ["Z", "Y", "B", "a10", "a9", EVIL]
    rising = sort_by(page, "Tissue mm²")
    assert rising[0] == "a9"
    assert rising[3] == "a10"
    assert set(rising[4:]) == {EVIL, "Y"}
    falling = sort_by(page, "Tissue mm²")
    assert falling[0] == "a10"
    assert set(falling[4:]) == {EVIL, "Y"}
    states = page.locator("table.slides thead th[aria-sort]").evaluate_all(
        "all => all.map(one => one.ariaSort).filter(one => one !== 'none')"
    )
    assert states == ["descending"]
    watched.check()


def test_searching_and_filters(page_results: Path, watched: Watched) -> None:
    """The table shows what is searched for, and says how many that are."""
    page = watched.open(page_results / "report.html")
    search, found = page.locator("#search"), page.locator("#found")
    search.fill("IS ODD")
    assert (names(page), found.inner_text()) == (["a9"], "1 of 6 slides")
    search.fill("onerror=alert")
    assert names(page) == [EVIL]
    search.fill("nothing of it")
    assert (names(page), found.inner_text()) == ([], "0 of 6 slides")
    page.get_by_role("button", name="Reset").click()
    # the page filters once the browser has emptied the form
    page.wait_for_selector("#found:not(:text-is('0 of 6 slides'))")
    assert len(names(page)) == 6
    page.get_by_label("Show").select_option("failed, damaged or kept")
    assert names(page) == ["Y", "Z"]
    page.get_by_label("Show").select_option("all slides")
    page.get_by_label("Dropped as").select_option("tissue")
    assert names(page) == ["Z", "a9", "B"]
    page.get_by_label("Dropped as").select_option("any reason")
    page.get_by_role("button", name="show the damaged slides").click()
    assert names(page) == ["Z"]
    watched.check()


def test_with_the_keyboard(page_results: Path, watched: Watched) -> None:
    """The skip link leads to the table; a row unfolds and folds with the keyboard, and says so."""
    page = watched.open(page_results / "report.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the table of slides"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "slides"
    row = page.get_by_role("button", name="Z", exact=True)
    row.focus()
    for state in ("true", "false"):
        page.keyboard.press("Enter")
        assert row.get_attribute("aria-expanded") == state
        details = page.locator(f"#{row.get_attribute('aria-controls')}")
        assert details.is_visible() == (state == "true")


def test_address_of_a_slide(page_results: Path, watched: Watched) -> None:
    """An address with a slide's id opens that slide."""
    page = watched.open(page_results / "report.html", f"#s-{slide_id('a10')}")
    assert page.locator(".open .unfold").all_inner_texts() == ["a10"]


def test_without_scripts(page_results: Path, watched: Watched) -> None:
    """Where scripts are off, every slide is shown unfolded."""
    with without_scripts(watched, page_results / "report.html") as page:
        assert page.locator(".more").first.is_visible()
        assert not page.locator("form.tools").is_visible()


def test_printing(page_results: Path, watched: Watched) -> None:
    """On paper every slide that the filter shows has its details, and there is nothing to press."""
    page = watched.open(page_results / "report.html")
    page.get_by_label("Show").select_option("failed, damaged or kept")
    page.emulate_media(media="print")
    shown = page.locator(".more:visible")
    assert shown.count() == 2
    assert MARKUP in shown.first.inner_text()
    assert not page.locator("form.tools").is_visible()
    assert page.pdf().startswith(b"%PDF")
    watched.check()


@pytest.mark.parametrize("look", ["light", "dark", "phone", "unfolded"])
def test_readable_by_everybody(page_results: Path, watched: Watched, look: str) -> None:
    """axe-core finds no serious fault in any look, and no width need be scrolled sideways."""
    from axe_playwright_python.sync_playwright import Axe

    page = watched.page
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    if look == "phone":
        page.set_viewport_size({"width": 390, "height": 844})
    watched.open(page_results / "report.html")
    if look != "light":
        for name in ("B", "Y", "Z", "a9"):
            page.get_by_role("button", name=name, exact=True).click()
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
    for width in () if look == "phone" else (1280, 1160, 980, 720):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


# --- what it must not do ------------------------------------------------------------------------


def test_evil_texts(page_results: Path, watched: Watched) -> None:
    """Markup in a name or an error is text, and a script that got in would not run."""
    page = watched.open(page_results / "report.html")
    page.get_by_role("button", name=EVIL, exact=True).click()
    page.get_by_role("button", name="Y", exact=True).click()
    assert page.locator(".error").first.inner_text() == f"Failed: {MARKUP}"
    assert page.locator("img[src='x'], table.slides b b, table.slides script").count() == 0
    watched.check()
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'document.title = \"ran\"'}))"
    )
    assert page.title() == "Slides and their tiles"
    assert "Content Security Policy" in watched.console[0]


def test_odd_names(page_sources: list[Path], tmp_path: Path, watched: Watched) -> None:
    """Whatever a slide is called, its pictures are shown and its links lead to its files."""
    for name in ODD:
        cohort_files.another(page_sources[0], tmp_path / "r#1", name)
    report(tmp_path / "r#1")
    page = watched.open(tmp_path / "r#1" / "report.html")
    for button in page.locator(".unfold").all():
        button.click()
    show_pictures(page, "img")
    links = page.locator(".inside a").evaluate_all("all => all.map(one => one.href)")
    found = [Path(unquote(urlsplit(link).path)) for link in links]
    assert len(found) >= 8 * len(ODD)
    assert [path for path in found if not path.exists()] == []
    for name in ODD:
        assert tmp_path / "r#1" / name / "slide.json" in found
    watched.check()


# --- what lies beside it -------------------------------------------------------------------------


BROKEN = {
    "no thumbnail": ("thumbnail.jpg", None),
    "broken thumbnail": ("thumbnail.jpg", b"\xff\xd8 no picture"),
    "no map": ("tiles.png", None),
    "broken map": ("tiles.png", b"\x89PNG\r\n\x1a\n"),
    "no table": ("tiles.tsv", None),
    "broken table": ("tiles.tsv", b"col\trow\n\xff\n"),
    "no tiles": ("tiles", None),
}


@pytest.mark.parametrize(("file", "content"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_shown(
    page_results: Path, watched: Watched, file: str, content: bytes | None
) -> None:
    """Where a slide's file is gone or broken, the page is made and shows the rest."""
    path = page_results / "B" / file
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if content is not None:
        path.write_bytes(content)
    report(page_results, config=CONFIG)
    page = watched.open(page_results / "report.html", f"#s-{slide_id('B')}")
    show_pictures(page, ".open img")
    assert page.locator(".open .path").inner_text() == "/slides/B.mrxs"
    watched.check()


# --- many slides --------------------------------------------------------------------------------


MEASURED = """
import resource, sys
from mrxs_tiles.__main__ import main
code = main(["report", "--results", sys.argv[1], "--on-bad-slide", "ignore"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 slides, of 20 different ones; 50 are bad and one keeps no tile."""

    def make(folder: Path) -> Ran:
        sources = [_one_of_many(folder, seed) for seed in range(20)]
        cohort_files.cohort(sources, folder / "results", 500, 50)
        return Ran(0, "", "")

    return running.once(tmp_path_factory, "many", make)[0] / "results"


def _one_of_many(folder: Path, seed: int) -> Path:
    spec = replace(running.SPEC, seed=seed, levels=4)
    slide = running.write(folder / "slides" / f"{seed}.mrxs", spec)
    return cut(slide.path, folder / "cut" / str(seed), tile_size=160, min_tissue=0.1).folder


@pytest.mark.torture
def test_500_slides(many: Path, watched: Watched) -> None:
    """The report of 500 slides takes less than 1 GB of memory, is less than 30 MB, and works."""
    ran = running.run(sys.executable, "-c", MEASURED, many, python_path=REPO / "workflow")
    assert ran.code == 0, ran.text
    megabytes = int(ran.out.split()[-1]) / 1024
    size = sum(map(len, (tree(many / FOLDER)).values())) + (many / "report.html").stat().st_size
    page = watched.open(many / "report.html")
    asked = [url for url in watched.requests if url.endswith(".jpg")]
    assert len(asked) < 150, "pictures come as they are scrolled to"
    assert page.locator(".gallery > li").count() == 18
    assert (many / "report.html").stat().st_size < 6e6
    page.get_by_role("button", name="Kept %", exact=True).click()
    assert "S0003" in names(page)[0]
    page.locator("#search").fill("S0499")
    assert len(names(page)) == 1
    assert megabytes < 1000
    assert size < 30e6
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Show").select_option("failed, damaged or kept")
    assert len(names(page)) == 50
    page.get_by_label("Show").select_option("no tile kept")
    assert len(names(page)) == 1
    page.get_by_role("button", name="show the outliers").click()
    assert 1 <= len(names(page)) < 50
    page.locator("a.go").first.click()
    assert page.locator(".open").count() == 1
    watched.check()
