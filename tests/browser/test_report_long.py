"""`report.html` of many slides: it holds its first rows, and all that is asked goes by all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cohort_files
from browser import Watched, show_pictures, without_scripts
from mrxs_tiles.names import slide_id
from mrxs_tiles.report import rows
from mrxs_tiles.report.pictures import FOLDER, is_ours
from mrxs_tiles.report.report import report

if TYPE_CHECKING:
    from playwright.sync_api import Page

EVIL = "</script><!--<b>'\"&"


def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows stand in the page, and the rest in scripts of five."""
    monkeypatch.setattr(rows, "ALL_HERE", 22)
    monkeypatch.setattr(rows, "HERE", 4)
    monkeypatch.setattr(rows, "PART", 5)


@pytest.fixture(scope="module")
def long(page_sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 slides and such a report of them; not to be changed."""
    folder = tmp_path_factory.mktemp("long") / "my results"
    for number in range(21):
        area = 30 + (7 * number % 21) / 10
        cohort_files.another(page_sources[number % 2], folder, f"s{number:02}", tissue_mm2=area)
    cohort_files.another(page_sources[1], folder, EVIL, {"warnings": ["it is odd"]}, tissue_mm2=31)
    cohort_files.failed(folder, "Y", EVIL)
    with pytest.MonkeyPatch.context() as patch:
        few_rows(patch)
        report(folder)
    return folder


@pytest.fixture
def own(long: Path, tmp_path: Path) -> Path:
    """A copy of them, to be changed."""
    return shutil.copytree(long, tmp_path / long.name, symlinks=True)


def shown(page: Page) -> list[str]:
    """The rows that are shown, from top to bottom."""
    return page.locator("table.slides > tbody .unfold").all_inner_texts()


def wait_for(page: Page, names: list[str]) -> None:
    """Wait until these rows are shown: others are loaded first."""
    page.wait_for_selector(f"table.slides > tbody:nth-of-type(1) .unfold bdi:text-is('{names[0]}')")
    assert shown(page)[: len(names)] == names


def loaded(watched: Watched) -> int:
    """How many scripts with rows were asked for."""
    return len({url for url in watched.requests if url.endswith("-rows.js")})


def test_opens_at_once(long: Path, watched: Watched) -> None:
    """Opened, it shows its first rows, bad ones before others, and has loaded no other."""
    page = watched.open(long / "report.html")
    assert shown(page) == ["Y", EVIL, "s00", "s01"]
    assert page.locator("#found").inner_text() == "23 slides"
    text = (long / "report.html").read_text("utf-8")
    assert text.count("<tbody id=") == 4
    assert "Ctrl+F" in page.locator(".parts").inner_text()
    scripts = {path.name for path in (long / FOLDER).glob("*-rows.js")}
    assert len(scripts) == 4
    assert all(map(is_ours, scripts))
    show_pictures(page, ".gallery img")
    watched.check()


def test_goes_by_all(long: Path, watched: Watched) -> None:
    """Search, filters and sorting go by all slides, and load the rows that are shown then."""
    page = watched.open(long / "report.html")
    page.locator("#search").fill("s17")
    wait_for(page, ["s17"])
    assert len(shown(page)) == 1
    assert page.locator("#found").inner_text() == "1 of 23 slides"
    page.locator("#search").fill("cannot be there")
    assert shown(page) == []
    page.locator("#search").fill("")
    page.get_by_role("button", name="Slide", exact=True).click()
    page.get_by_role("button", name="Slide", exact=True).click()
    wait_for(page, ["Y", "s20", "s19", "s18"])
    page.get_by_role("button", name="Tissue mm²", exact=True).click()
    wait_for(page, ["s00", "s03", "s06", "s09"])
    assert page.locator(".gallery > li .title").first.inner_text() == "s00"
    page.get_by_label("Show").select_option("failed, damaged or kept")
    assert shown(page) == ["Y"]
    page.get_by_label("Show").select_option("with a warning")
    assert shown(page) == [EVIL]
    page.get_by_role("button", name=EVIL, exact=True).click()
    assert page.locator(".open .warning").inner_text() == "Warning: it is odd"
    watched.check()


def test_more_rows(long: Path, watched: Watched) -> None:
    """A button shows more rows, each once, until all are there; the keyboard goes on from there."""
    page = watched.open(long / "report.html")
    button = page.locator("#more-rows")
    assert button.inner_text() == "Show 4 more rows (19 left)"
    for count in (8, 12, 16, 20, 23):
        button.click()
        page.wait_for_selector(f"table.slides > tbody:nth-of-type({count})")
        assert (
            page.evaluate("document.activeElement.textContent") == shown(page)[(count - 1) // 4 * 4]
        )
    assert not button.is_visible()
    assert sorted(shown(page)) == sorted(["Y", EVIL, *(f"s{number:02}" for number in range(21))])
    assert loaded(watched) == 4
    watched.check()


def test_address_of_a_slide_far_below(long: Path, watched: Watched) -> None:
    """An address with a slide's id shows its row, unfolded, wherever it would stand."""
    page = watched.open(long / "report.html", f"#s-{slide_id('s20')}")
    page.wait_for_selector(".open")
    assert page.locator(".open .unfold").all_inner_texts() == ["s20"]
    show_pictures(page, ".open img")
    page.locator("#search").fill("s1")

    wait_for(page, ["s10", "s11", "s12", "s13"])
    watched.check()


def test_scripts_that_are_not_there(own: Path, watched: Watched) -> None:
    """Without its scripts, or with another report's, the page says so; no row is a wrong one."""
    page = watched.open(own / "report.html")
    for path in (own / FOLDER).glob("*-rows.js"):
        path.unlink()
    page.locator("#search").fill("s17")
    page.wait_for_selector("#trouble:visible")
    assert FOLDER in page.locator("#trouble").inner_text()
    page.locator("#search").fill("s01")
    assert shown(page) == ["s01"]
    assert not page.locator("#trouble").is_visible()
    assert watched.errors == []


def test_without_scripts(long: Path, watched: Watched) -> None:
    """Where scripts are off, the first rows are shown unfolded, and where all are is said."""
    with without_scripts(watched, long / "report.html") as page:
        assert page.locator(".more:visible").count() == 4
        assert "the first 4 of 23 slides" in page.locator("noscript p").inner_text()
        assert not page.locator(".parts").is_visible()


def test_readable_by_everybody(long: Path, watched: Watched) -> None:
    """axe-core finds no serious fault once rows were loaded; a script that got in is not run."""
    from axe_playwright_python.sync_playwright import Axe

    page = watched.open(long / "report.html")
    page.locator("#more-rows").click()
    page.wait_for_selector("table.slides > tbody:nth-of-type(8)")
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
    watched.check()
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">');"
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'document.title = \"ran\"'}))"
    )
    page.wait_for_timeout(100)
    assert page.title() == "Slides and their tiles"


@pytest.mark.long
def test_its_bytes(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second report has the same bytes; scripts of rows that are gone go."""
    few_rows(monkeypatch)
    before = {path.name: path.read_bytes() for path in (own / FOLDER).iterdir()}
    report(own)
    assert {path.name: path.read_bytes() for path in (own / FOLDER).iterdir()} == before
    cohort_files.failed(own, "X", "It cannot be opened.")
    report(own)
    assert len([*(own / FOLDER).glob("*-rows.js")]) == 4
