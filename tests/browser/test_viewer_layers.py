"""From the report to the slide to the tile and back, with layers, power, ruler and heat maps."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from browser import PATIENCE, Watched, wait_until_at_rest
from in_process import cut, table
from mrxs_tiles.config.config import read_config
from mrxs_tiles.report.report import report
from mrxs_tiles.steps.heatmap import heatmap
from mrxs_tiles.steps.inspect import inspect
from mrxs_tiles.steps.tile import tile
from mrxs_tiles.steps.viewer import viewer
from running import LARGE
from served import served
from write_mirax import write_mirax

pytestmark = [pytest.mark.slow, pytest.mark.needs("openseadragon")]

READY = "body[data-ready=true]"
TILE = 200
KEYS: dict[str, Any] = {"tile_size": TILE, "min_tissue": 0.6, "min_focus": 1, "deepzoom": True}
NAMES = ("a", "b/c d#1", "e")
HIGHEST = (6, 7)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three slides, one in a sub-folder and with odd signs; scores of the first."""
    folder = tmp_path_factory.mktemp("looking")
    slide = write_mirax(folder / "large.mrxs", LARGE).path
    made = folder / "results"
    for name in NAMES:
        cut(slide, made, name=name, **KEYS)
    rows = table(made / "a" / "tiles.tsv")
    lines = ["slide,col,row,tumour"]
    for row in rows[1:]:
        at = int(row["col"]), int(row["row"])
        score = 1.0 if at == HIGHEST else (at[0] + at[1]) / 60
        lines.append(f"a,{at[0]},{at[1]},{score:.4f}")
    (folder / "scores.csv").write_text("\n".join(lines))
    heatmap(folder / "scores.csv", made)
    report(made)
    return made


def ready(page: Any) -> None:
    page.wait_for_selector(READY)
    page.wait_for_function("viewer.world.getItemAt(0).getFullyLoaded()")
    page.wait_for_timeout(300)


def shot(page: Any) -> np.ndarray:
    """What the slide's canvas shows, without what lies over it."""
    hidden = "#scale, #legend, #tile, #note, .navigator { display: none !important }"
    page.add_style_tag(content=hidden)
    picture = page.locator("#viewer").screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def go_all_the_way(page: Any, start: str) -> None:
    """Report, a sample, its place, the tile's file, the next slides, back to the report."""
    page.goto(start)
    page.locator("tbody .unfold").first.click()
    link = page.locator(".samples a[href*='viewer.html#tile=']").first
    address = link.get_attribute("href").split("#tile=")[1]
    link.click()
    ready(page)
    assert page.locator("#tile h2").inner_text() == f"Tile {address}"
    col, row = map(int, address.split("_"))
    seen = page.evaluate(
        "(() => { const b = item().viewportToImageRectangle(viewer.viewport.getBounds());"
        "return [b.x, b.y, b.x + b.width, b.y + b.height]; })()"
    )
    assert seen[0] <= col * TILE + 10
    assert seen[1] <= row * TILE + 10
    assert seen[2] >= (col + 1) * TILE - 10
    assert seen[3] >= (row + 1) * TILE - 10
    first = page.evaluate("document.body.dataset.id")
    page.keyboard.press("n")  # at once: nothing was clicked
    page.wait_for_function(f"document.body.dataset.id !== '{first}'")
    ready(page)
    page.click("#next")
    page.wait_for_url("**/e/viewer.html")
    ready(page)
    page.click("#next")
    page.wait_for_function("byId('note').textContent === 'This is the last slide with a viewer.'")
    page.keyboard.press("p")
    page.wait_for_url("**/b/c%20d%231/viewer.html")
    ready(page)
    page.click("#report")
    page.wait_for_url("**/report.html#s-*")
    assert page.locator("tbody:target .unfold").get_attribute("aria-expanded") == "true"


def test_way_and_back_from_a_disk(watched: Watched, results: Path) -> None:
    """Every step by mouse and keys, nothing asked for but files, no complaint."""
    go_all_the_way(watched.page, (results / "report.html").as_uri())
    watched.check()


def test_way_and_back_from_a_server(watched: Watched, results: Path) -> None:
    """The same from a sub-folder of a web server; nothing leaves it."""
    with served(results.parent) as address:
        go_all_the_way(watched.page, f"{address}/results/report.html")
        said = [text for text in watched.console if "GL Driver Message" not in text]
        assert (said, watched.errors) == ([], [])
        odd = [one for one in watched.requests if not one.startswith((address, "data:"))]
        assert odd == []


def test_heat_map_lies_on_its_tiles(watched: Watched, results: Path) -> None:
    """At one screen px a px the colours of a tile begin and end at its own px; values are told."""
    watched.page.set_viewport_size({"width": 1280, "height": 901})
    col, row = HIGHEST
    x, y = col * TILE, row * TILE
    place = f"#x={x}&y={y}&zoom=1"  # the corner lies in the middle
    start = (results / "a" / "viewer.html").as_uri()
    page = watched.page
    page.goto(start + place)
    ready(page)
    plain = shot(page)
    page.goto("about:blank")
    page.goto(f"{start}{place}&heat=score-tumour")
    ready(page)
    page.wait_for_function("'tumour' in scores")
    page.wait_for_timeout(300)
    box = page.locator("#viewer").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2 + 40)
    assert page.locator("#heat-value").inner_text() == f"{col}_{row}: 1"
    assert page.locator("#heat-high").inner_text() == "1"
    seen = shot(page)
    middle = seen.shape[0] // 2, seen.shape[1] // 2
    yellow = plain * 0.4 + np.array([253, 231, 37]) * 0.6
    is_yellow = np.abs(seen - yellow).max(axis=-1) <= 3
    across, down = is_yellow[middle[0] + 50], is_yellow[:, middle[1] + 50]
    for line, begin in ((across, middle[1]), (down, middle[0])):
        found = np.flatnonzero(line)
        assert abs(found[0] - begin) <= 1
        assert abs(found[-1] + 1 - (begin + TILE)) <= 1
        assert len(found) >= TILE - 2
    watched.check()


def test_layers_power_ruler_and_keys(watched: Watched, results: Path) -> None:
    """Each layer alone, in the link too; the highest and lowest; powers; a length; Escape."""
    page = watched.page
    page.goto((results / "a" / "viewer.html").as_uri())
    ready(page)
    rows = table(results / "a" / "tiles.tsv")
    dropped = sum(row["reason"] == "tissue" for row in rows)
    page.keyboard.press("l")
    kinds = page.locator("#kinds li").all_inner_texts()
    assert f"{dropped:,} too little tissue" in kinds
    page.locator("#kinds [data-kind=tissue]").uncheck()
    assert "hide=tissue" in page.url
    page.locator("#kinds [data-kind=tissue]").check()
    assert "hide" not in page.url
    page.locator("#outline").check()
    page.locator("#heat").select_option(label="sharpness")
    assert page.locator("#kinds input:checked").count() == 0, "tints would look like numbers"
    page.locator("#kinds [data-kind=tissue]").check()
    assert "hide=kept" in page.url, "it alone"
    kept = sorted(
        (row for row in rows if row["kept"] == "1"), key=lambda row: float(row["focus"] or 0)
    )
    for button, row in (("#highest", kept[-1]), ("#highest", kept[-2]), ("#lowest", kept[0])):
        page.click(button)
        chosen = f"Tile {row['col']}_{row['row']}"
        page.wait_for_function(f"document.querySelector('#tile h2')?.textContent === '{chosen}'")
    assert "lowest sharpness of" in page.locator("#note").inner_text()
    page.locator("#heat").select_option("score-tumour")
    page.wait_for_function("'tumour' in scores")
    page.click("#highest")
    highest = f"Tile {HIGHEST[0]}_{HIGHEST[1]}"
    page.wait_for_function(f"document.querySelector('#tile h2')?.textContent === '{highest}'")
    assert "tumour" in page.locator("#tile dl").inner_text()
    left = page.url
    assert "look=outline" in left
    assert "heat=score-tumour" in left
    for power in (5, 10, 20, 40):
        page.get_by_role("button", name=f"{power}x", exact=True).click()
        wait_until_at_rest(page)
        told = page.locator("#power-text").inner_text()
        assert told == f"{power}x · {10 / power:g} µm per px"
        button = page.get_by_role("button", name=f"{power}x", exact=True)
        assert button.get_attribute("aria-pressed") == "true"
    before = page.evaluate("viewer.viewport.getZoom()")
    page.keyboard.press("-")
    assert page.evaluate("viewer.viewport.getZoom()") < before
    centre = page.evaluate("viewer.viewport.getCenter().x")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("viewer.viewport.getCenter().x") > centre
    page.goto("about:blank")
    page.goto((results / "a" / "viewer.html").as_uri() + "#x=1500&y=1400&zoom=0.5")
    ready(page)
    box = page.locator("#viewer").bounding_box()
    page.keyboard.press("r")
    page.mouse.click(box["x"] + 400, box["y"] + 400)
    page.wait_for_timeout(400)
    page.mouse.click(box["x"] + 600, box["y"] + 400)
    told = page.locator("#note").inner_text()
    assert told.startswith("Length: ")
    assert float(told.split()[1]) == pytest.approx(200 / 0.5 * 0.2325, rel=0.01)
    page.keyboard.press("Escape")
    assert page.locator("#ruler").get_attribute("aria-pressed") == "false"
    page.keyboard.press("0")
    page.fill("#address", "3_2")
    page.keyboard.press("0")  # types, and does not zoom
    assert page.locator("#address").input_value() == "3_20"
    watched.check()


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until this has the focus."""
    wanted = f"document.activeElement?.matches({json.dumps(selector)})"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(wanted):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def test_way_and_back_with_the_keyboard(watched: Watched, results: Path) -> None:
    """Report, viewer, a tile by its address, its file, and back: without a pointer."""
    page = watched.open(results / "report.html")
    tab_to(page, ".gallery a.button")
    page.keyboard.press("Enter")
    ready(page)
    tab_to(page, "#address")
    col, row = HIGHEST
    page.keyboard.type(f"{col}_{row}")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tile h2")
    assert page.locator("#tile h2").inner_text() == f"Tile {col}_{row}"
    tab_to(page, "#tile a")
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    assert opened.value.url.endswith(f"/tiles/{col}_{row}.jpg")
    page.bring_to_front()
    tab_to(page, "#report")
    page.keyboard.press("Enter")
    page.wait_for_url("**/report.html#s-*")
    page.locator("tbody:target .unfold[aria-expanded=true]").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('tbody:target') !== null"), "goes on there"
    watched.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_with_everything_shown(watched: Watched, results: Path, scheme: Any) -> None:
    """axe-core finds no serious fault with layers, heat map and a tile shown, on a phone too."""
    from axe_playwright_python.sync_playwright import Axe

    page = watched.page
    page.emulate_media(color_scheme=scheme)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        shown = "#x=1500&y=1400&zoom=0.25&grid=1&heat=score-tumour&tile=7_6"
        page.goto("about:blank")
        page.goto((results / "a" / "viewer.html").as_uri() + shown)
        ready(page)
        if width < 700:  # folded there, so that the place of a link is seen
            page.locator("#legend summary").click()
        assert page.locator("#heat").is_visible()
        found = Axe().run(page).response["violations"]
        serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], json.dumps(found)[:3000]
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_touch(chromium: Any, results: Path) -> None:
    """On a phone a finger does the same: a sample's place, a tile, its panel closed, the report."""
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((results / "report.html").as_uri())
    page.locator("tbody .unfold").first.tap()
    page.locator(".samples a[href*='viewer.html#tile=']").first.tap()
    ready(page)
    page.locator("#close").tap()
    assert not page.locator("#tile").is_visible()
    box = page.locator("#viewer").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#tile h2")
    page.locator("#layers").tap()
    page.locator("#kinds input").first.tap()
    assert "hide=kept" in page.url
    page.locator("#report").tap()
    page.wait_for_url("**/report.html#s-*")
    context.close()


def test_small_tiles_are_drawn_as_one_picture(watched: Watched, tmp_path: Path) -> None:
    """Tiles of 3 screen px have their reason's tint where they lie, and their heat."""
    slide = write_mirax(tmp_path / "large.mrxs", LARGE).path
    keys = {"tile_size": 12, "min_tissue": 0.99, "format": "none", "deepzoom": True}
    settings = read_config(keys).settings
    inspect("a", slide, tmp_path, settings)
    tile("a", slide, tmp_path, settings, 2)
    viewer("a", slide, tmp_path, settings, 2)
    page = watched.page
    page.set_viewport_size({"width": 1280, "height": 901})
    start = (tmp_path / "a" / "viewer.html").as_uri() + "#x=1552&y=1440&zoom=0.25"
    pictures = []
    for shown in ("", "&grid=1", "&grid=1&hide=tissue&heat=tissue"):
        page.goto("about:blank")
        page.goto(start + shown)
        ready(page)
        pictures.append(shot(page))
    plain, tinted, heated = pictures
    height, width = plain.shape[:2]
    seen = {"": 0, "tissue": 0}
    for row in table(tmp_path / "a" / "tiles.tsv")[::97]:
        x = round((int(row["x"]) + 6 - 1552) * 0.25 + width / 2)
        y = round((int(row["y"]) + 6 - 1440) * 0.25 + height / 2)
        if not (5 < x < width - 5 and 5 < y < height - 5):
            continue
        wanted = plain[y, x] * 0.45 + np.array([240, 228, 66]) * 0.55
        wanted = plain[y, x] if row["kept"] == "1" else wanted
        assert tinted[y, x] == pytest.approx(wanted, abs=4)
        if row["tissue"] in ("0", "1"):
            colour = {"0": [68, 1, 84], "1": [253, 231, 37]}[row["tissue"]]
            hot = plain[y, x] * 0.4 + np.array(colour) * 0.6
            assert heated[y, x] == pytest.approx(hot, abs=4)
        seen[row["reason"]] += 1
    assert min(seen.values()) > 20
    watched.check()
