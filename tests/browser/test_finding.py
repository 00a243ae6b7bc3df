"""What one looks for in a cohort is found from `report.html` by clicks alone, in a few of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import Watched, wait_until_at_rest
from in_process import Variant, cut, table
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.heatmap import heatmap
from write_mirax import write_mirax

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.needs("openseadragon")]

KEYS: dict[str, Any] = {"tile_size": 100, "min_tissue": 0.3, "min_focus": 1, "deepzoom": True}
WIDTHS = (1400, 390)
BLURRED, HIGHEST = "b", "c d"  # slides
OWN = {BLURRED: {"min_focus": 1e6}, HIGHEST: {"packing": "tar"}}
JARGON = ("fate", "alpha 0", "level-0", "unscanned", "unreadable")
NAMES = ("a", BLURRED, HIGHEST, "z")  # the last is damaged


@pytest.fixture(scope="module")
def results(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four slides, one that keeps no tile and a damaged one, and scores of their tiles."""
    folder = tmp_path_factory.mktemp("found")
    made = folder / "results"
    lines = ["slide,col,row,tumour"]
    for number, name in enumerate(NAMES):
        spec = replace(variant("jpeg").spec, seed=number)
        slide = write_mirax(folder / f"{number}.mrxs", spec)
        if name == "z":
            lose_some(slide.folder)
        cut(slide.path, made, name=name, **KEYS | OWN.get(name, {}))
        for row in table(made / name / "tiles.tsv"):
            score = (int(row["col"]) * 7 + int(row["row"]) * 13) % 101 / 200
            score += 0.3 * (name == HIGHEST) + 0.6 * (row["kept"] == "0")
            lines.append(f"{name},{row['col']},{row['row']},{score:.4f}")
    (folder / "scores.csv").write_text("\n".join(lines))
    heatmap(folder / "scores.csv", made)
    report(made)
    return made


def lose_some(folder: Path) -> None:
    """Overwrite some stored images in the middle of a data file."""
    path = sorted(folder.glob("Data*.dat"))[1]
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 9000] = bytes(9000)
    path.write_bytes(data)


def kept(results: Path, *slides: str) -> list[tuple[str, dict[str, str]]]:
    """The kept tiles, from the tables, each with its slide."""
    rows = [(slide, row) for slide in slides for row in table(results / slide / "tiles.tsv")]
    return [(slide, row) for slide, row in rows if row["kept"] == "1"]


def sharpest(tiles: list[tuple[str, dict[str, str]]]) -> tuple[str, dict[str, str]]:
    """Of some kept tiles, with its slide."""
    return max(tiles, key=lambda one: float(one[1]["focus"]))


@contextmanager
def each_width(watched: Watched, results: Path) -> Iterator[Iterator[Page]]:
    """The report, opened on a desk and on a phone; nothing went wrong there."""

    def opened() -> Iterator[Page]:
        for width in WIDTHS:
            watched.page.set_viewport_size({"width": width, "height": 844})
            yield watched.open(results / "report.html")

    yield opened()
    watched.check()


def arrived(page: Page, slide: str, row: dict[str, str] | None = None) -> None:
    """The viewer of a slide is shown, and there a tile is chosen and lies in the picture."""
    page.wait_for_selector("body[data-ready=true]")
    page.wait_for_function(f"document.querySelector('h1').textContent === '{slide}'")
    text = page.locator("body").inner_text().lower()
    assert not [word for word in JARGON if word in text]
    if row is None:
        return
    page.wait_for_selector("#tile dd")
    link = page.locator("#tile a")
    if slide in OWN:  # a tile in a shard has no address: it is named
        assert link.count() == 0
        assert row["file"] in page.locator("#tile").inner_text()
    else:
        assert link.get_attribute("href") == row["file"]
    assert page.locator("#tile h2").inner_text() == f"Tile {row['col']}_{row['row']}"
    wait_until_at_rest(page)
    x, y = int(row["x"]) + 50, int(row["y"]) + 50
    seen = page.evaluate(
        f"(() => {{ const place = new OpenSeadragon.Point({x}, {y});"
        "const at = item().imageToViewerElementCoordinates(place);"
        "return [at.x / viewer.canvas.clientWidth, at.y / viewer.canvas.clientHeight]; })()"
    )
    assert all(0.05 < part < 0.95 for part in seen)


def test_the_worst_slide_and_why(watched: Watched, results: Path) -> None:
    """It comes first with its cause; a click says what became of its tiles, and what to do."""
    with each_width(watched, results) as pages:
        for page in pages:
            card = page.locator(".gallery > li").first
            assert "damaged" in card.inner_text()
            card.locator(".go").click()
            told = page.locator("tbody.open").inner_text()
            assert "cannot be read: " in told
            assert "Copy the slide's folder again" in told
            page.locator("tbody.open .map a").click()
            arrived(page, "z")
            lost = sum(row["reason"] == "unreadable" for row in table(results / "z" / "tiles.tsv"))
            page.locator("#legend").wait_for()
            if page.viewport_size and page.viewport_size["width"] < 700:
                page.locator("#legend summary").click()
            assert f"{lost} cannot be read" in page.locator("#kinds").inner_text()


def test_why_tiles_were_dropped(watched: Watched, results: Path) -> None:
    """The slide that keeps nothing comes next, and says why; so does each tile in the viewer."""
    rows = table(results / BLURRED / "tiles.tsv")
    blurred = [row for row in rows if row["reason"] == "focus"]
    with each_width(watched, results) as pages:
        for page in pages:
            card = page.locator(".gallery > li").nth(1)
            assert card.locator(".title").inner_text() == BLURRED
            assert f"{len(blurred)} blurred" in card.inner_text()
            card.locator("a.button").click()
            arrived(page, BLURRED)
            page.locator("#layers").click()
            assert f"{len(blurred)} blurred" in page.locator("#kinds").inner_text()
            page.locator("#layers").click()
            middle = blurred[len(blurred) // 2]
            x, y = int(middle["x"]) + 50, int(middle["y"]) + 50
            at = page.evaluate(
                f"item().imageToViewerElementCoordinates(new OpenSeadragon.Point({x}, {y}))"
            )
            page.locator("#viewer").click(position={"x": at["x"], "y": at["y"]})
            page.wait_for_selector("#tile dd")
            assert "dropped: blurred" in page.locator("#tile").inner_text()


def test_the_sharpest_kept_tile(watched: Watched, results: Path) -> None:
    """Of all slides it is one click from the report's top, of one slide two."""
    with each_width(watched, results) as pages:
        for page in pages:
            slide, row = sharpest(kept(results, *NAMES))
            page.get_by_role("link", name="sharpest kept tile", exact=True).click()
            arrived(page, slide, row)
            page.locator("#report").click()
            page.locator(".gallery .go", has_text=HIGHEST).click()
            sample = page.locator("tbody:target").locator(".samples li", has_text="sharpest: ")
            sample.locator("a.cell").click()
            arrived(page, *sharpest(kept(results, HIGHEST)))


def test_where_a_score_is_highest(watched: Watched, results: Path) -> None:
    """One click from the report's top; or in any viewer the heat map's own button leads there."""
    scores = {}
    for line in (results.parent / "scores.csv").read_text().splitlines()[1:]:
        slide, col, row, score = line.split(",")
        scores[slide, col, row] = float(score)
    rows = kept(results, *NAMES)
    slide, row = max(rows, key=lambda one: scores[one[0], one[1]["col"], one[1]["row"]])
    assert slide == HIGHEST
    value = f"{scores[slide, row['col'], row['row']]:g}"
    with each_width(watched, results) as pages:
        for page in pages:
            page.get_by_role("link", name="highest tumour", exact=True).click()
            arrived(page, slide, row)
            assert value in page.locator("#tile dl").inner_text()
            page.locator("#report").click()
            page.locator(".gallery > li", has_text="damaged").locator("a.button").click()
            arrived(page, "z")
            page.locator("#layers").click()
            page.locator("#heat").select_option(label="score: tumour")
            page.get_by_role("button", name="highest of all 4 slides").click()
            arrived(page, slide, row)
            assert value in page.locator("#tile dl").inner_text()
            assert "Same colours on all 4 slides" in (page.text_content("#heat-about") or "")
