"""`report.html` opens with pictures, which lead to the viewer, and speaks plain words."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import cohort_files
from browser import Watched
from mrxs_tiles.report.pictures import FOLDER, slide_id
from mrxs_tiles.report.report import report
from page_cohort import CONFIG, EVIL, MARKUP

if TYPE_CHECKING:
    from playwright.sync_api import Page


def shown_first(page: Page) -> list[str]:
    """The names of the slides of the gallery, in their order."""
    return page.locator(".gallery > li .title").all_inner_texts()


def led_to(page: Page, selector: str) -> list[str]:
    """Where links lead, below the results."""
    found = page.locator(selector).evaluate_all("all => all.map(one => one.getAttribute('href'))")
    return list(map(unquote, found))


def test_opens_with_pictures(page_results: Path, watched: Watched) -> None:
    """First comes a picture of each slide, bad ones before others, with its status and counts."""
    page = watched.open(page_results / "report.html")
    assert shown_first(page) == ["Y", "Z", "a9", EVIL, "B", "a10"]
    first = page.locator(".gallery > li").first
    assert "failed" in first.inner_text()
    assert MARKUP in first.inner_text()
    damaged = page.locator(".gallery > li").nth(1)
    assert "damaged" in damaged.inner_text()
    assert "too little tissue" in damaged.inner_text()
    assert "Part is lost." in damaged.inner_text()
    top = page.locator(".gallery").bounding_box()
    table = page.locator("table.slides").bounding_box()
    assert top
    assert table
    assert top["y"] < 200
    assert top["y"] < table["y"]
    assert page.locator("table.slides .thumb img").count() == 5
    assert page.locator(".figures").count() == 0, "six slides are looked at, not counted"
    page.locator("#search").fill("a1")
    assert shown_first(page) == ["a10"]
    page.locator(".gallery .go").click()
    page.locator(".open .unfold").wait_for()
    assert page.locator(".open .unfold").all_inner_texts() == ["a10"]
    watched.check()


def test_pictures_lead_to_the_viewer(page_results: Path, watched: Watched) -> None:
    """With a viewer pictures lead to it, a tile to its place there; else to the picture itself."""
    (page_results / "B" / "viewer.html").write_text("<!DOCTYPE html><title>viewer of B</title>")
    log = page_results / "logs" / "Z" / "tile.log"
    log.parent.mkdir(parents=True)
    log.write_text("12:00:00 lost\n")
    report(page_results, config=CONFIG)
    page = watched.open(page_results / "report.html", f"#s-{slide_id('B')}")
    of_b = page.locator(".gallery > li").filter(has=page.get_by_text("B", exact=True))
    assert of_b.locator("a.button").inner_text().startswith("Open viewer")
    led = led_to(page, ".open .map a, .open .thumbnail a, .open .thumb")
    assert sorted(led) == ["B/viewer.html", "B/viewer.html", "B/viewer.html#grid=1"]
    places = led_to(page, ".open a.cell")
    assert places
    assert all(re.fullmatch(r"B/viewer\.html#tile=\d+_\d+", one) for one in places)
    assert set(led_to(page, f"#s-{slide_id('a9')} .thumb, #s-{slide_id('a9')} .map a")) == {
        "a9/thumbnail.jpg",
        f"{FOLDER}/{slide_id('a9')}-map.jpg",
    }
    assert all(one.startswith("a9/tiles/") for one in led_to(page, f"#s-{slide_id('a9')} a.cell"))
    assert led_to(page, ".gallery .bad .actions a") == ["logs/Z/tile.log"]
    of_b.locator(".pictures a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/B/viewer.html")
    assert page.title() == "viewer of B"
    watched.check()


def test_words_for_who_looks(page_results: Path, watched: Watched) -> None:
    """The page says what became of tiles in plain words, each with its share."""
    page = watched.open(page_results / "report.html")
    for name in ("B", "Z", "a10"):
        page.get_by_role("button", name=name, exact=True).click()
    text = page.locator("body").inner_text().lower()
    assert not [word for word in ("fate", "alpha 0", "level-0", "unscanned") if word in text]
    outcomes = page.locator(".fates tbody th").all_inner_texts()
    assert {"kept", "too little tissue", "one colour"} <= set(outcomes)
    assert re.search(r"\d % tissue", text)


def test_histograms_from_eight_slides(
    page_sources: list[Path], tmp_path: Path, watched: Watched
) -> None:
    """Many slides have histograms and a gallery of the first, which goes on when asked."""
    for number in range(21):
        area = 300.0 if number == 7 else 30 + number / 10
        cohort_files.another(page_sources[1], tmp_path, f"s{number:02}", tissue_mm2=area)
    report(tmp_path)
    page = watched.open(tmp_path / "report.html")
    assert page.locator(".figures svg").count() >= 2
    assert len(shown_first(page)) == 18
    assert shown_first(page)[0] == "s07", "what stands out comes before the others"
    page.get_by_role("button", name="More slides (3)").click()
    assert len(shown_first(page)) == 21
    assert not page.locator("#more").is_visible()
    focused = page.evaluate("document.activeElement.closest('li')?.innerText")
    assert focused == page.locator(".gallery > li").nth(18).inner_text()
    watched.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_line_below_the_titles(page_results: Path, watched: Watched, scheme: str) -> None:
    """It is drawn from one side of the table to the other, also where the titles stay in view."""
    page = watched.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] - mypy sees a str
    page.set_viewport_size({"width": 1260, "height": 760})
    watched.open(page_results / "report.html")
    page.get_by_role("button", name="B", exact=True).click()
    for place in ("#slides", ".open .look"):
        page.locator(place).first.evaluate("one => one.scrollIntoView()")
        row = page.locator(".slides thead tr").first.bounding_box()
        title = page.locator(".slides thead th").first.bounding_box()  # which stays in view
        assert row is not None
        assert title is not None
        clip = {
            "x": row["x"],
            "width": row["width"],
            "y": title["y"],
            "height": title["height"] + 3,
        }
        shot = Image.open(io.BytesIO(page.screenshot(clip=clip)))  # type: ignore[arg-type]
        rows = np.asarray(shot.convert("RGB"), np.int64)[-8:]
        paper = rows[0, 0]
        drawn = (rows != paper).any(axis=2).mean(axis=1)
        assert drawn.max() > 0.99, (place, drawn)
