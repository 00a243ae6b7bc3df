"""viewer.html in a real browser: the slide's own pixels, its tiles, a place that is kept."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from openslide import OpenSlide
from PIL import Image

from browser import Watched, wait_until_at_rest
from in_process import NAME, Cut, Variant, cut, table
from mrxs_tiles.config.config import read_config
from mrxs_tiles.pixels.reasons import LOOKS
from mrxs_tiles.steps.viewer import viewer
from mrxs_tiles.viewer import grid_data
from running import LARGE, SPEC, mrxs_tiles, snakemake, write
from served import served
from write_mirax import WrittenSlide, write_mirax

pytestmark = [pytest.mark.slow, pytest.mark.needs("openseadragon")]

# 3,136 x 2,944 px, of which two corners were scanned.
SPARSE = replace(LARGE, scanned=lambda column, row: (column, row) in ((0, 0), (3, 2)))
READY = "body[data-ready=true]"
TILE = 200
PLACE = "#x=1500&y=1400&zoom=0.25"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> WrittenSlide:
    return write_mirax(tmp_path_factory.mktemp("large") / "large.mrxs", LARGE)


@pytest.fixture(scope="module")
def shown(large: WrittenSlide, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """A slide of 3,100 x 2,900 px with its viewer; dropped tiles are those with little tissue."""
    results = tmp_path_factory.mktemp("shown")
    return cut(large.path, results, tile_size=TILE, min_tissue=0.6, deepzoom=True)


def settled(watched: Watched, found: Cut, fragment: str = "") -> Any:
    """The viewer, opened, with all its pictures there."""
    page = watched.open(found.folder / "viewer.html", fragment)
    page.wait_for_selector(READY)
    page.wait_for_function("viewer.world.getItemAt(0).getFullyLoaded()")
    page.wait_for_timeout(300)
    return page


def screenshot(page: Any) -> np.ndarray:
    """What the slide's own canvas shows, (height, width, 3), and nothing that lies over it."""
    page.add_style_tag(content="#scale, #legend, #tile, .navigator { display: none !important }")
    picture = page.locator("#viewer").screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def test_opens_from_a_disk(watched: Watched, shown: Cut) -> None:
    """No error, no request but for files, and none for a file that is not there."""
    page = settled(watched, shown)
    watched.check()
    asked = [Path(unquote(urlsplit(url).path)) for url in watched.requests if url[:5] == "file:"]
    assert len([path for path in asked if path.suffix == ".jpg"]) > 1
    assert [path for path in asked if not path.exists()] == []
    assert page.title() == f"{NAME} - mrxs-tiles"


@pytest.mark.parametrize("place", [(1000, 900), (1543, 1207)])
def test_shows_the_slides_pixels(
    watched: Watched, shown: Cut, large: WrittenSlide, place: tuple[int, int]
) -> None:
    """At one screen px a px, the place of a link is what OpenSlide reads there."""
    watched.page.set_viewport_size({"width": 1280, "height": 901})  # the middle lies between px
    page = settled(watched, shown, f"#x={place[0]}&y={place[1]}&zoom=1")
    seen = screenshot(page)
    height, width = seen.shape[:2]
    assert (height % 2, width % 2) == (0, 0)
    corner = place[0] - width // 2, place[1] - height // 2
    with OpenSlide(large.path) as slide:
        region = slide.read_region((corner[0] - 4, corner[1] - 4), 0, (width + 8, height + 8))
        page_white = Image.new("RGBA", region.size, "white")
        wanted = np.asarray(Image.alpha_composite(page_white, region).convert("RGB")).astype(int)
    apart = {
        (dx, dy): np.abs(wanted[4 + dy :, 4 + dx :][:height, :width] - seen).mean()
        for dx in range(-4, 5, 2)
        for dy in range(-4, 5, 2)
    }
    assert min(apart, key=apart.__getitem__) == (0, 0), "it is not a px or two beside its place"
    assert apart[0, 0] < 4, "no more than JPEG takes, and that OpenSeadragon draws 512 px on 513"


def test_keeps_its_place(watched: Watched, shown: Cut) -> None:
    """The address that a view leaves leads back to it, grid and tile and all."""
    page = settled(watched, shown, "#x=900&y=800&zoom=0.5")
    page.click("#zoom-in")
    page.click("#layers")
    page.fill("#address", "7_6")
    page.click("#go button")
    page.wait_for_function("location.hash.includes('tile=7_6')")
    wait_until_at_rest(page)
    left = page.url
    assert "grid=1" in left
    view = screenshot(page)
    again = settled(watched, shown, left[left.index("#") :])
    assert again.url == left
    assert np.abs(screenshot(again) - view).mean() < 0.5
    watched.check()


def test_labels_tint_the_grid(watched: Watched, large: WrittenSlide, tmp_path: Path) -> None:
    """On request kept tiles have their label's colour; the place keeps it, the legend counts."""
    ring = [[0, 0], [0, 9000], [1500, 9000], [1500, 0], [0, 0]]
    drawn, named = tmp_path / "drawn.geojson", {"classification": {"name": "Tumor"}}
    shape = {"type": "Polygon", "coordinates": [ring]}
    drawn.write_text(json.dumps({"type": "Feature", "geometry": shape, "properties": named}))
    found = cut(large.path, tmp_path, tile_size=TILE, labels=str(drawn), deepzoom=True)
    plain = screenshot(settled(watched, found, PLACE))
    page = settled(watched, found, f"{PLACE}&grid=1")
    page.get_by_role("button", name="Labels").click()
    page.wait_for_function("location.hash.includes('labels=1')")
    labelled = [row for row in found.rows if row["label"] == "Tumor" and row["kept"] == "1"]
    assert f"{len(labelled):,} kept: Tumor" in page.locator("#legend li").all_inner_texts()
    seen = screenshot(settled(watched, found, page.url[page.url.index("#") :]))
    checked = set()
    for row in found.rows:
        x, y = on_screen(row, plain)
        if row["kept"] == "1" and 5 < x < plain.shape[1] - 5 and 5 < y < plain.shape[0] - 5:
            share = 0.4 if row["label"] else 0
            tint = np.array([200, 0, 0])
            assert seen[y, x] == pytest.approx(plain[y, x] * (1 - share) + tint * share, abs=3)
            checked.add(row["label"])
    assert checked == {"", "Tumor"}
    page = settled(watched, found, f"#tile={labelled[0]['col']}_{labelled[0]['row']}")
    assert "Tumor" in page.locator("#tile").inner_text()


def on_screen(row: dict[str, str], picture: np.ndarray) -> tuple[int, int]:
    """Where a tile's middle is seen at ``PLACE``."""
    x, y = (int(row[at]) + int(row[size]) / 2 for at, size in (("x", "width"), ("y", "height")))
    height, width = picture.shape[:2]
    return round((x - 1500) * 0.25 + width / 2), round((y - 1400) * 0.25 + height / 2)


def test_grid_has_the_reasons_colours(watched: Watched, shown: Cut) -> None:
    """Switched on, dropped tiles have their reason's tint, kept ones the slide's own colours."""
    plain = screenshot(settled(watched, shown, PLACE))
    page = settled(watched, shown, f"{PLACE}&grid=1")
    legend = page.locator("#legend li").all_inner_texts()
    for kind in ("kept", "tissue"):
        assert f"{shown.tiled['counts'][kind]:,} {LOOKS[kind].label}" in legend
    tinted = screenshot(page)
    height, width = plain.shape[:2]
    seen = set()
    for row in shown.rows:
        x, y = on_screen(row, plain)
        if not (5 < x < width - 5 and 5 < y < height - 5):
            continue
        tint = np.array(LOOKS[row["reason"] or "kept"].tint)
        share = 0.55 if row["reason"] else 0
        assert tinted[y, x] == pytest.approx(plain[y, x] * (1 - share) + tint * share, abs=3)
        seen.add(row["reason"])
    assert seen >= {"", "tissue"}


def test_click_on_a_tile(watched: Watched, shown: Cut) -> None:
    """A click says the tile's address, its result and measurements, and its link is its file."""
    page = settled(watched, shown, "#x=1500&y=1400&zoom=0.25")
    box = page.locator("#viewer").bounding_box()
    for kept in ("1", "0"):
        row = next(
            row
            for row in shown.rows
            if row["kept"] == kept and 3 < int(row["col"]) < 12 and 3 < int(row["row"]) < 10
        )
        x = (int(row["x"]) + 90 - 1500) * 0.25 + box["x"] + box["width"] / 2
        y = (int(row["y"]) + 90 - 1400) * 0.25 + box["y"] + box["height"] / 2
        page.mouse.click(x, y)
        page.wait_for_function(
            f"document.querySelector('#tile h2')?.textContent === 'Tile {row['col']}_{row['row']}'"
        )
        panel = page.locator("#tile").inner_text()
        assert ("dropped: too little tissue" in panel) == (kept == "0")
        told = page.locator("#tile dt:text-is('tissue') + dd").inner_text()
        assert float(row["tissue"]) == pytest.approx(float(told.removesuffix(" %")) / 100, abs=6e-4)
        link = page.locator("#tile a")
        assert link.count() == int(kept)
        if kept == "1":
            target = Path(unquote(urlsplit(link.evaluate("a => a.href")).path))
            assert target == shown.folder / row["file"]
            assert target.exists()
    page.fill("#address", "99_99")
    page.click("#go button")
    page.wait_for_selector("#address[aria-invalid=true]")
    watched.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(watched: Watched, shown: Cut, scheme: Any) -> None:
    """axe-core finds no serious fault, also with the grid on and a tile chosen, on a phone too."""
    from axe_playwright_python.sync_playwright import Axe

    watched.page.emulate_media(color_scheme=scheme)
    for width in (1280, 390):
        watched.page.set_viewport_size({"width": width, "height": 800})
        page = settled(watched, shown, "#x=1500&y=1400&zoom=0.25&grid=1&tile=7_6")
        found = Axe().run(page).response["violations"]
        serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
        assert serious == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_names_are_text(watched: Watched, tmp_path: Path) -> None:
    """A slide named like markup is shown as it is called, and nothing of it runs."""
    name = "<img src=x onerror=alert(1)>#?%41 'ü\""
    path = write(tmp_path / "slides" / f"{name}.mrxs").path
    options = ("--results", tmp_path / "r", f"--slide={name}", "--deepzoom", "true")
    mrxs_tiles("inspect", path, *options)
    assert mrxs_tiles("tile", path, *options).code == 0
    page = watched.open(tmp_path / "r" / name / "viewer.html")
    page.wait_for_selector(READY)
    assert page.locator("h1").inner_text() == name
    page.fill("#address", "0_0")
    page.click("#go button")
    target = page.locator("#tile a").evaluate("a => a.href")
    assert Path(unquote(urlsplit(target).path)).exists()
    watched.check()


def test_scale_bar(watched: Watched, variant: Variant, tmp_path: Path, shown: Cut) -> None:
    """The bar is as long as it says in µm; without a scale it is in px of the slide."""
    page = settled(watched, shown, "#x=1500&y=1400&zoom=0.25")
    length = page.locator("#scale-bar").bounding_box()["width"]
    text = page.locator("#scale-text").inner_text()
    assert text == "100 µm"
    assert length == pytest.approx(100 / 0.2325 * 0.25, abs=1)
    unknown = cut(variant("mpp_zero").path, tmp_path, deepzoom=True)
    page = settled(watched, unknown)
    assert page.locator("#scale-text").inner_text().endswith("px of the slide")
    assert page.locator("#powers button").count() == 0


def test_dzi_is_what_others_read(shown: Cut) -> None:
    """The .dzi names the size, and the pictures are where it says that they are."""
    root = ElementTree.fromstring((shown.folder / "viewer.dzi").read_bytes())  # noqa: S314
    space = "{http://schemas.microsoft.com/deepzoom/2008}"
    assert root.tag == f"{space}Image"
    assert root.attrib == {"TileSize": "512", "Overlap": "0", "Format": "jpg"}
    size = root.find(f"{space}Size")
    assert size is not None
    sides = (shown.inspected["width"], shown.inspected["height"])
    assert (int(size.attrib["Width"]), int(size.attrib["Height"])) == sides
    assert (shown.folder / "viewer_files" / "0" / "0_0.jpg").exists()
    assert "BSD" in (shown.folder / "viewer_files" / "openseadragon-LICENSE.txt").read_text() or (
        "Redistribution" in (shown.folder / "viewer_files/openseadragon-LICENSE.txt").read_text()
    )


def test_another_viewer_asks_for_nothing_that_is_not_there(
    watched: Watched, tmp_path: Path
) -> None:
    """OpenSeadragon alone, over http, opens a sparse viewer.dzi without one error."""
    sparse = write_mirax(tmp_path / "sparse.mrxs", SPARSE)
    made = cut(sparse.path, tmp_path / "out", deepzoom=True)
    script = "viewer_files/openseadragon.min.js"
    (made.folder / "other.html").write_text(
        f"<link rel=icon href='data:,'><script src='{script}'></script>"
        "<div id=v style='width:1200px;height:800px'></div><script>"
        "const viewer = OpenSeadragon({id: 'v', tileSources: 'viewer.dzi', showNavigationControl: "
        "false, maxZoomPixelRatio: 4});</script>"
    )
    page = watched.page
    with served(made.folder) as address:
        page.goto(f"{address}/other.html")
        loaded = "viewer.world.getItemCount() && viewer.world.getItemAt(0).getFullyLoaded()"
        page.wait_for_function(loaded)
        page.evaluate("viewer.viewport.zoomTo(viewer.viewport.imageToViewportZoom(1), null, true)")
        for x, y in ((0.1, 0.1), (0.5, 0.3), (0.9, 0.6)):
            page.evaluate(f"viewer.viewport.panTo(new OpenSeadragon.Point({x}, {y}), true)")
            page.wait_for_timeout(200)
            page.wait_for_function(loaded)
        exists = page.evaluate(
            "(() => { const s = viewer.world.getItemAt(0).source, out = [];"
            "for (let l = 0; l <= s.maxLevel; l++) { const n = s.getNumTiles(l);"
            "for (let x = 0; x < n.x; x++) for (let y = 0; y < n.y; y++)"
            "out.push([`${l}/${x}_${y}.jpg`, s.tileExists(l, x, y)]); } return out; })()"
        )
    said = [text for text in watched.console if "GL Driver Message" not in text]
    assert (said, watched.errors) == ([], [])
    files = made.folder / "viewer_files"
    there = {path.relative_to(files).as_posix() for path in files.glob("*/*.jpg")}
    assert {name for name, is_there in exists if is_there} == there
    assert len(there) < len(exists)


def test_report_links_to_it(watched: Watched, tmp_path: Path) -> None:
    """The report page leads to each viewer."""
    path = write(tmp_path / "slides" / "a.mrxs", SPEC).path
    assert snakemake(tmp_path, slides=path, deepzoom="true").code == 0
    page = watched.open(tmp_path / "results" / "report.html")
    link = page.locator("a", has_text="viewer").first
    href = link.evaluate("a => a.href")
    assert Path(unquote(urlsplit(href).path)) == tmp_path / "results" / "a" / "viewer.html"


def called(path: Path) -> list[list[Any]]:
    """What a script hands over."""
    found = re.fullmatch(r"(?:part|measure|heatmap)\((.*)\);\n", path.read_text(), re.DOTALL)
    assert found
    return json.loads(f"[{found[1]}]")  # type: ignore[no-any-return]


def test_page_knows_every_tile(shown: Cut, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the page is told of the tiles is the table, and of the pictures those that are there."""
    monkeypatch.setattr(grid_data, "ROWS", 50)
    settings = read_config({"tile_size": TILE, "min_tissue": 0.6, "deepzoom": True}).settings
    shutil.copytree(shown.folder, tmp_path / NAME)
    viewer(NAME, Path(shown.inspected["path"]), tmp_path, settings, 1)
    files = tmp_path / NAME / "viewer_files"
    text = (files / "slide.js").read_text()
    data = json.loads(text.removeprefix("const SLIDE = ").removesuffix(";\n"))
    told = []
    for number, (begin, first, last) in enumerate(data["parts"]):
        assert begin == len(told)
        got, part = called(files / f"tiles-{number}.js")
        assert got == number
        kinds = base64.b64decode(part["kinds"])
        which = np.frombuffer(base64.b64decode(part["files"]), "<u2")
        *_, packed = called(files / f"tissue-{number}.js")
        tissue = np.frombuffer(base64.b64decode(packed), "<f4")
        runs = part["runs"]
        at = [
            (col, row + n)
            for col, row, count in zip(runs[::3], runs[1::3], runs[2::3], strict=True)
            for n in range(count)
        ]
        assert (at[0][0], at[-1][0]) == (first, last)
        for (col, row), kind, share, one in zip(at, kinds, tissue, which, strict=True):
            file = data["tileFiles"][one - 1].replace("{}", f"{col}_{row}") if one else ""
            told.append((col, row, data["kinds"][kind][0], f"{share:.5g}", file))
    rows = table(shown.folder / "tiles.tsv")
    assert len(data["parts"]) == -(-len(rows) // 50) > 2
    assert told == [
        (
            *(int(row["col"]), int(row["row"]), row["reason"] or "kept"),
            *(f"{float(row['tissue']):.5g}", row["file"]),
        )
        for row in rows
    ]
    for level, levels in enumerate(data["levels"]):
        there = {file.stem for file in (files / str(level)).iterdir()}
        assert there == {
            f"{col}_{row}"
            for row, ends in levels.items()
            for first, end in zip(ends[::2], ends[1::2], strict=True)
            for col in range(first, end)
        }


def test_damage_is_told(watched: Watched, tmp_path: Path, shown: Cut) -> None:
    """Places that cannot be read look like glass: the page says above that the slide is damaged."""
    slide = write(tmp_path / "A.mrxs", SPEC)
    (slide.folder / "Data0001.dat").unlink()
    found = cut(slide.path, tmp_path / "results", tile_size=100, deepzoom=True)
    assert found.tiled["status"] == "damaged"
    banner = settled(watched, found).locator("#damage")
    assert banner.is_visible()
    assert banner.inner_text() == found.tiled["error"]
    assert not settled(watched, shown).locator("#damage").is_visible()


def test_tile_that_is_not_there(watched: Watched, shown: Cut) -> None:
    """Who asks for a tile that has no row is told so."""
    page = settled(watched, shown)
    page.locator("#address").fill("900_900")
    page.locator("#go button").click()
    page.wait_for_selector("#tile p")
    assert page.locator("#tile p").inner_text() == "There is no such tile in tiles.tsv."
